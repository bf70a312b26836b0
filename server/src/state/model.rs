//! What the store keeps of a security response.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;

use ipnet::IpNet;
use serde::{Serialize, Serializer};
use sha2::{Digest, Sha256};

use super::error::StateError;

/// Names an action or an entry of the allow list: 64 random bits, 16 hexadecimal digits as text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Id(u64);

/// The text given is no [`Id`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ParseIdError;

impl Id {
    /// # Errors
    ///
    /// [`StateError::Random`] if the system has no random bytes.
    pub(crate) fn random() -> Result<Self, StateError> {
        getrandom::u64().map(Self).map_err(|_| StateError::Random)
    }

    /// As SQLite's integers are.
    pub(super) fn to_sql(self) -> i64 {
        self.0.cast_signed()
    }

    pub(super) fn from_sql(number: i64) -> Self {
        Self(number.cast_unsigned())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for Id {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let is_digit = |byte: u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
        if text.len() != 16 || !text.bytes().all(is_digit) {
            return Err(ParseIdError);
        }
        u64::from_str_radix(text, 16)
            .map(Self)
            .map_err(|_| ParseIdError)
    }
}

impl Serialize for Id {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What an action does, and to whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Clients of these addresses are refused.
    BlockIp,
    /// Clients of these addresses are sent elsewhere.
    RedirectIp,
    /// These users are refused.
    BlockUser,
    /// These users are sent elsewhere.
    RedirectUser,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [
        Self::BlockIp,
        Self::RedirectIp,
        Self::BlockUser,
        Self::RedirectUser,
    ];

    /// The wire's name, such as `block_ip`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::BlockIp => "block_ip",
            Self::RedirectIp => "redirect_ip",
            Self::BlockUser => "block_user",
            Self::RedirectUser => "redirect_user",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Whether it needs to know where to.
    #[must_use]
    pub fn is_redirect(self) -> bool {
        matches!(self, Self::RedirectIp | Self::RedirectUser)
    }

    /// Whether it concerns users rather than addresses.
    #[must_use]
    pub fn is_for_users(self) -> bool {
        matches!(self, Self::BlockUser | Self::RedirectUser)
    }
}

/// The identifiers of one user.
pub(crate) type User = BTreeMap<String, String>;

/// Whom an action concerns: never nobody, sorted, without repetition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Targets {
    /// Networks without host bits; v4-mapped ones are v4.
    Ips(Vec<IpNet>),
    Users(Vec<User>),
}

/// A network as people write it: a single address without its prefix length.
pub(crate) fn network(net: &IpNet) -> String {
    if net.prefix_len() == net.max_prefix_len() {
        net.addr().to_string()
    } else {
        net.to_string()
    }
}

impl Targets {
    pub(crate) fn ips(mut nets: Vec<IpNet>) -> Self {
        nets.sort_unstable();
        nets.dedup();
        Self::Ips(nets)
    }

    pub(crate) fn users(mut users: Vec<User>) -> Self {
        users.sort_unstable();
        users.dedup();
        Self::Users(users)
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Ips(nets) => nets.len(),
            Self::Users(users) => users.len(),
        }
    }

    /// The bytes that the targets take, roughly.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Self::Ips(nets) => nets.len() * size_of::<IpNet>(),
            Self::Users(users) => {
                let pairs = users.iter().flatten();
                pairs.map(|(key, value)| key.len() + value.len() + 64).sum()
            }
        }
    }

    /// As the store keeps them: a JSON array.
    pub(super) fn to_json(&self) -> String {
        let json = match self {
            Self::Ips(nets) => serde_json::to_string(&nets.iter().map(network).collect::<Vec<_>>()),
            Self::Users(users) => serde_json::to_string(users),
        };
        json.unwrap_or_default()
    }

    pub(super) fn of_json(kind: Kind, json: &str) -> Option<Self> {
        if kind.is_for_users() {
            return serde_json::from_str(json).ok().map(Self::Users);
        }
        let texts: Vec<String> = serde_json::from_str(json).ok()?;
        let net = |text: &String| {
            let address = text.parse::<IpAddr>().map(IpNet::from);
            address.ok().or_else(|| text.parse().ok())
        };
        texts.iter().map(net).collect::<Option<_>>().map(Self::Ips)
    }
}

/// An action as it is enforced.
#[derive(Debug)]
pub(crate) struct Action {
    /// Its place in the order of creation.
    pub(crate) row: i64,
    pub(crate) id: Id,
    /// `None` is all applications.
    pub(crate) app: Option<Arc<str>>,
    pub(crate) kind: Kind,
    pub(crate) targets: Targets,
    /// Where a redirect leads.
    pub(crate) url: Option<String>,
    /// Whether it is reported only.
    pub(crate) dry_run: bool,
    /// Whether one identifier of a listed user is enough.
    pub(crate) match_any: bool,
    /// Microseconds since the Unix epoch; `None` is for ever.
    pub(crate) expires_at: Option<i64>,
}

impl Action {
    pub(crate) fn is_live(&self, now: i64) -> bool {
        self.expires_at.is_none_or(|end| end > now)
    }

    /// What two live actions of one application cannot share: the kind and the targets.
    pub(crate) fn key(&self) -> [u8; 16] {
        key(self.kind, &self.targets)
    }
}

/// See [`Action::key`].
pub(crate) fn key(kind: Kind, targets: &Targets) -> [u8; 16] {
    let mut hash = Sha256::new();
    hash.update(kind.name());
    hash.update(targets.to_json());
    let digest: [u8; 32] = hash.finalize().into();
    let mut key = [0; 16];
    key.copy_from_slice(&digest[..16]);
    key
}

/// An action that is to be made.
#[derive(Clone, Debug)]
pub(crate) struct ActionDraft {
    pub(crate) app: Option<String>,
    pub(crate) kind: Kind,
    pub(crate) targets: Targets,
    pub(crate) url: Option<String>,
    pub(crate) dry_run: bool,
    pub(crate) match_any: bool,
    pub(crate) comment: String,
    /// Microseconds; `None` is for ever.
    pub(crate) duration: Option<i64>,
    /// Whether critical addresses are meant.
    pub(crate) allow_critical: bool,
}

/// An action with its history.
#[derive(Clone, Debug)]
pub(crate) struct ActionRecord {
    pub(crate) action: Arc<Action>,
    pub(crate) comment: String,
    /// Who or what decided it, such as `operator`.
    pub(crate) origin: String,
    /// The run of a playbook that made it.
    pub(crate) run: Option<Id>,
    /// Why its targets are critical, where that was allowed.
    pub(crate) critical: Option<String>,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
    /// Microseconds since the Unix epoch.
    pub(crate) lifted_at: Option<i64>,
    pub(crate) lifted_by: Option<String>,
    /// The action that took its place.
    pub(crate) replaced_by: Option<Id>,
}

impl ActionRecord {
    /// `live`, `lifted`, `replaced` or `expired`.
    pub(crate) fn state(&self, now: i64) -> &'static str {
        if self.replaced_by.is_some() {
            "replaced"
        } else if self.lifted_at.is_some() {
            "lifted"
        } else if self.action.is_live(now) {
            "live"
        } else {
            "expired"
        }
    }
}
