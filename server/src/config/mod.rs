//! Settings: the library's, and those of the program.

mod public_url;
mod settings;
mod sources;
mod table;
mod values;

use std::fmt;
use std::path::PathBuf;

use ipnet::IpNet;

pub(crate) use self::public_url::PublicUrl;
pub use self::public_url::PublicUrlError;
pub(crate) use self::settings::{LogFormat, Settings};
pub(crate) use self::sources::{ConfigError, Effective, Source, read};
pub(crate) use self::table::TABLE;
pub(crate) use self::values::duration;
use crate::auth::Secret;
use crate::enrich::EnrichmentFiles;
use crate::ingest::IngestLimits;
use crate::playbooks::file::Entry;
use crate::store::StoreOptions;

/// How a [`Server`](crate::Server) is set up.
///
/// Tokens given here hold beside those of the data directory, as long as the server runs. Where neither has one for
/// agents, or for the API, it is made at the first start; the directory keeps only the SHA-256.
#[derive(Clone)]
#[must_use]
pub struct ServerConfig {
    pub(crate) data_dir: PathBuf,
    pub(crate) ingest_token: Option<String>,
    pub(crate) api_token: Option<String>,
    pub(crate) admin: Option<(String, String)>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) demo_explorer_link: bool,
    pub(crate) https: bool,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) store: StoreOptions,
    pub(crate) ingest: IngestLimits,
    pub(crate) enrichment: EnrichmentFiles,
    pub(crate) smtp: Option<Smtp>,
    pub(crate) notify_internal: bool,
    pub(crate) playbooks: Vec<Entry>,
}

/// The server that mail is sent by.
#[derive(Clone, Debug)]
pub(crate) struct Smtp {
    /// It may hold a password.
    pub(crate) url: Secret,
    pub(crate) from: String,
}

impl ServerConfig {
    /// A server that keeps its data in this directory, which is made if it is not there.
    pub fn new(data_dir: impl Into<PathBuf>) -> Self {
        Self {
            data_dir: data_dir.into(),
            ingest_token: None,
            api_token: None,
            admin: None,
            trusted_proxies: Vec::new(),
            demo_explorer_link: false,
            https: false,
            public_url: None,
            store: StoreOptions::new(),
            ingest: IngestLimits::new(),
            enrichment: EnrichmentFiles::new(),
            smtp: None,
            notify_internal: false,
            playbooks: Vec::new(),
        }
    }

    /// The token that agents log in with, for any application.
    pub fn ingest_token(mut self, token: impl Into<String>) -> Self {
        self.ingest_token = Some(token.into());
        self
    }

    /// A bearer token of `/api/v1` with the role of an admin.
    pub fn api_token(mut self, token: impl Into<String>) -> Self {
        self.api_token = Some(token.into());
        self
    }

    /// Name and password of the first admin, who is added if there is none who can sign in. Without it, the first
    /// admin is made by the link of [`Server::explorer_link`](crate::Server::explorer_link). A password has 12
    /// characters or more, and 1,024 bytes at most.
    pub fn admin(mut self, name: impl Into<String>, password: impl Into<String>) -> Self {
        self.admin = Some((name.into(), password.into()));
        self
    }

    /// Proxies that are believed who the client is (`X-Forwarded-For`) and that it came by TLS
    /// (`X-Forwarded-Proto`).
    pub fn trusted_proxies(mut self, proxies: impl IntoIterator<Item = IpNet>) -> Self {
        self.trusted_proxies = proxies.into_iter().collect();
        self
    }

    /// Makes the link of [`Server::explorer_link`](crate::Server::explorer_link) sign in as an admin and answer the
    /// page itself, as often as it is asked, until the server ends. For demos on loopback only: whoever knows the link
    /// sees all events.
    pub fn demo_explorer_link(mut self, lasting: bool) -> Self {
        self.demo_explorer_link = lasting;
        self
    }

    /// Limits on what agents send.
    pub fn ingest(mut self, limits: IngestLimits) -> Self {
        self.ingest = limits;
        self
    }

    /// Files that tell the country, the autonomous system and the lists of clients' addresses. Default: none.
    pub fn enrichment(mut self, files: EnrichmentFiles) -> Self {
        self.enrichment = files;
        self
    }

    /// Says that browsers reach the server by HTTPS, so that they send the cookie of the Event Explorer by nothing
    /// else. Default: they may not.
    pub fn https(mut self, only: bool) -> Self {
        self.https = only;
        self
    }

    /// Where people reach the server, such as `https://sqreen.example.com`: what the links in notifications begin with.
    /// Default: not known, so that notifications have no links.
    ///
    /// # Errors
    ///
    /// [`PublicUrlError`] if it is more than `http` or `https`, a host and perhaps a port, or less.
    pub fn public_url(mut self, url: &str) -> Result<Self, PublicUrlError> {
        let parsed = PublicUrl::parse(url).ok_or_else(|| PublicUrlError(url.to_owned()))?;
        self.public_url = Some(parsed);
        Ok(self)
    }

    /// Playbooks that are stored at the start, each unless there is one of its slug already, such as those of
    /// [`templates`](crate::playbooks::templates) or of a [file](crate::playbooks::file).
    pub fn playbooks(mut self, entries: impl IntoIterator<Item = Entry>) -> Self {
        self.playbooks.extend(entries);
        self
    }

    /// The SMTP server that sends notifications by e-mail, such as `smtps://user:password@mail.example.com`, and the
    /// address that they come from. `smtp://…?tls=required` is for STARTTLS, `smtp://…` without TLS.
    pub fn smtp(mut self, url: impl Into<String>, from: impl Into<String>) -> Self {
        let (url, from) = (Secret(url.into()), from.into());
        self.smtp = Some(Smtp { url, from });
        self
    }

    /// Says that webhooks may lead to addresses that are not on the Internet, such as those of the own network, and to
    /// plain HTTP. Default: they may not.
    pub fn notify_internal(mut self, allowed: bool) -> Self {
        self.notify_internal = allowed;
        self
    }

    /// Options of the event store.
    pub fn store(mut self, options: StoreOptions) -> Self {
        self.store = options;
        self
    }
}

impl fmt::Debug for ServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hidden = |token: &Option<String>| token.as_ref().map(|_| "<hidden>");
        f.debug_struct("ServerConfig")
            .field("data_dir", &self.data_dir)
            .field("ingest_token", &hidden(&self.ingest_token))
            .field("api_token", &hidden(&self.api_token))
            .field("admin", &self.admin.as_ref().map(|(name, _)| name))
            .field("trusted_proxies", &self.trusted_proxies)
            .field("demo_explorer_link", &self.demo_explorer_link)
            .field("https", &self.https)
            .field("public_url", &self.public_url)
            .field("store", &self.store)
            .field("ingest", &self.ingest)
            .field("enrichment", &self.enrichment)
            .field("smtp", &self.smtp)
            .field("notify_internal", &self.notify_internal)
            .finish()
    }
}
