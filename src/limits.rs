//! Every limit on what an app may say, enforced here and nowhere else.

use std::borrow::Cow;

/// Longest event name, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;
/// Most properties of an event.
pub const MAX_PROPERTIES: usize = 16;
/// Most identifiers of a user.
pub const MAX_USER_IDENTIFIERS: usize = 8;
/// Most traits of a user.
pub const MAX_TRAITS: usize = 16;
/// Longest key of a property, identifier or trait, in bytes of UTF-8.
pub const MAX_KEY_BYTES: usize = 128;
/// Longest text value, in bytes of UTF-8; for a JSON value, of its serialisation.
pub const MAX_VALUE_BYTES: usize = 8_192;
/// Deepest nesting of a JSON value.
pub const MAX_JSON_DEPTH: usize = 16;

/// What an SDK call got wrong.
///
/// The fallible constructors return it; the infallible ones correct the call, count the
/// correction in [`Stats::corrected`](crate::Stats::corrected), and log each kind once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Mistake {
    /// The event has no name; it cannot be sent.
    EmptyName,
    /// The name starts with `sq.`, which is Sqreen's own; the event cannot be sent.
    ReservedName,
    /// The name is longer than [`MAX_NAME_BYTES`]; it is cut.
    LongName,
    /// One more property than [`MAX_PROPERTIES`]; it is left out.
    TooManyProperties,
    /// One more identifier than [`MAX_USER_IDENTIFIERS`]; it is left out.
    TooManyIdentifiers,
    /// One more trait than [`MAX_TRAITS`]; it is left out.
    TooManyTraits,
    /// An empty key; its value is left out.
    EmptyKey,
    /// A key longer than [`MAX_KEY_BYTES`]; its value is left out.
    LongKey,
    /// A text longer than [`MAX_VALUE_BYTES`] is cut; such a JSON value is left out.
    LongValue,
    /// A JSON value nested deeper than [`MAX_JSON_DEPTH`]; it is left out.
    DeepValue,
    /// A user without any identifier; the call is as if it named no user.
    NoIdentifiers,
    /// `collect_body` on a layer that does not collect bodies: see
    /// [`SqreenLayer::collect_body`](crate::SqreenLayer::collect_body).
    BodyNotCollected,
}

impl Mistake {
    pub(crate) const ALL: [Self; 12] = [
        Self::EmptyName,
        Self::ReservedName,
        Self::LongName,
        Self::TooManyProperties,
        Self::TooManyIdentifiers,
        Self::TooManyTraits,
        Self::EmptyKey,
        Self::LongKey,
        Self::LongValue,
        Self::DeepValue,
        Self::NoIdentifiers,
        Self::BodyNotCollected,
    ];

    /// The mistake's name in [`Stats`](crate::Stats) and in the outcome ledger.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::EmptyName => "empty_name",
            Self::ReservedName => "reserved_name",
            Self::LongName => "long_name",
            Self::TooManyProperties => "too_many_properties",
            Self::TooManyIdentifiers => "too_many_identifiers",
            Self::TooManyTraits => "too_many_traits",
            Self::EmptyKey => "empty_key",
            Self::LongKey => "long_key",
            Self::LongValue => "long_value",
            Self::DeepValue => "deep_value",
            Self::NoIdentifiers => "no_identifiers",
            Self::BodyNotCollected => "body_not_collected",
        }
    }

    const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::EmptyName => f.write_str("the event name is empty"),
            Self::ReservedName => f.write_str("event names starting with `sq.` are reserved"),
            Self::LongName => write!(f, "the event name exceeds {MAX_NAME_BYTES} bytes"),
            Self::TooManyProperties => write!(f, "more than {MAX_PROPERTIES} properties"),
            Self::TooManyIdentifiers => {
                write!(f, "more than {MAX_USER_IDENTIFIERS} user identifiers")
            }
            Self::TooManyTraits => write!(f, "more than {MAX_TRAITS} traits"),
            Self::EmptyKey => f.write_str("a key is empty"),
            Self::LongKey => write!(f, "a key exceeds {MAX_KEY_BYTES} bytes"),
            Self::LongValue => write!(f, "a value exceeds {MAX_VALUE_BYTES} bytes"),
            Self::DeepValue => {
                write!(f, "a value is nested deeper than {MAX_JSON_DEPTH} levels")
            }
            Self::NoIdentifiers => f.write_str("the user has no identifiers"),
            Self::BodyNotCollected => {
                f.write_str("collect_body needs a layer built with `.collect_body()`")
            }
        }
    }
}

impl std::error::Error for Mistake {}

/// A set of [`Mistake`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mistakes(u16);

impl Mistakes {
    pub(crate) fn add(&mut self, mistake: Mistake) {
        self.0 |= mistake.bit();
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.0 |= other.0;
    }

    pub(crate) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(crate) const fn contains(self, mistake: Mistake) -> bool {
        self.0 & mistake.bit() != 0
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Mistake> {
        let all = Mistake::ALL.into_iter();
        all.filter(move |mistake| self.contains(*mistake))
    }
}

#[inline]
pub(crate) fn check_name(name: &str) -> Result<(), Mistake> {
    if name.is_empty() {
        Err(Mistake::EmptyName)
    } else if name.starts_with(crate::protocol::names::RESERVED_PREFIX) {
        Err(Mistake::ReservedName)
    } else if name.len() > MAX_NAME_BYTES {
        Err(Mistake::LongName)
    } else {
        Ok(())
    }
}

#[inline]
pub(crate) fn check_key(key: &str) -> Result<(), Mistake> {
    if key.is_empty() {
        Err(Mistake::EmptyKey)
    } else if key.len() > MAX_KEY_BYTES {
        Err(Mistake::LongKey)
    } else {
        Ok(())
    }
}

#[inline]
pub(crate) fn check_text(text: &str) -> Result<(), Mistake> {
    if text.len() > MAX_VALUE_BYTES {
        Err(Mistake::LongValue)
    } else {
        Ok(())
    }
}

/// Cuts a text to `max` bytes, before the character that the limit would split.
pub(crate) fn cut(text: &mut Cow<'static, str>, max: usize) {
    let end = text.floor_char_boundary(max);
    match text {
        Cow::Borrowed(text) => *text = &text[..end],
        Cow::Owned(text) => text.truncate(end),
    }
}
