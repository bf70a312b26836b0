//! Addresses that are not blocked by mistake: those of the machine, of the local network, and of the apps' proxies.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::limits::{MAX_PROXIES, MAX_PROXY_APPS};

/// The widest network that is not critical by its size.
const WIDEST_V4: u8 = 8;
/// See [`WIDEST_V4`].
const WIDEST_V6: u8 = 16;

/// Ranges that no client on the Internet has, and what they are called. Ranges for documentation are not among them.
const RANGES: [(IpNet, &str); 14] = [
    (v4([0, 0, 0, 0], 8), "unspecified"),
    (v4([10, 0, 0, 0], 8), "private"),
    (v4([100, 64, 0, 0], 10), "shared by a provider's network"),
    (v4([127, 0, 0, 0], 8), "loopback"),
    (v4([169, 254, 0, 0], 16), "link-local"),
    (v4([172, 16, 0, 0], 12), "private"),
    (v4([192, 168, 0, 0], 16), "private"),
    (v4([224, 0, 0, 0], 4), "multicast"),
    (v4([255, 255, 255, 255], 32), "broadcast"),
    (v6(Ipv6Addr::UNSPECIFIED, 128), "unspecified"),
    (v6(Ipv6Addr::LOCALHOST, 128), "loopback"),
    (v6(Ipv6Addr::new(0xfc00, 0, 0, 0, 0, 0, 0, 0), 7), "private"),
    (
        v6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0), 10),
        "link-local",
    ),
    (
        v6(Ipv6Addr::new(0xff00, 0, 0, 0, 0, 0, 0, 0), 8),
        "multicast",
    ),
];

const fn v4(octets: [u8; 4], prefix: u8) -> IpNet {
    let [a, b, c, d] = octets;
    IpNet::V4(Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix))
}

const fn v6(address: Ipv6Addr, prefix: u8) -> IpNet {
    IpNet::V6(Ipv6Net::new_assert(address, prefix))
}

/// Why the network is critical by what it is.
pub(crate) fn range(net: &IpNet) -> Option<String> {
    let widest = match net {
        IpNet::V4(_) => WIDEST_V4,
        IpNet::V6(_) => WIDEST_V6,
    };
    if net.prefix_len() < widest {
        return Some(format!("is wider than /{widest}"));
    }
    RANGES.iter().find_map(|(range, name)| {
        if range.contains(net) {
            Some(format!("is {name} ({range})"))
        } else if net.contains(range) {
            Some(format!("contains {range}, which is {name}"))
        } else {
            None
        }
    })
}

/// The addresses that passed requests on to each application.
#[derive(Debug, Default)]
pub(super) struct Proxies {
    apps: HashMap<String, App>,
}

#[derive(Debug, Default)]
struct App {
    /// When each was seen last, in sightings.
    seen: HashMap<IpAddr, u64>,
    sightings: u64,
}

impl Proxies {
    pub(super) fn note(&mut self, app: &str, proxies: impl IntoIterator<Item = IpAddr>) {
        for proxy in proxies {
            if !self.apps.contains_key(app) && self.apps.len() >= MAX_PROXY_APPS {
                return;
            }
            let app = self.apps.entry(app.to_owned()).or_default();
            app.sightings += 1;
            app.seen.insert(proxy, app.sightings);
            if app.seen.len() > MAX_PROXIES {
                let oldest = app.seen.iter().min_by_key(|(_, seen)| **seen);
                if let Some(oldest) = oldest.map(|(proxy, _)| *proxy) {
                    app.seen.remove(&oldest);
                }
            }
        }
    }

    /// Why the network is critical to the application, or to one of all.
    pub(super) fn reason(&self, app: Option<&str>, net: &IpNet) -> Option<String> {
        let apps = self
            .apps
            .iter()
            .filter(|(name, _)| app.is_none_or(|app| app == *name));
        let mut found =
            apps.flat_map(|(name, app)| app.seen.keys().map(move |proxy| (name, proxy)));
        let (name, proxy) = found.find(|(_, proxy)| net.contains(*proxy))?;
        Some(if net.prefix_len() == net.max_prefix_len() {
            format!("passes requests on to {name}: it is a proxy")
        } else {
            format!("contains {proxy}, which passes requests on to {name}")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_and_what_holds_or_lies_in_them_are_critical() {
        for text in [
            "10.1.2.3/32",
            "127.0.0.1/32",
            "192.168.0.0/24",
            "192.0.0.0/8",
            "172.31.0.0/16",
            "169.254.169.254/32",
            "0.0.0.0/32",
            "100.100.0.0/16",
            "224.0.0.1/32",
            "255.255.255.255/32",
            "0.0.0.0/0",
            "4.0.0.0/7",
            "::1/128",
            "::/128",
            "::/64",
            "fe80::1/128",
            "fd00::/8",
            "fc00::/7",
            "ff02::1/128",
            "2000::/3",
            "::/0",
        ] {
            assert!(range(&text.parse().unwrap()).is_some(), "{text}");
        }
        for text in [
            "203.0.113.7/32",
            "198.51.100.0/24",
            "192.0.2.0/24",
            "8.0.0.0/8",
            "172.32.0.0/16",
            "2001:db8::/32",
            "2600::/16",
            "2001:db8::1/128",
        ] {
            assert_eq!(range(&text.parse().unwrap()), None, "{text}");
        }
    }

    #[test]
    fn the_proxy_seen_the_longest_ago_makes_room() {
        let mut proxies = Proxies::default();
        let address = |n: u32| IpAddr::from((0x0808_0000 + n).to_be_bytes());
        let many = u32::try_from(MAX_PROXIES).unwrap();
        proxies.note("shop", (0..many).map(address));
        proxies.note("shop", [address(0), address(many)]);
        let known = |n| proxies.reason(None, &address(n).into()).is_some();
        assert!(known(0) && known(many) && !known(1));
        assert_eq!(proxies.apps["shop"].seen.len(), MAX_PROXIES);
        assert_eq!(proxies.reason(Some("blog"), &address(0).into()), None);
        let reason = proxies
            .reason(Some("shop"), &"8.8.0.0/31".parse().unwrap())
            .unwrap();
        assert!(
            reason.contains("8.8.0.0, which passes requests on to shop"),
            "{reason}"
        );
    }
}
