//! The table of settings: help, parsing, and `config --effective` follow from it.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::ServerConfig;
use super::values::{duration, size};

/// How the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

/// What the program runs with.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) server: ServerConfig,
    pub(crate) addr: SocketAddr,
    pub(crate) log: LevelFilter,
    pub(crate) log_format: LogFormat,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) max_connections: usize,
    pub(crate) header_timeout: Duration,
    pub(crate) drain_delay: Duration,
    pub(crate) drain_time: Duration,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self {
            server: ServerConfig::new("sqreen-data"),
            addr: SocketAddr::from(([127, 0, 0, 1], 8620)),
            log: LevelFilter::INFO,
            log_format: LogFormat::Text,
            tls_cert: None,
            tls_key: None,
            max_connections: 8192,
            header_timeout: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            drain_time: Duration::from_secs(5),
        }
    }
}

/// One setting.
#[derive(Debug)]
pub(crate) struct Setting {
    /// The key in the file. The variable is `SQREEN_SERVER_` and the key in upper case, the flag `--` and the key
    /// with hyphens.
    pub(crate) key: &'static str,
    /// What holds where nothing is given; empty for nothing.
    pub(crate) default: &'static str,
    /// What a value must be, for an error.
    pub(super) expected: &'static str,
    pub(crate) help: &'static str,
    /// A secret has no flag, since arguments can be seen by every process, and is never shown.
    pub(crate) secret: bool,
    /// Takes the value over; `None` if it is not what is expected.
    pub(super) set: fn(&mut Settings, &str) -> Option<()>,
}

impl Setting {
    pub(crate) fn variable(&self) -> String {
        format!("SQREEN_SERVER_{}", self.key.to_ascii_uppercase())
    }

    /// The flag, without its two hyphens.
    pub(crate) fn flag(&self) -> Option<String> {
        (!self.secret).then(|| self.key.replace('_', "-"))
    }
}

const TIME: &str = "a time such as 30s, 5min, 12h, 90d or 1y";
const SIZE: &str = "a size such as 512KiB, 64MiB, 50GiB or 1TiB";
const COUNT: &str = "a whole number above 0";

fn count(text: &str) -> Option<usize> {
    text.parse().ok().filter(|count| *count > 0)
}

fn above_zero(text: &str) -> Option<Duration> {
    duration(text).filter(|time| !time.is_zero())
}

/// All settings, in the order of the help.
pub(crate) static TABLE: [Setting; 19] = [
    Setting {
        key: "addr",
        default: "127.0.0.1:8620",
        expected: "an IP address and port such as 127.0.0.1:8620",
        help: "IP address and port to listen on",
        secret: false,
        set: |s, text| {
            s.addr = text.parse().ok()?;
            Some(())
        },
    },
    Setting {
        key: "data_dir",
        default: "sqreen-data",
        expected: "a directory",
        help: "where everything is kept",
        secret: false,
        set: |s, text| {
            s.server.data_dir = text.into();
            Some(())
        },
    },
    Setting {
        key: "ingest_token",
        default: "",
        expected: "a token",
        help: "a token that agents of any application log in with, beside those of `token`",
        secret: true,
        set: |s, text| {
            s.server.ingest_token = Some(text.to_owned());
            Some(())
        },
    },
    Setting {
        key: "api_token",
        default: "",
        expected: "a token",
        help: "a token of /api/v1, /metrics and the Event Explorer, beside those of `token`",
        secret: true,
        set: |s, text| {
            s.server.api_token = Some(text.to_owned());
            Some(())
        },
    },
    Setting {
        key: "log",
        default: "info",
        expected: "one of error, warn, info, debug, trace and off",
        help: "the least level that is told on standard error",
        secret: false,
        set: |s, text| {
            s.log = text.parse().ok()?;
            Some(())
        },
    },
    Setting {
        key: "log_format",
        default: "text",
        expected: "text or json",
        help: "text, or json: one object a line",
        secret: false,
        set: |s, text| {
            s.log_format = match text {
                "text" => LogFormat::Text,
                "json" => LogFormat::Json,
                _ => return None,
            };
            Some(())
        },
    },
    Setting {
        key: "tls_cert",
        default: "",
        expected: "a file",
        help: "PEM file with the certificate and its chain: serve HTTPS; read again when it changes",
        secret: false,
        set: |s, text| {
            s.tls_cert = Some(text.into());
            Some(())
        },
    },
    Setting {
        key: "tls_key",
        default: "",
        expected: "a file",
        help: "PEM file with the certificate's private key",
        secret: false,
        set: |s, text| {
            s.tls_key = Some(text.into());
            Some(())
        },
    },
    Setting {
        key: "max_connections",
        default: "8192",
        expected: COUNT,
        help: "connections that are served at a time; further ones wait",
        secret: false,
        set: |s, text| {
            s.max_connections = count(text)?;
            Some(())
        },
    },
    Setting {
        key: "header_timeout",
        default: "30s",
        expected: TIME,
        help: "time for a handshake, for the headers of a request, and between two requests",
        secret: false,
        set: |s, text| {
            s.header_timeout = above_zero(text)?;
            Some(())
        },
    },
    Setting {
        key: "drain_delay",
        default: "0s",
        expected: TIME,
        help: "after SIGTERM, how long it goes on serving while /readyz says 503",
        secret: false,
        set: |s, text| {
            s.drain_delay = duration(text)?;
            Some(())
        },
    },
    Setting {
        key: "drain_time",
        default: "5s",
        expected: TIME,
        help: "after that, how long requests under way get to finish",
        secret: false,
        set: |s, text| {
            s.drain_time = duration(text)?;
            Some(())
        },
    },
    Setting {
        key: "retention_age",
        default: "",
        expected: TIME,
        help: "events older than this are deleted, a whole segment at a time",
        secret: false,
        set: |s, text| {
            s.server.store.retention_age = Some(above_zero(text)?);
            Some(())
        },
    },
    Setting {
        key: "retention_size",
        default: "",
        expected: SIZE,
        help: "the oldest segments are deleted while all take more than this",
        secret: false,
        set: |s, text| {
            s.server.store.retention_bytes = Some(size(text)?);
            Some(())
        },
    },
    Setting {
        key: "seal_rows",
        default: "100000",
        expected: COUNT,
        help: "events in memory that make a segment",
        secret: false,
        set: |s, text| {
            s.server.store.seal_rows = count(text)?;
            Some(())
        },
    },
    Setting {
        key: "seal_bytes",
        default: "64MiB",
        expected: SIZE,
        help: "bytes of events in memory that make a segment",
        secret: false,
        set: |s, text| {
            s.server.store.seal_bytes = usize::try_from(size(text)?).ok()?;
            Some(())
        },
    },
    Setting {
        key: "seal_age",
        default: "1h",
        expected: TIME,
        help: "time after which events in memory make a segment, however few they are",
        secret: false,
        set: |s, text| {
            s.server.store.seal_age = above_zero(text)?;
            Some(())
        },
    },
    Setting {
        key: "dedupe_window",
        default: "24h",
        expected: TIME,
        help: "how long an event that is sent again is known by its id",
        secret: false,
        set: |s, text| {
            s.server.store.dedupe_window = duration(text)?;
            Some(())
        },
    },
    Setting {
        key: "dedupe_ids",
        default: "4000000",
        expected: COUNT,
        help: "the most ids that are remembered for that, at 11 to 15 bytes each",
        secret: false,
        set: |s, text| {
            s.server.store.dedupe_ids = count(text)?;
            Some(())
        },
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_told_are_those_that_hold() {
        let mut told = Settings::new();
        for setting in TABLE.iter().filter(|setting| !setting.default.is_empty()) {
            assert!(
                (setting.set)(&mut told, setting.default).is_some(),
                "{}",
                setting.key
            );
        }
        assert_eq!(format!("{told:?}"), format!("{:?}", Settings::new()));
    }
}
