//! Packs to look into, and queries that hit and miss.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sqreen::UserIdentifiers;
use sqreen::protocol::{Action, ActionParameters};

use super::QUERIES;

pub(super) struct Packed<Q> {
    pub(super) actions: Vec<Action>,
    pub(super) hits: Vec<Q>,
    pub(super) misses: Vec<Q>,
}

/// `SplitMix64`: the same packs in every run.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn wide(&mut self) -> u128 {
        u128::from(self.next()) << 64 | u128::from(self.next())
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

/// An action as the backend sends it: an id like a UUID, and an end.
fn action(kind: &str, random: &mut Random, parameters: ActionParameters) -> Action {
    let id = random.wide();
    let (a, b, c) = (id >> 96, id >> 80 & 0xffff, id >> 64 & 0xffff);
    let (d, e) = (id >> 48 & 0xffff, id & 0xffff_ffff_ffff);
    Action {
        action_id: format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}"),
        action: kind.to_owned(),
        duration: Some(3_600.0),
        send_response: true,
        parameters,
        ..Action::default()
    }
}

fn networks(size: usize, mut network: impl FnMut(&mut Random) -> String) -> Vec<Action> {
    let mut random = Random(size as u64);
    let actions = (0..size).map(|_| {
        let parameters = ActionParameters {
            ip_cidr: vec![network(&mut random)],
            ..ActionParameters::default()
        };
        action("block_ip", &mut random, parameters)
    });
    actions.collect()
}

fn queries<Q>(mut query: impl FnMut(&mut Random) -> Q) -> Vec<Q> {
    let mut random = Random(QUERIES as u64);
    (0..QUERIES).map(|_| query(&mut random)).collect()
}

/// Any address of a random network of the pack.
fn within(actions: &[Action], random: &mut Random) -> IpAddr {
    let action = &actions[random.below(actions.len())];
    let text = &action.parameters.ip_cidr[0];
    let (address, len) = text.split_once('/').unwrap_or((text, "128"));
    let len: u32 = len.parse().expect("a length");
    match address.parse().expect("an address") {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(len).unwrap_or_default();
            Ipv4Addr::from_bits(v4.to_bits() & !host | random.next() as u32 & host).into()
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(len).unwrap_or_default();
            Ipv6Addr::from_bits(v6.to_bits() & !host | random.wide() & host).into()
        }
    }
}

fn ips(actions: Vec<Action>, miss: impl FnMut(&mut Random) -> IpAddr) -> Packed<IpAddr> {
    Packed {
        hits: queries(|random| within(&actions, random)),
        misses: queries(miss),
        actions,
    }
}

fn v4_ip(bits: u32) -> IpAddr {
    Ipv4Addr::from_bits(bits).into()
}

fn v6_ip(bits: u128) -> IpAddr {
    Ipv6Addr::from_bits(bits).into()
}

pub(super) fn nothing() -> Packed<IpAddr> {
    Packed {
        actions: Vec::new(),
        hits: Vec::new(),
        misses: queries(|random| v4_ip(random.next() as u32)),
    }
}

/// Even addresses are in the packs, odd ones are not.
pub(super) fn v4(size: usize) -> Packed<IpAddr> {
    let actions = networks(size, |random| v4_ip(random.next() as u32 & !1).to_string());
    ips(actions, |random| v4_ip(random.next() as u32 | 1))
}

/// Nearly all in 10.0.0.0/8, and one of a hundred anywhere.
pub(super) fn v4_crowded(size: usize) -> Packed<IpAddr> {
    let near = |random: &mut Random| match random.next() {
        bits if bits % 100 == 0 => random.next() as u32,
        _ => 10 << 24 | random.next() as u32 >> 8,
    };
    let actions = networks(size, |random| v4_ip(near(random) & !1).to_string());
    ips(actions, |random| v4_ip(near(random) | 1))
}

/// Lengths from 8 to 32, so few of each that most addresses are in none. 240.0.0.0/4 is free.
pub(super) fn v4_networks(size: usize) -> Packed<IpAddr> {
    let actions = networks(size, |random| {
        let len = length(random, 8, 32, size);
        let address = random.next() as u32;
        let address = if address >> 28 == 15 { !address } else { address };
        format!("{}/{len}", Ipv4Addr::from_bits(address))
    });
    ips(actions, |random| v4_ip(15 << 28 | random.next() as u32))
}

/// A length such that at most one of 64 networks of each length is in the pack.
fn length(random: &mut Random, from: u32, to: u32, size: usize) -> u32 {
    let each = (size as u32 / (to - from)).max(1);
    let short = each.next_power_of_two().trailing_zeros() + 6;
    loop {
        let len = from + random.below((to - from + 1) as usize) as u32;
        if len >= short.min(to) || random.next() as u32 % (1 << (short - len).min(31)) == 0 {
            return len;
        }
    }
}

/// Hosts anywhere in 2000::/3.
pub(super) fn v6(size: usize) -> Packed<IpAddr> {
    let any = |random: &mut Random| 1 << 125 | random.wide() >> 3;
    let actions = networks(size, |random| v6_ip(any(random) & !1).to_string());
    ips(actions, |random| v6_ip(any(random) | 1))
}

/// Nearly all in 2001:db8::/32, and one of a hundred anywhere.
pub(super) fn v6_crowded(size: usize) -> Packed<IpAddr> {
    let near = |random: &mut Random| match random.next() {
        bits if bits % 100 == 0 => random.wide(),
        _ => 0x2001_0db8 << 96 | random.wide() >> 32,
    };
    let actions = networks(size, |random| v6_ip(near(random) & !1).to_string());
    ips(actions, |random| v6_ip(near(random) | 1))
}

/// Lengths from 8 to 128 in 2000::/3. The rest is free.
pub(super) fn v6_networks(size: usize) -> Packed<IpAddr> {
    let actions = networks(size, |random| {
        let len = length(random, 8, 128, size);
        format!("{}/{len}", Ipv6Addr::from_bits(1 << 125 | random.wide() >> 3))
    });
    ips(actions, |random| v6_ip(1 << 127 | random.wide() >> 1))
}

/// Addresses of 2000::/3, each with all of the 121 networks from /8 to /128 around it.
pub(super) fn v6_nested(size: usize) -> Packed<IpAddr> {
    let (mut address, mut len) = (0, 128);
    let actions = networks(size, |random| {
        len += 1;
        if len > 128 {
            address = 1 << 125 | random.wide() >> 3;
            len = 8;
        }
        format!("{}/{len}", Ipv6Addr::from_bits(address))
    });
    ips(actions, |random| v6_ip(1 << 127 | random.wide() >> 1))
}

fn email(n: usize) -> String {
    format!("user{n}@example.com")
}

fn users_of(size: usize, match_any: bool) -> Vec<Action> {
    let mut random = Random(size as u64);
    let actions = (0..size).map(|n| {
        let user = BTreeMap::from([("email".to_owned(), email(n).into())]);
        let parameters = ActionParameters {
            users: vec![user],
            match_any,
            ..ActionParameters::default()
        };
        action("block_user", &mut random, parameters)
    });
    actions.collect()
}

pub(super) fn users(size: usize) -> Packed<UserIdentifiers> {
    let user = |n: usize| UserIdentifiers::from([("email", email(n))]);
    Packed {
        actions: users_of(size, false),
        hits: queries(|random| user(random.below(size))),
        misses: queries(|random| user(size + random.below(size))),
    }
}

/// Users of two identifiers, of which one is in the pack.
pub(super) fn any_users(size: usize) -> Packed<UserIdentifiers> {
    let user = |n: usize| UserIdentifiers::from([("email", email(n)), ("id", n.to_string())]);
    Packed {
        actions: users_of(size, true),
        hits: queries(|random| user(random.below(size))),
        misses: queries(|random| user(size + random.below(size))),
    }
}
