//! Lists of addresses and networks.

use std::net::IpAddr;

use crate::actions::parse_network;

/// The most characters of a line that are told.
const TOLD: usize = 64;

/// Which addresses are on a list.
#[derive(Debug)]
pub(super) struct List {
    /// From and to, both inclusive, in order and apart.
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
    lines: u64,
}

impl List {
    /// Reads a list: an address or a network a line, `#` before comments.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let text = std::str::from_utf8(bytes).map_err(|error| {
            let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
            format!(
                "line {}: not UTF-8",
                1 + before.iter().filter(|byte| **byte == b'\n').count()
            )
        })?;
        let (mut v4, mut v6, mut lines) = (Vec::new(), Vec::new(), 0);
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.split_once('#').map_or(line, |(line, _)| line).trim();
            if line.is_empty() {
                continue;
            }
            let net = parse_network(line).map_err(|error| {
                let told: String = line.chars().take(TOLD).collect();
                format!("line {number}: {told:?}: {error}")
            })?;
            lines += 1;
            match (net.network(), net.broadcast()) {
                (IpAddr::V4(from), IpAddr::V4(to)) => v4.push((from.into(), to.into())),
                (IpAddr::V6(from), IpAddr::V6(to)) => v6.push((from.into(), to.into())),
                // A network is of one family.
                _ => {}
            }
        }
        merge(&mut v4);
        merge(&mut v6);
        Ok(Self { v4, v6, lines })
    }

    /// How many addresses and networks it was read from.
    pub(super) fn lines(&self) -> u64 {
        self.lines
    }

    /// Says whether the address, in its canonical form, is on it.
    pub(super) fn contains(&self, ip: IpAddr) -> bool {
        match ip {
            IpAddr::V4(ip) => is_within(&self.v4, ip.into()),
            IpAddr::V6(ip) => is_within(&self.v6, ip.into()),
        }
    }
}

/// Puts ranges in order, and makes one of those that overlap.
fn merge<T: Ord + Copy>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|(from, to), (_, until)| {
        let overlap = from <= until;
        if overlap {
            *until = (*until).max(*to);
        }
        overlap
    });
    ranges.shrink_to_fit();
}

fn is_within<T: Ord + Copy>(ranges: &[(T, T)], ip: T) -> bool {
    let after = ranges.partition_point(|(from, _)| *from <= ip);
    let last = after.checked_sub(1).and_then(|at| ranges.get(at));
    last.is_some_and(|(_, to)| ip <= *to)
}

#[cfg(test)]
mod tests {
    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_holds_what_its_lines_say() {
        let text = "# exits\n\n 192.0.2.7 # one\r\n198.51.100.0/24\n198.51.100.128/25\n2001:db8::/32\n\
            ::ffff:203.0.113.9\n255.255.255.255";
        let list = List::parse(text.as_bytes()).unwrap();
        assert_eq!(list.lines(), 6);
        for (ip, is_on) in [
            ("192.0.2.6", false),
            ("192.0.2.7", true),
            ("192.0.2.8", false),
            ("198.51.100.0", true),
            ("198.51.100.255", true),
            ("198.51.101.0", false),
            ("203.0.113.9", true),
            ("255.255.255.255", true),
            ("0.0.0.0", false),
            ("2001:db8:ffff::1", true),
            ("2001:db9::", false),
            ("::", false),
        ] {
            assert_eq!(list.contains(ip.parse().unwrap()), is_on, "{ip}");
        }
        assert!(!List::parse(b"").unwrap().contains([0, 0, 0, 0].into()));
    }

    #[test]
    fn a_bad_line_is_told() {
        for (text, told) in [
            (
                &b"192.0.2.1\n\nx y\n"[..],
                "line 3: \"x y\": not an IPv4 or IPv6 address",
            ),
            (
                b"192.0.2.1/33",
                "line 1: \"192.0.2.1/33\": the prefix length",
            ),
            (b"# \n\xff", "line 2: not UTF-8"),
        ] {
            let error = List::parse(text).unwrap_err();
            assert!(error.starts_with(told), "{error}");
        }
    }

    proptest! {
        #[test]
        fn an_address_is_on_a_list_if_one_of_its_networks_has_it(
            nets in prop::collection::vec((any::<[u8; 2]>(), 14..=32_u8), 0..20),
            ips in prop::collection::vec(any::<[u8; 2]>(), 50),
        ) {
            let address = |[high, low]: [u8; 2]| IpAddr::from([10, high % 4, low, 0]);
            let nets: Vec<IpNet> = nets
                .into_iter()
                .map(|(bytes, length)| IpNet::new(address(bytes), length).unwrap().trunc())
                .collect();
            let text: String = nets.iter().map(|net| format!("{net}\n")).collect();
            let list = List::parse(text.as_bytes()).unwrap();
            for ip in ips.into_iter().map(address) {
                prop_assert_eq!(list.contains(ip), nets.iter().any(|net| net.contains(&ip)), "{}", ip);
            }
        }
    }
}
