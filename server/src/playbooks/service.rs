//! The playbooks of a server: what is stored, and what is evaluated.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value};
use sqreen::protocol::Timestamp;

use super::draft;
use super::file::{self, Entry, Expected, PlaybookTest};
use super::limits::MAX_PLAYBOOKS;
use super::model::{Playbook, Stage};
use crate::auth::Caller;
use crate::fields::{FieldError, Fields};
use crate::state::{Change, Event, PlaybookRecord, Source, StateError, StateStore, VersionRecord};

/// Why a playbook was not changed.
#[derive(Debug)]
pub(crate) enum PlaybookError {
    /// What was sent is wrong.
    Field(FieldError),
    /// Another version is there than the one that was meant: its number, 0 for none.
    Changed(i64),
    /// There are as many as there may be.
    Full,
    State(StateError),
}

impl From<FieldError> for PlaybookError {
    fn from(error: FieldError) -> Self {
        Self::Field(error)
    }
}

impl From<StateError> for PlaybookError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

/// A playbook as it is now.
#[derive(Clone, Debug)]
pub(crate) struct Current {
    pub(crate) playbook: Arc<Playbook>,
    pub(crate) stage: Stage,
    pub(crate) tests: Arc<[PlaybookTest]>,
    pub(crate) record: PlaybookRecord,
}

impl Current {
    /// Who answers for what it does: whoever stored the version or set its stage, whichever came last.
    pub(crate) fn approved_by(&self) -> &str {
        let record = &self.record;
        match record.changed_at > record.staged_at {
            true => &record.changed_by,
            false => &record.staged_by,
        }
    }

    /// Takes the stage of the version that is there now, and who set it.
    pub(super) fn take_stage(&mut self, latest: &Self) {
        self.stage = latest.stage;
        self.record.stage.clone_from(&latest.record.stage);
        self.record.staged_at = latest.record.staged_at;
        self.record.staged_by.clone_from(&latest.record.staged_by);
    }
}

/// All playbooks, by slug.
pub(crate) type CurrentSet = Arc<Vec<Arc<Current>>>;

/// The playbooks.
#[derive(Debug)]
pub(crate) struct Playbooks {
    state: Arc<dyn StateStore>,
    /// Held from the write to the store until memory has it.
    writer: Mutex<()>,
    current: Mutex<(u64, CurrentSet)>,
}

impl Playbooks {
    /// Reads them.
    pub(crate) fn open(state: Arc<dyn StateStore>) -> Result<Self, StateError> {
        let playbooks = Self {
            state,
            writer: Mutex::default(),
            current: Mutex::default(),
        };
        playbooks.read()?;
        Ok(playbooks)
    }

    /// Reads them again, such as when another process changed them. Blocks.
    pub(crate) fn read(&self) -> Result<(), StateError> {
        let _writer = lock(&self.writer);
        self.reload()
    }

    /// One that cannot be read, since a later server wrote it, is left out, and told.
    fn reload(&self) -> Result<(), StateError> {
        let records = self.state.playbooks()?.into_iter();
        let current = records.filter_map(|record| {
            let slug = record.slug.clone();
            match current(record) {
                Ok(current) => Some(Arc::new(current)),
                Err(error) => {
                    tracing::error!(slug, %error, "a stored playbook cannot be read and is left out");
                    None
                }
            }
        });
        let current: CurrentSet = Arc::new(current.collect());
        let mut now = lock(&self.current);
        let same = now.1.iter().map(|known| &known.record);
        if !same.eq(current.iter().map(|known| &known.record)) {
            *now = (now.0 + 1, current);
        }
        Ok(())
    }

    /// All of them, and a number that is another whenever they changed.
    pub(crate) fn current(&self) -> (u64, CurrentSet) {
        lock(&self.current).clone()
    }

    /// The one of this slug.
    pub(crate) fn get(&self, slug: &str) -> Option<Arc<Current>> {
        let (_, all) = self.current();
        all.iter()
            .find(|current| current.record.slug == slug)
            .cloned()
    }

    /// Stores a playbook that someone wrote, in the place of the version `expected`; 0 is a new one. Where no stage was
    /// written, it keeps its own. That of a file must pass its tests; edits need not, since they may be urgent. Blocks.
    pub(crate) fn put(
        &self,
        fields: Map<String, Value>,
        expected: i64,
        source: Source,
        by: &Caller,
    ) -> Result<Arc<Current>, PlaybookError> {
        let entry = file::entry(Fields::new(fields))?;
        if source == Source::File {
            passes(&entry)?;
        }
        self.put_entry(&entry, expected, source, by)
    }

    /// As [`put`](Self::put), without the tests.
    pub(crate) fn put_entry(
        &self,
        entry: &Entry,
        expected: i64,
        source: Source,
        by: &Caller,
    ) -> Result<Arc<Current>, PlaybookError> {
        let slug = &entry.playbook.slug;
        let _writer = lock(&self.writer);
        self.reload()?;
        let (_, all) = self.current();
        let known = all.iter().find(|current| &current.record.slug == slug);
        if known.is_none() && all.len() >= MAX_PLAYBOOKS {
            return Err(PlaybookError::Full);
        }
        let stage = entry.stage.or(known.map(|known| known.stage));
        let stage = stage.unwrap_or(Stage::Draft);
        let body = body(entry);
        let change = Change {
            at: Timestamp::now().as_micros(),
            by: &by.name,
        };
        let found = known.map_or(0, |known| known.record.version);
        if found != expected {
            return Err(PlaybookError::Changed(found));
        }
        let same =
            known.is_some_and(|known| known.record.body == body && known.record.source == source);
        if same {
            self.state
                .stage_playbook(slug, stage.name(), None, change)?;
        } else {
            let stored =
                self.state
                    .put_playbook(slug, expected, &body, source, stage.name(), change)?;
            let version = stored.ok_or(PlaybookError::Changed(found))?.to_string();
            by.note(
                &*self.state,
                Event::PlaybookChanged,
                Some(slug),
                Some(&version),
            );
        }
        if known.is_none_or(|known| known.stage != stage) {
            by.note(
                &*self.state,
                Event::PlaybookStaged,
                Some(slug),
                Some(stage.name()),
            );
        }
        self.reload()?;
        let current = self.get(slug);
        current.ok_or(PlaybookError::Changed(0))
    }

    /// Stores each of these whose slug there is none of, as far as there is room. Blocks.
    pub(crate) fn add_missing(&self, entries: &[Entry]) -> Result<(), StateError> {
        let by = Caller::configuration();
        for entry in entries {
            match self.put_entry(entry, 0, Source::Edited, &by) {
                Ok(_) | Err(PlaybookError::Changed(_)) => {}
                Err(PlaybookError::State(error)) => return Err(error),
                Err(error) => {
                    let slug = &entry.playbook.slug;
                    tracing::warn!(
                        slug,
                        ?error,
                        "a playbook of the configuration is not stored"
                    );
                }
            }
        }
        Ok(())
    }

    /// Sets the stage; `None` if there is no such playbook. `tripped` tells why, where nobody asked for it. Blocks.
    pub(crate) fn set_stage(
        &self,
        slug: &str,
        stage: Stage,
        tripped: Option<&str>,
        by: &Caller,
    ) -> Result<Option<Arc<Current>>, StateError> {
        let _writer = lock(&self.writer);
        let at = Timestamp::now().as_micros();
        let change = Change { at, by: &by.name };
        let before = self.get(slug).map(|current| current.stage);
        if !self
            .state
            .stage_playbook(slug, stage.name(), tripped, change)?
        {
            return Ok(None);
        }
        if before != Some(stage) {
            by.note(
                &*self.state,
                Event::PlaybookStaged,
                Some(slug),
                Some(stage.name()),
            );
        }
        self.reload()?;
        Ok(self.get(slug))
    }

    /// Forgets a playbook, but not what it did; says whether there was one. Blocks.
    pub(crate) fn remove(&self, slug: &str, by: &Caller) -> Result<bool, StateError> {
        let _writer = lock(&self.writer);
        let removed = self.state.remove_playbook(slug)?;
        if removed {
            by.note(&*self.state, Event::PlaybookRemoved, Some(slug), None);
        }
        self.reload()?;
        Ok(removed)
    }

    /// The newest versions, the newest first. Blocks.
    pub(crate) fn versions(
        &self,
        slug: &str,
        limit: usize,
    ) -> Result<Vec<VersionRecord>, StateError> {
        self.state.versions(slug, limit)
    }
}

/// Runs the playbook's tests, to the first that fails.
fn passes(entry: &Entry) -> Result<(), FieldError> {
    for (place, test) in entry.tests.iter().enumerate() {
        file::run(entry, test).map_err(|failure| {
            let list = |list: &[Expected]| match list {
                [] => "nothing".to_owned(),
                list => {
                    let lines: Vec<_> = list.iter().map(ToString::to_string).collect();
                    lines.join(", ")
                }
            };
            let (expected, found) = (list(&failure.expected), list(&failure.found));
            let wrong = format!(
                "the test {:?} fails: expected: {expected}; found: {found}",
                test.name
            );
            FieldError::element("tests", place, wrong)
        })?;
    }
    Ok(())
}

/// What is stored of a version: all but the stage.
fn body(entry: &Entry) -> String {
    let mut fields = draft::write(&entry.playbook, Stage::Draft);
    fields.remove("stage");
    if !entry.tests.is_empty() {
        fields.insert("tests".to_owned(), file::written(&entry.tests));
    }
    Value::Object(fields).to_string()
}

/// A version of a playbook as it was stored.
pub(crate) fn stored(body: &str) -> Result<Entry, String> {
    let fields: Map<String, Value> =
        serde_json::from_str(body).map_err(|error| error.to_string())?;
    file::entry(Fields::new(fields)).map_err(|error| error.to_string())
}

fn current(record: PlaybookRecord) -> Result<Current, String> {
    let entry = stored(&record.body)?;
    let stage = Stage::of_name(&record.stage);
    Ok(Current {
        playbook: Arc::new(entry.playbook),
        stage: stage.ok_or_else(|| format!("unknown stage {:?}", record.stage))?,
        tests: entry.tests.into(),
        record,
    })
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
