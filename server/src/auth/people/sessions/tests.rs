use super::super::PersonChange;
use super::*;
use crate::auth::Caller;
use crate::state::{Role, SqliteState};

const CLIENT: Client = Client {
    ip: None,
    secure: false,
};

#[test]
fn sessions_end_when_idle_and_when_old() {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&dir.path().join("state.sqlite")).unwrap();
    let people = People::open(Arc::new(state)).unwrap();
    let by = Caller::command_line();
    let ann = people.add("ann", Role::Viewer, None, &by).unwrap();
    let cookie = people.begin(&ann, CLIENT, "").unwrap().unwrap();
    let live = Arc::clone(people.known().sessions.values().next().unwrap());
    let began = live.record.created_at;
    assert!(live.is_live(began + IDLE - 1));
    assert!(!live.is_live(began + IDLE));
    live.used_at.store(began + LONGEST, Ordering::Relaxed);
    assert!(live.is_live(began + LONGEST - 1));
    assert!(!live.is_live(began + LONGEST), "though it was just used");

    assert!(people.reader(&cookie.0, CLIENT).is_some());
    live.used_at.store(now() - HOUR, Ordering::Relaxed);
    assert!(people.is_live(live.record.id));
    let used = live.used_at.load(Ordering::Relaxed);
    assert!(used <= now() - HOUR, "to ask whether it is live is no use");
    live.used_at.store(now() - IDLE, Ordering::Relaxed);
    assert!(!people.is_live(live.record.id));
    assert!(people.reader(&cookie.0, CLIENT).is_none());
    assert!(people.sessions(ann.id).is_empty());
}

#[test]
fn who_was_disabled_or_has_another_password_begins_no_session() {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&dir.path().join("state.sqlite")).unwrap();
    let people = People::open(Arc::new(state)).unwrap();
    let by = Caller::command_line();
    let before = people.add("ann", Role::Viewer, None, &by).unwrap();
    people.set_password(before.id, "hash", &by).unwrap();
    assert!(people.begin(&before, CLIENT, "").unwrap().is_none());
    let after = people.with_id(before.id).unwrap();
    assert!(people.begin(&after, CLIENT, "").unwrap().is_some());
    let change = PersonChange {
        disabled: Some(true),
        ..PersonChange::default()
    };
    people.change(after.id, change, &by).unwrap();
    assert!(people.begin(&after, CLIENT, "").unwrap().is_none());
}

#[test]
fn a_person_has_a_bounded_number_of_sessions() {
    let dir = tempfile::tempdir().unwrap();
    let state = SqliteState::open(&dir.path().join("state.sqlite")).unwrap();
    let people = People::open(Arc::new(state)).unwrap();
    let by = Caller::command_line();
    let ann = people.add("ann", Role::Viewer, None, &by).unwrap();
    let first = people.begin(&ann, CLIENT, "").unwrap().unwrap();
    for _ in 1..MOST_SESSIONS {
        people.begin(&ann, CLIENT, "").unwrap().unwrap();
    }
    assert!(people.reader(&first.0, CLIENT).is_some());
    people.begin(&ann, CLIENT, "").unwrap().unwrap();
    assert!(people.reader(&first.0, CLIENT).is_none());
    assert_eq!(people.sessions(ann.id).len(), MOST_SESSIONS);
}
