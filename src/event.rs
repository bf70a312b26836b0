use std::borrow::Cow;
use std::time::SystemTime;

use serde_json::{Map, Value as Json};

use crate::limits::{self, MAX_NAME_BYTES, MAX_PROPERTIES, Mistake, Mistakes};
use crate::protocol::Timestamp;
use crate::user::{self, UserIdentifiers};
use crate::value::Value;

/// An event to track: a name, and whatever tells this one from others of its name.
///
/// ```
/// use sqreen::Event;
///
/// let event = Event::new("cart.checkout")?
///     .property("amount", 42)
///     .property("currency", "EUR");
/// # Ok::<(), sqreen::Mistake>(())
/// ```
///
/// [`Event::new`] and the `try_` methods return the [`Mistake`]; `From<&str>` and the other
/// methods keep what is valid, and the mistake is counted when the event is tracked.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an event does nothing until it is tracked"]
pub struct Event {
    pub(crate) name: Cow<'static, str>,
    pub(crate) properties: Vec<(Cow<'static, str>, Value)>,
    pub(crate) user: Option<UserIdentifiers>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) collect_body: bool,
    pub(crate) mistakes: Mistakes,
}

impl Event {
    /// An event of this name: 1 to [`MAX_NAME_BYTES`] bytes, not starting with `sq.`.
    ///
    /// # Errors
    ///
    /// The name is empty, reserved or too long.
    pub fn new(name: impl Into<Cow<'static, str>>) -> Result<Self, Mistake> {
        let name = name.into();
        limits::check_name(&name)?;
        Ok(Self::unchecked(name))
    }

    fn corrected(mut name: Cow<'static, str>) -> Self {
        let mut mistakes = Mistakes::default();
        if let Err(mistake) = limits::check_name(&name) {
            mistakes.add(mistake);
            limits::cut(&mut name, MAX_NAME_BYTES);
        }
        Self {
            mistakes,
            ..Self::unchecked(name)
        }
    }

    /// An event whose name was checked, or is one of Sqreen's own.
    pub(crate) fn unchecked(name: Cow<'static, str>) -> Self {
        Self {
            name,
            properties: Vec::new(),
            user: None,
            timestamp: None,
            collect_body: false,
            mistakes: Mistakes::default(),
        }
    }

    /// Adds a property, at most [`MAX_PROPERTIES`]; a key given twice keeps its last value.
    pub fn property(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        if self.properties.capacity() == 0 {
            self.properties.reserve(4);
        }
        self.mistakes.join(user::push(
            &mut self.properties,
            key.into(),
            value.into(),
            MAX_PROPERTIES,
            Mistake::TooManyProperties,
        ));
        self
    }

    /// Adds a property.
    ///
    /// # Errors
    ///
    /// It would be the 17th, its key is empty or too long, or its value too long or too deep.
    pub fn try_property(
        mut self,
        key: impl Into<Cow<'static, str>>,
        value: impl Into<Value>,
    ) -> Result<Self, Mistake> {
        let value = value.into();
        value.check()?;
        user::insert(
            &mut self.properties,
            key.into(),
            value,
            MAX_PROPERTIES,
            Mistake::TooManyProperties,
        )?;
        Ok(self)
    }

    /// Adds several properties.
    pub fn properties<K, V>(self, properties: impl IntoIterator<Item = (K, V)>) -> Self
    where
        K: Into<Cow<'static, str>>,
        V: Into<Value>,
    {
        let properties = properties.into_iter();
        properties.fold(self, |event, (key, value)| event.property(key, value))
    }

    /// Says who did it; for this event alone, this overrides `identify`.
    pub fn user(mut self, user: impl Into<UserIdentifiers>) -> Self {
        let user = user.into();
        self.mistakes.join(user.mistakes());
        self.user = Some(user).filter(|user| !user.is_empty());
        self
    }

    /// Says when it happened; otherwise that is when it is tracked.
    pub fn timestamp(mut self, time: impl Into<SystemTime>) -> Self {
        self.timestamp = Some(time.into().into());
        self
    }

    /// Sends the request's body along, as far as the handler read it and the layer's limit
    /// allows; needs [`SqreenLayer::collect_body`](crate::SqreenLayer::collect_body).
    pub fn collect_body(mut self, collect: bool) -> Self {
        self.collect_body = collect;
        self
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why the event cannot be sent at all.
    pub(crate) fn refused(&self) -> bool {
        self.mistakes.contains(Mistake::EmptyName) || self.mistakes.contains(Mistake::ReservedName)
    }

    pub(crate) fn size(&self) -> usize {
        self.name.len()
            + user::pairs_size(&self.properties)
            + self.user.as_ref().map_or(0, UserIdentifiers::size)
    }

    pub(crate) fn properties_json(&mut self) -> Map<String, Json> {
        user::pairs_to_json(self.properties.drain(..))
    }
}

impl From<&'static str> for Event {
    fn from(name: &'static str) -> Self {
        Self::corrected(name.into())
    }
}

impl From<String> for Event {
    fn from(name: String) -> Self {
        Self::corrected(name.into())
    }
}
