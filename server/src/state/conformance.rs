//! What every state store does. A further implementation is one more test here.

mod outbox;

use std::path::Path;
use std::sync::Arc;

use ipnet::IpNet;

use self::outbox::{
    deliveries_are_kept_in_order, deliveries_stay, destinations_are_kept, destinations_stay,
};
use super::{
    ActionDraft, AllowDraft, Id, Kind, Origin, PersonRecord, Role, SessionRecord, Settings,
    SqliteState, StateError, StateStore, Targets, TokenKind, TokenRecord,
};

type Check = fn(&dyn StateStore);

/// Runs each check on a fresh store, opens it again, and runs what must hold then.
fn conforms(open: impl Fn(&Path) -> Arc<dyn StateStore>) {
    let dir = tempfile::tempdir().unwrap();
    let checks: [(Check, Check); 8] = [
        (tokens_are_kept, tokens_stay),
        (apps_are_kept_once, apps_stay),
        (people_are_kept, people_stay),
        (settings_are_kept, settings_stay),
        (actions_are_kept_with_their_history, actions_stay),
        (the_allow_list_is_kept, the_allow_list_stays),
        (destinations_are_kept, destinations_stay),
        (deliveries_are_kept_in_order, deliveries_stay),
    ];
    for (number, (check, again)) in checks.into_iter().enumerate() {
        let path = dir.path().join(number.to_string());
        let store = open(&path);
        store.check_writable().unwrap();
        check(&*store);
        again(&*store);
        store.close().unwrap();
        store.close().unwrap();
        assert!(matches!(store.tokens(), Err(StateError::Closed)));
        assert!(matches!(store.check_writable(), Err(StateError::Closed)));
        again(&*open(&path));
    }
    writes_of_others_are_noticed(&*open(&dir.path().join("shared")), || {
        open(&dir.path().join("shared"))
    });
}

#[test]
fn sqlite_conforms() {
    conforms(|path| Arc::new(SqliteState::open(path).unwrap()));
}

fn token(kind: TokenKind, app: Option<&str>, hash: u8) -> TokenRecord {
    TokenRecord {
        id: format!("{hash:016x}").parse().unwrap(),
        kind,
        app: app.map(str::to_owned),
        role: (kind == TokenKind::Api).then_some(Role::Operator),
        hash: [hash; 32],
        comment: "ä".to_owned(),
        created_at: 10,
        used_at: None,
        revoked_at: None,
    }
}

fn tokens_are_kept(store: &dyn StateStore) {
    let (one, two) = (
        token(TokenKind::App, Some("shop"), 1),
        token(TokenKind::Api, None, 2),
    );
    store.add_token(&one).unwrap();
    store.add_token(&two).unwrap();
    assert!(store.add_token(&one).is_err(), "a hash is there once");
    assert_eq!(store.tokens().unwrap(), [one.clone(), two]);
    assert!(store.revoke_token(one.id, 20).unwrap());
    assert!(!store.revoke_token(one.id, 30).unwrap(), "it is revoked");
    assert!(!store.revoke_token(Id::random().unwrap(), 30).unwrap());
    store.note_token_use(one.id, 15).unwrap();
    store.note_token_use(one.id, 12).unwrap();
}

fn tokens_stay(store: &dyn StateStore) {
    let tokens = store.tokens().unwrap();
    assert_eq!(tokens.len(), 2);
    assert_eq!(
        (tokens[0].used_at, tokens[0].revoked_at),
        (Some(15), Some(20))
    );
    assert_eq!((tokens[1].used_at, tokens[1].revoked_at), (None, None));
}

fn apps_are_kept_once(store: &dyn StateStore) {
    for app in ["shop", "blog", "shop"] {
        store.add_app(app, 10).unwrap();
    }
}

fn apps_stay(store: &dyn StateStore) {
    assert_eq!(store.apps().unwrap(), ["blog", "shop"]);
}

fn settings_are_kept(store: &dyn StateStore) {
    assert_eq!(store.settings().unwrap(), Settings::default());
    let settings = Settings {
        dry_run: true,
        ..Settings::default()
    };
    store.set_settings(settings, 10, "ann").unwrap();
}

fn settings_stay(store: &dyn StateStore) {
    let settings = store.settings().unwrap();
    assert!(settings.dry_run && !settings.allow_critical_ips);
}

fn person(name: &str, password: Option<&str>) -> PersonRecord {
    PersonRecord {
        id: Id::random().unwrap(),
        name: name.to_owned(),
        role: Role::Viewer,
        password: password.map(str::to_owned),
        created_at: 10,
        signed_in_at: None,
        disabled_at: None,
    }
}

fn session(person: &PersonRecord, hash: u8, at: i64) -> SessionRecord {
    SessionRecord {
        id: Id::random().unwrap(),
        hash: [hash; 32],
        person: person.id,
        created_at: at,
        used_at: at,
        ip: Some("192.0.2.1".to_owned()),
        browser: "ä".to_owned(),
    }
}

/// The first bytes of the hashes of the sessions.
fn sessions(store: &dyn StateStore) -> Vec<u8> {
    let sessions = store.sessions().unwrap();
    sessions.iter().map(|session| session.hash[0]).collect()
}

fn people_are_kept(store: &dyn StateStore) {
    let (ann, bob) = (person("ann", None), person("bob", Some("hash")));
    assert!(store.add_person(&ann).unwrap());
    assert!(store.add_person(&bob).unwrap());
    let namesake = person("ANN", None);
    assert!(
        !store.add_person(&namesake).unwrap(),
        "names differ in more than case"
    );
    store.set_role(ann.id, Role::Admin).unwrap();
    store.note_sign_in(ann.id, 20).unwrap();

    store.add_link(&[1; 32], ann.id, 100).unwrap();
    store.add_link(&[2; 32], ann.id, 100).unwrap();
    assert_eq!(store.link(&[1; 32], 50).unwrap(), None, "only the last");
    assert_eq!(store.link(&[2; 32], 100).unwrap(), None, "until it expires");
    assert_eq!(store.link(&[2; 32], 99).unwrap(), Some(ann.id));

    for (person, hash, at) in [(&ann, 1, 10), (&bob, 2, 20), (&bob, 3, 30), (&bob, 4, 40)] {
        store.add_session(&session(person, hash, at), 2).unwrap();
    }
    assert_eq!(
        sessions(store),
        [1, 3, 4],
        "the oldest of the person made room"
    );
    let used = store.use_link(&[2; 32], 99, "new").unwrap();
    assert_eq!(used, Some(ann.id));
    assert_eq!(store.use_link(&[2; 32], 99, "newer").unwrap(), None, "once");
    assert_eq!(sessions(store), [3, 4], "those of before have ended");
    let third = store.sessions().unwrap()[0].id;
    store.end_session(third, ann.id).unwrap();
    assert_eq!(sessions(store), [3, 4], "only one's own");
    store.note_session_use(third, 50).unwrap();
    store.expire_sessions(0, 45).unwrap();
    assert_eq!(sessions(store), [3], "not used since");
    store.expire_sessions(31, 0).unwrap();
    assert!(sessions(store).is_empty(), "began too long ago");
    store.add_session(&session(&bob, 5, 60), 2).unwrap();
    store.add_link(&[3; 32], bob.id, 100).unwrap();
    store.set_disabled(bob.id, Some(70)).unwrap();
    assert!(sessions(store).is_empty());
    assert_eq!(store.link(&[3; 32], 99).unwrap(), None);
    store.add_session(&session(&ann, 6, 60), 2).unwrap();
}

fn people_stay(store: &dyn StateStore) {
    let people = store.people().unwrap();
    let told: Vec<_> = people
        .iter()
        .map(|person| {
            let PersonRecord {
                name,
                role,
                password,
                signed_in_at,
                disabled_at,
                ..
            } = person;
            (
                name.as_str(),
                *role,
                password.as_deref(),
                *signed_in_at,
                *disabled_at,
            )
        })
        .collect();
    let expected = [
        ("ann", Role::Admin, Some("new"), Some(20), None),
        ("bob", Role::Viewer, Some("hash"), None, Some(70)),
    ];
    assert_eq!(told, expected);
    assert_eq!(sessions(store), [6]);
    assert_eq!(store.sessions().unwrap()[0].person, people[0].id);
}

fn draft(net: &str, duration: Option<i64>) -> ActionDraft {
    ActionDraft {
        app: None,
        kind: Kind::BlockIp,
        targets: Targets::ips(vec![net.parse::<IpNet>().unwrap()]),
        url: None,
        dry_run: false,
        match_any: false,
        comment: net.to_owned(),
        duration,
        allow_critical: false,
    }
}

const BY: Origin<'_> = Origin {
    origin: "operator",
    run: None,
    by: "ann",
    at: 10,
};

/// Of four, one lives on, one expires at 60, one is lifted at 30, and one is replaced at 10 by the one that lives on.
fn actions_are_kept_with_their_history(store: &dyn StateStore) {
    let add = |net, duration, replaces| {
        let draft = draft(net, duration);
        let added = store.add_action(&draft, None, BY, replaces);
        added.unwrap().action
    };
    let replaced = add("192.0.2.1/32", None, None);
    add("192.0.2.2/32", Some(50), None);
    let lifted = add("192.0.2.3/32", None, None);
    add("192.0.2.1/32", None, Some(replaced.row));
    store.lift_action(lifted.id, 30, "bob").unwrap();
    store.lift_action(lifted.id, 40, "eve").unwrap();
}

fn actions_stay(store: &dyn StateStore) {
    let live = |now| {
        let live = store.live_actions(now).unwrap();
        live.iter().map(|action| action.id).collect::<Vec<_>>()
    };
    assert_eq!((live(20).len(), live(70).len()), (2, 1));
    let past = |before, limit| store.past_actions(Some("shop"), before, limit, 70).unwrap();
    let all = past(None, 10);
    let told: Vec<_> = all
        .iter()
        .map(|record| (record.comment.as_str(), record.state(70)))
        .collect();
    let expected = [
        ("192.0.2.2/32", "expired"),
        ("192.0.2.3/32", "lifted"),
        ("192.0.2.1/32", "replaced"),
    ];
    assert_eq!(told, expected);
    assert_eq!(all[1].lifted_by.as_deref(), Some("bob"));
    assert_eq!(all[2].replaced_by, live(70).first().copied());
    let before = super::ActionCursor {
        ended: 60,
        row: all[0].action.row,
    };
    let next = past(Some(before), 1);
    assert_eq!(next[0].action.id, all[1].action.id);
    let record = store.action(all[1].action.id).unwrap().unwrap();
    assert_eq!(record.action.targets, all[1].action.targets);
    assert!(store.action(Id::random().unwrap()).unwrap().is_none());
    let rows = [all[2].action.row, all[0].action.row];
    let of_rows = store.actions_of_rows(&rows).unwrap();
    assert_eq!(of_rows.len(), 2);
    assert_eq!(of_rows[0].action.id, all[2].action.id);
}

fn the_allow_list_is_kept(store: &dyn StateStore) {
    let draft = |path: &str| AllowDraft {
        ips: vec!["192.0.2.0/24".parse().unwrap()],
        paths: vec![path.to_owned()],
        comment: "c".to_owned(),
    };
    store.add_allowed(&draft("/a"), 10, "ann").unwrap();
    let gone = store.add_allowed(&draft("/b"), 10, "ann").unwrap();
    let removed = store.remove_allowed(gone.id, 20, "bob").unwrap().unwrap();
    assert_eq!(removed.removed_at, Some(20));
    let again = store.remove_allowed(gone.id, 30, "eve").unwrap().unwrap();
    assert_eq!(again.removed_by.as_deref(), Some("bob"));
    let absent = store.remove_allowed(Id::random().unwrap(), 30, "eve");
    assert!(absent.unwrap().is_none());
}

fn the_allow_list_stays(store: &dyn StateStore) {
    let list = store.allowlist().unwrap();
    assert_eq!(list.len(), 1);
    assert_eq!(list[0].paths, ["/a"]);
    assert_eq!(list[0].ips, ["192.0.2.0/24".parse::<IpNet>().unwrap()]);
}

fn writes_of_others_are_noticed(store: &dyn StateStore, other: impl Fn() -> Arc<dyn StateStore>) {
    let before = store.version().unwrap();
    assert_eq!(store.version().unwrap(), before);
    let other = other();
    other.add_app("shop", 10).unwrap();
    assert_ne!(store.version().unwrap(), before);
    assert_eq!(store.apps().unwrap(), ["shop"]);
    other.close().unwrap();
}
