use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::limits::{self, MAX_TRAITS, MAX_USER_IDENTIFIERS, MAX_VALUE_BYTES, Mistake, Mistakes};
use crate::value::{Pairs, Value};

/// Who acts: a user's identifiers, such as `email`, or `id` and `tenant` together.
///
/// Use the same identifiers in every call that concerns a user. Their order does not matter:
/// they are kept sorted by key, and a key given twice keeps its last value. At most
/// [`MAX_USER_IDENTIFIERS`] pairs, keys up to [`MAX_KEY_BYTES`](limits::MAX_KEY_BYTES), values up
/// to [`MAX_VALUE_BYTES`]. Identifiers are not scrubbed: prefer internal ids to personal data.
///
/// ```
/// use sqreen::UserIdentifiers;
///
/// let user = UserIdentifiers::from([("email", "ann@example.com")]);
/// assert_eq!(user.get("email"), Some("ann@example.com"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct UserIdentifiers {
    pairs: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    mistakes: Mistakes,
}

impl PartialEq for UserIdentifiers {
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs
    }
}

impl Eq for UserIdentifiers {}

impl UserIdentifiers {
    /// A user of one identifier.
    #[must_use]
    pub fn new(key: impl Into<Cow<'static, str>>, value: impl Into<Cow<'static, str>>) -> Self {
        Self::default().with(key, value)
    }

    /// Adds an identifier; a mistake is corrected and counted when the user is used.
    #[must_use]
    pub fn with(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        let (key, mut value) = (key.into(), value.into());
        if let Err(mistake) = limits::check_text(&value) {
            self.mistakes.add(mistake);
            limits::cut(&mut value, MAX_VALUE_BYTES);
        }
        if let Err(mistake) = self.insert(key, value) {
            self.mistakes.add(mistake);
        }
        self
    }

    /// Adds an identifier.
    ///
    /// # Errors
    ///
    /// A limit is exceeded or the key is empty.
    pub fn try_with(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Result<Self, Mistake> {
        let value = value.into();
        limits::check_text(&value)?;
        self.insert(key.into(), value)?;
        Ok(self)
    }

    fn insert(&mut self, key: Cow<'static, str>, value: Cow<'static, str>) -> Result<(), Mistake> {
        limits::check_key(&key)?;
        match self.pairs.binary_search_by(|(k, _)| k.cmp(&key)) {
            Ok(at) => self.pairs[at].1 = value,
            Err(_) if self.pairs.len() == MAX_USER_IDENTIFIERS => {
                return Err(Mistake::TooManyIdentifiers);
            }
            Err(at) => self.pairs.insert(at, (key, value)),
        }
        Ok(())
    }

    /// The value of an identifier.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let at = self.pairs.binary_search_by(|(k, _)| (**k).cmp(key)).ok()?;
        Some(&self.pairs[at].1)
    }

    /// The identifiers, sorted by key.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(key, value)| (&**key, &**value))
    }

    /// Whether there are no identifiers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn mistakes(&self) -> Mistakes {
        let mut mistakes = self.mistakes;
        if self.is_empty() {
            mistakes.add(Mistake::NoIdentifiers);
        }
        mistakes
    }

    pub(crate) fn size(&self) -> usize {
        let texts = self
            .pairs
            .iter()
            .map(|(key, value)| key.len() + value.len());
        texts.sum::<usize>() + self.pairs.len() * 48
    }

    pub(crate) fn to_json(&self) -> Map<String, Json> {
        self.iter()
            .map(|(key, value)| (key.to_owned(), value.into()))
            .collect()
    }
}

impl<K, V> FromIterator<(K, V)> for UserIdentifiers
where
    K: Into<String>,
    V: Into<String>,
{
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        pairs
            .into_iter()
            .fold(Self::default(), |user, (key, value)| {
                user.with(key.into(), value.into())
            })
    }
}

impl<K, V, const N: usize> From<[(K, V); N]> for UserIdentifiers
where
    K: Into<String>,
    V: Into<String>,
{
    fn from(pairs: [(K, V); N]) -> Self {
        pairs.into_iter().collect()
    }
}

impl From<&Self> for UserIdentifiers {
    fn from(user: &Self) -> Self {
        user.clone()
    }
}

/// What else is known of a user: at most [`MAX_TRAITS`] pairs, sent along with `identify`.
///
/// ```
/// use sqreen::Traits;
///
/// let traits = Traits::from([("plan", "gold")]).with("seats", 5);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Traits {
    pairs: Pairs,
    pub(crate) mistakes: Mistakes,
}

impl Traits {
    /// Adds a trait; a mistake is corrected and counted when the traits are used.
    #[must_use]
    pub fn with(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        self.mistakes.join(self.pairs.push(
            key.into(),
            value.into(),
            MAX_TRAITS,
            Mistake::TooManyTraits,
        ));
        self
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }

    pub(crate) fn size(&self) -> usize {
        self.pairs.size()
    }

    pub(crate) fn to_json(&self) -> Map<String, Json> {
        self.pairs.clone().into_json()
    }
}

impl<K, V, const N: usize> From<[(K, V); N]> for Traits
where
    K: Into<Cow<'static, str>>,
    V: Into<Value>,
{
    fn from(pairs: [(K, V); N]) -> Self {
        let traits = pairs.into_iter();
        traits.fold(Self::default(), |traits, (key, value)| {
            traits.with(key, value)
        })
    }
}
