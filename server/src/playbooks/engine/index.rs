//! Which playbooks an event concerns, by its name.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::super::model::{Detection, EventName, Matcher, Playbook};
use crate::store::{EventFields, Filter};

/// What an event is to a playbook. The order is that in which one event is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    /// It voids what came before.
    Cancel,
    /// It is one of the others of a ratio.
    Other,
    /// It counts.
    Trigger,
}

/// A part that events of a name may play in a playbook, if a condition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// The playbook's place.
    pub(super) playbook: u32,
    pub(super) part: Part,
    condition: u32,
}

/// What must hold beside the name. Playbooks that ask for the same share it.
#[derive(Debug)]
struct Condition {
    apps: Vec<String>,
    filter: Filter,
    /// The event for which it was tested last, and whether it held.
    tested: (u64, bool),
}

/// The names of events, and what they are to the playbooks.
#[derive(Debug, Default)]
pub(super) struct Index {
    exact: HashMap<String, Vec<Entry>, foldhash::fast::RandomState>,
    prefixes: HashMap<String, Vec<Entry>, foldhash::fast::RandomState>,
    /// The lengths of the prefixes.
    lengths: BTreeSet<usize>,
    conditions: Vec<Condition>,
    /// Counts the events.
    event: u64,
}

impl Index {
    pub(super) fn new(playbooks: &[Arc<Playbook>]) -> Self {
        let mut index = Self::default();
        for (place, playbook) in (0..).zip(playbooks) {
            let rule = &playbook.rule;
            index.add(place, Part::Trigger, &rule.trigger);
            if let Some(cancel) = &rule.cancel {
                index.add(place, Part::Cancel, cancel);
            }
            if let Detection::Ratio { to, .. } = &rule.detection {
                index.add(place, Part::Other, to);
            }
        }
        index
    }

    fn add(&mut self, playbook: u32, part: Part, matcher: &Matcher) {
        let condition = self.condition(matcher);
        let entry = Entry {
            playbook,
            part,
            condition,
        };
        for name in &matcher.events {
            match name {
                EventName::Exact(name) => self.exact.entry(name.clone()).or_default().push(entry),
                EventName::Prefix(prefix) => {
                    self.lengths.insert(prefix.len());
                    self.prefixes.entry(prefix.clone()).or_default().push(entry);
                }
            }
        }
    }

    fn condition(&mut self, matcher: &Matcher) -> u32 {
        let same = |known: &Condition| known.apps == matcher.apps && known.filter == matcher.filter;
        let place = self.conditions.iter().position(same);
        let place = place.unwrap_or_else(|| {
            self.conditions.push(Condition {
                apps: matcher.apps.clone(),
                filter: matcher.filter.clone(),
                tested: (0, false),
            });
            self.conditions.len() - 1
        });
        // There are at most three for each playbook.
        u32::try_from(place).unwrap_or(u32::MAX)
    }

    /// Writes down what the event is to which playbooks, in their order.
    pub(super) fn find(&mut self, event: &dyn EventFields, found: &mut Vec<Entry>) {
        found.clear();
        let name = event.name();
        if let Some(entries) = self.exact.get(&*name) {
            found.extend(entries);
        }
        for length in &self.lengths {
            let Some(prefix) = name.get(..*length) else {
                continue;
            };
            if let Some(entries) = self.prefixes.get(prefix) {
                found.extend(entries);
            }
        }
        if found.is_empty() {
            return;
        }
        // Two names of one matcher may both fit.
        found.sort_unstable();
        found.dedup();
        self.event += 1;
        found.retain(|entry| {
            let condition = self.conditions.get_mut(entry.condition as usize);
            condition.is_some_and(|condition| condition.holds(self.event, event))
        });
    }
}

impl Condition {
    fn holds(&mut self, number: u64, event: &dyn EventFields) -> bool {
        if self.tested.0 != number {
            let app = || event.app();
            let holds = (self.apps.is_empty() || self.apps.iter().any(|name| *name == *app()))
                && event.matches(&self.filter);
            self.tested = (number, holds);
        }
        self.tested.1
    }
}
