//! Secrets known by what they look like.

use std::ops::Range;

use regex::Regex;

use super::cards;
use super::edits::{Edits, Replacement};
use super::error::ScrubConfigError;

/// The pattern that is redacted unless others are configured: a value that is a card number.
pub(crate) const CARD_NUMBER_PATTERN: &str = r"^(?:\d[ -]*?){13,16}$";

/// The configured patterns.
#[derive(Debug, Clone, Default)]
pub(super) struct Patterns {
    regexes: Vec<Regex>,
    /// Whether to look for card numbers within longer text as well.
    cards: bool,
}

impl Patterns {
    pub(super) fn new(
        patterns: impl IntoIterator<Item = String>,
    ) -> Result<Self, ScrubConfigError> {
        let mut compiled = Self::default();
        for pattern in patterns {
            compiled.cards |= pattern == CARD_NUMBER_PATTERN;
            match Regex::new(&pattern) {
                Ok(regex) => compiled.regexes.push(regex),
                Err(source) => return Err(ScrubConfigError::Pattern { pattern, source }),
            }
        }
        Ok(compiled)
    }

    /// Adds the matches of every pattern in a part of the text, taken for itself.
    pub(super) fn find(&self, text: &str, part: Range<usize>, edits: &mut Edits) {
        let offset = part.start;
        let haystack = text.get(part).unwrap_or_default();
        if haystack.is_empty() {
            return;
        }
        let matches = self
            .regexes
            .iter()
            .flat_map(|regex| regex.find_iter(haystack).map(|found| found.range()));
        let cards = self.cards.then(|| cards::find(haystack));
        for found in matches.chain(cards.into_iter().flatten()) {
            let range = offset + found.start..offset + found.end;
            edits.push(text, range, Replacement::Marker);
        }
    }
}
