use http::HeaderValue;
use http::header::HOST;
use proptest::prelude::*;

use super::*;

const PEER: &str = "10.0.0.1";

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn policy(header: Option<&'static str>) -> ClientIpPolicy {
    let nets = ["10.0.0.0/8", "2001:db8:ffff::/48", "::ffff:192.0.2.0/120"];
    ClientIpPolicy::new(
        nets.iter().map(|net| net.parse().unwrap()).collect(),
        header.map(HeaderName::from_static),
    )
}

fn line(name: &'static str, value: &[u8]) -> (HeaderName, HeaderValue) {
    (
        HeaderName::from_static(name),
        HeaderValue::from_bytes(value).unwrap(),
    )
}

fn of<'a>(headers: &'a [(HeaderName, HeaderValue)]) -> impl Fn(&HeaderName) -> Lines<'a> {
    move |wanted| {
        let lines = headers.iter().filter(|(name, _)| name == wanted);
        lines.map(|(_, value)| value.as_bytes()).collect()
    }
}

fn resolve(header: Option<&'static str>, lines: &[(&'static str, &str)]) -> IpAddr {
    let lines: Vec<_> = lines.iter().map(|(n, v)| line(n, v.as_bytes())).collect();
    policy(header).resolve(Some(ip(PEER)), of(&lines)).unwrap()
}

#[test]
fn unknown_peer_is_unknown_whatever_the_headers_say() {
    let headers = [line("x-forwarded-for", b"8.8.8.8")];
    assert_eq!(policy(None).resolve(None, of(&headers)), None);
    assert_eq!(ClientIpPolicy::default().resolve(None, of(&headers)), None);
}

#[test]
fn loopback_and_private_peers_are_not_trusted_by_themselves() {
    let headers = [line("x-forwarded-for", b"8.8.8.8")];
    for peer in ["127.0.0.1", "::1", "10.0.0.1", "192.168.1.1", "fd00::1"] {
        let resolved = ClientIpPolicy::default().resolve(Some(ip(peer)), of(&headers));
        assert_eq!(resolved, Some(ip(peer)));
    }
}

#[test]
fn mapped_peers_and_networks_are_ipv4() {
    let headers = [line("x-forwarded-for", b"8.8.8.8")];
    // A dual-stack listener reports the trusted 10.0.0.1 as a mapped address.
    let resolved = policy(None).resolve(Some(ip("::ffff:10.0.0.1")), of(&headers));
    assert_eq!(resolved, Some(ip("8.8.8.8")));
    // A mapped network covers the IPv4 peers it means, and no others.
    let resolved = policy(None).resolve(Some(ip("192.0.2.7")), of(&headers));
    assert_eq!(resolved, Some(ip("8.8.8.8")));
    let resolved = policy(None).resolve(Some(ip("::ffff:192.0.3.7")), of(&headers));
    assert_eq!(resolved, Some(ip("192.0.3.7")));
}

#[test]
fn spoofing_attempts_resolve_to_the_true_address() {
    let many_hops = format!("6.6.6.6, {}", ["10.0.0.9"; MAX_ENTRIES].join(", "));
    let long_entry = format!("6.6.6.6, {}8.8.8.8", " ".repeat(MAX_ENTRY_BYTES));
    let long_prefix = format!("{}, 8.8.8.8", "6".repeat(8_000));
    let commas = format!("6.6.6.6{}", ",".repeat(MAX_ENTRIES));
    let cases: &[(&[(&'static str, &str)], &str)] = &[
        // The client writes on the left; the proxy appends on the right.
        (&[("x-forwarded-for", "6.6.6.6, 8.8.8.8")], "8.8.8.8"),
        (
            &[("x-forwarded-for", "10.0.0.2, 6.6.6.6, 8.8.8.8, 10.0.0.3")],
            "8.8.8.8",
        ),
        (&[("x-forwarded-for", "127.0.0.1, 8.8.8.8")], "8.8.8.8"),
        // Two lines are one list, and the proxy's is the last.
        (
            &[
                ("x-forwarded-for", "6.6.6.6"),
                ("x-forwarded-for", "8.8.8.8"),
            ],
            "8.8.8.8",
        ),
        (
            &[
                ("x-forwarded-for", "6.6.6.6"),
                ("host", "h"),
                ("x-forwarded-for", "8.8.8.8, 10.0.0.3"),
            ],
            "8.8.8.8",
        ),
        (
            &[
                ("x-forwarded-for", "8.8.8.8"),
                ("x-forwarded-for", "10.0.0.3"),
            ],
            "8.8.8.8",
        ),
        // Nothing left of a lie is believed.
        (&[("x-forwarded-for", "6.6.6.6, garbage")], PEER),
        (
            &[("x-forwarded-for", "6.6.6.6, garbage, 10.0.0.3")],
            "10.0.0.3",
        ),
        (
            &[("x-forwarded-for", "6.6.6.6, unknown, 10.0.0.4, 10.0.0.3")],
            "10.0.0.4",
        ),
        (&[("x-forwarded-for", "6.6.6.6, _hidden")], PEER),
        (&[("x-forwarded-for", "6.6.6.6, 8.8.8.8 8.8.4.4")], PEER),
        // All of them trusted: the left-most.
        (&[("x-forwarded-for", "10.0.0.4, 10.0.0.3")], "10.0.0.4"),
        (&[("x-forwarded-for", "10.0.0.4")], "10.0.0.4"),
        // Empty entries say nothing.
        (&[("x-forwarded-for", "6.6.6.6, 8.8.8.8, ,")], "8.8.8.8"),
        (&[("x-forwarded-for", ",,8.8.8.8")], "8.8.8.8"),
        (
            &[("x-forwarded-for", ""), ("x-real-ip", "8.8.8.8")],
            "8.8.8.8",
        ),
        (&[("x-forwarded-for", " , ")], PEER),
        // The limits end the walk at the last good hop.
        (&[("x-forwarded-for", &many_hops)], "10.0.0.9"),
        (&[("x-forwarded-for", &long_entry)], PEER),
        (&[("x-forwarded-for", &long_prefix)], "8.8.8.8"),
        (&[("x-forwarded-for", &commas)], PEER),
        // Headers that disagree: what the proxy surely wrote wins, and they are not mixed.
        (
            &[("forwarded", "for=6.6.6.6"), ("x-forwarded-for", "8.8.8.8")],
            "8.8.8.8",
        ),
        (
            &[("x-real-ip", "6.6.6.6"), ("x-forwarded-for", "8.8.8.8")],
            "8.8.8.8",
        ),
        (
            &[("x-real-ip", "6.6.6.6"), ("forwarded", "for=8.8.8.8")],
            "8.8.8.8",
        ),
        (
            &[("x-real-ip", "6.6.6.6"), ("x-forwarded-for", "garbage")],
            PEER,
        ),
        // X-Real-IP holds one address.
        (&[("x-real-ip", "8.8.8.8")], "8.8.8.8"),
        (&[("x-real-ip", "6.6.6.6, 8.8.8.8")], PEER),
        (&[("x-real-ip", "6.6.6.6"), ("x-real-ip", "8.8.8.8")], PEER),
        (&[("x-real-ip", "")], PEER),
        // Other headers that old agents believed say nothing.
        (
            &[
                ("x-client-ip", "6.6.6.6"),
                ("via", "6.6.6.6"),
                ("x-cluster-client-ip", "6.6.6.6"),
            ],
            PEER,
        ),
        (&[], PEER),
        // Forwarded: an unclosed quote does not swallow what the proxy appended.
        (&[("forwarded", "for=\"6.6.6.6, for=8.8.8.8")], "8.8.8.8"),
        (
            &[("forwarded", "for=\"6.6.6.6\\, for=\"[2001:db8::1]:80\"")],
            "2001:db8::1",
        ),
        (
            &[("forwarded", "for=6.6.6.6, for=\"x, for=10.0.0.3")],
            "10.0.0.3",
        ),
        (
            &[("forwarded", "for=6.6.6.6"), ("forwarded", "for=8.8.8.8")],
            "8.8.8.8",
        ),
        (
            &[("forwarded", "for=6.6.6.6, for=unknown, for=10.0.0.3")],
            "10.0.0.3",
        ),
        (&[("forwarded", "for=6.6.6.6, for=_obfuscated")], PEER),
        (&[("forwarded", "for=6.6.6.6, proto=https")], PEER),
        (&[("forwarded", "for=6.6.6.6;for=8.8.8.8")], PEER),
        (&[("forwarded", "for=6.6.6.6, 8.8.8.8")], PEER),
    ];
    for (lines, expected) in cases {
        assert_eq!(resolve(None, lines), ip(expected), "{lines:?}");
    }
}

#[test]
fn addresses_in_every_spelling() {
    let cases = [
        ("1.2.3.4", "1.2.3.4"),
        ("1.2.3.4:5678", "1.2.3.4"),
        ("1.2.3.4:0", "1.2.3.4"),
        ("1.2.3.4:_port", "1.2.3.4"),
        ("  1.2.3.4\t", "1.2.3.4"),
        ("\"1.2.3.4\"", "1.2.3.4"),
        ("\"1.2.3.4:80\"", "1.2.3.4"),
        ("\" 1.2.3.4 \"", "1.2.3.4"),
        ("\"1\\.2.3\\.4\"", "1.2.3.4"),
        ("2001:db8::1", "2001:db8::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("\"[2001:db8::1]:443\"", "2001:db8::1"),
        ("fe80::1%eth0", "fe80::1"),
        ("[fe80::1%25eth0]:443", "fe80::1"),
        ("::ffff:1.2.3.4", "1.2.3.4"),
        ("::FFFF:102:304", "1.2.3.4"),
        ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ("::1", "::1"),
    ];
    for (spelling, expected) in cases {
        let found = resolve(None, &[("x-forwarded-for", spelling)]);
        assert_eq!(found, ip(expected), "{spelling}");
    }
}

#[test]
fn what_is_not_an_address_is_not_believed() {
    let cases = r##"1.2.3 | 1.2.3.4.5 | 01.2.3.4 | 0x1.2.3.4 | 16909060 | 256.1.1.1 | 1.2.3.4: |
        1.2.3.4:99999 | 1.2.3.4:-1 | 1.2.3.4:+1 | 1.2.3.4:_ | 1.2.3.4/32 | 1.2.3.4%eth0 |
        [1.2.3.4] | [2001:db8::1 | 2001:db8::1] | [2001:db8::1]443 | [2001:db8::1]:x | fe80::1% |
        ::ffff:1.2.3.4:80 | 2001:db8::g | : | [] | []:80 | " | "1.2.3.4 | 1.2.3.4" | "1.2.3.4\" |
        localhost | unknown | for=1.2.3.4 | 1.2.3.4;5.6.7.8 | unix:"##;
    for garbage in cases.split('|').map(str::trim) {
        assert_eq!(
            resolve(None, &[("x-forwarded-for", garbage)]),
            ip(PEER),
            "{garbage}"
        );
    }
    let headers = [line("x-forwarded-for", b"6.6.6.6, \xff\xfe")];
    let resolved = policy(None).resolve(Some(ip(PEER)), of(&headers));
    assert_eq!(resolved, Some(ip(PEER)));
}

#[test]
fn forwarded_is_read_as_rfc_7239() {
    let cases = [
        ("for=1.2.3.4", "1.2.3.4"),
        ("For=1.2.3.4;by=10.0.0.1", "1.2.3.4"),
        ("proto=https;FOR=\"1.2.3.4:80\";host=example.com", "1.2.3.4"),
        ("for=\"[2001:db8:cafe::17]:4711\"", "2001:db8:cafe::17"),
        ("for=\"1\\.2.3.4\"", "1.2.3.4"),
        ("host=\"a,b;c\\\"d\";for=1.2.3.4", "1.2.3.4"),
        (
            "for=6.6.6.6, host=\"x, for=7.7.7.7\";for=1.2.3.4",
            "1.2.3.4",
        ),
        (" for=1.2.3.4 ; proto=http ;; ", "1.2.3.4"),
        ("for=6.6.6.6,for=1.2.3.4 , for=10.0.0.7", "1.2.3.4"),
        ("for=[2001:db8::1]", "2001:db8::1"),
        // Not well formed, hence not believed.
        ("for=", PEER),
        ("for", PEER),
        ("for =1.2.3.4", PEER),
        ("for=\"1.2.3.4\"x", PEER),
        ("for=1.2.3.4;proto", PEER),
        ("for=\"\"", PEER),
        ("by=1.2.3.4", PEER),
    ];
    for (value, expected) in cases {
        assert_eq!(
            resolve(None, &[("forwarded", value)]),
            ip(expected),
            "{value}"
        );
    }
}

#[test]
fn a_configured_header_is_the_only_one_read() {
    let xff = ("x-forwarded-for", "6.6.6.6");
    let set = Some("cf-connecting-ip");
    assert_eq!(
        resolve(set, &[xff, ("cf-connecting-ip", "8.8.8.8")]),
        ip("8.8.8.8")
    );
    assert_eq!(
        resolve(set, &[xff, ("cf-connecting-ip", "7.7.7.7, 8.8.8.8:1")]),
        ip("8.8.8.8")
    );
    assert_eq!(resolve(set, &[xff]), ip(PEER));
    assert_eq!(
        resolve(set, &[xff, ("cf-connecting-ip", "nonsense")]),
        ip(PEER)
    );
    assert_eq!(
        resolve(Some("forwarded"), &[xff, ("forwarded", "for=8.8.8.8")]),
        ip("8.8.8.8")
    );
    assert_eq!(policy(set).header().map(HeaderName::as_str), set);
}

fn names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "x-forwarded-for",
        "forwarded",
        "x-real-ip",
        "x-custom",
        "host",
    ])
}

fn header_bytes() -> impl Strategy<Value = Vec<u8>> {
    let noise = prop::collection::vec(prop::num::u8::ANY, 0..200);
    let alike = prop::collection::vec(
        prop::sample::select(&b"0123456789abcdef.:,;=\"\\[]%_ \tfor"[..]),
        0..120,
    );
    prop_oneof![noise, alike].prop_map(|mut bytes| {
        bytes.retain(|b| HeaderValue::from_bytes(&[*b]).is_ok());
        bytes
    })
}

fn header_lines() -> impl Strategy<Value = Vec<(HeaderName, HeaderValue)>> {
    prop::collection::vec((names(), header_bytes()), 0..6)
        .prop_map(|lines| lines.iter().map(|(n, v)| line(n, v)).collect())
}

proptest! {
    #[test]
    fn resolve_never_panics(peer in prop_oneof![any::<Option<IpAddr>>(), Just(Some(ip(PEER)))], headers in header_lines(), set in any::<bool>()) {
        let resolved = policy(set.then_some("x-custom")).resolve(peer, of(&headers));
        prop_assert_eq!(resolved.is_some(), peer.is_some());
    }

    #[test]
    fn headers_of_an_untrusted_peer_change_nothing(peer in any::<IpAddr>(), headers in header_lines()) {
        prop_assume!(!policy(None).trusts(peer.to_canonical()));
        let expected = Some(peer.to_canonical());
        prop_assert_eq!(policy(None).resolve(Some(peer), of(&headers)), expected);
        prop_assert_eq!(policy(Some("x-custom")).resolve(Some(peer), of(&headers)), expected);
    }

    #[test]
    fn what_a_client_prepends_changes_nothing(
        client in any::<IpAddr>(),
        spoof in header_bytes(),
        other_line in any::<bool>(),
        forwarded in any::<bool>(),
    ) {
        let client = client.to_canonical();
        prop_assume!(!policy(None).trusts(client));
        let (name, own) = if forwarded {
            ("forwarded", format!("for=\"{}\";proto=https, for=10.0.0.2", match client {
                IpAddr::V4(ip) => ip.to_string(),
                IpAddr::V6(ip) => format!("[{ip}]:443"),
            }))
        } else {
            ("x-forwarded-for", format!("{client}, 10.0.0.2"))
        };
        let headers = if other_line {
            vec![line(name, &spoof), (HOST, HeaderValue::from_static("h")), line(name, own.as_bytes())]
        } else {
            vec![line(name, &[&spoof, &b", "[..], own.as_bytes()].concat())]
        };
        prop_assert_eq!(policy(None).resolve(Some(ip(PEER)), of(&headers)), Some(client));
    }

    #[test]
    fn mapped_is_the_same_as_ipv4(
        peer in prop_oneof![any::<Ipv4Addr>(), Just(Ipv4Addr::new(10, 0, 0, 1))],
        claim in any::<Ipv4Addr>(),
    ) {
        let plain = [line("x-forwarded-for", claim.to_string().as_bytes())];
        let mapped = [line("x-forwarded-for", format!("[{}]:1", claim.to_ipv6_mapped()).as_bytes())];
        let expected = policy(None).resolve(Some(IpAddr::V4(peer)), of(&plain));
        let peer = Some(IpAddr::V6(peer.to_ipv6_mapped()));
        prop_assert_eq!(policy(None).resolve(peer, of(&plain)), expected);
        prop_assert_eq!(policy(None).resolve(peer, of(&mapped)), expected);
    }
}
