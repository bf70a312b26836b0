//! What a rule asks of each window, as numbers.

use super::super::model::{Detection, Rule};

/// The most events of one window, with its others, where nothing else bounds them; more if a rule asks for a number
/// that is near it. Beyond it the oldest go.
const MAX_MARKS: usize = 8_192;
/// Of the events that a rule asks for, so many times are kept.
const ROOM: usize = 4;
/// What a rule asks of a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Ask {
    Threshold { events: usize },
    Distinct { values: usize, events: usize },
    Ratio { at_least: f64, events: usize },
    FirstSeen,
}

/// The length of the window, and what else a rule says of all windows.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Terms {
    pub(super) ask: Ask,
    /// Microseconds.
    pub(super) period: i64,
    /// Microseconds.
    pub(super) cooldown: i64,
    /// Whether events may be voided; then none can be left out before.
    pub(super) voids: bool,
}

impl Terms {
    /// The terms of a rule.
    pub(super) fn of(rule: &Rule) -> Self {
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let micros =
            |time: std::time::Duration| i64::try_from(time.as_micros()).unwrap_or(i64::MAX);
        let ask = match rule.detection {
            Detection::Threshold { events } => Ask::Threshold {
                events: size(events),
            },
            Detection::Distinct { values, events, .. } => Ask::Distinct {
                values: size(values),
                events: size(events),
            },
            Detection::Ratio {
                at_least, events, ..
            } => Ask::Ratio {
                at_least,
                events: size(events),
            },
            Detection::FirstSeen { .. } => Ask::FirstSeen,
        };
        Self {
            ask,
            period: micros(rule.period),
            cooldown: micros(rule.cooldown),
            voids: rule.cancel.is_some(),
        }
    }

    /// No window of fewer events is enough.
    pub(super) fn least(&self) -> usize {
        match self.ask {
            Ask::Threshold { events } | Ask::Ratio { events, .. } => events,
            Ask::Distinct { values, events } => events.max(values),
            Ask::FirstSeen => 1,
        }
    }

    /// The most events and others of a window.
    pub(super) fn room(&self) -> usize {
        match self.ask {
            Ask::Distinct { events, .. } | Ask::Ratio { events, .. } => room(events),
            Ask::Threshold { .. } | Ask::FirstSeen => MAX_MARKS,
        }
    }
}

/// The most events and others of a window whose rule asks for so many events.
pub(crate) fn room(events: usize) -> usize {
    MAX_MARKS.max(events.saturating_mul(ROOM))
}
