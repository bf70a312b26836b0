//! Deserialisers for fields that the agents spell in several ways. Those that name a shape read
//! whatever has another one as absent, without building it.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value};

use super::timestamp::Timestamp;

/// A port, status or length as a number or as a string of digits; anything else reads as absent.
pub(super) fn number<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: TryFrom<u64>,
{
    struct Digits;
    impl<'de> Shape<'de> for Digits {
        type Read = Option<u64>;

        fn number(self, number: Number) -> Option<u64> {
            number.as_u64()
        }

        fn text(self, text: &str) -> Option<u64> {
            text.trim().parse().ok()
        }
    }
    let number = read(Digits, deserializer)?;
    Ok(number.and_then(|n| N::try_from(n).ok()))
}

/// A string; `null` and `""` both read as absent, scalars as their text.
pub(super) fn text<'de, D>(deserializer: D) -> Result<Option<String>, D::Error>
where
    D: Deserializer<'de>,
{
    struct Text;
    impl<'de> Shape<'de> for Text {
        type Read = Option<String>;

        fn number(self, number: Number) -> Option<String> {
            Some(number.to_string())
        }

        fn boolean(self, value: bool) -> Option<String> {
            Some(value.to_string())
        }

        fn text(self, text: &str) -> Option<String> {
            (!text.is_empty()).then(|| text.to_owned())
        }
    }
    read(Text, deserializer)
}

/// As [`text`], with absent as `""`.
pub(super) fn text_or_empty<'de, D>(deserializer: D) -> Result<String, D::Error>
where
    D: Deserializer<'de>,
{
    Ok(text(deserializer)?.unwrap_or_default())
}

/// A time; anything else reads as absent.
pub(super) fn time<'de, D>(deserializer: D) -> Result<Option<Timestamp>, D::Error>
where
    D: Deserializer<'de>,
{
    struct Time;
    impl<'de> Shape<'de> for Time {
        type Read = Option<Timestamp>;

        fn text(self, text: &str) -> Option<Timestamp> {
            text.parse().ok()
        }
    }
    read(Time, deserializer)
}

/// An object; anything else reads as absent.
pub(super) fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    read(Object(PhantomData), deserializer)
}

/// An object; anything else reads as the default.
pub(super) fn object_or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Ok(object(deserializer)?.unwrap_or_default())
}

/// An array; anything else reads as an empty one.
pub(super) fn array<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    struct Array<T>(PhantomData<T>);
    impl<'de, T: Deserialize<'de>> Shape<'de> for Array<T> {
        type Read = Vec<T>;

        fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Vec<T>, A::Error> {
            let mut values = Vec::new();
            while let Some(value) = array.next_element()? {
                values.push(value);
            }
            Ok(values)
        }
    }
    read(Array(PhantomData), deserializer)
}

/// An array of objects; what else is in it reads as the default, and spoils no other.
pub(super) fn objects<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    let objects: Vec<Element<T>> = array(deserializer)?;
    Ok(objects.into_iter().map(|Element(t)| t).collect())
}

/// Whether there is an array.
pub(super) fn is_array<'de, D>(deserializer: D) -> Result<bool, D::Error>
where
    D: Deserializer<'de>,
{
    struct IsArray;
    impl<'de> Shape<'de> for IsArray {
        type Read = bool;

        fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<bool, A::Error> {
            while array.next_element::<IgnoredAny>()?.is_some() {}
            Ok(true)
        }
    }
    read(IsArray, deserializer)
}

/// A value whose `null` reads as its default.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// A value that reads as its default when it has an unexpected shape, at any depth.
pub(super) fn or_ignore<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + serde::de::DeserializeOwned,
{
    let value = Value::deserialize(deserializer)?;
    Ok(serde_json::from_value(value).unwrap_or_default())
}

/// An array that is read element by element: one of an unexpected shape reads as its default, and
/// spoils no other. Anything but an array reads as empty.
pub(super) fn elements<'de, D, T>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Default + serde::de::DeserializeOwned,
{
    let Value::Array(items) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let items = items.into_iter();
    Ok(items
        .map(|item| serde_json::from_value(item).unwrap_or_default())
        .collect())
}

/// Header pairs; entries that are not a pair of strings are left out.
pub(super) fn pairs<'de, D>(deserializer: D) -> Result<Vec<(String, String)>, D::Error>
where
    D: Deserializer<'de>,
{
    let pairs: Vec<Pair> = array(deserializer)?;
    Ok(pairs.into_iter().filter_map(|Pair(pair)| pair).collect())
}

/// What is made of the shapes that a value may have; each is nothing unless said otherwise.
trait Shape<'de>: Sized {
    type Read: Default;

    fn number(self, _: Number) -> Self::Read {
        Self::Read::default()
    }

    fn boolean(self, _: bool) -> Self::Read {
        Self::Read::default()
    }

    fn text(self, _: &str) -> Self::Read {
        Self::Read::default()
    }

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Read, A::Error> {
        while array.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Self::Read::default())
    }

    fn object<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Read, A::Error> {
        while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Self::Read::default())
    }
}

fn read<'de, S: Shape<'de>, D: Deserializer<'de>>(
    shape: S,
    deserializer: D,
) -> Result<S::Read, D::Error> {
    deserializer.deserialize_any(AnyShape(shape))
}

struct AnyShape<S>(S);

impl<'de, S: Shape<'de>> Visitor<'de> for AnyShape<S> {
    type Value = S::Read;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_bool<E>(self, value: bool) -> Result<S::Read, E> {
        Ok(self.0.boolean(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<S::Read, E> {
        Ok(self.0.number(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<S::Read, E> {
        Ok(self.0.number(number.into()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<S::Read, E> {
        let number = Number::from_f64(number);
        Ok(number.map(|n| self.0.number(n)).unwrap_or_default())
    }

    fn visit_str<E>(self, text: &str) -> Result<S::Read, E> {
        Ok(self.0.text(text))
    }

    fn visit_unit<E>(self) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_none<E>(self) -> Result<S::Read, E> {
        Ok(S::Read::default())
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Read, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, array: A) -> Result<S::Read, A::Error> {
        self.0.array(array)
    }

    fn visit_map<A: MapAccess<'de>>(self, object: A) -> Result<S::Read, A::Error> {
        self.0.object(object)
    }
}

impl<'de, S: Shape<'de>> DeserializeSeed<'de> for AnyShape<S> {
    type Value = S::Read;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<S::Read, D::Error> {
        deserializer.deserialize_any(self)
    }
}

struct Object<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Shape<'de> for Object<T> {
    type Read = Option<T>;

    fn object<A: MapAccess<'de>>(self, object: A) -> Result<Option<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(object)).map(Some)
    }
}

/// An element of [`objects`].
struct Element<T>(T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Element<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object_or_default(deserializer).map(Self)
    }
}

/// An element of [`pairs`].
struct Pair(Option<(String, String)>);

impl<'de> Deserialize<'de> for Pair {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        read(Strings, deserializer).map(Self)
    }
}

/// Two strings.
struct Strings;

impl<'de> Shape<'de> for Strings {
    type Read = Option<(String, String)>;

    fn array<A: SeqAccess<'de>>(self, mut array: A) -> Result<Self::Read, A::Error> {
        let mut next = || array.next_element_seed(AnyShape(OneString));
        let pair = (next()?.flatten(), next()?.flatten());
        let mut is_pair = true;
        while array.next_element::<IgnoredAny>()?.is_some() {
            is_pair = false;
        }
        Ok(pair.0.zip(pair.1).filter(|_| is_pair))
    }
}

struct OneString;

impl<'de> Shape<'de> for OneString {
    type Read = Option<String>;

    fn text(self, text: &str) -> Option<String> {
        Some(text.to_owned())
    }
}
