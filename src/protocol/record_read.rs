//! Reading those parts of a record that keep what they do not know. Serde's own `flatten` would hold all of each part
//! in a form of its own first. Of a key that is there twice the last one counts.

use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::lenient;
use super::record::{Observed, Parameters};
use super::sdk_event::SdkEvent;

#[derive(Deserialize)]
#[serde(transparent)]
struct Object(#[serde(deserialize_with = "lenient::object_or_default")] Map<String, Value>);

#[derive(Deserialize)]
#[serde(transparent)]
struct Text(#[serde(deserialize_with = "lenient::text")] Option<String>);

#[derive(Deserialize)]
#[serde(transparent)]
struct SdkEvents(#[serde(deserialize_with = "lenient::objects")] Vec<SdkEvent>);

impl<'de> Deserialize<'de> for Parameters {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Key {
            Query,
            Form,
            Path,
            Json,
            RawBody,
            Other(String),
        }

        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Parameters;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of parameters")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Parameters, A::Error> {
                let mut read = Parameters::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Query => Object(read.query) = map.next_value()?,
                        Key::Form => Object(read.form) = map.next_value()?,
                        Key::Path => Object(read.path) = map.next_value()?,
                        Key::Json => read.json = map.next_value()?,
                        Key::RawBody => Text(read.rawbody) = map.next_value()?,
                        Key::Other(name) => {
                            read.rest.insert(name, map.next_value()?);
                        }
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Read)
    }
}

impl<'de> Deserialize<'de> for Observed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(field_identifier, rename_all = "lowercase")]
        enum Key {
            Sdk,
            Other(String),
        }

        struct Read;

        impl<'de> Visitor<'de> for Read {
            type Value = Observed;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of what was observed")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Observed, A::Error> {
                let mut read = Observed::default();
                while let Some(key) = map.next_key()? {
                    match key {
                        Key::Sdk => SdkEvents(read.sdk) = map.next_value()?,
                        Key::Other(name) => {
                            read.rest.insert(name, map.next_value()?);
                        }
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Read)
    }
}
