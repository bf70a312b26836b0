//! Values as links that filter by them, or exclude them.

use maud::{Markup, html};
use serde_json::{Map, Value};

use super::{Asked, Place};
use crate::store::{Check, Field, Filter, JsonField, Test};
use crate::ui::text::{SHOWN, short, start};

/// The most bytes of a value in a filter; one that is longer is looked for by its start.
const MAX_VALUE: usize = 128;
/// The most bytes of a test in a link.
const MAX_TEST: usize = 512;

/// What a page's filter becomes.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    place: Place,
    /// The filter, so that a space and a further test can follow.
    base: String,
}

impl Terms {
    pub(crate) fn new(place: &Place, asked: &Asked) -> Self {
        let text = place.value("filter").trim();
        // `a or b` and a further test would be `a or (b and test)`.
        let base = match &asked.typed {
            Filter::Any(_) => format!("({text})"),
            _ => text.to_owned(),
        };
        Self {
            place: place.clone(),
            base,
        }
    }

    /// Of a page without a filter.
    pub(crate) fn anew() -> Self {
        Self {
            place: Place::new(super::PATH, Vec::new(), &Vec::new()),
            base: String::new(),
        }
    }

    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Where the page has this test, too; `None` if there is no room for it.
    fn also(&self, test: &str) -> Option<String> {
        let filter = if self.base.split_whitespace().any(|known| known == test) {
            self.base.clone()
        } else {
            format!("{} {test}", self.base)
        };
        let filter = filter.trim();
        (filter.len() <= Filter::MAX_LENGTH).then(|| self.place.with(&[("filter", filter)]))
    }

    /// A value that leads to the events that have it.
    pub(crate) fn only(&self, field: &Field, value: &str, shown: &Markup) -> Markup {
        let test = test(field, value);
        html! {
            @match test.as_ref().and_then(|test| self.also(test)) {
                Some(href) => a.v href=(href) { (shown) },
                None => (shown),
            }
        }
    }

    /// The way to the events without the value.
    pub(crate) fn not(&self, field: &Field, value: &str) -> Markup {
        let test = test(field, value).map(|test| format!("-{test}"));
        html! {
            @if let Some(href) = test.and_then(|test| self.also(&test)) {
                a.not href=(href) aria-label={ "Exclude " (start(value, SHOWN)) } title="Exclude" { "≠" }
            }
        }
    }

    /// The way to the events without the field.
    pub(super) fn without(&self, field: &Field, shown: &Markup) -> Markup {
        let test = format!("-has:{field}");
        html! {
            @match self.also(&test) { Some(href) => a.v href=(href) { (shown) }, None => (shown) }
        }
    }
}

/// A value that script makes a link of, to the events that have it: a list has hundreds, and the state of the page in
/// each would be most of it.
pub(super) fn offered(field: &Field, value: &str) -> Markup {
    html! {
        @match test(field, value) { Some(test) => a data-test=(test) { (short(value)) }, None => (short(value)) }
    }
}

/// A name and its value, which script makes a link of.
pub(super) fn pair(field: &Field, name: &str, value: &Value) -> Markup {
    html! { span.pair { b { (short(name)) } " " (offered(field, &text(value))) } " " }
}

/// A value of JSON as filters compare it.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The test for this value; `None` if there is none, or none that is short enough to be in a link.
pub(crate) fn test(field: &Field, value: &str) -> Option<String> {
    let test = match field {
        Field::Json(json, path) if path.is_empty() => match serde_json::from_str(value).ok()? {
            Value::Object(object) => members(*json, &object)?,
            // No test finds a list by the start of its JSON.
            Value::Array(_) if value.len() <= MAX_VALUE => is(field, value),
            _ => return None,
        },
        field => is(field, value),
    };
    Some(test).filter(|test| test.len() <= MAX_TEST)
}

fn is(field: &Field, value: &str) -> String {
    let check = if value.len() > MAX_VALUE {
        Check::Prefix(start(value, MAX_VALUE).to_owned())
    } else {
        Check::Equals(vec![value.to_owned()])
    };
    let field = field.clone();
    Test { field, check }.to_string()
}

/// The test for an object: filters compare its members, not all of it, as they do with lists.
fn members(field: JsonField, object: &Map<String, Value>) -> Option<String> {
    let member = |(name, value)| {
        let field = Field::Json(field, vec![String::clone(name)]);
        is(&field, &text(value))
    };
    let tests: Vec<_> = object.iter().map(member).collect();
    match tests.as_slice() {
        [] => None,
        [test] => Some(test.clone()),
        tests => Some(format!("({})", tests.join(" "))),
    }
}
