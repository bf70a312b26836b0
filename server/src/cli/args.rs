//! Reading arguments.

use std::collections::BTreeMap;
use std::ffi::OsString;

use super::command::Command;
use crate::config::{self, ConfigError, Effective, TABLE};

/// The arguments, read.
#[derive(Debug)]
pub(super) struct Args {
    pub(super) command: Command,
    pub(super) help: bool,
    /// What stands behind the command and is no flag.
    pub(super) operands: Vec<String>,
    /// The command's own flags; empty for one without a value.
    flags: BTreeMap<String, String>,
    /// By the keys of the table of settings.
    settings: BTreeMap<String, String>,
    file: Option<String>,
}

impl Args {
    /// Reads `[COMMAND] [OPERAND | --flag VALUE | --flag=VALUE]…`.
    pub(super) fn read(args: impl Iterator<Item = OsString>) -> Result<Self, String> {
        let mut args = args.map(|arg| {
            arg.into_string()
                .map_err(|arg| format!("{}: not UTF-8", arg.display()))
        });
        let mut read = Self {
            command: Command::Serve,
            help: false,
            operands: Vec::new(),
            flags: BTreeMap::new(),
            settings: BTreeMap::new(),
            file: None,
        };
        let mut named = false;
        while let Some(arg) = args.next() {
            let arg = arg?;
            let Some(flag) = arg.strip_prefix('-') else {
                match Command::of_name(&arg) {
                    Some(command) if !named && read.is_bare() => read.command = command,
                    None if !named => return Err(format!("{arg}: no such command, see --help")),
                    _ => read.operands.push(arg),
                }
                named = true;
                continue;
            };
            let flag = flag.strip_prefix('-').unwrap_or(flag);
            let (name, value) = match flag.split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (flag, None),
            };
            read.flag(name, value, || args.next().transpose())?;
        }
        Ok(read)
    }

    /// Whether no flag of a command stands before it.
    fn is_bare(&self) -> bool {
        self.flags.is_empty()
    }

    fn flag(
        &mut self,
        name: &str,
        value: Option<String>,
        next: impl FnOnce() -> Result<Option<String>, String>,
    ) -> Result<(), String> {
        if matches!(name, "help" | "h") && value.is_none() {
            self.help = true;
            return Ok(());
        }
        let own = self.command.flags().iter().find(|(own, _)| *own == name);
        let setting = TABLE
            .iter()
            .find(|setting| setting.flag().is_some_and(|flag| flag == name));
        if own.is_none() && setting.is_none() && name != "config" {
            return Err(format!("--{name}: unknown flag, see --help"));
        }
        let value = match (own, value) {
            (Some((_, false)), None) => String::new(),
            (Some((_, false)), Some(_)) => return Err(format!("--{name}: takes no value")),
            (_, Some(value)) => value,
            (_, None) => next()?.ok_or_else(|| format!("--{name}: needs a value"))?,
        };
        let before = match (own, setting) {
            (Some(_), _) => self.flags.insert(name.to_owned(), value),
            (None, Some(setting)) => self.settings.insert(setting.key.to_owned(), value),
            (None, None) => self.file.replace(value),
        };
        match before {
            Some(_) => Err(format!("--{name}: given twice")),
            None => Ok(()),
        }
    }

    /// The value of a flag of the command.
    pub(super) fn value(&self, flag: &str) -> Option<&str> {
        self.flags.get(flag).map(String::as_str)
    }

    /// The settings of flags, environment and file together.
    pub(super) fn settings(&self) -> Result<Effective, ConfigError> {
        let file = self.file.as_ref().map(Into::into);
        config::read(file, &self.settings, std::env::vars_os())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(args: &[&str]) -> Result<Args, String> {
        Args::read(args.iter().map(OsString::from))
    }

    #[test]
    fn flags_stand_before_or_behind_the_command() {
        let args = read(&[
            "--data-dir=d",
            "token",
            "create",
            "app",
            "shop",
            "--comment",
            "c",
        ]);
        let args = args.unwrap();
        assert_eq!(args.command, Command::Token);
        assert_eq!(args.operands, ["create", "app", "shop"]);
        assert_eq!(args.value("comment"), Some("c"));
        assert_eq!(args.settings["data_dir"], "d");
        assert_eq!(read(&[]).unwrap().command, Command::Serve);
    }

    #[test]
    fn mistakes_are_named() {
        for (args, error) in [
            (&["start"][..], "start: no such command"),
            (&["--adr", "x"], "--adr: unknown flag"),
            (&["--addr"], "--addr: needs a value"),
            (&["--addr", "a", "--addr", "b"], "--addr: given twice"),
            (&["--api-token", "x"], "--api-token: unknown flag"),
            (&["config", "--effective=1"], "--effective: takes no value"),
            (&["serve", "--comment", "x"], "--comment: unknown flag"),
        ] {
            let found = read(args).unwrap_err();
            assert!(found.starts_with(error), "{found}");
        }
    }
}
