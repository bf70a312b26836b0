//! Payment card numbers in the middle of other text.

use std::ops::Range;

/// How card numbers are printed: all digits together, or in groups with one separator.
const GROUPINGS: [&[usize]; 7] = [
    &[4, 4, 4, 4],
    &[4, 6, 5],
    &[4, 6, 4],
    &[16],
    &[15],
    &[14],
    &[13],
];

/// The card numbers in a text.
///
/// A number counts when it stands by itself, is grouped as cards are, begins as issuers' numbers
/// do and has a right check digit. One random number of such a length in about twenty does by
/// chance.
pub(super) fn find(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() {
            let start = at;
            if !is_digit(bytes, start) {
                at += 1;
                continue;
            }
            if let Some(end) = stands_alone_before(bytes, start)
                .then(|| GROUPINGS.iter().find_map(|g| card(bytes, start, g)))
                .flatten()
            {
                at = end;
                return Some(start..end);
            }
            at += digits(bytes, start);
        }
        None
    })
}

/// The end of the card number of this grouping that begins at `start`.
fn card(bytes: &[u8], start: usize, grouping: &[usize]) -> Option<usize> {
    let mut at = start;
    let mut separator = None;
    for (group, length) in grouping.iter().enumerate() {
        if group > 0 {
            let found = *bytes.get(at).filter(|b| matches!(b, b' ' | b'-'))?;
            if *separator.get_or_insert(found) != found {
                return None;
            }
            at += 1;
        }
        if digits(bytes, at) != *length {
            return None;
        }
        at += length;
    }
    let number = bytes.get(start..at)?.iter().filter(|b| b.is_ascii_digit());
    let number = number.map(|b| u32::from(b - b'0'));
    (stands_alone_after(bytes, at) && is_issued(number.clone()) && luhn(number)).then_some(at)
}

/// Whether the number begins as the cards of the large networks do.
fn is_issued(number: impl Iterator<Item = u32>) -> bool {
    let first_four = number.take(4).fold(0, |n, digit| n * 10 + digit);
    matches!(first_four, 2221..=2720 | 3000..=6999)
}

/// ISO/IEC 7812-1 annex B.
fn luhn(number: impl DoubleEndedIterator<Item = u32>) -> bool {
    let sum: u32 = number
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, digit * 2) {
            (0, _) => digit,
            (_, double @ 0..=9) => double,
            (_, double) => double - 9,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Not the tail of a word, of a hexadecimal number or of a decimal fraction.
fn stands_alone_before(bytes: &[u8], start: usize) -> bool {
    let before = |n| start.checked_sub(n).and_then(|at| bytes.get(at));
    match before(1) {
        Some(b'.' | b',') => !before(2).is_some_and(u8::is_ascii_digit),
        Some(b) => !is_word(*b),
        None => true,
    }
}

fn stands_alone_after(bytes: &[u8], end: usize) -> bool {
    match bytes.get(end) {
        Some(b'.' | b',') => !is_digit(bytes, end + 1),
        Some(b) => !is_word(*b),
        None => true,
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_digit(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(u8::is_ascii_digit)
}

/// How many digits follow one another from `at`.
fn digits(bytes: &[u8], at: usize) -> usize {
    let rest = bytes.get(at..).unwrap_or_default();
    rest.iter().take_while(|b| b.is_ascii_digit()).count()
}
