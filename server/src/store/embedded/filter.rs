//! A filter made ready for scanning.

use std::collections::BTreeMap;

use memchr::memmem::Finder;
use serde_json::Value;

use crate::store::query::{EventFilter, user_matches};

/// What to look for, with what a scan can work out once.
#[derive(Debug)]
pub(super) struct Filter {
    pub(super) wanted: EventFilter,
    pub(super) user: Option<UserFilter>,
}

impl Filter {
    pub(super) fn new(wanted: EventFilter) -> Self {
        let user = wanted.user.as_deref().map(UserFilter::new);
        Self { wanted, user }
    }

    /// Says whether there is no condition but on time.
    pub(super) fn takes_all(&self) -> bool {
        let EventFilter {
            app,
            name,
            ip,
            user,
            from: _,
            to: _,
        } = &self.wanted;
        app.is_none() && name.is_none() && ip.is_none() && user.is_none()
    }
}

/// Looks for a user: first for a piece of the wanted text in the JSON, as bytes, and only where it is found in the
/// identifiers themselves.
#[derive(Debug)]
pub(super) struct UserFilter {
    wanted: String,
    /// A piece that the JSON of any match must hold.
    piece: Option<Finder<'static>>,
}

impl UserFilter {
    fn new(wanted: &str) -> Self {
        // Whether `wanted` is a value or `key:value`, the value ends with what follows the last colon. It stands in
        // the JSON as it is, unless JSON would escape it.
        let piece = wanted.rsplit(':').next().unwrap_or(wanted);
        let plain = !piece.is_empty()
            && !piece
                .chars()
                .any(|c| c == '"' || c == '\\' || c.is_control());
        Self {
            wanted: wanted.to_owned(),
            piece: plain.then(|| Finder::new(piece.as_bytes()).into_owned()),
        }
    }

    /// Says whether the JSON text may be of a match; `false` is certain.
    pub(super) fn may_be_in(&self, json: &[u8]) -> bool {
        self.piece
            .as_ref()
            .is_none_or(|piece| piece.find(json).is_some())
    }

    pub(super) fn matches(&self, identifiers: &BTreeMap<String, Value>) -> bool {
        user_matches(identifiers, &self.wanted)
    }

    /// Says whether the identifiers, as JSON, match.
    pub(super) fn matches_json(&self, json: &[u8]) -> bool {
        self.may_be_in(json)
            && serde_json::from_slice::<BTreeMap<String, Value>>(json)
                .is_ok_and(|identifiers| self.matches(&identifiers))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_value_and_by_key_and_value() {
        let identifiers: BTreeMap<String, Value> = serde_json::from_str(
            r#"{"email":"a@b.example","id":42,"urn":"x:y","a:b":"c","odd":"say \"hi\"\n","list":["q","r"],"none":null}"#,
        )
        .unwrap();
        let json = serde_json::to_vec(&identifiers).unwrap();
        for wanted in [
            "a@b.example",
            "email:a@b.example",
            "42",
            "id:42",
            "x:y",
            "urn:x:y",
            "a:b:c",
            "c",
            "say \"hi\"\n",
            "odd:say \"hi\"\n",
            "[\"q\",\"r\"]",
            "null",
        ] {
            assert!(UserFilter::new(wanted).matches_json(&json), "{wanted}");
        }
        for wanted in [
            "",
            "b.example",
            "email",
            "email:",
            "mail:a@b.example",
            "y",
            "id:4",
            "say",
        ] {
            assert!(!UserFilter::new(wanted).matches_json(&json), "{wanted}");
        }
    }
}
