use std::borrow::Cow;
use std::cell::Cell;
use std::time::SystemTime;

use serde_json::{Map, Value as Json};

use crate::limits::{self, MAX_NAME_BYTES, MAX_PROPERTIES, Mistake, Mistakes};
use crate::protocol::Timestamp;
use crate::user::UserIdentifiers;
use crate::value::{Pairs, Value};

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
    // The one allocation of an ordinary event: setters and the queue move a pointer.
    parts: Box<Parts>,
}

thread_local! {
    /// An event that was delivered, for the next one of this thread: see [`Event::keep`].
    static SPARE: Cell<Option<Event>> = const { Cell::new(None) };
}

/// What an event says. What every event has comes first, so that `track` touches few cache lines
/// of an event that the agent's thread had last.
#[derive(Clone, Debug, Default, PartialEq)]
#[repr(C)]
pub(crate) struct Parts {
    pub(crate) name: Cow<'static, str>,
    pub(crate) mistakes: Mistakes,
    pub(crate) collect_body: bool,
    /// Whether `user` is there, told here so that most events need not look there.
    has_user: bool,
    pub(crate) properties: Pairs,
    pub(crate) user: Option<UserIdentifiers>,
    pub(crate) timestamp: Option<Timestamp>,
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

    #[inline]
    fn corrected(name: Cow<'static, str>) -> Self {
        match limits::check_name(&name) {
            Ok(()) => Self::unchecked(name),
            Err(mistake) => Self::mistaken(name, mistake),
        }
    }

    #[cold]
    fn mistaken(mut name: Cow<'static, str>, mistake: Mistake) -> Self {
        limits::cut(&mut name, MAX_NAME_BYTES);
        let mut event = Self::unchecked(name);
        event.parts.mistakes.add(mistake);
        event
    }

    /// An event whose name was checked, or is one of Sqreen's own.
    #[inline]
    pub(crate) fn unchecked(name: Cow<'static, str>) -> Self {
        let mut event = SPARE
            .try_with(Cell::take)
            .ok()
            .flatten()
            .unwrap_or_else(Self::blank);
        event.parts.name = name;
        event
    }

    #[cold]
    fn blank() -> Self {
        Self {
            parts: Box::default(),
        }
    }

    /// Empties a delivered event, so that another can be made of it.
    pub(crate) fn emptied(mut self) -> Self {
        *self.parts = Parts::default();
        self
    }

    /// Keeps an emptied event for the next one of this thread.
    ///
    /// Events are made on the app's threads and end on the agent's. Handing them back, under the
    /// lock that a tracked event takes anyway, spares the app an allocation that the agent would
    /// have to free, and the page faults of a heap that shrinks after each batch.
    pub(crate) fn keep(self) {
        // A thread that is ending needs none.
        let _ = SPARE.try_with(|spare| spare.set(Some(self)));
    }

    /// Adds a property, at most [`MAX_PROPERTIES`]; a key given twice keeps its last value.
    #[inline(always)]
    pub fn property(mut self, key: impl Into<Cow<'static, str>>, value: impl Into<Value>) -> Self {
        let parts = &mut *self.parts;
        parts.mistakes.join(parts.properties.push(
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
        self.parts.properties.insert(
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
        self.parts.mistakes.join(user.mistakes());
        self.parts.user = Some(user).filter(|user| !user.is_empty());
        self.parts.has_user = self.parts.user.is_some();
        self
    }

    /// Says when it happened; otherwise that is when it is tracked.
    pub fn timestamp(mut self, time: impl Into<SystemTime>) -> Self {
        self.parts.timestamp = Some(time.into().into());
        self
    }

    /// Sends the request's body along, as far as the handler read it and the layer's limit
    /// allows; needs [`SqreenLayer::collect_body`](crate::SqreenLayer::collect_body).
    pub fn collect_body(mut self, collect: bool) -> Self {
        self.parts.collect_body = collect;
        self
    }

    /// The event's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    pub(crate) fn parts_mut(&mut self) -> &mut Parts {
        &mut self.parts
    }
}

impl Parts {
    /// Whether the event cannot be sent at all.
    pub(crate) const fn refused(&self) -> bool {
        self.mistakes.contains(Mistake::EmptyName) || self.mistakes.contains(Mistake::ReservedName)
    }

    /// Heap bytes, for the bound on the queue.
    pub(crate) fn size(&self) -> usize {
        let user = || self.user.as_ref().map_or(0, UserIdentifiers::size);
        let user = if self.has_user { user() } else { 0 };
        size_of::<Self>() + self.name.len() + self.properties.size() + user
    }

    pub(crate) fn take_properties(&mut self) -> Map<String, Json> {
        std::mem::take(&mut self.properties).into_json()
    }
}

impl From<&'static str> for Event {
    #[inline]
    fn from(name: &'static str) -> Self {
        Self::corrected(name.into())
    }
}

impl From<String> for Event {
    fn from(name: String) -> Self {
        Self::corrected(name.into())
    }
}
