//! The `SQREEN_*` environment.

use std::time::Duration;

use super::{ConfigBuilder, ConfigError, invalid};

const MAX_HEARTBEAT_SECONDS: u64 = 120;

impl ConfigBuilder {
    /// Reads the `SQREEN_*` environment over what was set so far. An empty variable is as if it
    /// were not there.
    ///
    /// # Errors
    ///
    /// A variable is not UTF-8, or not of its type.
    pub fn env(self) -> Result<Self, ConfigError> {
        self.variables(|name| match std::env::var(format!("SQREEN_{name}")) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(_)) => Err(invalid(name, "not UTF-8")),
        })
    }

    fn variables(
        mut self,
        variable: impl Fn(&'static str) -> Result<Option<String>, ConfigError>,
    ) -> Result<Self, ConfigError> {
        let text = |name| {
            let value = variable(name)?.map(|value| value.trim().to_owned());
            Ok::<_, ConfigError>(value.filter(|value| !value.is_empty()))
        };
        let flag = |name| text(name)?.map(|value| boolean(name, &value)).transpose();
        let number = |name| {
            let parse = |value: String| value.parse::<u64>();
            let parsed = text(name)?.map(parse).transpose();
            parsed.map_err(|_| invalid(name, "not a whole number"))
        };
        let size =
            |name| Ok::<_, ConfigError>(number(name)?.map(|n| n.try_into().unwrap_or(usize::MAX)));
        let list = |name| Ok::<_, ConfigError>(text(name)?.map(|value| items(&value)));

        self.token = text("TOKEN")?.or(self.token);
        self.app_name = text("APP_NAME")?.or(self.app_name);
        self.url = text("URL")?.unwrap_or(self.url);
        self.disable = flag("DISABLE")?.unwrap_or(self.disable);
        self.environment = text("ENVIRONMENT")?.or(self.environment);
        self.hostname = text("HOSTNAME")?.or(self.hostname);
        self.http_proxy = text("HTTP_PROXY")?.or(self.http_proxy);
        self.ip_header = text("IP_HEADER")?.or(self.ip_header);
        self.trusted_proxies = list("TRUSTED_PROXIES")?.unwrap_or(self.trusted_proxies);
        self.strip_sensitive_data =
            flag("STRIP_SENSITIVE_DATA")?.unwrap_or(self.strip_sensitive_data);
        self.strip_sensitive_keys =
            list("STRIP_SENSITIVE_KEYS")?.unwrap_or(self.strip_sensitive_keys);
        self.strip_sensitive_regex =
            list("STRIP_SENSITIVE_REGEX")?.unwrap_or(self.strip_sensitive_regex);
        self.strip_http_referer = flag("STRIP_HTTP_REFERER")?.unwrap_or(self.strip_http_referer);
        self.ignore_actions = flag("IGNORE_ACTIONS")?.unwrap_or(self.ignore_actions);
        self.track_not_found = flag("TRACK_NOT_FOUND")?.unwrap_or(self.track_not_found);
        self.batch_size = size("BATCH_SIZE")?.or(self.batch_size);
        let staleness = text("MAX_STALENESS")?.map(|value| seconds("MAX_STALENESS", &value));
        self.max_staleness = staleness.transpose()?.or(self.max_staleness);
        self.queue_events = size("QUEUE_EVENTS")?.unwrap_or(self.queue_events);
        self.queue_bytes = size("QUEUE_BYTES")?.unwrap_or(self.queue_bytes);
        if let Some(seconds) = number("HEARTBEAT_DELAY")? {
            if !(1..=MAX_HEARTBEAT_SECONDS).contains(&seconds) {
                let problem =
                    format!("{seconds} is not within 1 to {MAX_HEARTBEAT_SECONDS} seconds");
                return Err(invalid("HEARTBEAT_DELAY", problem));
            }
            self.heartbeat = Some(Duration::from_secs(seconds));
        }
        Ok(self)
    }
}

fn boolean(name: &'static str, value: &str) -> Result<bool, ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "y" => Ok(true),
        "0" | "false" | "no" | "n" => Ok(false),
        _ => Err(invalid(
            name,
            format!("{value:?} is neither true nor false"),
        )),
    }
}

/// Seconds, with or without a fraction.
fn seconds(name: &'static str, value: &str) -> Result<Duration, ConfigError> {
    let seconds = value.parse::<f64>().ok();
    let duration = seconds.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    duration.ok_or_else(|| invalid(name, format!("{value:?} is not a number of seconds")))
}

fn items(list: &str) -> Vec<String> {
    let items = list.split(',').map(|item| item.trim().to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// The machine's name as the system tells it, or `unknown`.
pub(super) fn hostname() -> String {
    let file = |path| std::fs::read_to_string(path).ok();
    let name = std::env::var("HOSTNAME")
        .ok()
        .or_else(|| file("/proc/sys/kernel/hostname"))
        .or_else(|| file("/etc/hostname"))
        .or_else(|| std::env::var("COMPUTERNAME").ok());
    let name = name.map(|name| name.trim().to_owned());
    name.filter(|name| !name.is_empty())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Config;

    fn from(variables: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let find = |name| {
            let mut variables = variables.iter();
            Ok(variables
                .find(|(n, _)| *n == name)
                .map(|(_, v)| (*v).to_owned()))
        };
        Config::builder().variables(find)?.build()
    }

    #[test]
    fn reads_the_environment_over_what_was_set() {
        let config = from(&[
            ("TOKEN", "org_secret"),
            ("APP_NAME", "shop"),
            ("URL", "http://backend:1/"),
            ("HEARTBEAT_DELAY", "5"),
            ("MAX_STALENESS", "0.25"),
            ("TRUSTED_PROXIES", "10.0.0.0/8, 127.0.0.1"),
        ])
        .unwrap();
        assert!(config.is_enabled());
        assert_eq!(config.url, "http://backend:1");
        assert_eq!(config.heartbeat, Some(Duration::from_secs(5)));
        assert_eq!(config.max_staleness, Some(Duration::from_millis(250)));
        assert!(!format!("{config:?}").contains("org_secret"));
    }

    #[test]
    fn is_off_without_a_token_or_when_disabled() {
        assert!(!from(&[]).unwrap().is_enabled());
        assert!(
            !from(&[("TOKEN", "t"), ("DISABLE", "1")])
                .unwrap()
                .is_enabled()
        );
    }

    #[test]
    fn actions_are_ignored_only_where_it_says_so() {
        let ignores = |value| from(&[("IGNORE_ACTIONS", value)]).unwrap().ignore_actions;
        assert!(ignores("1") && ignores("true"));
        assert!(!ignores("0") && !ignores("false"));
        assert!(!from(&[]).unwrap().ignore_actions);
    }

    #[test]
    fn a_bad_value_is_an_error_that_names_the_setting() {
        for (name, value, words) in [
            ("HEARTBEAT_DELAY", "121", "120"),
            ("HEARTBEAT_DELAY", "soon", "number"),
            ("MAX_STALENESS", "-1", "-1"),
            ("DISABLE", "maybe", "maybe"),
            ("IGNORE_ACTIONS", "maybe", "IGNORE_ACTIONS"),
            ("TRACK_NOT_FOUND", "maybe", "TRACK_NOT_FOUND"),
            ("TRUSTED_PROXIES", "10.0.0.0/40", "10.0.0.0/40"),
            ("URL", "ftp://x", "http"),
            ("IP_HEADER", "a b", "header"),
            ("STRIP_SENSITIVE_REGEX", "(", "("),
            ("QUEUE_BYTES", "1", "1024"),
            ("TOKEN", "org_x", "required"),
        ] {
            let error = from(&[(name, value)]).unwrap_err().to_string();
            assert!(error.contains(words), "{name}={value}: {error}");
        }
    }
}
