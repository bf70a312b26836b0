use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

/// An element of a batch as text, so that one that cannot be read as what it seems to be does not
/// spoil the others.
pub(super) struct Element(Box<RawValue>);

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Deserialize::deserialize(deserializer).map(Self)
    }
}

impl Element {
    pub(super) fn read<T: DeserializeOwned>(&self) -> serde_json::Result<T> {
        // By way of a value, of a key that is there twice the last one counts.
        serde_json::from_str(self.0.get())
            .or_else(|_| T::deserialize(self.value::<serde_json::Error>()?))
    }

    pub(super) fn value<E: Error>(&self) -> Result<Value, E> {
        serde_json::from_str(self.0.get()).map_err(E::custom)
    }
}

/// The body, if it can be read without a look ahead into its elements. It is looked at as UTF-8 once, and not
/// text by text.
pub(super) fn in_one_pass<T: DeserializeOwned>(json: &[u8]) -> Option<T> {
    serde_json::from_str(std::str::from_utf8(json).ok()?).ok()
}
