//! `config`: the settings, and where each comes from.

use super::args::Args;
use super::print;
use crate::config::{Effective, Source};

/// With `--effective`, prints each setting as a line of the TOML file, with its source as a comment; else says that
/// the settings can be used, which they were read for. Answers that all is well.
pub(super) fn run(args: &Args, effective: &Effective) -> bool {
    if args.value("effective").is_none() {
        print("the settings are good");
    } else {
        for (setting, text, source) in &effective.values {
            let value = match text.as_str() {
                "" => "\"\"".to_owned(),
                _ if setting.secret => "\"<hidden>\"".to_owned(),
                text => quoted(text),
            };
            let source = match source {
                Source::Default => "default".to_owned(),
                Source::File(path, line) => format!("{}:{line}", path.display()),
                Source::Variable => setting.variable(),
                Source::Flag => format!("--{}", setting.flag().unwrap_or_default()),
            };
            print(&format!("{} = {value} # {source}", setting.key));
        }
    }
    for name in &effective.unknown {
        print(&format!("# {name}: no such setting"));
    }
    true
}

/// As TOML has it. JSON's escapes are TOML's too.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}
