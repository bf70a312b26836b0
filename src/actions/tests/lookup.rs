use super::*;

#[test]
fn without_actions_nobody_meets_any() {
    let fixture = Fixture::new();
    assert!(!fixture.updater.enforced().any());
    assert_eq!(fixture.ip("192.0.2.1"), "-");
    assert_eq!(fixture.user([("uid", "7")]), "-");
    assert!(!fixture.allows("192.0.2.1", "/"));
    assert_eq!(fixture.live(), 0);
}

#[test]
fn a_hit_tells_all_of_its_action() {
    let mut user = block_user("bu", &json!([{"uid": 7}]));
    user.action = "redirect_user".to_owned();
    user.parameters.url = Some("https://example.com/sorry?why=abuse".to_owned());
    user.dry_run = true;
    let fixture = Fixture::with(&[block("bi", &["192.0.2.1"]), user]);
    let enforced = fixture.updater.enforced();
    let snapshot = enforced.load();

    let ip = snapshot.by_ip("192.0.2.1".parse().unwrap(), Instant::now);
    let ip = ip.unwrap();
    assert_eq!(ip.kind, ActionKind::BlockIp);
    assert_eq!(ip.kind.event(), "sq.action.block_ip");
    assert_eq!((ip.action_id(), ip.url()), ("bi", None));
    assert!(ip.reported() && !ip.dry_run);

    let user = UserIdentifiers::from([("uid", "7")]);
    let user = snapshot.by_user(&user, Instant::now).unwrap();
    assert_eq!(user.kind, ActionKind::RedirectUser);
    assert_eq!(user.kind.event(), "sq.action.redirect_user");
    assert_eq!(user.action_id(), "bu");
    assert_eq!(user.url(), Some("https://example.com/sorry?why=abuse"));
    assert!(!user.reported() && user.dry_run);
}

#[test]
fn the_longest_network_in_force_wins() {
    let mut fixture = Fixture::with(&[
        block("all", &["0.0.0.0/0"]),
        lasting(30.0, block("8", &["10.0.0.0/8"])),
        lasting(20.0, redirect("24", &["10.1.2.0/24"])),
        lasting(10.0, block("32", &["10.1.2.3"])),
        block("six", &["2001:db8::/32"]),
        lasting(10.0, block("128", &["2001:db8::1"])),
    ]);
    assert_eq!(fixture.ip("10.1.2.3"), "32");
    assert_eq!(fixture.ip("10.1.2.4"), "24 to https://example.com/");
    assert_eq!(fixture.ip("10.1.3.3"), "8");
    assert_eq!(fixture.ip("11.0.0.0"), "all");
    assert_eq!(fixture.ip("2001:db8::1"), "128");
    assert_eq!(fixture.ip("2001:db8::2"), "six");
    assert_eq!(fixture.ip("2001:db9::"), "-");

    fixture.wait(9.999);
    assert_eq!(fixture.ip("10.1.2.3"), "32");
    fixture.wait(0.001);
    assert_eq!(fixture.ip("10.1.2.3"), "24 to https://example.com/");
    assert_eq!(fixture.ip("2001:db8::1"), "six");
    fixture.wait(10.0);
    assert_eq!(fixture.ip("10.1.2.3"), "8");
    fixture.wait(10.0);
    assert_eq!(fixture.ip("10.1.2.3"), "all");
    assert_eq!(fixture.live(), 2);
}

#[test]
fn the_end_is_exact_however_far_it_is() {
    let day = 86_400.0;
    let mut fixture = Fixture::with(&[
        lasting(0.000_1, block("short", &["192.0.2.1"])),
        lasting(50.0 * day, block("long", &["192.0.2.2"])),
        lasting(1e300, block("endless", &["192.0.2.3"])),
    ]);
    assert_eq!(fixture.ip("192.0.2.1"), "short");
    fixture.wait(0.001);
    assert_eq!(fixture.ip("192.0.2.1"), "-");
    fixture.wait(50.0 * day - 0.002);
    assert_eq!(fixture.ip("192.0.2.2"), "long");
    fixture.wait(0.001);
    assert_eq!(fixture.ip("192.0.2.2"), "-");
    assert_eq!(fixture.ip("192.0.2.3"), "endless");
    // What is left of it counts from a new table.
    let later = lasting(10.0, block("later", &["192.0.2.4"]));
    fixture.change(&[later], &[]).unwrap();
    fixture.updater.tidy(fixture.now);
    fixture.wait(9.999);
    assert_eq!(fixture.ip("192.0.2.4"), "later");
    fixture.wait(0.001);
    assert_eq!(fixture.ip("192.0.2.4"), "-");
}

#[test]
fn v4_mapped_is_v4() {
    let fixture = Fixture::with(&[
        block("v4", &["192.0.2.1"]),
        block("mapped", &["::ffff:198.51.100.0/120"]),
        block("v6", &["::/0"]),
    ]);
    assert_eq!(fixture.ip("::ffff:192.0.2.1"), "v4");
    assert_eq!(fixture.ip("198.51.100.7"), "mapped");
    assert_eq!(fixture.ip("::ffff:198.51.100.7"), "mapped");
    // No IPv6 network holds an IPv4 address.
    assert_eq!(fixture.ip("203.0.113.1"), "-");
    assert_eq!(fixture.ip("::ffff:203.0.113.1"), "-");
    assert_eq!(fixture.ip("2001:db8::1"), "v6");
}

#[test]
fn on_one_network_a_block_goes_first_and_then_what_lasts() {
    let network = &["192.0.2.0/24"];
    let mut fixture = Fixture::with(&[
        redirect("redirect", network),
        lasting(10.0, block("short", network)),
        lasting(30.0, block("long", network)),
        lasting(20.0, block("middle", network)),
    ]);
    assert_eq!(fixture.ip("192.0.2.1"), "long");
    fixture.change(&[], &["long"]).unwrap();
    assert_eq!(fixture.ip("192.0.2.1"), "middle");
    fixture.wait(20.0);
    assert_eq!(fixture.ip("192.0.2.1"), "redirect to https://example.com/");
}

#[test]
fn a_dry_run_never_weakens_what_is_enforced() {
    let mut fixture = Fixture::with(&[
        lasting(10.0, redirect("enforced", &["10.0.0.0/8"])),
        dry(block("tried", &["10.1.2.3"])),
        lasting(
            10.0,
            matching_any(block_user("user", &json!([{"uid": "7"}]))),
        ),
        dry(block_user("tried user", &json!([{"uid": "7"}]))),
    ]);
    assert_eq!(fixture.ip("10.1.2.3"), "enforced to https://example.com/");
    assert_eq!(fixture.user([("uid", "7")]), "user");
    fixture.wait(10.0);
    assert_eq!(fixture.ip("10.1.2.3"), "tried dry");
    assert_eq!(fixture.user([("uid", "7")]), "tried user dry");
    assert_eq!(fixture.ip("10.1.2.4"), "-");
}

#[test]
fn a_pack_may_be_a_dry_run_as_a_whole() {
    let mut fixture = Fixture::new();
    let actions = [
        block("ip", &["192.0.2.1"]),
        block_user("user", &json!([{"uid": "7"}])),
    ];
    let loaded = fixture.load_all(&actions, &Allowlist::default(), true);
    loaded.unwrap();
    assert_eq!(fixture.ip("192.0.2.1"), "ip dry");
    assert_eq!(fixture.user([("uid", "7")]), "user dry");
    // It stays so with changes, until the next pack.
    fixture
        .change(&[block("new", &["192.0.2.2"])], &[])
        .unwrap();
    assert_eq!(fixture.ip("192.0.2.2"), "new dry");
    fixture.load(&actions).unwrap();
    assert_eq!(fixture.ip("192.0.2.1"), "ip");
}

#[test]
fn users_are_never_confused() {
    let blocked = block_user(
        "b",
        &json!([{"a": "x", "b": "y"}, {"uid": 42}, {"k": "v\u{ff}w"}]),
    );
    let fixture = Fixture::with(&[blocked]);
    for same in [
        UserIdentifiers::from([("a", "x"), ("b", "y")]),
        UserIdentifiers::from([("b", "y"), ("a", "x")]),
        UserIdentifiers::from([("uid", "42")]),
        UserIdentifiers::from([("k", "v\u{ff}w")]),
    ] {
        assert_eq!(fixture.user(&same), "b", "{same:?}");
    }
    for other in [
        UserIdentifiers::from([("a", "y"), ("b", "x")]),
        UserIdentifiers::from([("b", "x"), ("a", "y")]),
        UserIdentifiers::from([("a", "b"), ("x", "y")]),
        UserIdentifiers::from([("a", "xb"), ("y", "")]),
        UserIdentifiers::from([("a", "x")]),
        UserIdentifiers::from([("b", "y")]),
        UserIdentifiers::from([("a", "x"), ("b", "y"), ("c", "z")]),
        UserIdentifiers::from([("ax", "by")]),
        UserIdentifiers::from([("uid", "042")]),
        UserIdentifiers::from([("uid", "42.0")]),
        UserIdentifiers::from([("UID", "42")]),
        UserIdentifiers::from([("k", "v"), ("w", "")]),
        UserIdentifiers::default(),
    ] {
        assert_eq!(fixture.user(&other), "-", "{other:?}");
    }
}

#[test]
fn any_identifier_is_enough_where_the_action_says_so() {
    let mut fixture = Fixture::with(&[
        matching_any(lasting(
            10.0,
            block_user("any", &json!([{"email": "e", "uid": "7"}, {"uid": "8"}])),
        )),
        lasting(20.0, block_user("exact", &json!([{"uid": "7"}]))),
    ]);
    assert_eq!(fixture.user([("email", "e")]), "any");
    assert_eq!(fixture.user([("email", "e"), ("uid", "9")]), "any");
    assert_eq!(fixture.user([("tenant", "t"), ("uid", "8")]), "any");
    // Of the two, what lasts.
    assert_eq!(fixture.user([("uid", "7")]), "exact");
    assert_eq!(fixture.user([("uid", "9")]), "-");
    // Key and value belong together.
    assert_eq!(fixture.user([("email", "7"), ("uid", "e")]), "-");
    fixture.wait(10.0);
    assert_eq!(fixture.user([("email", "e")]), "-");
    assert_eq!(fixture.user([("uid", "7")]), "exact");
}

#[test]
fn the_allow_list_holds_networks_and_beginnings_of_paths() {
    let mut fixture = Fixture::new();
    let allowlist = Allowlist {
        ips: [
            "10.0.0.0/8",
            "10.1.0.0/16",
            "::ffff:192.0.2.1",
            "2001:db8::/32",
        ]
        .map(str::to_owned)
        .into(),
        paths: ["/health", "/health/live", "/static/", "/ä"]
            .map(str::to_owned)
            .into(),
    };
    let actions = [block("all", &["0.0.0.0/0", "::/0"])];
    fixture.load_all(&actions, &allowlist, false).unwrap();
    for ip in [
        "10.0.0.0",
        "10.1.2.3",
        "10.255.255.255",
        "192.0.2.1",
        "2001:db8::7",
    ] {
        assert!(fixture.allows(ip, "/"), "{ip}");
    }
    assert!(fixture.allows("::ffff:10.0.0.1", "/"));
    for ip in ["9.255.255.255", "11.0.0.0", "192.0.2.2", "2001:db9::"] {
        assert!(!fixture.allows(ip, "/"), "{ip}");
    }
    for path in [
        "/health",
        "/health/live/x",
        "/healthy",
        "/static/app.js",
        "/ä/b",
    ] {
        assert!(fixture.allows("192.0.2.9", path), "{path}");
        assert!(fixture.allows("no address", path), "{path}");
    }
    for path in [
        "",
        "/",
        "/heal",
        "/Health",
        "/static",
        "/x/health",
        "/å",
        "*",
    ] {
        assert!(!fixture.allows("192.0.2.9", path), "{path}");
    }
    // Changes leave it; the next pack replaces it.
    fixture.change(&[], &["all"]).unwrap();
    assert!(fixture.allows("10.0.0.1", "/"));
    fixture.load(&actions).unwrap();
    assert!(!fixture.allows("10.0.0.1", "/health"));
}
