//! What was acknowledged is there: after a restart, a kill, and a full disk.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::json;
use sqreen_server::store::{EmbeddedStore, EventStore, StoreError, StoreOptions, Verdict};

use crate::{Lcg, all, append, append_new, event, events, newest_first, open};

/// Tells a test that it runs as the child of itself, and where the store is.
pub(crate) const CHILD: &str = "STORE_TEST_CHILD";

#[test]
fn a_restart_keeps_every_row() {
    let dir = tempfile::tempdir().unwrap();
    for round in 0..5 {
        let store = open(dir.path());
        assert_eq!(all(&store), newest_first(events(0..round * 20)));
        append_new(&store, events(round * 20..round * 20 + 13));
        append_new(&store, events(round * 20 + 13..round * 20 + 20));
        // With and without a graceful end.
        if round % 2 == 0 {
            store.close().unwrap();
        }
    }
    let store = open(dir.path());
    assert_eq!(all(&store), newest_first(events(0..100)));
    assert_eq!(
        append(&store, events(0..100)).unwrap(),
        [Verdict::Duplicate; 100]
    );
}

#[test]
fn a_directory_is_open_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let error = EmbeddedStore::open(dir.path(), StoreOptions::new()).unwrap_err();
    assert!(matches!(error, StoreError::Locked { .. }), "{error}");
    drop(store);
    open(dir.path());
}

#[test]
fn an_append_whose_caller_is_gone_does_no_harm() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // Never polled: not even begun.
    drop(store.append(events(0..10)));
    assert_eq!(all(&store), []);
    // Polled once, then dropped: begun, and finished without its caller.
    let mut begun = store.append(events(0..10));
    assert!(
        begun
            .as_mut()
            .poll(&mut std::task::Context::from_waker(std::task::Waker::noop()))
            .is_pending()
    );
    drop(begun);
    assert_eq!(
        append(&store, events(0..10)).unwrap(),
        [Verdict::Duplicate; 10]
    );
    assert_eq!(all(&store), newest_first(events(0..10)));
}

/// Starts this very test in a process of its own.
pub(crate) fn child(test: &str, dir: &Path, shell: Option<&str>) -> Child {
    let exe = std::env::current_exe().unwrap();
    let mut command = match shell {
        Some(script) => {
            let mut command = Command::new("sh");
            command.args(["-c", script]).arg(exe);
            command
        }
        None => Command::new(exe),
    };
    command
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, dir)
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// Appends batches until killed; each is told on stdout once it is acknowledged.
fn append_until_killed(dir: &Path) {
    // Small, so that seals happen all the time.
    let store = EmbeddedStore::open(dir, StoreOptions::new().seal_rows(500)).unwrap();
    let first = all(&store).len() as u64;
    let next = std::sync::atomic::AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                loop {
                    let start =
                        next.fetch_add(20, std::sync::atomic::Ordering::Relaxed) + 1_000_000;
                    // Where a batch of the life before was stored but not acknowledged, its ids are known: it was
                    // received within the window.
                    let mut events = events(start..start + 20);
                    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
                    for event in &mut events {
                        event.received = now.as_micros() as i64;
                    }
                    append(&store, events).unwrap();
                    println!("acknowledged {start}");
                }
            });
        }
    });
}

#[test]
fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    if let Some(dir) = std::env::var_os(CHILD) {
        append_until_killed(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = Vec::new();
    let mut random = Lcg(7);
    for round in 0..5 {
        let mut child = child(
            "durability::killed_at_any_moment_it_loses_and_doubles_nothing",
            dir.path(),
            None,
        );
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 20 + random.below(200);
        while left > 0 {
            let line = lines
                .next()
                .expect("the child appends until it is killed")
                .unwrap();
            if let Some(start) = line
                .rsplit_once("acknowledged ")
                .map(|(_, start)| start.parse::<u64>().unwrap())
            {
                acknowledged.push(start);
                left -= 1;
            }
        }
        child.kill().unwrap();
        // What it told before the kill counts, though it was read after.
        for line in lines.map_while(Result::ok) {
            acknowledged.extend(
                line.rsplit_once("acknowledged ")
                    .and_then(|(_, start)| start.parse::<u64>().ok()),
            );
        }
        child.wait().unwrap();
        let store = EmbeddedStore::open(dir.path(), StoreOptions::new().seal_rows(500)).unwrap();
        let mut copies: BTreeMap<_, usize> = BTreeMap::new();
        for found in all(&store) {
            *copies.entry(found.id).or_default() += 1;
        }
        assert!(
            copies.values().all(|copies| *copies == 1),
            "round {round}: a row is there twice"
        );
        for start in &acknowledged {
            for n in *start..start + 20 {
                assert!(
                    copies.contains_key(&crate::id(n)),
                    "round {round}: event {n} was acknowledged and is gone"
                );
            }
        }
        assert_eq!(
            store.stats().damaged_frames + store.stats().damaged_segments,
            0,
            "round {round}"
        );
    }
}

/// An event that compression makes no smaller.
pub(crate) fn incompressible(n: u64, bytes: usize) -> sqreen_server::store::StoredEvent {
    let mut random = Lcg(n);
    let mut event = event(n);
    event.body = Some(json!(
        (0..bytes)
            .map(|_| char::from(b'0' + random.below(75) as u8))
            .collect::<String>()
    ));
    event
}

/// Runs where no file may grow beyond 64 or 128 KiB, as the shell counts.
fn append_with_little_room(dir: &Path) {
    let store = open(dir);
    append_new(&store, events(0..10));
    let before = store.stats().journal_bytes;
    let error = append(&store, vec![incompressible(10, 500_000)]).unwrap_err();
    assert!(matches!(error, StoreError::Io { .. }), "{error}");
    assert_eq!(store.stats().failed_appends, 1);
    assert_eq!(
        std::fs::metadata(dir.join("journal/00000001.journal"))
            .unwrap()
            .len(),
        before
    );
    assert_eq!(all(&store), newest_first(events(0..10)));
    // There is room again for less; and the id of what failed is not taken for known.
    append_new(&store, events(10..20));
    assert_eq!(all(&store), newest_first(events(0..20)));
}

#[cfg(unix)]
#[test]
fn a_full_disk_fails_the_append_and_nothing_else() {
    if let Some(dir) = std::env::var_os(CHILD) {
        append_with_little_room(Path::new(&dir));
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let script = "trap '' XFSZ; ulimit -f 128; exec \"$0\" \"$@\"";
    let child = child(
        "durability::a_full_disk_fails_the_append_and_nothing_else",
        dir.path(),
        Some(script),
    );
    let output = child.wait_with_output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let store = open(dir.path());
    assert_eq!(all(&store), newest_first(events(0..20)));
    assert_eq!(
        (store.stats().torn_bytes, store.stats().damaged_frames),
        (0, 0)
    );
}
