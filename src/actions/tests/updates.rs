use super::*;

#[test]
fn changes_put_replace_and_lift() {
    let mut fixture = Fixture::with(&[
        lasting(10.0, block("a", &["192.0.2.1", "192.0.2.2"])),
        block("b", &["192.0.2.0/24"]),
    ]);
    fixture.wait(5.0);
    // Another place, another end, counted from the change.
    let moved = lasting(10.0, redirect("a", &["192.0.2.2", "192.0.2.3"]));
    assert_eq!(fixture.change(&[moved], &[]), Ok(Followed::Applied));
    assert_eq!(fixture.ip("192.0.2.1"), "b");
    assert_eq!(fixture.ip("192.0.2.2"), "a to https://example.com/");
    assert_eq!(fixture.ip("192.0.2.3"), "a to https://example.com/");
    assert_eq!(fixture.live(), 2);
    fixture.wait(9.0);
    assert_eq!(fixture.ip("192.0.2.3"), "a to https://example.com/");
    fixture
        .change(&[block("c", &["192.0.2.3"])], &["b"])
        .unwrap();
    assert_eq!(fixture.ip("192.0.2.3"), "c");
    assert_eq!(fixture.ip("192.0.2.9"), "-");
    fixture.wait(1.0);
    assert_eq!(fixture.ip("192.0.2.2"), "-");
    assert_eq!(fixture.live(), 1);
    // Lifting what is not there is no mistake, and lifts come before puts.
    let c = block("c", &["192.0.2.4"]);
    assert_eq!(fixture.change(&[c], &["c", "x"]), Ok(Followed::Applied));
    assert_eq!(fixture.ip("192.0.2.3"), "-");
    assert_eq!(fixture.ip("192.0.2.4"), "c");
    assert_eq!(fixture.updater.state(fixture.now).version, Some(version(4)));
}

#[test]
fn what_was_in_the_shade_comes_back_when_the_better_one_is_lifted() {
    let network = &["192.0.2.0/24"];
    let mut fixture = Fixture::with(&[
        lasting(5.0, block("short", network)),
        block("long", network),
        block_user("first", &json!([{"uid": "7"}])),
        block_user("second", &json!([{"uid": "7"}])),
    ]);
    assert_eq!(fixture.ip("192.0.2.1"), "long");
    fixture.change(&[], &["long"]).unwrap();
    assert_eq!(fixture.ip("192.0.2.1"), "short");
    let best = fixture.user([("uid", "7")]);
    fixture.change(&[], &[&best]).unwrap();
    let other = fixture.user([("uid", "7")]);
    assert!(["first", "second"].contains(&&*other) && other != best);
    fixture.change(&[], &[&other]).unwrap();
    assert_eq!(fixture.user([("uid", "7")]), "-");
}

#[test]
fn the_stream_is_followed_without_gaps() {
    let mut fixture = Fixture::with(&[block("a", &["192.0.2.1"])]);
    let now = fixture.now;
    let mut follow = |change: &ActionsChange| fixture.updater.follow(change, now).unwrap();
    assert_eq!(follow(&line(1)), Followed::Current);
    let change = ActionsChange {
        put: vec![block("b", &["192.0.2.2"])],
        ..line(2)
    };
    assert_eq!(follow(&change), Followed::Applied);
    // Told again after a reconnect.
    assert_eq!(follow(&change), Followed::Current);
    assert_eq!(follow(&line(2)), Followed::Current);
    // A keepalive ahead of what came, a gap, a step back, another history, a request.
    let ahead = ActionsChange {
        lift: vec!["b".to_owned()],
        ..line(4)
    };
    let other = ActionsChange {
        epoch: "f".to_owned(),
        lift: vec!["b".to_owned()],
        ..line(3)
    };
    let asked = ActionsChange {
        reload: true,
        ..line(3)
    };
    for change in [line(3), ahead, line(1), other, asked] {
        assert_eq!(follow(&change), Followed::Reload, "{change:?}");
    }
    assert_eq!(fixture.ip("192.0.2.2"), "b");
    assert_eq!(fixture.updater.version(), Some(&version(2)));
}

#[test]
fn without_a_position_every_change_asks_for_the_pack() {
    let mut fixture = Fixture::new();
    let now = fixture.now;
    let follow = |fixture: &mut Fixture| fixture.updater.follow(&line(0), now);
    assert_eq!(follow(&mut fixture), Ok(Followed::Reload));
    let pack = Pack {
        actions: &[],
        allowlist: &Allowlist::default(),
        dry_run: false,
        version: None,
    };
    fixture.updater.load(pack, now).unwrap();
    assert_eq!(follow(&mut fixture), Ok(Followed::Reload));
}

#[test]
fn many_changes_are_merged_and_expired_actions_leave() {
    let mut fixture = Fixture::with(&[block("base", &["10.0.0.0/8"])]);
    for n in 0_u32..3_000 {
        let ip = std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).to_string();
        let seconds = if n % 2 == 0 { 1.0 } else { 100.0 };
        let put = lasting(seconds, block(&format!("a{n}"), &[&ip]));
        let lift = n.checked_sub(10).map(|n| format!("a{n}"));
        let lift: Vec<&str> = lift.as_deref().into_iter().collect();
        let lift = if n % 3 == 0 { lift.as_slice() } else { &[] };
        fixture.change(&[put], lift).unwrap();
    }
    let meets = |fixture: &Fixture, n: u32| {
        fixture.ip(&std::net::Ipv4Addr::from_bits(0x0a00_0000 + n).to_string())
    };
    // 2990 was lifted with 3000, which never came; 2987 with 2997.
    assert_eq!(meets(&fixture, 2_990), "a2990");
    assert_eq!(meets(&fixture, 2_987), "base");
    assert_eq!(fixture.live(), 1 + 3_000 - 996);
    fixture.wait(1.0);
    assert_eq!(meets(&fixture, 2_990), "base");
    assert_eq!(meets(&fixture, 2_989), "a2989");
    let live = fixture.live();
    fixture.updater.tidy(fixture.now);
    assert_eq!(fixture.live(), live);
    assert_eq!(meets(&fixture, 2_989), "a2989");
    fixture.wait(99.0);
    fixture.updater.tidy(fixture.now);
    assert_eq!(fixture.live(), 1);
    assert_eq!(meets(&fixture, 2_989), "base");
}

#[test]
fn a_reader_keeps_what_it_read() {
    let mut fixture = Fixture::with(&[block("a", &["192.0.2.1"])]);
    let enforced = fixture.updater.enforced();
    let before = enforced.load();
    fixture.load(&[block("b", &["192.0.2.1"])]).unwrap();
    let ip = "192.0.2.1".parse().unwrap();
    assert_eq!(short(before.by_ip(ip, Instant::now)), "a");
    assert_eq!(short(enforced.load().by_ip(ip, Instant::now)), "b");
}

#[test]
fn the_writer_frees_what_readers_let_go() {
    let mut fixture = Fixture::with(&[block("a", &["192.0.2.1"])]);
    let enforced = fixture.updater.enforced();
    let read = enforced.load();
    let kept = Arc::downgrade(&read);
    fixture.load(&[]).unwrap();
    // The reader's is not the last handle, so that freeing is not its business.
    drop(read);
    assert!(kept.upgrade().is_some());
    fixture.updater.tidy(fixture.now);
    assert!(kept.upgrade().is_none());
}
