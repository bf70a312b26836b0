//! The names under which secrets are kept.

use super::error::ScrubConfigError;

/// The keys that are redacted unless others are configured.
pub(crate) const DEFAULT_KEYS: [&str; 8] = [
    "password",
    "secret",
    "passwd",
    "authorization",
    "api_key",
    "apikey",
    "access_token",
    "token",
];

/// A set of keys, compared by their letters and digits in lower case.
#[derive(Debug, Clone, Default)]
pub(super) struct Keys {
    /// Few enough that comparing with each is faster than hashing a normalised copy.
    normalised: Vec<Box<str>>,
}

impl Keys {
    pub(super) fn new(keys: impl IntoIterator<Item = String>) -> Result<Self, ScrubConfigError> {
        let mut normalised = keys
            .into_iter()
            .map(|key| {
                let text: Box<str> = normalise(&key).collect();
                if text.is_empty() {
                    return Err(ScrubConfigError::Key { key });
                }
                Ok(text)
            })
            .collect::<Result<Vec<_>, _>>()?;
        normalised.sort_unstable();
        normalised.dedup();
        Ok(Self { normalised })
    }

    /// Whether the name, or a segment of it, is one of the keys.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.has(name) || name.split(['[', ']', '.', ':', '/']).any(|s| self.has(s))
    }

    fn has(&self, name: &str) -> bool {
        let without_x = name
            .trim_start()
            .strip_prefix(['x', 'X'])
            .and_then(|rest| rest.strip_prefix(['-', '_']));
        self.normalised.iter().any(|key| {
            normalise(name).eq(key.chars())
                || without_x.is_some_and(|rest| normalise(rest).eq(key.chars()))
        })
    }
}

fn normalise(name: &str) -> impl Iterator<Item = char> {
    name.chars()
        .filter(|c| c.is_alphanumeric())
        .flat_map(char::to_lowercase)
}
