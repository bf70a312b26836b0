//! Which values there are, in bounded memory.

use std::borrow::Cow;
use std::collections::HashMap;

use foldhash::quality::RandomState;

use crate::store::embedded::texts::Texts;
use crate::store::filter::Field;

/// The most values that are kept count of. Beyond it the rarer half is let go.
const MOST_VALUES: usize = 200_000;

/// The most bytes that they take.
const MOST_BYTES: usize = 32 << 20;

/// A value's number: values keep it, and those that were let go leave theirs unused.
pub(super) type Number = u32;

/// The number of no value.
pub(super) const NONE: Number = Number::MAX;

/// Counts rows by value.
#[derive(Debug, Default)]
pub(super) struct Tally {
    numbers: HashMap<Box<str>, Number, RandomState>,
    counts: Vec<u64>,
    bytes: usize,
    /// Whether values were let go.
    lossy: bool,
}

impl Tally {
    /// Counts the rows of a part, and returns the number of each one's value.
    pub(super) fn count(&mut self, field: &Field, texts: &Texts) -> Vec<Number> {
        let mut known: Vec<Option<Number>> = vec![None; texts.values.len()];
        let mut number = |code: u32| {
            let Some(known) = known.get_mut(code as usize) else {
                return NONE;
            };
            let number = *known.get_or_insert_with(|| {
                let value = texts.values.get(code).unwrap_or_default();
                self.number(&shown(field, value))
            });
            if let Some(count) = self.counts.get_mut(number as usize) {
                *count += 1;
            }
            number
        };
        texts.codes.iter().map(|code| number(*code)).collect()
    }

    fn number(&mut self, value: &str) -> Number {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = self.counts.len() as Number;
        self.bytes += value.len();
        self.numbers.insert(value.into(), number);
        self.counts.push(0);
        number
    }

    /// Lets the rarer half of the values go if there are too many; `forget` is told their numbers.
    pub(super) fn shrink(&mut self, mut forget: impl FnMut(Number)) {
        if self.numbers.len() <= MOST_VALUES && self.bytes <= MOST_BYTES {
            return;
        }
        self.lossy = true;
        let mut numbers: Vec<Number> = self.numbers.values().copied().collect();
        numbers.sort_unstable_by_key(|number| (self.events(*number), std::cmp::Reverse(*number)));
        numbers.truncate(numbers.len() / 2);
        numbers.sort_unstable();
        self.numbers
            .retain(|_, number| numbers.binary_search(number).is_err());
        self.bytes = self.numbers.keys().map(|value| value.len()).sum();
        numbers.into_iter().for_each(&mut forget);
    }

    /// The number that another tally has for each value of this one; those that it does not have are left out.
    pub(super) fn renumbered(&self, other: &Self) -> HashMap<Number, Number> {
        let values = self.numbers.iter();
        values
            .filter_map(|(value, number)| Some((*number, *other.numbers.get(value)?)))
            .collect()
    }

    fn events(&self, number: Number) -> u64 {
        self.counts
            .get(number as usize)
            .copied()
            .unwrap_or_default()
    }

    /// How many values are kept count of, and whether these are all.
    pub(super) fn values(&self) -> (usize, bool) {
        (self.numbers.len(), !self.lossy)
    }

    /// The most frequent values, equally frequent ones by their text, with their numbers and counts.
    pub(super) fn top(&self, most: usize) -> Vec<(&str, Number, u64)> {
        let values = self.numbers.iter();
        let mut all: Vec<(&str, Number, u64)> = values
            .map(|(value, number)| (&**value, *number, self.events(*number)))
            .collect();
        let order = |a: &(&str, Number, u64), b: &(&str, Number, u64)| {
            b.2.cmp(&a.2).then_with(|| a.0.cmp(b.0))
        };
        if most < all.len() {
            // By their counts first: the texts lie far apart in memory, and most values are out already.
            let (_, next, _) = all.select_nth_unstable_by(most, |a, b| b.2.cmp(&a.2));
            let least = next.2;
            all.retain(|(.., events)| *events >= least);
        }
        all.sort_unstable_by(order);
        all.truncate(most);
        all
    }
}

/// The value as answers have it: of JSON, a text as it is, anything else as JSON.
fn shown<'v>(field: &Field, value: &'v [u8]) -> Cow<'v, str> {
    if matches!(field, Field::Json(..))
        && value.first() == Some(&b'"')
        && let Ok(text) = serde_json::from_slice::<String>(value)
    {
        return text.into();
    }
    match std::str::from_utf8(value) {
        Ok(text) => text.into(),
        Err(_) => String::from_utf8_lossy(value),
    }
}
