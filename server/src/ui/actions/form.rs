//! From the page's forms to the fields of the API.

use serde_json::{Map, Value, json};

use super::super::access::value;
use crate::api::Params;
use crate::fields::FieldError;
use crate::views::is_page;

/// The durations on offer, in seconds, and what they are called.
pub(super) const DURATIONS: [(&str, &str); 6] = [
    ("300", "5 minutes"),
    ("900", "15 minutes"),
    ("3600", "1 hour"),
    ("21600", "6 hours"),
    ("86400", "24 hours"),
    (FOR_EVER, "permanent"),
];
pub(super) const FOR_EVER: &str = "permanent";

/// The page's forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    Ip,
    User,
    Live,
    Allow,
    Settings,
}

impl Name {
    /// Which of the two that block was sent.
    pub(super) fn of(sent: &Params) -> Self {
        if value(sent, "action") == Some("block_user") {
            Self::User
        } else {
            Self::Ip
        }
    }
}

/// The fields of an action.
pub(super) fn action(sent: &Params) -> Result<Map<String, Value>, FieldError> {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    let (action, url) = (text(sent, "action"), text(sent, "url"));
    match action.strip_prefix("block_") {
        Some(whom) if !url.is_empty() => {
            put("action", format!("redirect_{whom}").into());
            put("url", url.into());
        }
        _ => {
            put("action", action.into());
        }
    }
    match Name::of(sent) {
        Name::User => {
            put("users", json!([user(text(sent, "user"))?]));
            put("match_any", checked(sent, "match_any").into());
        }
        _ => {
            put("ip_cidr", json!([text(sent, "ip")]));
        }
    }
    let duration = text(sent, "duration");
    if duration != FOR_EVER {
        let seconds = duration.parse().map(|seconds: u32| Value::from(seconds));
        put("duration_s", seconds.unwrap_or_else(|_| duration.into()));
    }
    if !text(sent, "app").is_empty() {
        put("app", text(sent, "app").into());
    }
    put("comment", text(sent, "comment").into());
    put("dry_run", checked(sent, "dry_run").into());
    put("allow_critical", checked(sent, "allow_critical").into());
    Ok(fields)
}

/// A user as the form takes it; `None` if it would be read as another, as with a line break in a value.
pub(super) fn lines(user: &[(String, String)]) -> Option<String> {
    let lines: Vec<_> = user
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let lines = lines.join("\n");
    let meant: Map<String, Value> = user
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().into()))
        .collect();
    self::user(&lines)
        .is_ok_and(|read| read == Value::Object(meant))
        .then_some(lines)
}

/// A user written as lines of `name=value`.
fn user(lines: &str) -> Result<Value, FieldError> {
    let mut user = Map::new();
    for line in lines.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let Some((name, value)) = line.split_once('=') else {
            let wrong = format!("{line:?} is not of the form name=value");
            return Err(FieldError::new("users", wrong));
        };
        if user
            .insert(name.trim().to_owned(), value.trim().into())
            .is_some()
        {
            return Err(FieldError::new("users", format!("{name:?} is given twice")));
        }
    }
    Ok(user.into())
}

/// An entry of the allow list: words that start with a slash are paths.
pub(super) fn allowed(sent: &Params) -> Map<String, Value> {
    let words = text(sent, "allowed").split_whitespace();
    let (paths, ips): (Vec<&str>, Vec<&str>) = words.partition(|word| word.starts_with('/'));
    let mut fields = Map::new();
    fields.insert("ips".to_owned(), json!(ips));
    fields.insert("paths".to_owned(), json!(paths));
    fields.insert("comment".to_owned(), text(sent, "comment").into());
    fields
}

pub(super) fn settings(sent: &Params) -> Map<String, Value> {
    let on = text(sent, "dry_run") == "on";
    Map::from_iter([("dry_run".to_owned(), on.into())])
}

/// Where a form leads when all is well.
pub(super) fn back(sent: &Params) -> &str {
    local(text(sent, "back")).unwrap_or("/actions")
}

/// The link, if it is one to a page of events of this server.
pub(in super::super) fn local(link: &str) -> Option<&str> {
    is_page(link).then_some(link)
}

fn text<'a>(sent: &'a Params, name: &str) -> &'a str {
    value(sent, name).unwrap_or_default().trim()
}

fn checked(sent: &Params, name: &str) -> bool {
    value(sent, name).is_some()
}
