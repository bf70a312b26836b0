//! The help, made of the commands and the table of settings.

use std::fmt::Write;

use super::command::Command;
use crate::config::TABLE;

/// The help of the command; that of `serve` tells of all.
pub(super) fn of(command: Command) -> String {
    // Writing to a String cannot fail.
    let mut text = String::from("The self-hosted backend of sqreen.\n\nUsage:\n\n");
    let commands = Command::ALL
        .into_iter()
        .filter(|other| command == Command::Serve || *other == command);
    for command in commands {
        for usage in command.usage() {
            let name = command.name();
            let line = format!("  sqreen-server {name} {usage}");
            let _ = writeln!(text, "{}", line.trim_end());
        }
        let _ = writeln!(text, "      {}\n", command.about());
    }
    text.push_str(
        "Settings, each of which is also a variable of the environment, and a key of the TOML file that\n\
         --config FILE or SQREEN_SERVER_CONFIG names. Flags win over the environment, the environment\n\
         over the file, the file over the defaults in brackets.\n\n",
    );
    for setting in &TABLE {
        let flag = setting
            .flag()
            .map_or_else(|| "(no flag)".to_owned(), |flag| format!("--{flag}"));
        let default = match setting.default {
            "" => String::new(),
            default => format!(" [{default}]"),
        };
        let (variable, help) = (setting.variable(), setting.help);
        let _ = writeln!(text, "  {flag:<18} {variable}\n      {help}{default}");
    }
    text.push_str(
        "\nWhere there is no token for agents, or for the API, the first start makes one and prints it once.\n\
         The log goes to standard error. SIGINT and SIGTERM stop the server once what is under way is\n\
         answered.\n",
    );
    text
}
