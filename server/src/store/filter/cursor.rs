//! The text of a filter, read from left to right.

use super::error::FilterError;

/// The most characters of the text that an error repeats.
const EXCERPT: usize = 40;

/// What ends a text that is not quoted.
pub(super) fn ends_value(c: char) -> bool {
    c.is_whitespace() || matches!(c, '"' | '(' | ')' | ',')
}

/// What ends a name that is not quoted; dots part names, and are not here.
pub(super) fn ends_name(c: char) -> bool {
    ends_value(c) || is_operator(c) || matches!(c, '=' | '!')
}

/// What an operator begins with.
pub(super) fn is_operator(c: char) -> bool {
    matches!(c, ':' | '~' | '^' | '<' | '>')
}

/// A place in a text.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    text: &'a str,
    /// In bytes.
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0 }
    }

    pub(super) fn at(self) -> usize {
        self.at
    }

    pub(super) fn rest(self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(super) fn peek(self) -> Option<char> {
        self.rest().chars().next()
    }

    pub(super) fn back(&mut self, at: usize) {
        self.at = at;
    }

    pub(super) fn skip_space(&mut self) {
        self.take(|c| !c.is_whitespace());
    }

    /// Takes this text, if it comes next.
    pub(super) fn eat(&mut self, text: &str) -> bool {
        let next = self.rest().starts_with(text);
        if next {
            self.at += text.len();
        }
        next
    }

    /// Takes what comes before the first character that ends it.
    pub(super) fn take(&mut self, ends: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let taken = rest
            .find(ends)
            .map_or(rest, |end| rest.get(..end).unwrap_or_default());
        self.at += taken.len();
        taken
    }

    /// What was taken since that place.
    pub(super) fn since(self, start: usize) -> &'a str {
        self.text.get(start..self.at).unwrap_or_default()
    }

    /// Takes a quoted text, the opening quote of which comes next.
    pub(super) fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let mut text = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '"' => {
                    self.at = start + at + 1;
                    return Ok(text);
                }
                '\\' => match chars.next() {
                    Some((_, c @ ('"' | '\\'))) => text.push(c),
                    Some((_, 'n')) => text.push('\n'),
                    Some((_, 'r')) => text.push('\r'),
                    Some((_, 't')) => text.push('\t'),
                    Some((after, _)) => {
                        self.at = start + after;
                        return Err(self.unexpected(r#"one of `"`, `\`, `n`, `r`, `t` after `\`"#));
                    }
                    None => break,
                },
                c => text.push(c),
            }
        }
        self.at = start;
        Err(FilterError {
            position: start,
            found: "a quote that nothing closes".to_owned(),
            expected: "another `\"`".to_owned(),
        })
    }

    /// The error that this is not what could be here.
    pub(super) fn unexpected(self, expected: impl Into<String>) -> FilterError {
        let found = match self.peek() {
            None => "the end".to_owned(),
            Some(c) if ends_name(c) => format!("`{c}`"),
            Some(_) => excerpt(self.clone_until_space()),
        };
        FilterError {
            position: self.at,
            found,
            expected: expected.into(),
        }
    }

    fn clone_until_space(mut self) -> &'a str {
        self.take(ends_name)
    }
}

/// The text in backquotes, cut where it is long.
pub(super) fn excerpt(text: &str) -> String {
    let mut kept: String = text.chars().take(EXCERPT).collect();
    if kept.len() < text.len() {
        kept.push('…');
    }
    format!("`{kept}`")
}
