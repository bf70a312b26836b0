//! Where a page of events is: its path, and the state that its URL holds.

use crate::api::Params;

/// A page of events and its state: `filter`, `last` or `from` and `to`, `by`, `group`, `limit` and `cursor`.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    path: &'static str,
    /// What the page is of, such as an actor; every link of the page takes it along.
    own: Params,
    params: Params,
}

impl Place {
    /// Parameters that say nothing are left out: a form sends its empty fields too.
    pub(crate) fn new(path: &'static str, own: Params, params: &Params) -> Self {
        Self {
            path,
            own,
            params: given(params),
        }
    }

    pub(crate) fn path(&self) -> &'static str {
        self.path
    }

    pub(crate) fn own(&self) -> &Params {
        &self.own
    }

    pub(crate) fn params(&self) -> &Params {
        &self.params
    }

    /// The first value of this parameter; empty without one.
    pub(crate) fn value(&self, name: &str) -> &str {
        let found = self.params.iter().find(|(given, _)| given == name);
        found.map(|(_, value)| value.as_str()).unwrap_or_default()
    }

    /// Path and query of the page.
    pub(crate) fn here(&self) -> String {
        link(self.path, pairs(&self.own).chain(pairs(&self.params)))
    }

    /// Path and query of the page with these values instead; empty ones are left out. It is the first page of them.
    pub(crate) fn with(&self, changes: &[(&str, &str)]) -> String {
        let changed = |name: &str| name == "cursor" || changes.iter().any(|(of, _)| *of == name);
        let kept = pairs(&self.params).filter(|(name, _)| !changed(name));
        let changes = changes
            .iter()
            .copied()
            .filter(|(_, value)| !value.is_empty());
        link(self.path, pairs(&self.own).chain(kept).chain(changes))
    }

    /// What a form that sets these parameters takes along.
    pub(crate) fn along<'a>(
        &'a self,
        but: &'a [&'a str],
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        let kept =
            pairs(&self.params).filter(move |(name, _)| *name != "cursor" && !but.contains(name));
        pairs(&self.own).chain(kept)
    }
}

/// The parameters that say something.
pub(crate) fn given(params: &Params) -> Params {
    let given = params.iter().filter(|(_, value)| !value.trim().is_empty());
    given.cloned().collect()
}

fn pairs(params: &Params) -> impl Iterator<Item = (&str, &str)> {
    params
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
}

/// Path and query.
pub(crate) fn link<'a>(path: &str, params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut link = path.to_owned();
    for (place, (name, value)) in params.into_iter().enumerate() {
        link.push(if place == 0 { '?' } else { '&' });
        encode(name, &mut link);
        link.push('=');
        encode(value, &mut link);
    }
    link
}

/// Leaves what a query may hold as it is: a page has hundreds of links.
fn encode(text: &str, into: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let digit = |value: u8| HEX.get(usize::from(value)).map(|digit| char::from(*digit));
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:/,@!*()?".contains(&byte) {
            into.push(char::from(byte));
        } else if byte == b' ' {
            into.push('+');
        } else {
            into.push('%');
            into.extend(digit(byte >> 4));
            into.extend(digit(byte & 15));
        }
    }
}
