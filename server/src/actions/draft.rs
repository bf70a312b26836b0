//! From what an operator sends to what can be stored.

use ipnet::IpNet;
use serde_json::{Map, Value};

use super::address;
use super::limits::{
    MAX_ALLOWED, MAX_APP, MAX_COMMENT, MAX_DURATION, MAX_IDENTIFIER_NAME, MAX_IDENTIFIER_VALUE,
    MAX_IDENTIFIERS, MAX_PATH, MAX_TARGET_BYTES, MAX_TARGETS, MAX_URL, MIN_DURATION,
};
use crate::fields::{FieldError, Fields};
use crate::state::{ActionDraft, AllowDraft, Kind, Settings, Targets, User};

/// Reads an action: `action`, then `ip_cidr` or `users` by its kind, and `url` for a redirect; `duration_s` (absent:
/// for ever), `comment`, `app` (absent: all), `dry_run`, `match_any`, `allow_critical`.
pub(crate) fn action(fields: Map<String, Value>) -> Result<ActionDraft, FieldError> {
    let mut fields = Fields::new(fields);
    let kind = kind(&mut fields)?;
    let targets = if kind.is_for_users() {
        users(&mut fields)?
    } else {
        let nets = networks(&mut fields, "ip_cidr", MAX_TARGETS)?;
        if nets.is_empty() {
            return Err(FieldError::new("ip_cidr", "needs an address or network"));
        }
        Targets::ips(nets)
    };
    let url = url(&mut fields, kind)?;
    let match_any = fields.flag("match_any")?.unwrap_or_default();
    if match_any && !kind.is_for_users() {
        return Err(FieldError::new(
            "match_any",
            "only for block_user and redirect_user",
        ));
    }
    let draft = ActionDraft {
        app: fields.text("app", MAX_APP)?,
        kind,
        targets,
        url,
        dry_run: fields.flag("dry_run")?.unwrap_or_default(),
        match_any,
        comment: comment(&mut fields)?,
        duration: duration(&mut fields)?,
        allow_critical: fields.flag("allow_critical")?.unwrap_or_default(),
    };
    fields.finish()?;
    Ok(draft)
}

/// Reads an entry of the allow list: `ips` and `paths`, one at least in all, and `comment`.
pub(crate) fn allowed(fields: Map<String, Value>) -> Result<AllowDraft, FieldError> {
    let mut fields = Fields::new(fields);
    let ips = networks(&mut fields, "ips", MAX_ALLOWED)?;
    let mut paths = Vec::new();
    for (place, path) in fields.list("paths", MAX_ALLOWED)?.into_iter().enumerate() {
        match path {
            Value::String(path) if path.starts_with('/') && path.len() <= MAX_PATH => {
                paths.push(path);
            }
            _ => {
                let wrong =
                    format!("not a path that starts with / and has at most {MAX_PATH} bytes");
                return Err(FieldError::element("paths", place, wrong));
            }
        }
    }
    if ips.is_empty() && paths.is_empty() {
        return Err(FieldError::new(
            "ips",
            "needs an address or network here, or a path in `paths`",
        ));
    }
    let draft = AllowDraft {
        ips,
        paths,
        comment: comment(&mut fields)?,
    };
    fields.finish()?;
    Ok(draft)
}

/// Reads settings: `dry_run` and `allow_critical_ips`; one that is absent stays as it is.
pub(crate) fn settings(fields: Map<String, Value>, now: Settings) -> Result<Settings, FieldError> {
    let mut fields = Fields::new(fields);
    let (dry_run, allow) = (fields.flag("dry_run")?, fields.flag("allow_critical_ips")?);
    fields.finish()?;
    if dry_run.is_none() && allow.is_none() {
        return Err(FieldError::new(
            "dry_run",
            "needs true or false here, or in `allow_critical_ips`",
        ));
    }
    Ok(Settings {
        dry_run: dry_run.unwrap_or(now.dry_run),
        allow_critical_ips: allow.unwrap_or(now.allow_critical_ips),
    })
}

fn kind(fields: &mut Fields) -> Result<Kind, FieldError> {
    let kind = fields.take("action");
    let kind = kind
        .as_ref()
        .and_then(Value::as_str)
        .and_then(Kind::of_name);
    kind.ok_or_else(|| {
        let names = Kind::ALL.map(Kind::name).join(", ");
        FieldError::new("action", format!("none of {names}"))
    })
}

fn networks(fields: &mut Fields, name: &str, limit: usize) -> Result<Vec<IpNet>, FieldError> {
    let list = fields.list(name, limit)?;
    let net = |(place, text): (usize, &Value)| {
        let Some(text) = text.as_str() else {
            return Err(FieldError::element(name, place, "not a text"));
        };
        address::parse(text)
            .map_err(|error| FieldError::element(name, place, format!("{text:?}: {error}")))
    };
    list.iter().enumerate().map(net).collect()
}

fn users(fields: &mut Fields) -> Result<Targets, FieldError> {
    let list = fields.list("users", MAX_TARGETS)?;
    if list.is_empty() {
        return Err(FieldError::new(
            "users",
            "needs a user such as {\"email\": \"a@b.example\"}",
        ));
    }
    let users = list
        .into_iter()
        .enumerate()
        .map(|(place, value)| user(place, value));
    let targets = Targets::users(users.collect::<Result<_, _>>()?);
    if targets.weight() > MAX_TARGET_BYTES {
        let wrong = format!(
            "take {} bytes together, the limit is {MAX_TARGET_BYTES}",
            targets.weight()
        );
        return Err(FieldError::new("users", wrong));
    }
    Ok(targets)
}

fn user(place: usize, value: Value) -> Result<User, FieldError> {
    let wrong = |wrong: String| Err(FieldError::element("users", place, wrong));
    let Value::Object(identifiers) = value else {
        return wrong("not an object of identifiers".to_owned());
    };
    if !(1..=MAX_IDENTIFIERS).contains(&identifiers.len()) {
        return wrong(format!("not 1 to {MAX_IDENTIFIERS} identifiers"));
    }
    let mut user = User::new();
    for (name, value) in identifiers {
        if !(1..=MAX_IDENTIFIER_NAME).contains(&name.len()) {
            return wrong(format!("a name is not 1 to {MAX_IDENTIFIER_NAME} bytes"));
        }
        let Some(value) = identifier(&value) else {
            return wrong(format!(
                "{name:?} is neither a text, a number, true nor false"
            ));
        };
        if !(1..=MAX_IDENTIFIER_VALUE).contains(&value.len()) {
            return wrong(format!("{name:?} is not 1 to {MAX_IDENTIFIER_VALUE} bytes"));
        }
        user.insert(name, value);
    }
    Ok(user)
}

/// The text of an identifier's value: agents compare texts, and Go's knows nothing else.
pub(crate) fn identifier(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn url(fields: &mut Fields, kind: Kind) -> Result<Option<String>, FieldError> {
    let url = fields.text("url", MAX_URL)?;
    match url {
        None if kind.is_redirect() => Err(FieldError::new(
            "url",
            format!("{} needs where it leads", kind.name()),
        )),
        Some(_) if !kind.is_redirect() => Err(FieldError::new(
            "url",
            "only for redirect_ip and redirect_user",
        )),
        Some(url) if !is_absolute(&url) => Err(FieldError::new(
            "url",
            "not an absolute http or https address",
        )),
        url => Ok(url),
    }
}

pub(crate) fn is_absolute(url: &str) -> bool {
    let Ok(parsed) = url.parse::<axum::http::Uri>() else {
        return false;
    };
    matches!(parsed.scheme_str(), Some("http" | "https"))
        && parsed.host().is_some_and(|host| !host.is_empty())
}

fn comment(fields: &mut Fields) -> Result<String, FieldError> {
    match fields.take("comment") {
        None => Ok(String::new()),
        Some(Value::String(comment)) if comment.len() <= MAX_COMMENT => Ok(comment),
        Some(Value::String(comment)) => {
            let wrong = format!("has {} bytes, the limit is {MAX_COMMENT}", comment.len());
            Err(FieldError::new("comment", wrong))
        }
        Some(_) => Err(FieldError::new("comment", "not a text")),
    }
}

/// Microseconds.
fn duration(fields: &mut Fields) -> Result<Option<i64>, FieldError> {
    let Some(duration) = fields.take("duration_s") else {
        return Ok(None);
    };
    let seconds = duration
        .as_f64()
        .filter(|seconds| (MIN_DURATION..=MAX_DURATION).contains(seconds));
    let Some(seconds) = seconds else {
        let wrong =
            format!("not a number of {MIN_DURATION} to {MAX_DURATION} seconds, or null for ever");
        return Err(FieldError::new("duration_s", wrong));
    };
    Ok(Some((seconds * 1e6).round() as i64))
}
