//! Packs to look into, and queries that hit and miss.
//!
//! What the n-th action is about, and a query that meets it, follow from n. So the queries take
//! no room in the caches, which a pack has to itself as far as it can.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sqreen::UserIdentifiers;
use sqreen::protocol::{Action, ActionParameters};

/// Packs of a kind, of any size.
pub(super) struct Kind<Q> {
    pub(super) name: &'static str,
    /// What the n-th action of a pack of a size is about.
    parameters: fn(n: usize, size: usize) -> ActionParameters,
    /// A query that meets the n-th action, or one that goes before it.
    hit: fn(n: usize, size: usize, &mut Random) -> Q,
    /// A query that meets none.
    pub(super) miss: fn(size: usize, &mut Random) -> Q,
}

impl<Q> Kind<Q> {
    /// An action as the backend sends it: an id like a UUID, and an end.
    pub(super) fn action(&self, n: usize, size: usize) -> Action {
        let parameters = (self.parameters)(n, size);
        let id = Random(n as u64).wide();
        let (a, b, c) = (id >> 96, id >> 80 & 0xffff, id >> 64 & 0xffff);
        let (d, e) = (id >> 48 & 0xffff, id & 0xffff_ffff_ffff);
        let kind = if parameters.users.is_empty() {
            "block_ip"
        } else {
            "block_user"
        };
        Action {
            action_id: format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}"),
            action: kind.to_owned(),
            duration: Some(3_600.0),
            send_response: true,
            parameters,
            ..Action::default()
        }
    }

    pub(super) fn hit(&self, size: usize, random: &mut Random) -> Q {
        let n = random.below(size);
        (self.hit)(n, size, random)
    }
}

/// `SplitMix64`: the same numbers in every run.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn word(&mut self) -> u32 {
        (self.next() >> 32) as u32
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

fn networks(text: String) -> ActionParameters {
    ActionParameters {
        ip_cidr: vec![text],
        ..ActionParameters::default()
    }
}

/// The numbers of the n-th action.
fn of(n: usize) -> Random {
    Random(!(n as u64))
}

/// Even addresses are in the packs, odd ones are not.
pub(super) const V4: Kind<IpAddr> = Kind {
    name: "IPv4 addresses",
    parameters: |n, _| networks(v4(of(n).word() & !1).to_string()),
    hit: |n, _, _| v4(of(n).word() & !1),
    miss: |_, random| v4(random.word() | 1),
};

pub(super) const V4_CROWDED: Kind<IpAddr> = Kind {
    name: "IPv4, 99 % in one /8",
    parameters: |n, _| networks(v4(in_one_8(&mut of(n)) & !1).to_string()),
    hit: |n, _, _| v4(in_one_8(&mut of(n)) & !1),
    miss: |_, random| v4(in_one_8(random) | 1),
};

/// 240.0.0.0/4 is free.
pub(super) const V4_NETWORKS: Kind<IpAddr> = Kind {
    name: "IPv4 networks, /8 to /32",
    parameters: |n, size| {
        let (address, len) = v4_network(n, size);
        networks(format!("{}/{len}", v4(address)))
    },
    hit: |n, size, random| {
        let (address, len) = v4_network(n, size);
        let host = u32::MAX.checked_shr(len).unwrap_or_default();
        v4(address & !host | random.word() & host)
    },
    miss: |_, random| v4(15 << 28 | random.word()),
};

pub(super) const V6: Kind<IpAddr> = Kind {
    name: "IPv6 addresses",
    parameters: |n, _| networks(v6(public(&mut of(n)) & !1).to_string()),
    hit: |n, _, _| v6(public(&mut of(n)) & !1),
    miss: |_, random| v6(public(random) | 1),
};

pub(super) const V6_CROWDED: Kind<IpAddr> = Kind {
    name: "IPv6, 99 % in one /32",
    parameters: |n, _| networks(v6(in_one_32(&mut of(n)) & !1).to_string()),
    hit: |n, _, _| v6(in_one_32(&mut of(n)) & !1),
    miss: |_, random| v6(in_one_32(random) | 1),
};

/// 8000::/1 is free.
pub(super) const V6_NETWORKS: Kind<IpAddr> = Kind {
    name: "IPv6 networks, /8 to /128",
    parameters: |n, size| {
        let (address, len) = v6_network(n, size);
        networks(format!("{}/{len}", v6(address)))
    },
    hit: |n, size, random| within(v6_network(n, size), random),
    miss: |_, random| v6(1 << 127 | random.wide()),
};

/// Each address with all of the 121 networks from /8 to /128 around it.
pub(super) const V6_NESTED: Kind<IpAddr> = Kind {
    name: "IPv6 networks, 121 within each other",
    parameters: |n, _| {
        let (address, len) = v6_nested(n);
        networks(format!("{}/{len}", v6(address)))
    },
    hit: |n, _, random| within(v6_nested(n), random),
    miss: |_, random| v6(1 << 127 | random.wide()),
};

pub(super) const USERS: Kind<UserIdentifiers> = Kind {
    name: "users",
    parameters: |n, _| user(n, false),
    hit: |n, _, _| UserIdentifiers::from([("email", email(n))]),
    miss: |size, random| UserIdentifiers::from([("email", email(size + random.below(size)))]),
};

/// Users of two identifiers, of which one is in the pack.
pub(super) const ANY_USERS: Kind<UserIdentifiers> = Kind {
    name: "users, any identifier",
    parameters: |n, _| user(n, true),
    hit: |n, _, _| UserIdentifiers::from([("email", email(n)), ("id", n.to_string())]),
    miss: |size, random| {
        let n = size + random.below(size);
        UserIdentifiers::from([("email", email(n)), ("id", n.to_string())])
    },
};

fn v4(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

fn v6(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).into()
}

fn in_one_8(random: &mut Random) -> u32 {
    if random.below(100) == 0 {
        random.word()
    } else {
        10 << 24 | random.word() >> 8
    }
}

fn in_one_32(random: &mut Random) -> u128 {
    if random.below(100) == 0 {
        random.wide()
    } else {
        0x2001_0db8 << 96 | random.wide() >> 32
    }
}

/// In 2000::/3.
fn public(random: &mut Random) -> u128 {
    1 << 125 | random.wide() >> 3
}

fn v4_network(n: usize, size: usize) -> (u32, u32) {
    let mut random = of(n);
    let address = random.word();
    let free = address >> 28 == 15;
    let address = if free { !address } else { address };
    (address, length(&mut random, 8, 32, size))
}

fn v6_network(n: usize, size: usize) -> (u128, u32) {
    let mut random = of(n);
    (public(&mut random), length(&mut random, 8, 128, size))
}

fn v6_nested(n: usize) -> (u128, u32) {
    (public(&mut of(n / 121)), 8 + (n % 121) as u32)
}

/// Any length, but few of the short ones: at most one of 64 networks of a length is in the pack.
fn length(random: &mut Random, from: u32, to: u32, size: usize) -> u32 {
    let each = (size as u32 / (to - from)).max(1);
    let enough = each.next_power_of_two().trailing_zeros() + 6;
    loop {
        let len = from + random.below((to - from + 1) as usize) as u32;
        let missing = enough.min(to).saturating_sub(len);
        if random.word() % (1 << missing) == 0 {
            return len;
        }
    }
}

fn within((address, len): (u128, u32), random: &mut Random) -> IpAddr {
    let host = u128::MAX.checked_shr(len).unwrap_or_default();
    v6(address & !host | random.wide() & host)
}

fn email(n: usize) -> String {
    format!("user{n}@example.com")
}

fn user(n: usize, match_any: bool) -> ActionParameters {
    ActionParameters {
        users: vec![BTreeMap::from([("email".to_owned(), email(n).into())])],
        match_any,
        ..ActionParameters::default()
    }
}
