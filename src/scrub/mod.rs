//! Scrubbing: no password, token or card number leaves the application.
//!
//! A [`Scrubber`] goes through everything that is sent about a request or an event, except user
//! identifiers, and puts [`REDACTED`] in the place of what it finds. It looks for two things.
//!
//! # Keys
//!
//! The whole value under a configured key is replaced, whatever it is. Keys are compared exactly,
//! but for case, separators and an `x-` in front: `api_key` is also `apiKey`, `API-Key` and
//! `X-Api-Key`. A nested name counts when one of its segments does: `user[password]`,
//! `db.password`. Longer words are other words: `tokenizer` and `passwordless` stay.
//!
//! Keys are found in JSON objects, and also inside text:
//! - in the query and the fragment of a URL, or a query or form alone: `/pay?token=…&page=2`;
//! - in JSON that a string carries, even cut off in the middle;
//! - in either of them percent-encoded within the other, or within itself.
//!
//! # Patterns
//!
//! Each match of a configured regular expression is replaced, in strings, in names of members and
//! parameters, and in the decimal digits of numbers. The default one, [`CARD_NUMBER_PATTERN`],
//! takes a value that is nothing but 13 to 16 digits for a card number; so it does with an integer,
//! and hence with a timestamp in milliseconds. With it come card numbers within longer text, where
//! more care is due: only a number of its own, in a range that issuers use, with a right check digit
//! (Luhn).
//!
//! Also replaced is what stands before the `@` of a URL: `https://user:password@host/`.
//!
//! # What is left alone
//!
//! Everything else is unchanged to the byte. A value found to be secret in one place is not blanked
//! in others, since a short one would turn unrelated text into noise. A string of JSON in which
//! something was redacted is written anew, without its white space.
//!
//! # When it cannot be done
//!
//! Values nested deeper than [`MAX_DEPTH`] are refused with a [`ScrubError`]: the event must then be
//! dropped, as it may hold what nobody looked at. Within text, what is nested deeper is redacted, and
//! so is what is percent-encoded more than 8 times.

mod cards;
mod edits;
mod error;
mod json_text;
mod keys;
mod patterns;
mod percent;
mod query;
mod scrubber;
#[cfg(test)]
mod tests;
mod text;

pub use error::ScrubConfigError;
pub(crate) use error::ScrubError;
pub(crate) use keys::DEFAULT_KEYS;
pub(crate) use patterns::CARD_NUMBER_PATTERN;
pub(crate) use scrubber::Scrubber;

pub(crate) use crate::protocol::REDACTED;

/// Decodes a segment of a path, where a plus is a plus.
pub(crate) fn percent_decoded(segment: &str) -> String {
    percent::decode(&segment.replace('+', "%2B")).into_owned()
}
