//! Reading addresses and networks.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Why a text is no address or network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AddressError {
    Address,
    Zone,
    Prefix {
        most: u8,
    },
    /// A v4-mapped network that reaches beyond the mapped addresses.
    Mapped,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address => {
                f.write_str("not an IPv4 or IPv6 address, nor a network such as 203.0.113.0/24")
            }
            Self::Zone => f.write_str("an address with a zone is known on one machine alone"),
            Self::Prefix { most } => write!(f, "the prefix length is not a number of 0 to {most}"),
            Self::Mapped => {
                f.write_str("a network of v4-mapped addresses has a prefix length of 96 or more")
            }
        }
    }
}

/// Reads an address, or a network in CIDR form. Host bits are cleared, and v4-mapped addresses become v4.
///
/// # Errors
///
/// [`AddressError`]; nothing is guessed: no spaces, ports, brackets, zones, leading zeros or other numbers than
/// decimal octets.
pub(crate) fn parse(text: &str) -> Result<IpNet, AddressError> {
    let (address, prefix) = match text.split_once('/') {
        Some((address, prefix)) => (address, Some(prefix)),
        None => (text, None),
    };
    if address.contains('%') {
        return Err(AddressError::Zone);
    }
    let address: IpAddr = address.parse().map_err(|_| AddressError::Address)?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let prefix = prefix.map_or(Ok(most), |prefix| length(prefix, most))?;
    let net = match address {
        IpAddr::V4(address) => v4(address, prefix),
        IpAddr::V6(address) => match address.to_ipv4_mapped() {
            Some(_) if prefix < 96 => return Err(AddressError::Mapped),
            Some(mapped) => v4(mapped, prefix - 96),
            None => v6(address, prefix),
        },
    };
    net.map(|net| net.trunc())
        .ok_or(AddressError::Prefix { most })
}

fn v4(address: Ipv4Addr, prefix: u8) -> Option<IpNet> {
    Ipv4Net::new(address, prefix).ok().map(IpNet::V4)
}

fn v6(address: Ipv6Addr, prefix: u8) -> Option<IpNet> {
    Ipv6Net::new(address, prefix).ok().map(IpNet::V6)
}

fn length(text: &str, most: u8) -> Result<u8, AddressError> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit())
        && (text.len() == 1 || !text.starts_with('0'));
    text.parse()
        .ok()
        .filter(|length| plain && *length <= most)
        .ok_or(AddressError::Prefix { most })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_network_are_one_network() {
        for (text, canonical) in [
            ("203.0.113.7", "203.0.113.7/32"),
            ("203.0.113.7/32", "203.0.113.7/32"),
            ("::ffff:203.0.113.7", "203.0.113.7/32"),
            ("::FFFF:cb00:7107/128", "203.0.113.7/32"),
            ("203.0.113.7/24", "203.0.113.0/24"),
            ("::ffff:203.0.113.7/120", "203.0.113.0/24"),
            ("0.0.0.0/0", "0.0.0.0/0"),
            ("2001:DB8:0::1", "2001:db8::1/128"),
            ("2001:db8::ffff/32", "2001:db8::/32"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(parse(text).unwrap().to_string(), canonical, "{text}");
        }
    }

    #[test]
    fn nothing_is_guessed() {
        for text in [
            "",
            " ",
            "1",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "1.2.3.4 ",
            " 1.2.3.4",
            "1.2.3.4:80",
            "0x7f.0.0.1",
            "2130706433",
            "１.2.3.4",
            "1.2.3.4-9",
            "1.2.3.*",
            "*",
            "example.com",
            "[2001:db8::1]",
            "2001:db8::1::",
            "1:2:3:4:5:6:7",
            "12345::",
            "1.2.3.4\u{0}",
        ] {
            assert_eq!(parse(text), Err(AddressError::Address), "{text:?}");
        }
        for text in [
            "1.2.3.4/",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.4/+8",
            "1.2.3.4/08",
            "1.2.3.4/8/8",
            "1.2.3.4/ 8",
            "1.2.3.4/255.255.255.0",
            "1.2.3.4/256",
        ] {
            assert_eq!(
                parse(text),
                Err(AddressError::Prefix { most: 32 }),
                "{text:?}"
            );
        }
        assert_eq!(parse("::1/129"), Err(AddressError::Prefix { most: 128 }));
        assert_eq!(parse("fe80::1%eth0"), Err(AddressError::Zone));
        assert_eq!(parse("::ffff:1.2.3.4/95"), Err(AddressError::Mapped));
    }
}
