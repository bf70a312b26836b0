//! Which members of JSON get columns of their own, and the members of one row.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use serde::Deserializer;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

/// A member gets a column if this many percent of the rows have it, with a value that is no object and no array.
const RECURS_PERCENT: usize = 1;

/// The most bytes of the name of such a member.
const MAX_NAME: usize = 64;

/// The most bytes of its value, on average: longer ones are better read where they stand.
const MAX_VALUE: usize = 256;

/// Calls `take` with the name and the JSON of each member of an object; of anything else with none.
pub(super) fn members<'j>(json: &'j str, take: impl FnMut(Cow<'j, str>, &'j RawValue)) {
    struct Members<F>(F);

    impl<'de, F: FnMut(Cow<'de, str>, &'de RawValue)> Visitor<'de> for Members<F> {
        type Value = ();

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key::<Name<'de>>()? {
                (self.0)(name.0, map.next_value()?);
            }
            Ok(())
        }
    }

    #[derive(serde::Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

    // What is not JSON was none when it was stored.
    let _ = serde_json::Deserializer::from_str(json).deserialize_map(Members(take));
}

/// Chooses up to `most` members of the objects, the most frequent first, and of equally frequent ones by name.
pub(super) fn choose<'j>(
    objects: impl Iterator<Item = &'j str>,
    rows: usize,
    most: usize,
) -> Vec<String> {
    #[derive(Default)]
    struct Seen {
        scalars: usize,
        all: usize,
        bytes: usize,
    }
    let mut seen: BTreeMap<Cow<'j, str>, Seen> = BTreeMap::new();
    for object in objects {
        members(object, |name, value| {
            if !name.is_empty() && name.len() <= MAX_NAME && !name.contains(char::is_control) {
                let seen = seen.entry(name).or_default();
                seen.scalars += usize::from(!value.get().starts_with(['{', '[']));
                seen.all += 1;
                seen.bytes += value.get().len();
            }
        });
    }
    seen.retain(|_, seen| {
        seen.scalars * 100 >= (rows * RECURS_PERCENT).max(1) && seen.bytes <= seen.all * MAX_VALUE
    });
    let mut chosen: Vec<(Cow<'j, str>, Seen)> = seen.into_iter().collect();
    chosen.sort_by_key(|(_, seen)| std::cmp::Reverse(seen.scalars));
    chosen.truncate(most);
    chosen
        .into_iter()
        .map(|(name, _)| name.into_owned())
        .collect()
}

/// The places of the chosen members.
#[derive(Debug)]
pub(super) struct Shredder<'n> {
    places: HashMap<&'n str, usize, foldhash::fast::RandomState>,
}

impl<'n> Shredder<'n> {
    pub(super) fn new(names: impl Iterator<Item = &'n str>) -> Self {
        Self {
            places: names
                .enumerate()
                .map(|(place, name)| (name, place))
                .collect(),
        }
    }

    /// Appends the JSON of each chosen member to `shreds`, in the order of the names: as many as there are names, so
    /// that those of many rows lie in one vector.
    pub(super) fn shred<'j>(&self, json: Option<&'j str>, shreds: &mut Vec<Option<&'j RawValue>>) {
        let start = shreds.len();
        shreds.resize(start + self.places.len(), None);
        if let Some(json) = json.filter(|_| !self.places.is_empty()) {
            members(json, |name, value| {
                let place = self.places.get(&*name);
                if let Some(shred) = place.and_then(|place| shreds.get_mut(start + *place)) {
                    *shred = Some(value);
                }
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_recurs_is_chosen_in_a_fixed_order() {
        let objects: Vec<String> = (0..1000)
            .map(|n| {
                let rare = if n < 9 { ",\"rare\":1" } else { "" };
                let some = if n < 10 { ",\"some\":null" } else { "" };
                let long = "x".repeat(300);
                format!(
                    r#"{{"b":{n},"a":"x","odd {n}":1,"list":[1],"":2,"long":"{long}"{rare}{some}}}"#
                )
            })
            .collect();
        let choose = |most| choose(objects.iter().map(String::as_str), 1000, most);
        assert_eq!(choose(10), ["a", "b", "some"]);
        assert_eq!(choose(2), ["a", "b"]);
        assert_eq!(super::choose(["[1]", "1", ""].into_iter(), 3, 5), [""; 0]);
    }

    #[test]
    fn members_are_cut_out_as_they_stand() {
        let shredder = Shredder::new(["b", "a"].into_iter());
        let mut shreds = Vec::new();
        for json in [
            Some(r#"{"\u0061":{"x": 1},"c":2,"b":null}"#),
            None,
            Some("{}"),
        ] {
            shredder.shred(json, &mut shreds);
        }
        let shreds: Vec<Option<&str>> = shreds
            .into_iter()
            .map(|shred| shred.map(RawValue::get))
            .collect();
        let expected = [Some("null"), Some(r#"{"x": 1}"#), None, None, None, None];
        assert_eq!(shreds, expected);
    }
}
