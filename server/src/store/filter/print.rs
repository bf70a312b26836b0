//! Filters as text, which parses to the same filter.

use std::fmt;

use super::cursor::{ends_name, ends_value};
use super::values::is_network;
use super::{Check, Comparison, Dimension, Field, Filter, Test};

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All(filters) | Self::Any(filters) if filters.len() == 1 => {
                filters.iter().try_for_each(|filter| filter.fmt(f))
            }
            Self::All(filters) => joined(filters, " ", f),
            Self::Any(filters) if !filters.is_empty() => joined(filters, " or ", f),
            filter => Within(filter).fmt(f),
        }
    }
}

/// A filter as part of another.
struct Within<'a>(&'a Filter);

impl fmt::Display for Within<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Filter::All(filters) | Filter::Any(filters) if filters.len() == 1 => {
                filters.iter().try_for_each(|filter| Within(filter).fmt(f))
            }
            Filter::Any(filters) if filters.is_empty() => f.write_str("-()"),
            filter @ (Filter::All(_) | Filter::Any(_)) => write!(f, "({filter})"),
            Filter::Not(filter) => write!(f, "-{}", Within(filter)),
            Filter::Is(test) => test.fmt(f),
        }
    }
}

fn joined(filters: &[Filter], by: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    for (place, filter) in filters.iter().enumerate() {
        let by = if place == 0 { "" } else { by };
        write!(f, "{by}{}", Within(filter))?;
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, check } = self;
        match check {
            Check::Equals(texts) if !texts.is_empty() => {
                list(field, texts.iter().map(|text| Text(text, field)), f)
            }
            Check::In(nets) if !nets.is_empty() => list(field, nets.iter(), f),
            // Nothing is one of none.
            Check::Equals(_) | Check::In(_) => f.write_str("-()"),
            Check::Contains(text) => write!(f, "{field}~{}", Text(text, field)),
            Check::Prefix(text) => write!(f, "{field}^{}", Text(text, field)),
            Check::Exists => write!(f, "has:{field}"),
            Check::Number(comparison, number) => {
                let number = format!("{number:?}");
                let number = number.strip_suffix(".0").unwrap_or(&number);
                write!(f, "{field}{comparison}{number}")
            }
        }
    }
}

fn list(
    field: &Field,
    values: impl Iterator<Item = impl fmt::Display>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    for (place, value) in values.enumerate() {
        if place == 0 {
            write!(f, "{field}:{value}")?;
        } else {
            write!(f, ",{value}")?;
        }
    }
    Ok(())
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Less => "<",
            Self::AtMost => "<=",
            Self::More => ">",
            Self::AtLeast => ">=",
        })
    }
}

/// A text that a field is compared with.
struct Text<'a>(&'a str, &'a Field);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text, field) = self;
        let address = **field == Field::Dimension(Dimension::Ip);
        let bare = !text.is_empty()
            && !text.starts_with('\'')
            && !text.contains(ends_value)
            // What begins like the rest of an operator would be read as that.
            && !text.starts_with('=')
            && (address || !is_network(text));
        if bare {
            f.write_str(text)
        } else {
            quote(text, f)
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dimension(dimension) => f.write_str(dimension.name()),
            Self::Json(field, path) => {
                f.write_str(field.name())?;
                for name in path {
                    f.write_str(".")?;
                    if name.is_empty() || name.contains(|c| c == '.' || ends_name(c)) {
                        quote(name, f)?;
                    } else {
                        f.write_str(name)?;
                    }
                }
                Ok(())
            }
        }
    }
}

fn quote(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    use fmt::Write;

    f.write_str("\"")?;
    for c in text.chars() {
        match c {
            '"' => f.write_str("\\\"")?,
            '\\' => f.write_str("\\\\")?,
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            c => f.write_char(c)?,
        }
    }
    f.write_str("\"")
}
