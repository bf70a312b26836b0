use std::borrow::Cow;

use serde_json::{Map, Value as Json};

use crate::limits::{self, MAX_JSON_DEPTH, MAX_VALUE_BYTES, Mistake, Mistakes};

/// The value of a property or trait.
///
/// Made by `From` out of booleans, numbers, texts and [`serde_json::Value`]s. A `&'static str`
/// is kept as it is, without a copy.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Value {
    /// `null`.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond [`i64`].
    UInt(u64),
    /// Any other number; what JSON cannot hold (NaN, infinities) is sent as `null`.
    Float(f64),
    /// A text of at most [`MAX_VALUE_BYTES`](limits::MAX_VALUE_BYTES) bytes.
    Text(Cow<'static, str>),
    /// An array or object, at most [`MAX_JSON_DEPTH`](limits::MAX_JSON_DEPTH) levels deep and
    /// [`MAX_VALUE_BYTES`](limits::MAX_VALUE_BYTES) bytes when serialised.
    Json(Box<Json>),
}

impl Value {
    #[inline(always)]
    pub(crate) fn check(&self) -> Result<(), Mistake> {
        match self {
            Self::Text(text) => limits::check_text(text),
            Self::Json(json) => {
                let mut room = MAX_VALUE_BYTES;
                check_json(json, MAX_JSON_DEPTH, &mut room)
            }
            _ => Ok(()),
        }
    }

    /// What is left of a value that broke a limit.
    #[cold]
    fn cut(self) -> Option<Self> {
        let Self::Text(mut text) = self else {
            return None;
        };
        limits::cut(&mut text, MAX_VALUE_BYTES);
        Some(Self::Text(text))
    }

    /// Heap bytes, for the bound on the queue.
    #[inline]
    fn size(&self) -> usize {
        match self {
            Self::Text(Cow::Owned(text)) => text.len(),
            Self::Json(json) => {
                let mut room = MAX_VALUE_BYTES;
                let _ = check_json(json, MAX_JSON_DEPTH, &mut room);
                // A tree of small values costs several times its serialisation.
                (MAX_VALUE_BYTES - room) * 4
            }
            _ => 0,
        }
    }
}

/// Takes what `json` costs when serialised, roughly and never too little, from `room`.
fn check_json(json: &Json, depth: usize, room: &mut usize) -> Result<(), Mistake> {
    let depth = depth.checked_sub(1).ok_or(Mistake::DeepValue)?;
    let mut take = |bytes: usize| {
        let left = room.checked_sub(bytes);
        *room = left.unwrap_or(0);
        left.map(drop).ok_or(Mistake::LongValue)
    };
    match json {
        Json::Null | Json::Bool(_) => take(5),
        Json::Number(_) => take(20),
        Json::String(text) => take(text.len() + 2),
        Json::Array(items) => {
            take(2 + items.len())?;
            items.iter().try_for_each(|v| check_json(v, depth, room))
        }
        Json::Object(fields) => fields.iter().try_for_each(|(key, value)| {
            let left = room.checked_sub(key.len() + 4);
            *room = left.unwrap_or(0);
            left.ok_or(Mistake::LongValue)?;
            check_json(value, depth, room)
        }),
    }
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        match value {
            Value::Null => Self::Null,
            Value::Bool(value) => value.into(),
            Value::Int(value) => value.into(),
            Value::UInt(value) => value.into(),
            Value::Float(value) => value.into(),
            Value::Text(value) => value.into_owned().into(),
            Value::Json(value) => *value,
        }
    }
}

impl From<Json> for Value {
    fn from(json: Json) -> Self {
        match json {
            Json::Null => Self::Null,
            Json::Bool(value) => Self::Bool(value),
            Json::String(value) => Self::Text(value.into()),
            json => Self::Json(Box::new(json)),
        }
    }
}

macro_rules! from {
    ($($from:ty => |$value:ident| $into:expr;)*) => {$(
        impl From<$from> for Value {
            #[inline]
            fn from($value: $from) -> Self {
                $into
            }
        }
    )*};
}

from! {
    bool => |value| Self::Bool(value);
    i8 => |value| Self::Int(value.into());
    i16 => |value| Self::Int(value.into());
    i32 => |value| Self::Int(value.into());
    i64 => |value| Self::Int(value);
    u8 => |value| Self::Int(value.into());
    u16 => |value| Self::Int(value.into());
    u32 => |value| Self::Int(value.into());
    u64 => |value| Self::UInt(value);
    usize => |value| Self::UInt(value as u64);
    f32 => |value| Self::Float(value.into());
    f64 => |value| Self::Float(value);
    &'static str => |value| Self::Text(Cow::Borrowed(value));
    String => |value| Self::Text(Cow::Owned(value));
    Cow<'static, str> => |value| Self::Text(value);
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

type Pair = (Cow<'static, str>, Value);

/// Keys and values in the order they came, each key once.
#[derive(Clone, Debug, Default)]
#[repr(C)]
pub(crate) struct Pairs {
    /// Heap bytes, for the bound on the queue; those of a value that was replaced stay counted.
    size: usize,
    /// Filled from the front. Few events say more than this; the others take a second allocation.
    first: [Option<Pair>; FIRST],
    rest: Vec<Pair>,
}

impl PartialEq for Pairs {
    fn eq(&self, other: &Self) -> bool {
        self.first == other.first && self.rest == other.rest
    }
}

const FIRST: usize = 4;
const EMPTY: Pair = (Cow::Borrowed(""), Value::Null);

/// Where the pair of a key is.
enum Place {
    First(usize),
    Rest(usize),
}

impl Pairs {
    pub(crate) const fn is_empty(&self) -> bool {
        self.first[0].is_none()
    }

    /// Adds a pair, corrected to the limits; a key given twice keeps its last value.
    // Inlined into the app with what it calls: a pair that is put together in the caller and moved
    // in the callee costs more than all the rest.
    #[inline(always)]
    pub(crate) fn push(
        &mut self,
        key: Cow<'static, str>,
        value: Value,
        max: usize,
        too_many: Mistake,
    ) -> Mistakes {
        let mut mistakes = Mistakes::default();
        let checked = value.check();
        let value = match checked {
            Ok(()) => Some(value),
            Err(mistake) => {
                mistakes.add(mistake);
                value.cut()
            }
        };
        if let Some(value) = value
            && let Err(mistake) = self.insert(key, value, max, too_many)
        {
            mistakes.add(mistake);
        }
        mistakes
    }

    /// Adds a pair whose value was checked.
    #[inline(always)]
    pub(crate) fn insert(
        &mut self,
        key: Cow<'static, str>,
        value: Value,
        max: usize,
        too_many: Mistake,
    ) -> Result<(), Mistake> {
        limits::check_key(&key)?;
        let texts = key.len() + value.size();
        match self.place(&key) {
            Place::First(place) => {
                let pair = self.first[place].get_or_insert(EMPTY);
                pair.0 = key;
                pair.1 = value;
            }
            Place::Rest(place) => {
                if FIRST + place == max {
                    return Err(too_many);
                }
                self.set_rest(place, (key, value));
            }
        }
        self.size += texts;
        Ok(())
    }

    #[cold]
    fn set_rest(&mut self, place: usize, pair: Pair) {
        match self.rest.get_mut(place) {
            Some(old) => *old = pair,
            None => {
                self.rest.push(pair);
                self.size += 2 * size_of::<Pair>();
            }
        }
    }

    /// The place of a key, or the next one that is free.
    fn place(&self, key: &str) -> Place {
        for (place, pair) in self.first.iter().enumerate() {
            if pair.as_ref().is_none_or(|(known, _)| *known == key) {
                return Place::First(place);
            }
        }
        let known = self.rest.iter().position(|(known, _)| *known == key);
        Place::Rest(known.unwrap_or(self.rest.len()))
    }

    /// Heap bytes, for the bound on the queue.
    pub(crate) const fn size(&self) -> usize {
        self.size
    }

    pub(crate) fn into_json(self) -> Map<String, Json> {
        let pairs = self.first.into_iter().flatten().chain(self.rest);
        pairs
            .map(|(key, value)| (key.into_owned(), value.into()))
            .collect()
    }
}
