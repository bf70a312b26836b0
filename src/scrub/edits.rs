//! Replacements in a text, collected first and made at once.

use std::borrow::Cow;
use std::ops::Range;

use super::REDACTED;

/// What to write in the place of a piece of text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Replacement {
    /// The marker.
    Marker,
    /// The marker as a JSON string.
    QuotedMarker,
    /// The same text with something in it redacted.
    Rewritten(String),
}

/// Replacements in one text. The ranges lie on character boundaries of it.
#[derive(Debug, Default)]
pub(super) struct Edits(Vec<(Range<usize>, Replacement)>);

impl Edits {
    /// Adds a replacement, unless the text there is nothing or was redacted before.
    pub(super) fn push(&mut self, text: &str, range: Range<usize>, with: Replacement) {
        let old = text.get(range.clone()).unwrap_or_default();
        if !old.is_empty() && old.trim_matches('"') != REDACTED {
            self.0.push((range, with));
        }
    }

    /// The text with all replacements made, borrowed when there are none. What overlaps is
    /// redacted as one.
    pub(super) fn apply(mut self, text: &str) -> Cow<'_, str> {
        if self.0.is_empty() {
            return Cow::Borrowed(text);
        }
        self.0
            .sort_by(|(a, _), (b, _)| a.start.cmp(&b.start).then(b.end.cmp(&a.end)));
        let mut merged: Vec<(Range<usize>, Replacement)> = Vec::with_capacity(self.0.len());
        for (range, with) in self.0 {
            match merged.last_mut() {
                Some((last, last_with)) if range.start < last.end => {
                    if matches!(last_with, Replacement::Rewritten(_)) {
                        *last_with = Replacement::Marker;
                    }
                    last.end = last.end.max(range.end);
                }
                _ => merged.push((range, with)),
            }
        }

        let mut edited = String::with_capacity(text.len());
        let mut done = 0;
        for (range, with) in merged {
            edited.push_str(text.get(done..range.start).unwrap_or_default());
            match with {
                Replacement::Marker => edited.push_str(REDACTED),
                Replacement::QuotedMarker => {
                    edited.push('"');
                    edited.push_str(REDACTED);
                    edited.push('"');
                }
                Replacement::Rewritten(new) => edited.push_str(&new),
            }
            done = range.end;
        }
        edited.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(edited)
    }
}
