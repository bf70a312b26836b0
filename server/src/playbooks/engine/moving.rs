//! What is in a window as its end moves on, so that looking at all windows of an event costs one pass.

use std::collections::HashMap;

use super::window::Mark;

/// The first place from `first` on whose time is after `start`.
pub(super) fn advance(marks: &[Mark], first: usize, start: i64) -> usize {
    let past = marks.iter().skip(first);
    first + past.take_while(|mark| mark.time <= start).count()
}

/// The places of the marks of a window that moves on.
pub(super) struct Span {
    first: usize,
    end: usize,
}

impl Span {
    pub(super) fn of(marks: &[Mark], start: i64, end: i64) -> Self {
        let place = |time| marks.partition_point(|mark: &Mark| mark.time <= time);
        Self {
            first: place(start),
            end: place(end),
        }
    }

    pub(super) fn move_on(&mut self, marks: &[Mark], start: i64, end: i64) {
        self.first = advance(marks, self.first, start);
        self.end = advance(marks, self.end, end);
    }

    pub(super) fn length(&self) -> usize {
        self.end.saturating_sub(self.first)
    }
}

/// How often each value is in a window that moves on.
#[derive(Default)]
pub(super) struct Values {
    counts: HashMap<u64, u32, foldhash::fast::FixedState>,
    first: usize,
    /// Behind the last.
    end: usize,
}

impl Values {
    /// The number of different values from `first` to `last`; 0 is none.
    pub(super) fn count(&mut self, marks: &[Mark], first: usize, last: usize) -> usize {
        if self.end <= first {
            self.counts.clear();
            (self.first, self.end) = (first, first);
        }
        let of = |places: std::ops::Range<usize>| {
            let marks = marks.get(places).unwrap_or_default().iter();
            marks.map(|mark| mark.value).filter(|value| *value != 0)
        };
        for value in of(self.end..last + 1) {
            *self.counts.entry(value).or_default() += 1;
        }
        for value in of(self.first..first) {
            if let Some(count) = self.counts.get_mut(&value) {
                *count -= 1;
                if *count == 0 {
                    self.counts.remove(&value);
                }
            }
        }
        (self.first, self.end) = (first, last + 1);
        self.counts.len()
    }
}
