//! Runs the tests of a file: events at times of their own, no clock, no store.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use super::super::engine::{Engine, Firing, Limits};
use super::super::model::Actor;
use super::super::respond::show_actor;
use super::super::times;
use super::Entry;
use super::test::{Expected, PlaybookTest};
use crate::store::{EventId, StoredEvent};

/// When tests start, in microseconds since the Unix epoch: any time will do.
const START: i64 = 1_700_000_000_000_000;

/// A test that failed: what the playbook did, and what it should have done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// All that it did, in order.
    pub found: Vec<Expected>,
    /// What the test expects.
    pub expected: Vec<Expected>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, name, list: &[Expected]| {
            writeln!(f, "  {name}:")?;
            if list.is_empty() {
                writeln!(f, "    nothing")?;
            }
            list.iter().try_for_each(|line| writeln!(f, "    {line}"))
        };
        list(f, "expected", &self.expected)?;
        list(f, "found", &self.found)
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {} {}", times::show(self.at), show_actor(&self.actor))?;
        if let Some(group) = &self.group {
            write!(f, " in {group:?}")?;
        }
        match &self.response {
            None => f.write_str(" fires"),
            Some((kind, duration)) => {
                let duration = duration.map_or_else(|| times::PERMANENT.to_owned(), times::show);
                write!(f, " {} for {duration}", kind.name())
            }
        }
    }
}

/// Runs one of the entry's tests. The playbook is enforced, whatever its stage, and no rail holds it back.
///
/// # Errors
///
/// [`Failure`] if the playbook does not do what the test expects, and that alone.
pub fn run(entry: &Entry, test: &PlaybookTest) -> Result<(), Failure> {
    let mut engine = Engine::new(Limits::default(), [0; 16]);
    engine.set(vec![Arc::new(entry.playbook.clone())]);
    let mut firings = Vec::new();
    for event in events(test) {
        engine.feed(&event, &mut firings);
    }
    let found = outcomes(entry, &firings);
    if found == test.expect {
        return Ok(());
    }
    Err(Failure {
        found,
        expected: test.expect.clone(),
    })
}

/// The events in the order in which they arrive.
fn events(test: &PlaybookTest) -> Vec<StoredEvent> {
    let given = test.given.iter().flat_map(|given| {
        let numbers = 0..given.times;
        // What could not be an event was refused when the file was read.
        numbers.filter_map(|number| given.event(number, START).ok())
    });
    let mut events: Vec<StoredEvent> = given.collect();
    events.sort_by_key(|event| event.received);
    for (event, number) in events.iter_mut().zip(1_u128..) {
        event.id = EventId::from_bytes(number.to_be_bytes());
    }
    events
}

fn outcomes(entry: &Entry, firings: &[Firing]) -> Vec<Expected> {
    let mut earlier: HashMap<&Actor, usize> = HashMap::new();
    let mut outcomes = Vec::new();
    for firing in firings {
        let times = earlier.entry(&firing.actor).or_default();
        let after = u64::try_from(firing.at - START).unwrap_or_default();
        let outcome = |response| Expected {
            at: std::time::Duration::from_micros(after),
            actor: firing.actor.clone(),
            group: firing.group.clone(),
            response,
        };
        let responses = &entry.playbook.responses;
        if responses.is_empty() {
            outcomes.push(outcome(None));
        }
        outcomes.extend(
            responses
                .iter()
                .map(|response| outcome(Some((response.kind, response.duration(*times))))),
        );
        *times += 1;
    }
    outcomes
}
