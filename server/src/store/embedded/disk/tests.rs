//! The order of what is made durable, and what every loss of power would leave.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::store::consume::{Consumed, Consumer, Position};
use crate::store::embedded::{EmbeddedStore, StoreOptions};
use crate::store::event::{EventId, StoredEvent};
use crate::store::event_store::{EventStore, Verdict};

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Operation {
    Create(PathBuf),
    Sync(PathBuf),
    SyncDir(PathBuf),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// What is recorded: an operation with the content of the file that was synced, or an answer.
#[derive(Clone, Debug)]
enum Record {
    Done(Operation, Vec<u8>),
    /// The events of these numbers were answered for.
    Answered(std::ops::Range<u64>),
    /// The consumer was handed this many events, and would go on from there.
    Checkpoint(usize, Position),
}

/// What happens in this directory is recorded.
struct Recorder {
    root: PathBuf,
    records: Vec<Record>,
}

static RECORDERS: Mutex<Vec<Recorder>> = Mutex::new(Vec::new());

pub(super) fn tell(operation: impl FnOnce() -> Operation) {
    let mut recorders = RECORDERS.lock().unwrap_or_else(PoisonError::into_inner);
    if recorders.is_empty() {
        return;
    }
    let operation = operation();
    let (path, content) = match &operation {
        Operation::Sync(path) => (path, fs::read(path).unwrap()),
        Operation::Create(path)
        | Operation::SyncDir(path)
        | Operation::Rename(path, _)
        | Operation::Remove(path) => (path, Vec::new()),
    };
    if let Some(recorder) = recorders.iter_mut().find(|r| path.starts_with(&r.root)) {
        recorder.records.push(Record::Done(operation, content));
    }
}

fn record(root: &Path) {
    RECORDERS.lock().unwrap().push(Recorder {
        root: root.to_owned(),
        records: Vec::new(),
    });
}

fn note(root: &Path, record: Record) {
    let mut recorders = RECORDERS.lock().unwrap();
    let recorder = recorders.iter_mut().find(|r| r.root == root).unwrap();
    recorder.records.push(record);
}

fn recorded(root: &Path) -> Vec<Record> {
    let mut recorders = RECORDERS.lock().unwrap();
    let at = recorders.iter().position(|r| r.root == root).unwrap();
    recorders.remove(at).records
}

fn id(n: u64) -> EventId {
    EventId::from_bytes(u128::from(n).to_be_bytes())
}

/// Appends these events, and records the answer.
fn append(store: &EmbeddedStore, root: &Path, numbers: std::ops::Range<u64>) {
    let events: Vec<_> = numbers
        .clone()
        .map(|n| {
            StoredEvent::new(
                id(n),
                n as i64,
                n as i64,
                "shop",
                format!("event {}", n % 3),
            )
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let verdicts = runtime.block_on(store.append(events)).unwrap();
    assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Accepted));
    note(root, Record::Answered(numbers));
}

/// The file's name without what differs from run to run: the checksum of a segment.
fn name(root: &Path, path: &Path) -> String {
    let name = path.strip_prefix(root).unwrap().to_str().unwrap();
    match (name.strip_suffix(".parquet"), name.rsplit_once('-')) {
        (Some(_), Some((number, _))) => format!("{number}-….parquet"),
        _ => name.to_owned(),
    }
}

#[test]
fn everything_is_synced_in_the_documented_order() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("new").join("events");
    record(&root);
    let store = EmbeddedStore::open(&root, StoreOptions::new()).unwrap();
    append(&store, &root, 0..5);
    append(&store, &root, 5..6);
    store.seal().unwrap();
    let consumer = store.consume(None).unwrap();
    append(&store, &root, 6..7);
    store.seal().unwrap();
    let mut consumer = store.consume(Some(consumer.position())).unwrap();
    take(&mut *consumer);
    consumer.release(consumer.position()).unwrap();
    store.close().unwrap();
    let told: Vec<String> = recorded(&root)
        .into_iter()
        .map(|record| match record {
            Record::Answered(events) => format!("answer {}", events.end),
            Record::Checkpoint(events, _) => format!("checkpoint {events}"),
            Record::Done(Operation::Create(path), _) => format!("create {}", name(&root, &path)),
            Record::Done(Operation::Sync(path), _) => format!("sync {}", name(&root, &path)),
            Record::Done(Operation::SyncDir(path), _) => format!("folder {}", name(&root, &path)),
            Record::Done(Operation::Remove(path), _) => format!("remove {}", name(&root, &path)),
            Record::Done(Operation::Rename(from, to), _) => {
                format!("name {} {}", name(&root, &from), name(&root, &to))
            }
        })
        .collect();
    assert_eq!(
        told,
        [
            "folder ",
            "folder journal",
            "create journal/00000001.journal",
            "folder journal",
            "sync journal/00000001.journal",
            "answer 5",
            "sync journal/00000001.journal",
            "answer 6",
            "create journal/00000002.journal",
            "folder journal",
            "create segments/00000001.parquet.tmp",
            "sync segments/00000001.parquet.tmp",
            "name segments/00000001.parquet.tmp segments/00000001-….parquet",
            "folder segments",
            "remove journal/00000001.journal",
            "folder journal",
            "create journal/consumer.tmp",
            "sync journal/consumer.tmp",
            "name journal/consumer.tmp journal/consumer",
            "folder journal",
            "sync journal/00000002.journal",
            "answer 7",
            "create journal/00000003.journal",
            "folder journal",
            "create segments/00000002.parquet.tmp",
            "sync segments/00000002.parquet.tmp",
            "name segments/00000002.parquet.tmp segments/00000002-….parquet",
            "folder segments",
            "name journal/00000002.journal journal/00000002.kept",
            "folder journal",
            "create journal/consumer.tmp",
            "sync journal/consumer.tmp",
            "name journal/consumer.tmp journal/consumer",
            "folder journal",
            "remove journal/00000002.kept",
            "folder journal",
        ]
    );
}

/// A disk that keeps what was synced, and either none of the other changes of names or all of them.
#[derive(Default)]
struct Disk {
    /// The files by their names now, and as the folders were last synced.
    names: BTreeMap<PathBuf, usize>,
    synced_names: BTreeMap<PathBuf, usize>,
    /// The synced content of each file.
    contents: Vec<Vec<u8>>,
}

impl Disk {
    /// How much of a file is synced.
    fn synced(&self, path: &Path) -> usize {
        self.contents[self.names[path]].len()
    }

    fn apply(&mut self, operation: &Operation, content: &[u8]) {
        match operation {
            Operation::Create(path) => {
                self.names.insert(path.clone(), self.contents.len());
                self.contents.push(Vec::new());
            }
            Operation::Sync(path) => self.contents[self.names[path]] = content.to_vec(),
            Operation::SyncDir(dir) => {
                let is_in = |path: &Path| path.parent() == Some(dir);
                self.synced_names.retain(|path, _| !is_in(path));
                let now = self.names.iter().filter(|(path, _)| is_in(path));
                let now = now.map(|(path, file)| (path.clone(), *file));
                self.synced_names.extend(now);
            }
            Operation::Rename(from, to) => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
            }
            Operation::Remove(path) => {
                self.names.remove(path).unwrap();
            }
        }
    }

    /// Writes what is left to another directory.
    fn leave(&self, names: &BTreeMap<PathBuf, usize>, root: &Path, to: &Path) {
        for (path, file) in names {
            let path = to.join(path.strip_prefix(root).unwrap());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &self.contents[*file]).unwrap();
        }
    }
}

#[test]
fn no_loss_of_power_at_any_moment_loses_or_doubles_what_was_answered() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path();
    record(root);
    let mut checkpoint = None;
    let mut handed = 0;
    for start in [0, 100] {
        let store = EmbeddedStore::open(root, StoreOptions::new()).unwrap();
        let mut consumer = store.consume(checkpoint).unwrap();
        let mut take = |consumer: &mut dyn Consumer| {
            handed += take(consumer).len();
            let at = consumer.position();
            note(root, Record::Checkpoint(handed, at));
            checkpoint = Some(at);
            at
        };
        take(&mut *consumer);
        append(&store, root, start..start + 5);
        take(&mut *consumer);
        append(&store, root, start + 5..start + 9);
        store.seal().unwrap();
        append(&store, root, start + 9..start + 11);
        store.seal().unwrap();
        let at = take(&mut *consumer);
        append(&store, root, start + 11..start + 12);
        consumer.release(at).unwrap();
        // The journal goes on after the next start.
        store.close().unwrap();
    }
    let records = recorded(root);
    let mut disk = Disk::default();
    let mut answered = BTreeSet::new();
    let mut order = Vec::new();
    let mut checkpoint = None;
    for (at, record) in records.iter().enumerate() {
        if let Record::Done(Operation::Sync(path), whole) = record {
            // While it is synced, a part of it may be on the disk.
            let before = disk.synced(path);
            let half = usize::midpoint(before, whole.len());
            disk.apply(&Operation::Sync(path.clone()), &whole[..half]);
            let left = leave(&disk, &disk.names, root);
            check(left.path(), &answered, at);
            consume(left.path(), &order, checkpoint, at);
        }
        if let Record::Done(operation, content) = record {
            disk.apply(operation, content);
        }
        if let Record::Answered(events) = record {
            answered.extend(events.clone().map(id));
            order.extend(events.clone().map(id));
        }
        if let Record::Checkpoint(handed, position) = record {
            checkpoint = Some((*handed, *position));
        }
        for names in [&disk.names, &disk.synced_names] {
            let left = leave(&disk, names, root);
            check(left.path(), &answered, at);
            consume(left.path(), &order, checkpoint, at);
        }
    }
    assert_eq!(answered.len(), 24);
}

fn leave(disk: &Disk, names: &BTreeMap<PathBuf, usize>, root: &Path) -> tempfile::TempDir {
    let left = tempfile::tempdir().unwrap();
    disk.leave(names, root, left.path());
    left
}

/// Goes on from the checkpoint: each event that was answered for comes once, in order. Behind them may be those whose
/// answer was under way.
fn consume(dir: &Path, order: &[EventId], checkpoint: Option<(usize, Position)>, at: usize) {
    let Some((handed, position)) = checkpoint else {
        return;
    };
    let store = EmbeddedStore::open(dir, StoreOptions::new()).unwrap();
    let mut consumer = store.consume(Some(position)).unwrap();
    let ids = take(&mut *consumer);
    let expected = &order[handed..];
    assert!(
        ids.starts_with(expected),
        "after record {at}: {ids:?} for {expected:?}"
    );
    let once: BTreeSet<_> = ids.iter().chain(&order[..handed]).collect();
    assert_eq!(once.len(), ids.len() + handed, "doubled after record {at}");
}

/// All that a consumer is handed now.
fn take(consumer: &mut dyn Consumer) -> Vec<EventId> {
    let mut ids = Vec::new();
    while let Some(consumed) = consumer.next(Duration::ZERO).unwrap() {
        match consumed {
            Consumed::Events(batch) => ids.extend(batch.rows().map(|(_, row)| row.id())),
            Consumed::Missed(events) => panic!("{events} events were missed"),
        }
    }
    ids
}

/// Opens what is left of the disk: what was answered is there, and nothing is doubled.
fn check(dir: &Path, answered: &BTreeSet<EventId>, at: usize) {
    let store = EmbeddedStore::open(dir, StoreOptions::new()).unwrap();
    let stored = stored(&store);
    let once: BTreeSet<_> = stored.iter().copied().collect();
    assert_eq!(once.len(), stored.len(), "doubled after record {at}");
    assert!(answered.is_subset(&once), "lost after record {at}");
}

fn stored(store: &EmbeddedStore) -> Vec<EventId> {
    let mut events = Vec::new();
    let view = store.shared.view();
    for batch in view.batches() {
        events.extend(batch.rows().iter().map(|row| row.id));
    }
    for segment in view.segments.iter() {
        for group in 0..segment.groups().len() {
            let ids = segment.ids(group).unwrap();
            events.extend(ids.into_iter().map(|(id, _)| id));
        }
    }
    events
}
