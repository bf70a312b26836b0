use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "\
Usage: cargo run --example quickstart -- [OPTIONS]

  --app-addr ADDR     where the shop listens, 127.0.0.1:8080 by default; port 0 takes any
  --server-addr ADDR  where the backend listens, 127.0.0.1:9999 by default; port 0 takes any
  --data-dir DIR      where events are kept; a temporary directory by default, removed at exit
  --help              prints this text
";

/// What the command line asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Serve(Options),
    Help,
}

#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) app_addr: SocketAddr,
    pub(crate) server_addr: SocketAddr,
    pub(crate) data_dir: Option<PathBuf>,
}

/// Reads `--option value` and `--option=value`; an error says which argument is wrong.
pub(crate) fn parse(arguments: impl IntoIterator<Item = OsString>) -> Result<Command, String> {
    let mut options = Options {
        app_addr: SocketAddr::from(([127, 0, 0, 1], 8080)),
        server_addr: SocketAddr::from(([127, 0, 0, 1], 9999)),
        data_dir: None,
    };
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let argument = text(argument)?;
        let (name, value) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        let mut value = || {
            let next = value.clone().map(Ok);
            let next = next.or_else(|| arguments.next().map(text));
            let next = next.unwrap_or_else(|| Err(format!("{name}: needs a value")))?;
            if next.is_empty() {
                return Err(format!("{name}: needs a value"));
            }
            Ok(next)
        };
        match name {
            "--app-addr" => options.app_addr = address(name, &value()?)?,
            "--server-addr" => options.server_addr = address(name, &value()?)?,
            "--data-dir" => options.data_dir = Some(value()?.into()),
            "--help" | "-h" => return Ok(Command::Help),
            _ => return Err(format!("{name}: unknown option")),
        }
    }
    Ok(Command::Serve(options))
}

fn text(argument: OsString) -> Result<String, String> {
    let refused = |argument: OsString| format!("{}: not UTF-8", argument.display());
    argument.into_string().map_err(refused)
}

fn address(name: &str, value: &str) -> Result<SocketAddr, String> {
    let refused = |_| format!("{name}: `{value}` is not an address such as 127.0.0.1:8080");
    value.parse().map_err(refused)
}
