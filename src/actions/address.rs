//! Addresses and networks as the protocol spells them.

use std::net::{IpAddr, Ipv6Addr};

use super::index::Key;

/// The first bits of a v4-mapped IPv6 address.
const MAPPED_BITS: u8 = 96;

/// A network: its first address, and how many bits of it count. An address is one of all bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Prefix<K> {
    pub(super) first: K,
    pub(super) len: u8,
}

impl<K: Key> Prefix<K> {
    fn new(address: K, len: u8) -> Self {
        Self {
            first: address.clear_after(len),
            len,
        }
    }

    pub(super) fn last(&self) -> K {
        self.first.fill_after(self.len)
    }

    pub(super) fn holds(&self, address: K) -> bool {
        self.first.common_bits(address) >= self.len
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Network {
    V4(Prefix<u32>),
    V6(Prefix<u128>),
}

/// Reads an address or a network. Bits beyond the prefix are cleared.
pub(super) fn parse(text: &str) -> Option<Network> {
    let (address, len) = match text.split_once('/') {
        Some((address, len)) => (address, Some(prefix_len(len)?)),
        None => (text, None),
    };
    // The standard library knows no zones, ports, octal numbers or short forms.
    match address.parse().ok()? {
        IpAddr::V4(v4) => network_v4(v4.to_bits(), len.unwrap_or(32)),
        IpAddr::V6(v6) => network_v6(v6, len.unwrap_or(128)),
    }
}

fn network_v4(address: u32, len: u8) -> Option<Network> {
    (len <= 32).then(|| Network::V4(Prefix::new(address, len)))
}

fn network_v6(address: Ipv6Addr, len: u8) -> Option<Network> {
    match (address.to_ipv4_mapped(), len.checked_sub(MAPPED_BITS)) {
        (Some(v4), Some(len)) => network_v4(v4.to_bits(), len),
        _ => (len <= 128).then(|| Network::V6(Prefix::new(address.to_bits(), len))),
    }
}

/// One spelling for each length: no sign, no leading zero.
fn prefix_len(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let short = text.len() == 1 || !text.starts_with('0');
    if plain && short {
        text.parse().ok()
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(text: &str) -> Option<Network> {
        let (address, len) = text.split_once('/').unwrap();
        let address: std::net::Ipv4Addr = address.parse().unwrap();
        Some(Network::V4(Prefix {
            first: address.to_bits(),
            len: len.parse().unwrap(),
        }))
    }

    fn v6(text: &str) -> Option<Network> {
        let (address, len) = text.split_once('/').unwrap();
        let address: Ipv6Addr = address.parse().unwrap();
        Some(Network::V6(Prefix {
            first: address.to_bits(),
            len: len.parse().unwrap(),
        }))
    }

    #[test]
    fn reads_addresses_and_networks() {
        let cases = [
            ("203.0.113.7", v4("203.0.113.7/32")),
            ("203.0.113.7/24", v4("203.0.113.0/24")),
            ("0.0.0.0/0", v4("0.0.0.0/0")),
            ("255.255.255.255/32", v4("255.255.255.255/32")),
            ("2001:db8::1", v6("2001:db8::1/128")),
            ("2001:DB8::1/32", v6("2001:db8::/32")),
            ("::/0", v6("::/0")),
            // v4-mapped is v4, unless it is wider than all of v4.
            ("::ffff:203.0.113.7", v4("203.0.113.7/32")),
            ("::ffff:cb00:7107", v4("203.0.113.7/32")),
            ("::ffff:203.0.113.7/120", v4("203.0.113.0/24")),
            ("::ffff:0:0/96", v4("0.0.0.0/0")),
            ("::ffff:0:0/95", v6("::fffe:0:0/95")),
            // v4-compatible and NAT64 are not v4-mapped.
            ("::203.0.113.7", v6("::cb00:7107/128")),
            ("64:ff9b::203.0.113.7", v6("64:ff9b::cb00:7107/128")),
        ];
        for (text, network) in cases {
            assert_eq!(parse(text), network, "{text}");
        }
    }

    #[test]
    fn refuses_every_other_spelling() {
        let wrong = [
            "",
            " ",
            "/",
            "/8",
            "localhost",
            "example.com",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.256",
            "1.2.3.-4",
            "01.2.3.4",
            "1.2.3.04",
            "0x1.2.3.4",
            "0x01020304",
            "16909060",
            "1.2.3.4.",
            ".1.2.3.4",
            "1..2.3",
            " 1.2.3.4",
            "1.2.3.4 ",
            "1.2. 3.4",
            "1.2.3.4\n",
            "1.2.3.4\0",
            "1.2.3.4:80",
            "1.2.3.4,5.6.7.8",
            "1.2.3.4-1.2.3.9",
            "1.2.3.*",
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/+8",
            "1.2.3.4/08",
            "1.2.3.4/ 8",
            "1.2.3.4/8/8",
            "1.2.3.4/255.0.0.0",
            "1.2.3.4/256",
            "1.2.3.4/1e1",
            "１.2.3.4",
            "1.2.3/24",
            "::1::",
            ":::",
            ":1",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7:8:9",
            "12345::",
            "g::1",
            "[::1]",
            "[::1]:80",
            "::1/129",
            "::1/-1",
            "::1/",
            "fe80::1%eth0",
            "fe80::1%eth0/64",
            "fe80::1%25eth0",
            "::ffff:1.2.3.256",
            "::ffff:1.2.3.4/129",
            "::1.2.3",
        ];
        for text in wrong {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }
}
