use super::*;
use crate::limits::Mistake;

/// Loads an action beside a good one over a good pack, and answers with the error.
fn refused(wrong: Action) -> PackError {
    let mut fixture = Fixture::with(&[block("before", &["192.0.2.1"])]);
    let error = fixture.load(&[block("good", &["192.0.2.2"]), wrong.clone()]);
    let error = error.unwrap_err();
    let changed = fixture.change(&[block("good", &["192.0.2.2"]), wrong], &["before"]);
    assert_eq!(changed.unwrap_err(), error);
    // All of it is refused, and what was in force stays.
    assert_eq!(fixture.ip("192.0.2.1"), "before");
    assert_eq!(fixture.ip("192.0.2.2"), "-");
    let state = fixture.updater.state(fixture.now);
    assert_eq!(state.version, Some(version(1)));
    assert_eq!((state.live, state.error), (1, Some(error.to_string())));
    error
}

fn problem(wrong: Action) -> (&'static str, Problem) {
    match refused(wrong) {
        PackError::Action { id, field, problem } if id == "wrong" => (field, problem),
        error => panic!("{error}"),
    }
}

#[test]
fn a_malformed_action_spoils_the_pack_and_is_named() {
    let ip = |text: &str| problem(block("wrong", &["192.0.2.7", text]));
    let address = |text: &str| ("parameters.ip_cidr", Problem::Address(text.to_owned()));
    assert_eq!(ip("1.2.3"), address("1.2.3"));
    assert_eq!(ip("10.0.0.0/33"), address("10.0.0.0/33"));
    assert_eq!(ip("fe80::1%eth0"), address("fe80::1%eth0"));
    assert_eq!(ip("a\nb"), address("a\\nb"));
    assert_eq!(
        ip(&"x".repeat(80)),
        address(&format!("{}…", "x".repeat(64)))
    );
    let none = problem(block("wrong", &[]));
    assert_eq!(none, ("parameters.ip_cidr", Problem::Empty));

    let users = |users: Value| problem(block_user("wrong", &users));
    let user = |problem| ("parameters.users", problem);
    assert_eq!(users(json!([])), user(Problem::Empty));
    assert_eq!(users(json!([{"uid": "7"}, {}])), user(Problem::Empty));
    let not_scalar = Problem::NotScalar("uid".to_owned());
    assert_eq!(users(json!([{"uid": [7]}])), user(not_scalar));
    let long = users(json!([{"uid": "7".repeat(9_000)}]));
    assert_eq!(long, user(Problem::User(Mistake::LongValue)));

    let to = |url: Option<&str>| {
        let mut action = redirect("wrong", &["192.0.2.7"]);
        action.parameters.url = url.map(str::to_owned);
        problem(action)
    };
    assert_eq!(to(None), ("parameters.url", Problem::Missing));
    assert_eq!(to(Some("/here")), ("parameters.url", Problem::Url));

    for seconds in [0.0, -1.0, f64::NAN] {
        let lasting = problem(lasting(seconds, block("wrong", &["192.0.2.7"])));
        assert_eq!(lasting, ("duration", Problem::Duration), "{seconds}");
    }
}

#[test]
fn ids_are_there_and_differ() {
    let id = |id: &str| refused(block(id, &["192.0.2.7"])).to_string();
    assert_eq!(id(""), "action \"\": action_id is empty");
    assert_eq!(
        id("good"),
        "action \"good\": action_id is that of another action too"
    );
    let long = id(&"l".repeat(256));
    let start = "l".repeat(64);
    assert_eq!(
        long,
        format!("action \"{start}…\": action_id exceeds 255 bytes")
    );
}

#[test]
fn an_error_never_quotes_an_identifier_of_a_user() {
    let long = "secret".repeat(2_000);
    for wrong in [
        json!([{"email": ["secret"]}]),
        json!([{"email": {"secret": 1}}]),
        json!([{"email": long}]),
    ] {
        let error = refused(block_user("wrong", &wrong)).to_string();
        assert!(error.starts_with("action \"wrong\": parameters.users holds"));
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn an_unknown_kind_is_passed_over_and_counted() {
    let mut fixture = Fixture::with(&[block("a", &["192.0.2.1"])]);
    let unknown = action(json!({"action": "teleport_ip", "duration": -1}));
    let loaded = fixture.load(&[unknown.clone(), block("b", &["192.0.2.2"])]);
    assert_eq!(loaded, Ok(Loaded { skipped: 1 }));
    assert_eq!(fixture.ip("192.0.2.2"), "b");
    assert_eq!(fixture.live(), 1);
    // It still takes the place of the action with its id.
    let unknown = Action {
        action_id: "b".to_owned(),
        ..unknown
    };
    assert_eq!(fixture.change(&[unknown], &[]), Ok(Followed::Applied));
    assert_eq!(fixture.ip("192.0.2.2"), "-");
}

#[test]
fn a_malformed_allow_list_spoils_the_pack() {
    let mut fixture = Fixture::with(&[block("before", &["192.0.2.1"])]);
    let mut refused = |ips: &[&str], paths: &[&str]| {
        let list = Allowlist {
            ips: ips.iter().map(ToString::to_string).collect(),
            paths: paths.iter().map(ToString::to_string).collect(),
        };
        let error = fixture.load_all(&[], &list, false).unwrap_err();
        assert_eq!(fixture.ip("192.0.2.1"), "before");
        error.to_string()
    };
    assert_eq!(
        refused(&["10.0.0.0/8", "10.0.0.0/99"], &[]),
        "allowlist.ips holds \"10.0.0.0/99\", which is no IP address or network"
    );
    // An empty path would allow everything, and one without a slash nothing.
    for path in ["", "health", "*"] {
        assert_eq!(
            refused(&[], &["/ok", path]),
            "allowlist.paths holds a path that does not start with \"/\""
        );
    }
    let long = format!("/{}", "a".repeat(MAX_PATH_BYTES));
    assert_eq!(refused(&[], &[&long]), "allowlist.paths exceeds 2048 bytes");
    assert_eq!(
        refused(&vec!["10.0.0.1"; MAX_ALLOWED_IPS + 1], &[]),
        "more than 100000 allowed addresses"
    );
    assert_eq!(
        refused(&[], &vec!["/a"; MAX_ALLOWED_PATHS + 1]),
        "more than 10000 allowed paths"
    );
}

#[test]
fn a_pack_is_bounded() {
    let mut fixture = Fixture::with(&[block("before", &["192.0.2.1"])]);
    let mut targets = block("many", &[]);
    targets.parameters.ip_cidr = vec!["192.0.2.2".to_owned(); MAX_TARGETS + 1];
    let error = fixture.load(&[targets]).unwrap_err();
    let text = "more than 2000000 addresses, networks and users";
    assert_eq!(error.to_string(), text);
    let actions = vec![block("many", &["192.0.2.2"]); MAX_ACTIONS + 1];
    let error = fixture.load(&actions).unwrap_err();
    let text = "more than 1000000 actions";
    assert_eq!(error.to_string(), text);
    assert_eq!(fixture.ip("192.0.2.1"), "before");
    let state = fixture.updater.state(fixture.now);
    assert_eq!(state.error.as_deref(), Some(text));
}

#[test]
fn a_heartbeat_tells_why_even_if_a_good_pack_was_faster() {
    let mut fixture = Fixture::with(&[]);
    // A pack that was no pack at all is told of too.
    fixture.updater.refuse("no JSON".to_owned());
    fixture.load(&[]).unwrap();
    let told = fixture.updater.state(fixture.now);
    assert_eq!(told.error.as_deref(), Some("no JSON"));
    // What is refused while the heartbeat is under way is for the next.
    fixture.updater.refuse("too large".to_owned());
    fixture.updater.told(&told);
    let state = fixture.updater.state(fixture.now);
    assert_eq!(state.error.as_deref(), Some("too large"));
    // It stays until a good pack comes.
    fixture.updater.told(&state);
    assert_eq!(fixture.updater.state(fixture.now), state);
    fixture.load(&[]).unwrap();
    assert_eq!(fixture.updater.state(fixture.now).error, None);
    // Told once, an error that is over is over.
    fixture.updater.refuse("no JSON".to_owned());
    fixture.load(&[]).unwrap();
    let told = fixture.updater.state(fixture.now);
    fixture.updater.told(&told);
    assert_eq!(fixture.updater.state(fixture.now).error, None);
}
