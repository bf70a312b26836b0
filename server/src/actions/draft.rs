//! From what an operator sends to what can be stored.

use std::collections::BTreeMap;

use ipnet::IpNet;
use schemars::JsonSchema;
use serde_json::{Map, Value};

use super::address;
use super::limits::{
    MAX_ALLOWED, MAX_APP, MAX_COMMENT, MAX_DURATION, MAX_IDENTIFIER_NAME, MAX_IDENTIFIER_VALUE,
    MAX_IDENTIFIERS, MAX_PATH, MAX_TARGET_BYTES, MAX_TARGETS, MAX_URL, MIN_DURATION,
};
use crate::fields::{FieldError, Fields};
use crate::state::{ActionDraft, AllowDraft, Kind, Settings, Targets, User};

/// An action as it is posted.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NewAction {
    action: Kind,
    /// Addresses and networks, for `block_ip` and `redirect_ip` alone.
    #[schemars(length(min = 1, max = MAX_TARGETS))]
    ip_cidr: Option<Vec<String>>,
    /// Users by their identifiers, for `block_user` and `redirect_user` alone.
    #[schemars(with = "Option<Vec<Identifiers>>", length(min = 1, max = MAX_TARGETS))]
    users: Option<Vec<Value>>,
    /// Where a redirect leads: an absolute http or https address.
    #[schemars(length(min = 1, max = MAX_URL))]
    url: Option<String>,
    /// The one application that it is for; absent: all.
    #[schemars(length(min = 1, max = MAX_APP))]
    app: Option<String>,
    /// Seconds; absent: for ever.
    #[schemars(range(min = MIN_DURATION, max = MAX_DURATION))]
    duration_s: Option<f64>,
    #[schemars(length(max = MAX_COMMENT))]
    comment: Option<String>,
    /// Whether it is reported only.
    dry_run: Option<bool>,
    /// Whether one identifier of a user is enough.
    match_any: Option<bool>,
    /// Whether critical addresses are meant.
    allow_critical: Option<bool>,
}

/// An entry of the allow list as it is posted: one address or path at least.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct NewAllowed {
    /// Addresses and networks.
    #[schemars(length(max = MAX_ALLOWED))]
    ips: Option<Vec<String>>,
    /// What paths begin with.
    #[schemars(length(max = MAX_ALLOWED))]
    paths: Option<Vec<String>>,
    #[schemars(length(max = MAX_COMMENT))]
    comment: Option<String>,
}

/// Settings as they are sent: one at least; one that is absent stays as it is.
#[derive(Debug, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct SettingsChange {
    /// Whether all actions are reported only.
    dry_run: Option<bool>,
    /// Whether critical addresses may be blocked without saying so each time.
    allow_critical_ips: Option<bool>,
}

/// What [`NewAction::users`] holds, for its schema.
type Identifiers = BTreeMap<String, Identifier>;

/// See [`identifier`].
#[derive(JsonSchema)]
#[schemars(inline, extend("type" = ["string", "number", "boolean"]))]
struct Identifier;

/// Reads an action, see [`NewAction`].
pub(super) fn action(fields: Map<String, Value>) -> Result<ActionDraft, FieldError> {
    let mut fields = Fields::new(fields);
    let new = NewAction::read(&mut fields)?;
    fields.finish()?;
    new.checked()
}

impl NewAction {
    fn read(fields: &mut Fields) -> Result<Self, FieldError> {
        let action = fields.named("action", Kind::ALL, Kind::name)?;
        let names = || format!("none of {}", Kind::ALL.map(Kind::name).join(", "));
        Ok(Self {
            action: action.ok_or_else(|| FieldError::new("action", names()))?,
            ip_cidr: fields.texts("ip_cidr", MAX_TARGETS)?,
            users: fields.list("users", MAX_TARGETS)?,
            url: fields.text("url", MAX_URL)?,
            app: fields.text("app", MAX_APP)?,
            duration_s: duration(fields)?,
            comment: comment(fields)?,
            dry_run: fields.flag("dry_run")?,
            match_any: fields.flag("match_any")?,
            allow_critical: fields.flag("allow_critical")?,
        })
    }

    fn checked(self) -> Result<ActionDraft, FieldError> {
        let kind = self.action;
        let unknown = |field| {
            Err(FieldError::new(
                field,
                format!("unknown to {}", kind.name()),
            ))
        };
        let targets = match (kind.is_for_users(), self.ip_cidr, self.users) {
            (true, Some(_), _) => return unknown("ip_cidr"),
            (false, _, Some(_)) => return unknown("users"),
            (true, None, list) => users(list.unwrap_or_default())?,
            (false, list, None) => {
                let nets = networks("ip_cidr", &list.unwrap_or_default())?;
                if nets.is_empty() {
                    return Err(FieldError::new("ip_cidr", "needs an address or network"));
                }
                Targets::ips(nets)
            }
        };
        let url = url(self.url, kind)?;
        let match_any = self.match_any.unwrap_or_default();
        if match_any && !kind.is_for_users() {
            return Err(FieldError::new(
                "match_any",
                "only for block_user and redirect_user",
            ));
        }
        Ok(ActionDraft {
            app: self.app,
            kind,
            targets,
            url,
            dry_run: self.dry_run.unwrap_or_default(),
            match_any,
            comment: self.comment.unwrap_or_default(),
            duration: self
                .duration_s
                .map(|seconds| (seconds * 1e6).round() as i64),
            allow_critical: self.allow_critical.unwrap_or_default(),
        })
    }
}

/// Reads an entry of the allow list, see [`NewAllowed`].
pub(super) fn allowed(fields: Map<String, Value>) -> Result<AllowDraft, FieldError> {
    let mut fields = Fields::new(fields);
    let new = NewAllowed {
        ips: fields.texts("ips", MAX_ALLOWED)?,
        paths: fields.texts("paths", MAX_ALLOWED)?,
        comment: comment(&mut fields)?,
    };
    fields.finish()?;
    let ips = networks("ips", &new.ips.unwrap_or_default())?;
    let paths = new.paths.unwrap_or_default();
    let is_path = |path: &String| path.starts_with('/') && path.len() <= MAX_PATH;
    if let Some(place) = paths.iter().position(|path| !is_path(path)) {
        let wrong = format!("not a path that starts with / and has at most {MAX_PATH} bytes");
        return Err(FieldError::element("paths", place, wrong));
    }
    if ips.is_empty() && paths.is_empty() {
        return Err(FieldError::new(
            "ips",
            "needs an address or network here, or a path in `paths`",
        ));
    }
    Ok(AllowDraft {
        ips,
        paths,
        comment: new.comment.unwrap_or_default(),
    })
}

/// Reads settings, see [`SettingsChange`].
pub(super) fn settings(fields: Map<String, Value>, now: Settings) -> Result<Settings, FieldError> {
    let mut fields = Fields::new(fields);
    let change = SettingsChange {
        dry_run: fields.flag("dry_run")?,
        allow_critical_ips: fields.flag("allow_critical_ips")?,
    };
    fields.finish()?;
    if change.dry_run.is_none() && change.allow_critical_ips.is_none() {
        return Err(FieldError::new(
            "dry_run",
            "needs true or false here, or in `allow_critical_ips`",
        ));
    }
    Ok(Settings {
        dry_run: change.dry_run.unwrap_or(now.dry_run),
        allow_critical_ips: change.allow_critical_ips.unwrap_or(now.allow_critical_ips),
    })
}

fn networks(name: &str, list: &[String]) -> Result<Vec<IpNet>, FieldError> {
    let net = |(place, text): (usize, &String)| {
        address::parse(text)
            .map_err(|error| FieldError::element(name, place, format!("{text:?}: {error}")))
    };
    list.iter().enumerate().map(net).collect()
}

fn users(list: Vec<Value>) -> Result<Targets, FieldError> {
    if list.is_empty() {
        return Err(FieldError::new(
            "users",
            "needs a user such as {\"email\": \"a@b.example\"}",
        ));
    }
    let users = list.into_iter().enumerate().map(|(place, value)| {
        user(value).map_err(|wrong| FieldError::element("users", place, wrong))
    });
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

/// The identifiers of a user, or what is wrong with them.
pub(crate) fn user(value: Value) -> Result<User, String> {
    let Value::Object(identifiers) = value else {
        return Err("not an object of identifiers".to_owned());
    };
    if !(1..=MAX_IDENTIFIERS).contains(&identifiers.len()) {
        return Err(format!("not 1 to {MAX_IDENTIFIERS} identifiers"));
    }
    let mut user = User::new();
    for (name, value) in identifiers {
        if !(1..=MAX_IDENTIFIER_NAME).contains(&name.len()) {
            return Err(format!("a name is not 1 to {MAX_IDENTIFIER_NAME} bytes"));
        }
        let Some(value) = identifier(&value) else {
            return Err(format!(
                "{name:?} is neither a text, a number, true nor false"
            ));
        };
        if !(1..=MAX_IDENTIFIER_VALUE).contains(&value.len()) {
            return Err(format!("{name:?} is not 1 to {MAX_IDENTIFIER_VALUE} bytes"));
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

fn url(url: Option<String>, kind: Kind) -> Result<Option<String>, FieldError> {
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

fn comment(fields: &mut Fields) -> Result<Option<String>, FieldError> {
    match fields.take("comment") {
        None => Ok(None),
        Some(Value::String(comment)) if comment.len() <= MAX_COMMENT => Ok(Some(comment)),
        Some(Value::String(comment)) => {
            let wrong = format!("has {} bytes, the limit is {MAX_COMMENT}", comment.len());
            Err(FieldError::new("comment", wrong))
        }
        Some(_) => Err(FieldError::new("comment", "not a text")),
    }
}

fn duration(fields: &mut Fields) -> Result<Option<f64>, FieldError> {
    let Some(duration) = fields.take("duration_s") else {
        return Ok(None);
    };
    let seconds = duration
        .as_f64()
        .filter(|seconds| (MIN_DURATION..=MAX_DURATION).contains(seconds));
    let wrong =
        || format!("not a number of {MIN_DURATION} to {MAX_DURATION} seconds, or null for ever");
    seconds
        .map(Some)
        .ok_or_else(|| FieldError::new("duration_s", wrong()))
}
