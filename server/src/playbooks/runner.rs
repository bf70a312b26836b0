//! The thread on which playbooks are evaluated: events in, runs out, and checkpoints between.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::checkpoint;
use super::engine::{Engine, EngineStats, Firing, Limits};
use super::model::Stage;
use super::respond::Fired;
use super::service::{Current, CurrentSet};
use crate::server::Shared;
use crate::state::StateError;
use crate::store::{Consumed, Consumer, EventBatch, StoreError};

/// How long the thread sleeps where nothing happens.
const IDLE: Duration = Duration::from_secs(1);
/// Where the store or the disk refuses, the thread tries again after so long.
const PAUSE: Duration = Duration::from_secs(1);
/// The shortest time between two checkpoints.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);
/// Checkpoints take this share of the thread's time at most.
const CHECKPOINT_SHARE: u32 = 50;

/// What is known of the thread from outside.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RunnerStats {
    pub(crate) engine: EngineStats,
    /// Events that were stored, and could not be evaluated since the thread was too far behind.
    pub(crate) missed: u64,
    /// Runs that were decided.
    pub(crate) runs: u64,
    /// Bytes of the last checkpoint.
    pub(crate) checkpoint_bytes: u64,
}

/// The thread, to be waited for.
#[derive(Debug, Default)]
pub(crate) struct RunnerHandle {
    thread: Mutex<Option<JoinHandle<()>>>,
    /// Whether somebody waits for its end.
    ending: AtomicBool,
    stats: Mutex<RunnerStats>,
}

impl RunnerHandle {
    /// Waits until everything was evaluated; the store must be closed by then. Blocks.
    pub(crate) fn join(&self) {
        self.ending.store(true, Ordering::Relaxed);
        let thread = lock(&self.thread).take();
        if thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread of the playbooks has panicked");
        }
    }

    pub(crate) fn stats(&self) -> RunnerStats {
        *lock(&self.stats)
    }
}

/// Starts the thread, which ends once the store is closed.
pub(crate) fn start(shared: &Arc<Shared>, path: PathBuf) -> Result<(), StoreError> {
    let (set, current) = shared.playbooks.current();
    let limits = Limits::default();
    let saved = match checkpoint::read(&path, limits, evaluated(&current)) {
        Ok(saved) => saved,
        Err(error) => {
            let path = path.display();
            tracing::error!(%path, %error, "the playbooks' windows start empty");
            None
        }
    };
    let fresh = saved.is_none();
    let (engine, position) = match saved {
        Some((engine, position)) => (engine, Some(position)),
        None => {
            let mut secret = [0; 16];
            getrandom::fill(&mut secret)
                .map_err(|error| StoreError::Internal(error.to_string()))?;
            let mut engine = Engine::new(limits, secret);
            engine.set(evaluated(&current));
            (engine, None)
        }
    };
    let mut runner = Runner {
        shared: Arc::downgrade(shared),
        consumer: shared.store.consume(position)?,
        engine,
        set,
        current,
        checkpoint: checkpoint::Writer::new(path),
        stats: RunnerStats::default(),
        last: Instant::now(),
        saving: Duration::ZERO,
        dirty: false,
        unfinished: true,
    };
    if fresh {
        // Whatever comes from now on is looked at, also if the process is killed before anything else is saved.
        runner.save();
        runner.saved(true);
    }
    let thread = std::thread::Builder::new().name("playbooks".to_owned());
    let thread = thread.spawn(move || runner.run());
    let thread = thread.map_err(|error| StoreError::Internal(error.to_string()))?;
    *lock(&shared.runner.thread) = Some(thread);
    Ok(())
}

/// Drafts are not evaluated.
fn evaluated(current: &CurrentSet) -> Vec<Arc<super::Playbook>> {
    let evaluated = current
        .iter()
        .filter(|current| current.stage != Stage::Draft);
    evaluated
        .map(|current| Arc::clone(&current.playbook))
        .collect()
}

struct Runner {
    shared: Weak<Shared>,
    consumer: Box<dyn Consumer>,
    engine: Engine,
    /// The number of the set, and the playbooks in it.
    set: u64,
    current: CurrentSet,
    checkpoint: checkpoint::Writer,
    stats: RunnerStats,
    /// When the last checkpoint was written, and how long events waited for it.
    last: Instant,
    saving: Duration,
    /// Whether anything was evaluated since.
    dirty: bool,
    /// Whether there may be runs that an end of the process interrupted.
    unfinished: bool,
}

impl Runner {
    fn run(&mut self) {
        loop {
            if self.unfinished {
                self.finish_open();
            }
            match self.consumer.next(IDLE) {
                // What fired and could not be kept fires again after the next start, from the last checkpoint.
                Ok(Some(Consumed::Events(batch))) if !self.evaluate(&batch) => return,
                Ok(Some(Consumed::Events(_))) => {}
                Ok(Some(Consumed::Missed(events))) => {
                    self.stats.missed += events;
                    tracing::warn!(events, "events were stored and not evaluated by playbooks");
                }
                Ok(None) => {}
                Err(StoreError::Closed) => break,
                Err(error) => {
                    tracing::error!(%error, "the playbooks wait for the events");
                    std::thread::sleep(PAUSE);
                }
            }
            self.saved(false);
            let due = CHECKPOINT_EVERY.max(self.saving * CHECKPOINT_SHARE);
            if self.dirty && !self.checkpoint.is_busy() && self.last.elapsed() >= due {
                self.save();
            }
            if !self.publish() {
                return;
            }
        }
        self.saved(true);
        self.save();
        self.saved(true);
    }

    /// Takes up what an end of the process interrupted; where the disk refuses, again later.
    fn finish_open(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        match shared.responder().finish_open() {
            Ok(finished) => {
                self.stats.runs += finished;
                self.unfinished = false;
            }
            Err(error) => tracing::error!(%error, "runs that were begun are not finished"),
        }
    }

    /// Says whether all that came of it is kept.
    fn evaluate(&mut self, batch: &EventBatch) -> bool {
        self.take_changes();
        self.dirty = true;
        if self.engine.is_idle() {
            return true;
        }
        let mut firings = Vec::new();
        for (_, row) in batch.rows() {
            self.engine.feed(&*row, &mut firings);
            for firing in firings.drain(..) {
                if !self.fired(firing) {
                    return false;
                }
            }
        }
        true
    }

    /// Takes in what was changed about the playbooks.
    fn take_changes(&mut self) {
        let Some(shared) = self.shared.upgrade() else {
            return;
        };
        let (set, current) = shared.playbooks.current();
        if set != self.set {
            self.engine.set(evaluated(&current));
            (self.set, self.current) = (set, current);
        }
    }

    /// Says whether what came of it is kept.
    fn fired(&mut self, firing: Firing) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        let slug = &firing.playbook.slug;
        let current = self
            .current
            .iter()
            .find(|current| current.record.slug == *slug);
        let Some(current) = current.cloned() else {
            return true;
        };
        let fired = fired(current, firing);
        loop {
            match shared.responder().respond(&fired) {
                Ok(decided) => {
                    self.stats.runs += u64::from(decided);
                    return true;
                }
                Err(StateError::Closed) => return false,
                // What fired is not forgotten because the disk is full.
                Err(error) => {
                    tracing::error!(%error, "a run cannot be stored, the playbooks wait");
                    if shared.runner.ending.load(Ordering::Relaxed) {
                        return false;
                    }
                    std::thread::sleep(PAUSE);
                }
            }
        }
    }

    /// Writes a checkpoint.
    fn save(&mut self) {
        let began = Instant::now();
        let begun = self
            .checkpoint
            .begin(self.consumer.position(), &self.engine);
        match begun {
            Ok(()) => self.dirty = false,
            Err(error) => not_saved(&error),
        }
        (self.last, self.saving) = (Instant::now(), began.elapsed());
    }

    /// Lets go of the events before a checkpoint that is on the disk; waits for it, if `wait` says so.
    fn saved(&mut self, wait: bool) {
        match self.checkpoint.end(wait) {
            None => {}
            Some(Ok((position, bytes))) => {
                self.stats.checkpoint_bytes = bytes;
                if let Err(error) = self.consumer.release(position) {
                    tracing::warn!(%error, "events are kept for playbooks that have seen them");
                }
            }
            Some(Err(error)) => {
                self.dirty = true;
                not_saved(&error);
            }
        }
    }

    /// Shows the numbers; false once the server is gone.
    fn publish(&mut self) -> bool {
        let Some(shared) = self.shared.upgrade() else {
            return false;
        };
        self.stats.engine = self.engine.stats();
        *lock(&shared.runner.stats) = self.stats;
        true
    }
}

fn fired(current: Arc<Current>, firing: Firing) -> Fired {
    let counted = firing.counted();
    Fired {
        current,
        actor: firing.actor,
        group: firing.group,
        at: firing.at,
        events: firing.events,
        counted,
    }
}

fn not_saved(error: &std::io::Error) {
    tracing::error!(%error, "the playbooks' windows were not saved");
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
