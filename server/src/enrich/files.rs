//! Which files there are to be.

use std::fmt;
use std::path::PathBuf;

use super::source::{Kind, Source};

/// The most bytes of a list's name.
const MAX_NAME: usize = 64;

/// The files that tell what is known of clients' addresses, see [`ServerConfig::enrichment`].
///
/// They may be absent, and are read again within seconds of a change. Replace them by renaming, so that none is read
/// half written. A file has at most 512 MiB. One that cannot be read is logged with the reason and, of a list, the
/// line; the version before it stays in force, as it does where a file goes away. An empty list takes one out of force.
///
/// [`ServerConfig::enrichment`]: crate::ServerConfig::enrichment
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct EnrichmentFiles {
    country: Option<PathBuf>,
    asn: Option<PathBuf>,
    lists: Vec<(String, PathBuf)>,
}

impl EnrichmentFiles {
    /// None at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// A [MaxMind DB](https://maxmind.github.io/MaxMind-DB/) whose records have `country.iso_code`, such as
    /// `GeoLite2-Country.mmdb`.
    pub fn country(mut self, path: impl Into<PathBuf>) -> Self {
        self.country = Some(path.into());
        self
    }

    /// A [MaxMind DB](https://maxmind.github.io/MaxMind-DB/) whose records have `autonomous_system_number`, such as
    /// `GeoLite2-ASN.mmdb`.
    pub fn asn(mut self, path: impl Into<PathBuf>) -> Self {
        self.asn = Some(path.into());
        self
    }

    /// A list of addresses and networks in CIDR form, one a line; what follows `#` is a comment. Events from them have
    /// the name in `network`.
    ///
    /// # Errors
    ///
    /// [`ListNameError`] if the name is not 1 to 64 ASCII letters, digits, `.`, `_` and `-`, or if another list has it.
    pub fn list(
        mut self,
        name: impl Into<String>,
        path: impl Into<PathBuf>,
    ) -> Result<Self, ListNameError> {
        let name = name.into();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_name = (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(is_plain);
        if !is_name || self.lists.iter().any(|(other, _)| *other == name) {
            return Err(ListNameError(name));
        }
        self.lists.push((name, path.into()));
        Ok(self)
    }

    pub(super) fn sources(&self) -> impl Iterator<Item = Source> {
        let country = self.country.iter().map(|path| (Kind::Country, path));
        let asn = self.asn.iter().map(|path| (Kind::Asn, path));
        let lists = self.lists.iter();
        let lists = lists.map(|(name, path)| (Kind::List(name.clone()), path));
        let all = country.chain(asn).chain(lists);
        all.map(|(kind, path)| Source::new(kind, path.clone()))
    }
}

/// The text cannot name a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListNameError(String);

impl fmt::Display for ListNameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(name) = self;
        write!(
            f,
            "list {name:?}: not 1 to {MAX_NAME} letters, digits and ._-, or the name of another list"
        )
    }
}

impl std::error::Error for ListNameError {}
