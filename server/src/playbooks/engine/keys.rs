//! What windows are kept by: actors and values as short keys.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::super::model::{Actor, ActorKind};
use crate::actions::identifier;
use crate::store::{EventFields, JsonField};

/// The bits of an IPv4 range.
const RANGE_V4: u8 = 24;
/// The bits of an IPv6 range, and of what one client has: it chooses the other bits of its address as it likes.
const RANGE_V6: u8 = 64;
/// The first 64 bits of IPv6 addresses behind which there is more than one client: loopback, and IPv4 by the prefix of
/// RFC 6052.
const SHARED_V6: [u128; 2] = [0, 0x0064_ff9b_0000_0000];

/// Stands for an actor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ActorKey(pub(super) [u64; 2]);

impl ActorKey {
    fn of(number: u128) -> Self {
        Self([(number >> 64) as u64, number as u64])
    }
}

/// Makes keys of texts: nobody without its secret can make two texts that share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Keyed(pub(super) [u8; 16]);

impl Keyed {
    fn digest(self, parts: impl Iterator<Item = impl AsRef<[u8]>>) -> [u8; 16] {
        let mut hash = Sha256::new();
        hash.update(self.0);
        for part in parts {
            let part = part.as_ref();
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let digest: [u8; 32] = hash.finalize().into();
        let mut short = [0; 16];
        short.copy_from_slice(&digest[..16]);
        short
    }

    /// The key of a text, 64 bits.
    pub(super) fn value(self, text: &str) -> u64 {
        u128::from_le_bytes(self.digest([text].iter())) as u64
    }

    fn user(self, identifiers: &[(String, String)]) -> ActorKey {
        let parts = identifiers.iter().flat_map(|(name, value)| [name, value]);
        ActorKey::of(u128::from_le_bytes(self.digest(parts)))
    }
}

/// The identifiers of a user in the order of their names, and their key.
type User = (ActorKey, Vec<(String, String)>);

/// An event's actor of each kind, as it is asked for.
pub(crate) struct Actors<'a> {
    event: &'a dyn EventFields,
    keyed: Keyed,
    ip: Option<Option<IpAddr>>,
    user: Option<Option<User>>,
}

impl<'a> Actors<'a> {
    pub(super) fn new(event: &'a dyn EventFields, keyed: Keyed) -> Self {
        Self {
            event,
            keyed,
            ip: None,
            user: None,
        }
    }

    /// The key of the actor, if the event has one of this kind.
    pub(crate) fn key(&mut self, kind: ActorKind) -> Option<ActorKey> {
        match kind {
            ActorKind::Ip => self.ip().map(|ip| ActorKey::of(bits(client(ip).network()))),
            ActorKind::IpRange => {
                let range = range(self.ip()?);
                Some(ActorKey::of(bits(range.network())))
            }
            ActorKind::User => self.user().map(|(key, _)| *key),
        }
    }

    /// The actor, if the event has one of this kind.
    pub(super) fn actor(&mut self, kind: ActorKind) -> Option<Actor> {
        match kind {
            ActorKind::Ip => Some(Actor::Ip(client(self.ip()?))),
            ActorKind::IpRange => Some(Actor::Ip(range(self.ip()?))),
            ActorKind::User => self
                .user()
                .map(|(_, user)| Actor::User(user.iter().cloned().collect())),
        }
    }

    fn ip(&mut self) -> Option<IpAddr> {
        *self.ip.get_or_insert_with(|| self.event.ip())
    }

    fn user(&mut self) -> Option<&User> {
        let (event, keyed) = (self.event, self.keyed);
        self.user
            .get_or_insert_with(|| {
                let identifiers = identifiers(event)?;
                Some((keyed.user(&identifiers), identifiers))
            })
            .as_ref()
    }
}

/// The identifiers as security responses compare them. What is neither text nor number identifies nobody.
fn identifiers(event: &dyn EventFields) -> Option<Vec<(String, String)>> {
    let Value::Object(fields) = event.json_value(JsonField::User, &[])? else {
        return None;
    };
    let texts = fields.into_iter();
    let texts = texts.map(|(name, value)| Some((name, identifier(&value)?)));
    let mut identifiers: Vec<_> = texts.collect::<Option<_>>()?;
    identifiers.sort_unstable();
    (!identifiers.is_empty()).then_some(identifiers)
}

fn bits(ip: IpAddr) -> u128 {
    let ip = match ip {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    Ipv6Addr::to_bits(ip)
}

/// What the client with this address has: the address, or its /64 of IPv6.
pub(crate) fn client(ip: IpAddr) -> IpNet {
    match ip.to_canonical() {
        IpAddr::V6(v6) if !SHARED_V6.contains(&(v6.to_bits() >> 64)) => range(ip),
        whole => whole.into(),
    }
}

/// The actors that an event from this address has, of kind `ip` and `ip_range`; they may be the same.
pub(crate) fn actors_of(ip: IpAddr) -> [IpNet; 2] {
    [client(ip), range(ip)]
}

fn range(ip: IpAddr) -> IpNet {
    let net = IpNet::from(ip.to_canonical());
    let bits = match net {
        IpNet::V4(_) => RANGE_V4,
        IpNet::V6(_) => RANGE_V6,
    };
    // The length suits the family: there is no other error.
    IpNet::new(net.addr(), bits).map_or(net, |net| net.trunc())
}
