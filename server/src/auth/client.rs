//! Where a request comes from.

use std::net::{IpAddr, SocketAddr};

use axum::extract::ConnectInfo;
use axum::http::{Extensions, HeaderMap};
use ipnet::IpNet;

/// The client of a request, through trusted proxies alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Client {
    /// None where the server was not told of its connections.
    pub(crate) ip: Option<IpAddr>,
    /// Whether it came by TLS, to this server or to a trusted proxy.
    pub(crate) secure: bool,
}

impl Client {
    /// `https` says that the server itself is reached by TLS alone.
    pub(crate) fn of(
        extensions: &Extensions,
        headers: &HeaderMap,
        trusted: &[IpNet],
        https: bool,
    ) -> Self {
        let peer = extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map(|ConnectInfo(address)| address.ip().to_canonical());
        let is_trusted = |ip: IpAddr| trusted.iter().any(|net| net.contains(&ip));
        let Some(proxy) = peer.filter(|peer| is_trusted(*peer)) else {
            return Self {
                ip: peer,
                secure: https,
            };
        };
        // Each proxy appends whom it heard: from the right, the first that is no proxy of ours is the client.
        let mut ip = proxy;
        for text in listed(headers, "x-forwarded-for").rev() {
            let Some(address) = address(text) else {
                break;
            };
            ip = address;
            if !is_trusted(address) {
                break;
            }
        }
        let proto = listed(headers, "x-forwarded-proto").next_back();
        Self {
            ip: Some(ip),
            secure: https || proto.is_some_and(|proto| proto.eq_ignore_ascii_case("https")),
        }
    }
}

/// The items of all headers of this name.
fn listed<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> impl DoubleEndedIterator<Item = &'a str> {
    let values = headers.get_all(name).iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}

/// An address, also with a port.
fn address(text: &str) -> Option<IpAddr> {
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let address = bare.parse().ok();
    let address = address.or_else(|| text.parse().ok().map(|address: SocketAddr| address.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(peer: &str, headers: &[(&'static str, &'static str)]) -> (String, bool) {
        let mut extensions = Extensions::new();
        let peer: SocketAddr = peer.parse().unwrap();
        extensions.insert(ConnectInfo(peer));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().unwrap());
        }
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let client = Client::of(&extensions, &map, &trusted, false);
        (client.ip.unwrap().to_string(), client.secure)
    }

    #[test]
    fn only_trusted_proxies_say_who_the_client_is() {
        let forwarded = [
            ("x-forwarded-for", "192.0.2.1, 198.51.100.7"),
            ("x-forwarded-for", "10.0.0.2"),
            ("x-forwarded-proto", "https"),
        ];
        for (peer, ip, secure) in [
            ("203.0.113.9:1", "203.0.113.9", false),
            ("10.0.0.1:1", "198.51.100.7", true),
            ("[::ffff:10.0.0.1]:1", "198.51.100.7", true),
        ] {
            assert_eq!(client(peer, &forwarded), (ip.to_owned(), secure), "{peer}");
        }
        for (header, ip) in [
            ("", "10.0.0.1"),
            ("unknown", "10.0.0.1"),
            ("192.0.2.1, nonsense, 10.0.0.3", "10.0.0.3"),
            ("192.0.2.1:4711", "192.0.2.1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("10.0.0.9", "10.0.0.9"),
        ] {
            let (found, _) = client("10.0.0.1:1", &[("x-forwarded-for", header)]);
            assert_eq!(found, ip, "{header}");
        }
        let last = [("x-forwarded-proto", "https, http")];
        assert!(!client("10.0.0.1:1", &last).1);
    }
}
