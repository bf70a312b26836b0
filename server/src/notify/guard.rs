//! Which addresses a notification may be sent to. Whoever names a destination could otherwise make the server ask what
//! only it can reach: itself, its neighbours, a cloud's metadata.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use crate::actions::critical_range;

/// Ranges that no service on the Internet has, beside those that no client there has.
const RANGES: [(IpNet, &str); 7] = [
    (v4([192, 0, 0, 0], 24), "for protocols"),
    (v4([192, 88, 99, 0], 24), "a relay of 6to4"),
    (v4([198, 18, 0, 0], 15), "for benchmarks"),
    (v4([240, 0, 0, 0], 4), "reserved"),
    (v6([0x64, 0xff9b, 1, 0], 48), "translated locally"),
    (v6([0x0100, 0, 0, 0], 64), "discarded"),
    (v6([0xfec0, 0, 0, 0], 10), "site-local"),
];

const fn v4(octets: [u8; 4], prefix: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(start: [u16; 4], prefix: u8) -> IpNet {
    let [a, b, c, d] = start;
    let address = Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0);
    IpNet::V6(Ipv6Net::new_assert(address, prefix))
}

/// Why this is no address of the Internet.
pub(super) fn internal(address: IpAddr) -> Option<String> {
    let address = address.to_canonical();
    let net = IpNet::from(address);
    let known = RANGES.iter().find(|(range, _)| range.contains(&net));
    let found = known.map(|(range, name)| format!("is {name} ({range})"));
    found.or_else(|| critical_range(&net)).or_else(|| {
        let IpAddr::V6(address) = address else {
            return None;
        };
        let inner = internal(embedded(address)?.into())?;
        Some(format!("leads to an address that {inner}"))
    })
}

/// The IPv4 address that a translator takes out of this one.
fn embedded(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let of = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match [a, b, c, d, e, f] {
        // IPv4-compatible, and NAT64.
        [0, 0, 0, 0, 0, 0] | [0x64, 0xff9b, 0, 0, 0, 0] => Some(of(g, h)),
        // 6to4.
        [0x2002, high, low, ..] => Some(of(high, low)),
        // Teredo hides the client's address by inverting it.
        [0x2001, 0, ..] => Some(of(!g, !h)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_inside_are_known_in_every_form() {
        for text in [
            "0.0.0.0",
            "127.0.0.1",
            "127.8.9.10",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "192.0.0.8",
            "198.19.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "100::1",
            "::ffff:127.0.0.1",
            "::ffff:169.254.169.254",
            "::127.0.0.1",
            "64:ff9b::10.0.0.1",
            "64:ff9b:1::10.0.0.1",
            "2002:7f00:1::",
            "2001:0:1:2:3:4:80ff:fffe",
        ] {
            assert!(internal(text.parse().unwrap()).is_some(), "{text}");
        }
        for text in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "203.0.113.7",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::1",
        ] {
            assert_eq!(internal(text.parse().unwrap()), None, "{text}");
        }
    }
}
