//! What may be said of a destination.

use serde_json::{Map, Value};

use super::http::Url;
use super::limits::{MAX_ADDRESSES, MAX_NAME, MAX_PLAYBOOKS, MAX_URL};
use super::mail;
use crate::fields::{FieldError, Fields};
use crate::playbooks::limits::MAX_SLUG;
use crate::state::{Channel, Destination};

/// What is asked of a destination; what is `None` stays, or is as usual.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    name: Option<String>,
    channel: Option<Channel>,
    target: Option<(&'static str, String)>,
    /// `Some(None)` for all playbooks.
    playbooks: Option<Option<Vec<String>>>,
    digest: Option<bool>,
    enabled: Option<bool>,
}

/// What the settings of the server allow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Allowed {
    /// Targets that are not on the Internet, and plain HTTP.
    pub(super) internal: bool,
    pub(super) mail: bool,
}

const URL: &str = "url";
const ADDRESSES: &str = "addresses";

impl Draft {
    /// Reads `name`, `kind`, `url` or `addresses`, `playbooks`, `digest` and `enabled`. `playbooks` of `null` are all.
    pub(crate) fn read(fields: Map<String, Value>) -> Result<Self, FieldError> {
        let all = fields.get("playbooks").is_some_and(Value::is_null);
        let named = fields.contains_key("playbooks");
        let mut fields = Fields::new(fields);
        let channel = match fields.text("kind", MAX_NAME)? {
            None => None,
            Some(kind) => Some(
                Channel::of_name(&kind)
                    .ok_or_else(|| FieldError::new("kind", "none of webhook, slack and email"))?,
            ),
        };
        let url = fields.text(URL, MAX_URL)?.map(|url| (URL, url));
        let addresses = fields.texts(ADDRESSES, MAX_ADDRESSES)?;
        let mut addresses = addresses.unwrap_or_default();
        let addresses = (!addresses.is_empty()).then(|| {
            for address in &mut addresses {
                *address = address.trim().to_owned();
            }
            (ADDRESSES, addresses.join(","))
        });
        if url.is_some() && addresses.is_some() {
            return Err(FieldError::new(ADDRESSES, "are given beside url"));
        }
        let playbooks = fields
            .texts("playbooks", MAX_PLAYBOOKS)?
            .unwrap_or_default();
        let draft = Self {
            name: fields.text("name", MAX_NAME * 4)?,
            channel,
            target: url.or(addresses),
            playbooks: named.then_some((!all).then_some(playbooks)),
            digest: fields.flag("digest")?,
            enabled: fields.flag("enabled")?,
        };
        fields.finish()?;
        Ok(draft)
    }

    /// The destination that is asked for, as a change of this one or, if it has no name yet, as a new one.
    pub(super) fn apply(self, to: &mut Destination, allowed: Allowed) -> Result<(), FieldError> {
        let new = to.name.is_empty();
        match self.channel {
            Some(channel) if new => to.channel = channel,
            Some(channel) if channel != to.channel => {
                return Err(FieldError::new(
                    "kind",
                    "cannot be changed: add another destination",
                ));
            }
            Some(_) => {}
            None if new => return Err(FieldError::new("kind", "missing")),
            None => {}
        }
        match self.name {
            Some(name) => to.name = checked_name(&name)?,
            None if new => return Err(FieldError::new("name", "missing")),
            None => {}
        }
        match (self.target, to.channel) {
            (Some((URL, url)), Channel::Webhook | Channel::Slack) => {
                check_url(&url, allowed)?;
                to.target = url;
            }
            (Some((ADDRESSES, addresses)), Channel::Email) => {
                check_addresses(&addresses)?;
                to.target = addresses;
            }
            (Some((URL, _)), _) => {
                return Err(FieldError::new(URL, "e-mail has addresses instead"));
            }
            (Some((field, _)), _) => {
                return Err(FieldError::new(
                    field,
                    "only e-mail has them; give url instead",
                ));
            }
            (None, Channel::Email) if new => return Err(FieldError::new(ADDRESSES, "missing")),
            (None, _) if new => return Err(FieldError::new(URL, "missing")),
            (None, _) => {}
        }
        if new && to.channel == Channel::Email && !allowed.mail {
            let wrong = "e-mail takes the settings smtp_url and smtp_from, which are not given";
            return Err(FieldError::new("kind", wrong));
        }
        if let Some(playbooks) = self.playbooks {
            check_playbooks(playbooks.as_deref())?;
            to.playbooks = playbooks;
        }
        to.digest = self.digest.unwrap_or(to.digest);
        if to.digest && to.channel != Channel::Email {
            return Err(FieldError::new("digest", "only e-mail has a daily digest"));
        }
        to.enabled = self.enabled.unwrap_or(to.enabled);
        Ok(())
    }
}

fn checked_name(name: &str) -> Result<String, FieldError> {
    let name = name.trim();
    let fits = (1..=MAX_NAME).contains(&name.chars().count());
    if !fits || name.chars().any(char::is_control) {
        let wrong = format!("not 1 to {MAX_NAME} characters without control characters");
        return Err(FieldError::new("name", wrong));
    }
    Ok(name.to_owned())
}

fn check_url(url: &str, allowed: Allowed) -> Result<(), FieldError> {
    let parsed = Url::parse(url).map_err(|wrong| FieldError::new(URL, wrong))?;
    if !parsed.is_tls() && !allowed.internal {
        let wrong = "not https:// (the setting notify_internal allows http://)";
        return Err(FieldError::new(URL, wrong));
    }
    Ok(())
}

fn check_addresses(addresses: &str) -> Result<(), FieldError> {
    // A name before the address may hold a comma, which the list does not.
    let wrong = |address: &str| {
        let wrong = format!("{address:?} is no address such as ann@example.com");
        Err(FieldError::new(ADDRESSES, wrong))
    };
    for address in addresses.split(',') {
        if address.contains(['<', '"']) || !mail::is_address(address) {
            return wrong(address);
        }
    }
    Ok(())
}

fn check_playbooks(playbooks: Option<&[String]>) -> Result<(), FieldError> {
    let Some(playbooks) = playbooks else {
        return Ok(());
    };
    if playbooks.is_empty() {
        return Err(FieldError::new(
            "playbooks",
            "names none; leave it out for all",
        ));
    }
    let is_slug = |slug: &String| {
        let chars = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
        (1..=MAX_SLUG).contains(&slug.len()) && slug.bytes().all(chars)
    };
    match playbooks.iter().find(|slug| !is_slug(slug)) {
        Some(slug) => {
            let wrong = format!("{slug:?} is no slug of lower-case letters, digits and hyphens");
            Err(FieldError::new("playbooks", wrong))
        }
        None => Ok(()),
    }
}
