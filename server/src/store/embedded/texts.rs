//! The values of one field in some rows, each different value once where they repeat.

use std::collections::HashMap;
use std::hash::Hash;

use bytes::Bytes;

/// The code of a row without a value.
pub(super) const ABSENT: u32 = u32::MAX;

/// The values of one field.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// For each row that was asked for, the place of its value in `values`, or [`ABSENT`].
    pub(super) codes: Vec<u32>,
    pub(super) values: Values,
}

impl Texts {
    /// As many rows without a value.
    pub(super) fn absent(rows: usize) -> Self {
        Self {
            codes: vec![ABSENT; rows],
            values: Values::default(),
        }
    }

    /// The texts of numbers and the like.
    pub(super) fn of_numbers<T: ToString + Copy + Eq + Hash>(
        numbers: impl IntoIterator<Item = Option<T>>,
    ) -> Self {
        let mut values = Values::default();
        let mut known: HashMap<T, u32> = HashMap::new();
        let mut code = |number: T| {
            *known
                .entry(number)
                .or_insert_with(|| values.push_owned(number.to_string()))
        };
        let codes = numbers
            .into_iter()
            .map(|number| number.map_or(ABSENT, &mut code))
            .collect();
        Self { codes, values }
    }

    /// Rows that have one value in common, an empty one.
    pub(super) fn one(rows: usize) -> Self {
        let mut values = Values::default();
        let code = values.push_owned("");
        let codes = vec![code; rows];
        Self { codes, values }
    }

    /// The same rows with what `find` finds in each value; it returns a part of what it is given.
    pub(super) fn narrow(mut self, find: impl Fn(&[u8]) -> Option<&[u8]>) -> Self {
        let found = self.values.narrow(find);
        for code in &mut self.codes {
            if !found.get(*code as usize).is_some_and(|found| *found) {
                *code = ABSENT;
            }
        }
        self
    }
}

/// Where a part lies within the whole that it was taken from; `None` if it was not.
pub(super) fn place_within(whole: &[u8], part: &[u8]) -> Option<(usize, usize)> {
    let start = part.as_ptr().addr().checked_sub(whole.as_ptr().addr())?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some((start, end))
}

/// Texts that lie in buffers which they share.
#[derive(Debug, Default)]
pub(super) struct Values {
    buffers: Vec<Bytes>,
    spans: Vec<Span>,
}

#[derive(Clone, Copy, Debug)]
struct Span {
    buffer: u32,
    start: u32,
    end: u32,
}

impl Values {
    pub(super) fn len(&self) -> usize {
        self.spans.len()
    }

    /// The value of a code; that of [`ABSENT`] is `None`.
    pub(super) fn get(&self, code: u32) -> Option<&[u8]> {
        let span = self.spans.get(code as usize)?;
        self.buffers
            .get(span.buffer as usize)?
            .get(span.start as usize..span.end as usize)
    }

    /// Cuts each value to what `find` finds in it, and says in which it found anything.
    fn narrow(&mut self, find: impl Fn(&[u8]) -> Option<&[u8]>) -> Vec<bool> {
        let narrowed = |code: u32| {
            let value = self.get(code)?;
            let part = find(value)?;
            let (start, end) = place_within(value, part)?;
            Some((start as u32, end as u32))
        };
        let spans: Vec<_> = (0..self.spans.len() as u32).map(narrowed).collect();
        for (span, part) in self.spans.iter_mut().zip(&spans) {
            if let Some((start, end)) = part {
                (span.start, span.end) = (span.start + start, span.start + end);
            }
        }
        spans.iter().map(Option::is_some).collect()
    }

    /// Adds a buffer for the values that are pushed from now on.
    pub(super) fn buffer(&mut self, bytes: Bytes) {
        self.buffers.push(bytes);
    }

    /// Adds a value that lies there in the last buffer, and returns its code.
    pub(super) fn push(&mut self, start: usize, end: usize) -> u32 {
        let code = self.spans.len() as u32;
        // Buffers are pages and batches, which are far below 4 GiB.
        self.spans.push(Span {
            buffer: self.buffers.len().saturating_sub(1) as u32,
            start: start as u32,
            end: end as u32,
        });
        code
    }

    /// Adds a value of its own, and returns its code.
    pub(super) fn push_owned(&mut self, text: impl Into<Bytes>) -> u32 {
        let text = text.into();
        let end = text.len();
        self.buffers.push(text);
        self.push(0, end)
    }
}
