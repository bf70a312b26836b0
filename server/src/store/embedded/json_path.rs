//! Finding a value within JSON text, without reading the rest of it.

use std::borrow::Cow;
use std::fmt;

use memchr::memmem::Finder;
use serde::Deserialize;
use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::store::filter::JsonField;

/// A text that borrows where it can: serde borrows a `Cow` in a field of its own, but never one inside a tuple.
#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The names on the way to a value.
#[derive(Debug)]
pub(super) struct JsonPath<'a> {
    names: &'a [String],
    /// The first name as it stands in any JSON that has it, unless JSON could spell it in several ways.
    first: Option<Finder<'a>>,
}

impl<'a> JsonPath<'a> {
    pub(super) fn new(names: &'a [String]) -> Self {
        let is_plain = |name: &&String| {
            let special = |c: char| c == '"' || c == '\\' || c.is_control();
            !name.is_empty() && !name.contains(special)
        };
        let first = names.first().filter(is_plain);
        Self {
            names,
            first: first.map(|name| Finder::new(name.as_bytes())),
        }
    }

    /// The JSON text of the value, within that of the whole.
    pub(super) fn find<'j>(&self, json: &'j [u8]) -> Option<&'j [u8]> {
        if let Some(first) = &self.first
            && first.find(json).is_none()
            // An escape may be a letter of the name.
            && memchr::memchr(b'\\', json).is_none()
        {
            return None;
        }
        self.names
            .iter()
            .try_fold(json, |json, name| member(json, name))
    }
}

/// The JSON text of a value in a single field, by the names on the way to it.
pub(super) fn value_at<'j>(field: JsonField, path: &[String], json: &'j [u8]) -> Option<&'j [u8]> {
    match path.split_first() {
        Some((first, rest)) if field == JsonField::Headers => rest
            .iter()
            .try_fold(header(json, first)?, |json, name| member(json, name)),
        _ => path.iter().try_fold(json, |json, name| member(json, name)),
    }
}

/// The JSON text of the first header of that name, whatever its case, of an object or a list of pairs.
pub(super) fn header<'j>(json: &'j [u8], name: &str) -> Option<&'j [u8]> {
    if json.first() == Some(&b'[') {
        let pairs = serde_json::from_slice::<Vec<&RawValue>>(json).ok()?;
        let mut pairs = pairs.into_iter().filter_map(|pair| {
            let (name, value): (Text<'j>, &'j RawValue) = serde_json::from_str(pair.get()).ok()?;
            Some((name.0, value))
        });
        let found = pairs.find(|(other, _)| other.eq_ignore_ascii_case(name));
        return found.map(|(_, value)| value.get().as_bytes());
    }
    member_where(json, &|other| other.eq_ignore_ascii_case(name))
}

/// The JSON text of an object's member; `None` for anything else.
fn member<'j>(json: &'j [u8], name: &str) -> Option<&'j [u8]> {
    member_where(json, &|other| other == name)
}

fn member_where<'j>(json: &'j [u8], is_it: &dyn Fn(&str) -> bool) -> Option<&'j [u8]> {
    if json.first() != Some(&b'{') {
        return None;
    }
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let found = Member(is_it).deserialize(&mut deserializer).ok()?;
    found.map(|value| value.get().as_bytes())
}

struct Member<'n>(&'n dyn Fn(&str) -> bool);

impl<'de> DeserializeSeed<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn deserialize<D: serde::Deserializer<'de>>(
        self,
        deserializer: D,
    ) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Member<'_> {
    type Value = Option<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(is_it) = map.next_key_seed(Name(self.0))? {
            if is_it && found.is_none() {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

struct Name<'n>(&'n dyn Fn(&str) -> bool);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = bool;

    fn deserialize<D: serde::Deserializer<'de>>(self, deserializer: D) -> Result<bool, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = bool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<bool, E> {
        Ok((self.0)(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(json: &str, path: &[&str]) -> Option<String> {
        let names: Vec<String> = path.iter().map(|name| (*name).to_owned()).collect();
        let value = JsonPath::new(&names).find(json.as_bytes());
        value.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    #[test]
    fn a_value_is_found_by_the_names_on_the_way() {
        let json = r#"{"a":{"b":[1,{"a":2}],"":"x"},"é\n":null,"b":"{\"a\":1}"}"#;
        for (path, expected) in [
            (&["a", "b"][..], r#"[1,{"a":2}]"#),
            (&["a", ""], r#""x""#),
            (&["é\n"], "null"),
            (&["b"], r#""{\"a\":1}""#),
        ] {
            assert_eq!(found(json, path).as_deref(), Some(expected), "{path:?}");
        }
        for path in [
            &["c"][..],
            &["a", "c"],
            &["b", "a"],
            &["a", "b", "a"],
            &["a", "b", "1"],
        ] {
            assert_eq!(found(json, path), None, "{path:?}");
        }
    }

    #[test]
    fn headers_are_found_in_both_forms() {
        for json in [
            r#"{"Accept":"a","X-Id":["b"],"x-id":1}"#,
            r#"[["Accept","a"],["odd"],7,["X-Id",["b"]],["x-id",1]]"#,
        ] {
            assert_eq!(
                header(json.as_bytes(), "x-ID"),
                Some(br#"["b"]"#.as_slice())
            );
            assert_eq!(header(json.as_bytes(), "host"), None);
        }
        assert_eq!(header(b"\"x-id\"", "x-id"), None);
    }

    #[test]
    fn escapes_in_names_are_understood() {
        assert_eq!(found(r#"{"\u0061":1}"#, &["a"]).as_deref(), Some("1"));
        assert_eq!(found(r#"{"\"":1}"#, &["\""]).as_deref(), Some("1"));
    }

    #[test]
    fn what_is_no_object_has_no_members() {
        for json in ["null", "1", "\"a\"", "[{\"a\":1}]", ""] {
            assert_eq!(found(json, &["a"]), None, "{json}");
        }
    }
}
