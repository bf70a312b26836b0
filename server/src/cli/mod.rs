//! The program `sqreen-server`: its subcommands, their arguments and what they print.
//!
//! Arguments are read by hand, not by clap: one table of settings serves flags, environment and file, which clap knows
//! nothing of, and it would add 7 s of processor time to the first build, where the TOML parser adds 1 s.

mod args;
mod backup;
mod check;
mod command;
mod config;
mod export;
mod help;
mod import;
mod playbooks;
mod serve;
mod token;
mod user;

use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::io::Write;
use std::process::ExitCode;

use self::args::Args;
use self::command::Command;

/// What a subcommand ends with: whether all is well, or why it could not be done.
type Outcome = Result<bool, Box<dyn Error>>;

/// Runs the program with these arguments, without its own name, and the process's environment.
///
/// Exits with 0 if all went well, 1 if not or if something was found that should not be, 2 if the arguments or
/// settings are wrong, and 3 if `playbooks plan` found something to apply.
pub fn run(args: impl Iterator<Item = OsString>) -> ExitCode {
    let args = match Args::read(args) {
        Ok(args) => args,
        Err(error) => {
            complain(&*Box::<dyn Error>::from(error));
            return ExitCode::from(2);
        }
    };
    if args.help {
        print(help::of(args.command).trim_end());
        return ExitCode::SUCCESS;
    }
    let effective = match args.settings() {
        Ok(effective) => effective,
        Err(error) => {
            complain(&error);
            return ExitCode::from(2);
        }
    };
    let outcome = match args.command {
        Command::Serve => serve::run(effective),
        Command::Backup => backup::run(&args, &effective.settings),
        Command::Check => check::run(&args, &effective.settings),
        Command::Export => export::run(&args, &effective.settings),
        Command::Import => import::run(&args, effective.settings),
        Command::Playbooks => return ended(playbooks::run(&args, &effective.settings)),
        Command::Token => token::run(&args, &effective.settings),
        Command::User => user::run(&args, &effective.settings),
        Command::Config => Ok(config::run(&args, &effective)),
    };
    ended(outcome.map(exit_code))
}

/// The exit code of an outcome.
fn exit_code(well: bool) -> u8 {
    u8::from(!well)
}

fn ended(outcome: Result<u8, Box<dyn Error>>) -> ExitCode {
    match outcome {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            complain(&*error);
            match error.is::<WrongUse>() {
                true => ExitCode::from(2),
                false => ExitCode::FAILURE,
            }
        }
    }
}

/// The arguments of a subcommand are wrong.
#[derive(Debug)]
struct WrongUse(String);

impl fmt::Display for WrongUse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for WrongUse {}

/// Tells an error with its causes.
fn complain(error: &dyn Error) {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    complain_of(&text);
}

/// Tells what is wrong.
fn complain_of(text: &dyn fmt::Display) {
    // Nobody may be there to hear it.
    let _ = writeln!(std::io::stderr(), "error: {text}");
}

/// Prints a line of what the program is asked for.
fn print(text: &str) {
    // A reader that has gone, such as `head`, is no reason to end.
    let _ = writeln!(std::io::stdout(), "{text}");
}
