//! The parser of the filter language; [`Filter`] documents the grammar.

use std::str::FromStr;

use super::cursor::{Cursor, ends_name, ends_value, excerpt, is_operator};
use super::error::FilterError;
use super::values::{self, Value};
use super::{Check, Comparison, Dimension, Field, Filter, JsonField, Test};

impl FromStr for Filter {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text.len() > Self::MAX_LENGTH {
            return Err(FilterError {
                position: 0,
                found: format!("{} bytes", text.len()),
                expected: format!("{} at most", Self::MAX_LENGTH),
            });
        }
        let mut parser = Parser {
            cursor: Cursor::new(text),
            depth: 0,
            tests: 0,
        };
        let filter = parser.any()?;
        match parser.cursor.peek() {
            None => Ok(filter),
            Some(_) => Err(parser.cursor.unexpected("a test or the end")),
        }
    }
}

impl FromStr for Field {
    type Err = FilterError;

    fn from_str(text: &str) -> Result<Self, FilterError> {
        let mut cursor = Cursor::new(text);
        let field = Name::read(&mut cursor)?.field()?;
        match cursor.peek() {
            None => Ok(field),
            Some(_) => Err(cursor.unexpected("the end of the field's name")),
        }
    }
}

/// Names separated by dots, which may be a field.
struct Name<'a> {
    start: usize,
    names: Vec<String>,
    /// All of it.
    text: &'a str,
    quoted: bool,
}

impl<'a> Name<'a> {
    fn read(cursor: &mut Cursor<'a>) -> Result<Self, FilterError> {
        let start = cursor.at();
        let mut names = Vec::new();
        let mut quoted = false;
        loop {
            if cursor.peek() == Some('"') && !names.is_empty() {
                names.push(cursor.quoted()?);
                quoted = true;
            } else {
                let name = cursor.take(|c| c == '.' || ends_name(c));
                names.push(name.to_owned());
            }
            if !cursor.eat(".") {
                break;
            }
        }
        Ok(Self {
            start,
            names,
            text: cursor.since(start),
            quoted,
        })
    }

    fn is(&self, keyword: &str) -> bool {
        self.text.eq_ignore_ascii_case(keyword)
    }

    /// The field of this name.
    fn field(&self) -> Result<Field, FilterError> {
        let error = |found: String, expected: String| FilterError {
            position: self.start,
            found,
            expected,
        };
        if self.text.is_empty() {
            return Err(error("no name".to_owned(), "a field".to_owned()));
        }
        let (first, path) = match self.names.as_slice() {
            [first, path @ ..] => (first.as_str(), path),
            [] => ("", [].as_slice()),
        };
        if !self.quoted && path.iter().any(String::is_empty) {
            let expected = "a name after each dot; an empty one is `\"\"`".to_owned();
            return Err(error(excerpt(self.text), expected));
        }
        Field::of(first, path).ok_or_else(|| {
            if Field::of(first, &[]).is_some() {
                let expected = format!("`{first}` alone: it has no values within");
                return error(excerpt(self.text), expected);
            }
            let names: Vec<_> = Field::names().collect();
            error(
                format!("unknown field {}", excerpt(first)),
                format!("one of {}, or quotes around the text", names.join(", ")),
            )
        })
    }
}

struct Parser<'a> {
    cursor: Cursor<'a>,
    depth: usize,
    tests: usize,
}

impl Parser<'_> {
    /// Alternatives, up to a closing parenthesis or the end.
    fn any(&mut self) -> Result<Filter, FilterError> {
        let mut filters = Vec::new();
        loop {
            let all = self.all()?;
            let or = self.at_keyword("or");
            if all.is_empty() && (or || !filters.is_empty()) {
                return Err(self.cursor.unexpected("a test on both sides of `or`"));
            }
            filters.push(one_or(all, Filter::All));
            if !self.keyword("or") {
                return Ok(one_or(filters, Filter::Any));
            }
        }
    }

    /// What holds together, up to an `or`, a closing parenthesis or the end.
    fn all(&mut self) -> Result<Vec<Filter>, FilterError> {
        let mut filters = Vec::new();
        loop {
            self.cursor.skip_space();
            let and = !filters.is_empty() && self.keyword("and");
            self.cursor.skip_space();
            let ends = matches!(self.cursor.peek(), None | Some(')')) || self.at_keyword("or");
            if ends && and {
                return Err(self.cursor.unexpected("a test after `and`"));
            }
            if ends {
                return Ok(filters);
            }
            filters.push(self.term()?);
        }
    }

    fn term(&mut self) -> Result<Filter, FilterError> {
        self.cursor.skip_space();
        if self.cursor.eat("-") || self.keyword("not") {
            return self.deeper(|parser| Ok(Filter::Not(Box::new(parser.term()?))));
        }
        if self.cursor.eat("(") {
            return self.deeper(|parser| {
                let filter = parser.any()?;
                if parser.cursor.eat(")") {
                    Ok(filter)
                } else {
                    Err(parser.cursor.unexpected("a test or `)`"))
                }
            });
        }
        match self.cursor.peek() {
            Some('"') => {
                let text = self.cursor.quoted()?;
                self.refuse_glued()?;
                self.words(&text)
            }
            Some(c) if !ends_name(c) && !self.at_keyword("or") && !self.at_keyword("and") => {
                self.test()
            }
            _ => Err(self.cursor.unexpected("a test, such as `name:users.login`")),
        }
    }

    /// A test of a field, or a text alone.
    fn test(&mut self) -> Result<Filter, FilterError> {
        let name = Name::read(&mut self.cursor)?;
        let after = self.cursor.at();
        self.cursor.skip_space();
        if name.is("has") && self.cursor.eat(":") {
            self.cursor.skip_space();
            let field = Name::read(&mut self.cursor)?.field()?;
            self.refuse_glued()?;
            return self.is(field, Check::Exists);
        }
        match self.cursor.peek() {
            Some(c) if is_operator(c) => {
                let field = name.field()?;
                self.check(field)
            }
            Some('=' | '!') => Err(self.cursor.unexpected(
                "an operator: `:` equals, `~` contains, `^` starts with, `<`, `<=`, `>`, `>=`; \
                 `-name:value` is not equal",
            )),
            _ => {
                self.cursor.back(after);
                self.refuse_glued()?;
                if name.field().is_ok() {
                    return Err(FilterError {
                        position: name.start,
                        found: format!("the field {} alone", excerpt(name.text)),
                        expected: format!(
                            "an operator after it, `has:{}`, or quotes around the text",
                            name.text
                        ),
                    });
                }
                self.words(name.text)
            }
        }
    }

    /// The operator and what follows it.
    fn check(&mut self, field: Field) -> Result<Filter, FilterError> {
        let start = self.cursor.at();
        if self.cursor.eat(":") {
            let mut given = vec![self.value()?];
            loop {
                let after = self.cursor.at();
                self.cursor.skip_space();
                if !self.cursor.eat(",") {
                    self.cursor.back(after);
                    break;
                }
                given.push(self.value()?);
            }
            let check = values::equals(&field, given)?;
            return self.is(field, check);
        }
        if self.cursor.eat("~") {
            let text = self.value()?.text;
            return self.is(field, Check::Contains(text));
        }
        if self.cursor.eat("^") {
            let text = self.value()?.text;
            return self.is(field, Check::Prefix(text));
        }
        let comparison = if self.cursor.eat("<=") {
            Comparison::AtMost
        } else if self.cursor.eat(">=") {
            Comparison::AtLeast
        } else if self.cursor.eat("<") {
            Comparison::Less
        } else {
            self.cursor.eat(">");
            Comparison::More
        };
        let is_number = match &field {
            Field::Json(..) => true,
            Field::Dimension(dimension) => dimension.is_number(),
        };
        if !is_number {
            return Err(FilterError {
                position: start,
                found: format!("a comparison of `{field}`"),
                expected: "`:`, `~` or `^`: only `status`, `asn` and values of JSON are numbers"
                    .to_owned(),
            });
        }
        let number = self.value()?.number()?;
        self.is(field, Check::Number(comparison, number))
    }

    fn value(&mut self) -> Result<Value, FilterError> {
        self.cursor.skip_space();
        let position = self.cursor.at();
        let quoted = self.cursor.peek() == Some('"');
        let text = if quoted {
            self.cursor.quoted()?
        } else {
            self.cursor.take(ends_value).to_owned()
        };
        if text.is_empty() && !quoted {
            let expected = "a value; an empty one, or one with `(`, `)`, `,` or spaces, is quoted";
            return Err(self.cursor.unexpected(expected));
        }
        if text.starts_with('\'') && !quoted {
            return Err(FilterError {
                position,
                found: "`'`".to_owned(),
                expected: "a value, quoted by `\"` if at all".to_owned(),
            });
        }
        self.refuse_glued()?;
        Ok(Value {
            position,
            text,
            quoted,
        })
    }

    /// A text alone: some field that people look at contains it.
    fn words(&mut self, text: &str) -> Result<Filter, FilterError> {
        let fields = [
            Field::Dimension(Dimension::Name),
            Field::Dimension(Dimension::Path),
            Field::Dimension(Dimension::Ip),
            Field::Json(JsonField::User, Vec::new()),
            Field::Json(JsonField::Properties, Vec::new()),
        ];
        let tests = fields.into_iter().map(|field| {
            let check = Check::Contains(text.to_owned());
            self.is(field, check)
        });
        tests.collect::<Result<_, _>>().map(Filter::Any)
    }

    fn is(&mut self, field: Field, check: Check) -> Result<Filter, FilterError> {
        self.tests += 1;
        if self.tests > Filter::MAX_TESTS {
            return Err(FilterError {
                position: self.cursor.at(),
                found: "one test more".to_owned(),
                expected: format!(
                    "{} at most (a text without a field counts as 5)",
                    Filter::MAX_TESTS
                ),
            });
        }
        Ok(Filter::Is(Test { field, check }))
    }

    fn deeper(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<Filter, FilterError>,
    ) -> Result<Filter, FilterError> {
        self.depth += 1;
        if self.depth > Filter::MAX_DEPTH {
            return Err(FilterError {
                position: self.cursor.at(),
                found: "one level more".to_owned(),
                expected: format!("{} levels of `(` and `-` at most", Filter::MAX_DEPTH),
            });
        }
        let filter = read(self);
        self.depth -= 1;
        filter
    }

    /// Takes the keyword, if it comes next.
    fn keyword(&mut self, keyword: &str) -> bool {
        let next = self.at_keyword(keyword);
        if next {
            self.cursor.take(ends_name);
        }
        next
    }

    fn at_keyword(&self, keyword: &str) -> bool {
        let mut ahead = self.cursor;
        ahead.take(ends_name).eq_ignore_ascii_case(keyword)
    }

    /// A text or name ends at a space, a closing parenthesis, a comma or the end.
    fn refuse_glued(&self) -> Result<(), FilterError> {
        match self.cursor.peek() {
            Some(c) if !c.is_whitespace() && !matches!(c, ')' | ',') => Err(self
                .cursor
                .unexpected("a space; a text with `(`, `)`, `,` or `\"` in it is quoted whole")),
            _ => Ok(()),
        }
    }
}

/// The only one of them, or all of them combined.
fn one_or(mut filters: Vec<Filter>, combine: impl FnOnce(Vec<Filter>) -> Filter) -> Filter {
    match (filters.pop(), filters.is_empty()) {
        (Some(only), true) => only,
        (Some(last), false) => {
            filters.push(last);
            combine(filters)
        }
        (None, _) => combine(filters),
    }
}
