//! What the program runs with.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use tracing::level_filters::LevelFilter;

use super::ServerConfig;
use crate::auth::Secret;

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
    pub(super) admin_name: Option<String>,
    pub(super) admin_password: Option<Secret>,
    pub(super) smtp_url: Option<Secret>,
    pub(super) smtp_from: Option<String>,
    pub(crate) log: LevelFilter,
    pub(crate) log_format: LogFormat,
    pub(crate) tls_cert: Option<PathBuf>,
    pub(crate) tls_key: Option<PathBuf>,
    pub(crate) max_connections: usize,
    pub(super) rate_limit: Option<u32>,
    pub(super) rate_burst: Option<u32>,
    pub(crate) header_timeout: Duration,
    pub(crate) drain_delay: Duration,
    pub(crate) drain_time: Duration,
}

impl Settings {
    pub(super) fn new() -> Self {
        Self {
            server: ServerConfig::new("sqreen-data"),
            addr: SocketAddr::from(([127, 0, 0, 1], 8620)),
            admin_name: None,
            admin_password: None,
            smtp_url: None,
            smtp_from: None,
            log: LevelFilter::INFO,
            log_format: LogFormat::Text,
            tls_cert: None,
            tls_key: None,
            max_connections: 8192,
            rate_limit: None,
            rate_burst: None,
            header_timeout: Duration::from_secs(30),
            drain_delay: Duration::ZERO,
            drain_time: Duration::from_secs(5),
        }
    }
}

impl Settings {
    /// What links begin with, for a server that listens there.
    pub(crate) fn base(&self, addr: SocketAddr) -> String {
        match (&self.server.public_url, &self.tls_cert) {
            (Some(url), _) => url.to_string(),
            (None, Some(_)) => format!("https://{addr}"),
            (None, None) => format!("http://{addr}"),
        }
    }

    /// Puts settings together that need one another; says which of them lacks the other.
    pub(super) fn complete(&mut self) -> Result<(), &'static str> {
        if self.tls_cert.is_some() != self.tls_key.is_some() {
            return Err("tls_cert, tls_key: one is given without the other");
        }
        self.server.https = self.tls_cert.is_some();
        match (&self.admin_name, &self.admin_password) {
            (Some(name), Some(password)) => {
                let server = self.server.clone();
                self.server = server.admin(name, &*password.0);
            }
            (None, None) => {}
            _ => return Err("admin_name, admin_password: one is given without the other"),
        }
        match (&self.smtp_url, &self.smtp_from) {
            (Some(url), Some(from)) => {
                let server = self.server.clone();
                self.server = server.smtp(&*url.0, from);
            }
            (None, None) => {}
            _ => return Err("smtp_url, smtp_from: one is given without the other"),
        }
        match (self.rate_limit, self.rate_burst) {
            (Some(limit), burst) => {
                let burst = burst.unwrap_or(limit.saturating_mul(10));
                let limits = self.server.ingest.clone();
                self.server.ingest = limits.events_per_second(limit, burst);
                Ok(())
            }
            (None, Some(_)) => Err("rate_burst: is given without rate_limit"),
            (None, None) => Ok(()),
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
    pub(super) set: Set,
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

/// Takes a value over; `None` if it is not what is expected.
pub(super) type Set = fn(&mut Settings, &str) -> Option<()>;
