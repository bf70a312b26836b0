//! Which events: one filter for queries, histograms, groups, exports and the live stream.

mod cursor;
mod error;
mod field;
mod matches;
mod parse;
mod print;
#[cfg(test)]
mod tests;
mod values;

use ipnet::IpNet;

pub use self::error::FilterError;
pub use self::field::{Dimension, Field, JsonField};
pub(super) use self::matches::value_text;

/// Which events are meant, by their fields. Times are not part of it: a query's range is.
///
/// An event without the field meets no [`Test`] on it, and so meets the test's negation.
///
#[doc = include_str!("language.md")]
///
/// # As a type
///
/// The limits are [`MAX_LENGTH`](Self::MAX_LENGTH), [`MAX_DEPTH`](Self::MAX_DEPTH) and
/// [`MAX_TESTS`](Self::MAX_TESTS); [`FilterError`] says what is wrong and where.
///
/// Displayed, a filter is text that parses to the same filter, if a parser could have made it. What no parser makes,
/// such as an `Any` of none, is displayed as something that means the same.
///
/// ```
/// use sqreen_server::store::Filter;
///
/// let filter: Filter = "(name : users.login) and not ip:2001:db8::/32".parse()?;
/// assert_eq!(filter.to_string(), "name:users.login -ip:2001:db8::/32");
///
/// let error = "name:a colour:red".parse::<Filter>().unwrap_err();
/// assert_eq!((error.position(), error.found()), (7, "unknown field `colour`"));
/// # Ok::<(), sqreen_server::store::FilterError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub enum Filter {
    /// All of them hold; of none, every event is meant.
    All(Vec<Filter>),
    /// One of them holds; of none, no event is meant.
    Any(Vec<Filter>),
    /// It does not hold.
    Not(Box<Filter>),
    /// A field is as it should be.
    Is(Test),
}

/// What is asked of one field.
#[derive(Clone, Debug, PartialEq)]
pub struct Test {
    /// The field.
    pub field: Field,
    /// What it should be.
    pub check: Check,
}

/// What a field should be.
///
/// Texts are compared as they are: the address in its canonical form, a status in decimal, `true` and `false`. Of a
/// JSON field, a text value is its text, and any other its JSON. A number of JSON equals every way to write it
/// (`42`, `42.0`). A JSON field without a path, such as `properties`, is met by [`Equals`](Self::Equals),
/// [`Prefix`](Self::Prefix), [`Number`](Self::Number) and [`In`](Self::In) if any value at its top level is, and by
/// [`Contains`](Self::Contains) if its JSON does, names included.
#[derive(Clone, Debug, PartialEq)]
pub enum Check {
    /// It is one of these.
    Equals(Vec<String>),
    /// It contains the text; ASCII letters match in either case.
    Contains(String),
    /// It starts with the text.
    Prefix(String),
    /// It is there.
    Exists,
    /// It is a number, of JSON or the status, on this side of another.
    Number(Comparison, f64),
    /// It is an address within one of these networks.
    In(Vec<IpNet>),
}

/// How numbers compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// Below it.
    Less,
    /// Below it, or equal.
    AtMost,
    /// Above it.
    More,
    /// Above it, or equal.
    AtLeast,
}

impl Filter {
    /// The most bytes of a filter as text.
    pub const MAX_LENGTH: usize = 16_384;
    /// The most levels of parentheses and negations.
    pub const MAX_DEPTH: usize = 32;
    /// The most tests.
    pub const MAX_TESTS: usize = 128;

    /// Takes the events whose field is this text.
    #[must_use]
    pub fn equals(field: Field, text: impl Into<String>) -> Self {
        let check = Check::Equals(vec![text.into()]);
        Self::Is(Test { field, check })
    }
}

impl Default for Filter {
    fn default() -> Self {
        Self::All(Vec::new())
    }
}
