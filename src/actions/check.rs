//! What an action must be.

use std::collections::BTreeMap;
use std::time::Duration;

use http::Uri;
use http::uri::Scheme;
use serde_json::Value;

use super::MAX_URL_BYTES;
use super::error::Problem;
use crate::UserIdentifiers;

/// `None` has no end.
pub(super) fn duration(seconds: Option<f64>) -> Result<Option<Duration>, Problem> {
    match seconds {
        None => Ok(None),
        // What is too long for a `Duration` has no end either.
        Some(seconds) if seconds > 0.0 => Ok(Duration::try_from_secs_f64(seconds).ok()),
        Some(_) => Err(Problem::Duration),
    }
}

/// Answers with its length.
pub(super) fn id(id: &str) -> Result<u8, Problem> {
    match u8::try_from(id.len()) {
        Ok(0) => Err(Problem::Empty),
        Ok(len) => Ok(len),
        Err(_) => Err(Problem::LONG_ID),
    }
}

/// Such a URL is also a valid `Location`.
pub(super) fn url(url: Option<&str>) -> Result<&str, Problem> {
    let url = url.filter(|url| !url.is_empty()).ok_or(Problem::Missing)?;
    if url.len() > MAX_URL_BYTES {
        return Err(Problem::LONG_URL);
    }
    let plain = url.bytes().all(|byte| byte.is_ascii_graphic());
    let uri = url.parse::<Uri>().map_err(|_| Problem::Url)?;
    let web = [Some(&Scheme::HTTP), Some(&Scheme::HTTPS)].contains(&uri.scheme());
    let host = uri.host().is_some_and(|host| !host.is_empty());
    if plain && web && host {
        Ok(url)
    } else {
        Err(Problem::Url)
    }
}

/// A user as an app would identify it: numbers and booleans as their JSON text.
pub(super) fn user(identifiers: &BTreeMap<String, Value>) -> Result<UserIdentifiers, Problem> {
    if identifiers.is_empty() {
        return Err(Problem::Empty);
    }
    let mut user = UserIdentifiers::default();
    for (key, value) in identifiers {
        let value = match value {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            Value::Bool(bool) => bool.to_string(),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(Problem::not_scalar(key));
            }
        };
        user = user.try_with(key.clone(), value).map_err(Problem::User)?;
    }
    Ok(user)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::limits::Mistake;

    #[test]
    fn durations_are_above_zero() {
        assert_eq!(duration(None), Ok(None));
        assert_eq!(duration(Some(0.25)), Ok(Some(Duration::from_millis(250))));
        // Longer than any process runs.
        assert_eq!(duration(Some(1e300)), Ok(None));
        for wrong in [0.0, -0.0, -1.0, f64::NAN, f64::NEG_INFINITY] {
            assert_eq!(duration(Some(wrong)), Err(Problem::Duration), "{wrong}");
        }
    }

    #[test]
    fn urls_are_absolute_and_plain() {
        for right in [
            "https://example.com",
            "http://example.com:8080/a?b=c",
            "HTTPS://EXAMPLE.COM/blocked#why",
            "https://[2001:db8::1]/",
            "https://example.com/%C3%A9",
        ] {
            assert_eq!(url(Some(right)), Ok(right));
        }
        for missing in [None, Some("")] {
            assert_eq!(url(missing), Err(Problem::Missing));
        }
        for wrong in [
            "/blocked",
            "//example.com/",
            "example.com",
            "example.com:443",
            "https://",
            "https:///path",
            "https://:443/",
            "https:example.com",
            "ftp://example.com/",
            "javascript:alert(1)",
            "javascript://example.com/%0aalert(1)",
            "data:text/html,x",
            "https://example.com/\r\nSet-Cookie: a=b",
            "https://example.com/\u{7f}",
            "https://example.com/ a",
            " https://example.com/",
            "https://example.com\\@example.org/",
            "https://example.com/é",
            "https://exämple.com/",
        ] {
            assert_eq!(url(Some(wrong)), Err(Problem::Url), "{wrong:?}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MAX_URL_BYTES));
        assert_eq!(url(Some(&long)), Err(Problem::LONG_URL));
    }

    fn identifiers(value: &Value) -> BTreeMap<String, Value> {
        serde_json::from_value(value.clone()).unwrap()
    }

    #[test]
    fn users_are_such_as_an_app_can_identify() {
        let wire = json!({"uid": 42, "beta": true, "ratio": 1.5, "email": "a@example.com"});
        let app = UserIdentifiers::from([
            ("uid", "42"),
            ("email", "a@example.com"),
            ("ratio", "1.5"),
            ("beta", "true"),
        ]);
        assert_eq!(user(&identifiers(&wire)), Ok(app));

        assert_eq!(user(&BTreeMap::new()), Err(Problem::Empty));
        for wrong in [json!(null), json!(["a"]), json!({"a": "b"})] {
            let wrong = identifiers(&json!({"uid": wrong}));
            assert_eq!(user(&wrong), Err(Problem::not_scalar("uid")));
        }
        let empty = identifiers(&json!({"": "a"}));
        assert_eq!(user(&empty), Err(Problem::User(Mistake::EmptyKey)));
        let long = identifiers(&json!({"uid": "a".repeat(8_193)}));
        assert_eq!(user(&long), Err(Problem::User(Mistake::LongValue)));
        let many: BTreeMap<_, _> = (0..9).map(|n| (format!("k{n}"), json!(n))).collect();
        let many = user(&many);
        assert_eq!(many, Err(Problem::User(Mistake::TooManyIdentifiers)));
    }

    #[test]
    fn ids_are_there_and_not_too_long() {
        assert_eq!(id("a"), Ok(1));
        assert_eq!(id(&"a".repeat(255)), Ok(255));
        assert_eq!(id(""), Err(Problem::Empty));
        assert_eq!(id(&"a".repeat(256)), Err(Problem::LONG_ID));
    }
}
