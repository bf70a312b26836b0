//! From what someone wrote to a playbook.

use std::collections::HashSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::Value;

use super::super::limits::{
    MAX_ACTORS_PER_HOUR, MAX_APPS, MAX_COOLDOWN, MAX_DESCRIPTION, MAX_DURATIONS, MAX_EVENT_NAMES,
    MAX_EVENTS, MAX_NAME, MAX_PERIOD, MAX_RATIO, MAX_RESPONSE, MAX_RESPONSES, MAX_SEEN, MAX_SLUG,
    MAX_TEXT, MAX_URL, MAX_VALUES, MIN_PERIOD, MIN_RESPONSE, USUAL_ACTORS_PER_HOUR,
    USUAL_SHARED_IP_USERS,
};
use super::super::model::{
    ActorKind, Detection, EventName, Matcher, Playbook, Rails, Response, Rule, Stage,
};
use super::super::times;
use crate::actions::is_absolute;
use crate::fields::{FieldError, Fields};
use crate::state::Kind;
use crate::store::{Field, Filter, FilterError};

/// A playbook as it was written, with what is not part of it.
#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) playbook: Playbook,
    /// How far its word goes, where that was written.
    pub(crate) stage: Option<Stage>,
    /// What was not read: the tests of a file.
    pub(crate) tests: Vec<Fields>,
}

/// Slugs whose addresses in the API or among the pages are something else.
const RESERVED: [&str; 3] = ["backtest", "new", "templates"];

/// The most tests of one playbook.
const MAX_TESTS: usize = 100;

/// Reads a playbook; see `format.md`.
pub(crate) fn read(fields: Fields) -> Result<Draft, FieldError> {
    let mut fields = fields;
    let slug = slug(&mut fields)?;
    let name = fields.text("name", MAX_NAME)?;
    let description = fields.text("description", MAX_DESCRIPTION)?;
    let stage = choice(&mut fields, "stage", &Stage::ALL, Stage::name)?;
    let rule = rule(&mut fields)?;
    let responses = responses(&mut fields, rule.actor)?;
    let most = 1..=u64::from(MAX_ACTORS_PER_HOUR);
    let rails = Rails {
        max_actors_per_hour: small(&mut fields, "max_actors_per_hour", most)?
            .unwrap_or(USUAL_ACTORS_PER_HOUR),
        shared_ip_users: small(&mut fields, "shared_ip_users", 0..=MAX_VALUES)?
            .unwrap_or(USUAL_SHARED_IP_USERS),
        allow_critical: fields.flag("allow_critical")?.unwrap_or_default(),
    };
    let playbook = Playbook {
        name: name.unwrap_or_else(|| slug.clone()),
        slug,
        description: description.unwrap_or_default(),
        rule,
        responses,
        rails,
        notify: fields.flag("notify")?.unwrap_or(true),
    };
    let tests = fields.objects("tests", MAX_TESTS)?;
    fields.finish()?;
    Ok(Draft {
        playbook,
        stage,
        tests,
    })
}

fn slug(fields: &mut Fields) -> Result<String, FieldError> {
    let slug = fields.text("slug", MAX_SLUG)?;
    let slug =
        slug.ok_or_else(|| fields.error("slug", "missing; such as `credential-stuffing`"))?;
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !slug.bytes().all(plain) || slug.starts_with('-') || slug.ends_with('-') {
        let wrong = "not lower-case letters, digits, and hyphens between them";
        return Err(fields.error("slug", wrong));
    }
    if RESERVED.contains(&&*slug) {
        return Err(fields.error("slug", "reserved"));
    }
    Ok(slug)
}

fn rule(fields: &mut Fields) -> Result<Rule, FieldError> {
    let trigger = match fields.object("trigger")? {
        Some(trigger) => matcher(trigger)?,
        None => return Err(fields.error("trigger", "missing; such as { event = \"users.login\" }")),
    };
    let cancel = fields.object("cancel")?.map(matcher).transpose()?;
    let actor = choice(fields, "actor", &ActorKind::ALL, ActorKind::name)?;
    let actor =
        actor.ok_or_else(|| fields.error("actor", one_of(&ActorKind::ALL, ActorKind::name)))?;
    let group_by = field(fields, "group_by")?;
    let detection = detection(fields)?;
    let first_seen = matches!(detection, Detection::FirstSeen { .. });
    let longest = if first_seen { MAX_SEEN } else { MAX_PERIOD };
    let period = duration(fields, "period", MIN_PERIOD..=longest)?;
    let period = period.ok_or_else(|| fields.error("period", "missing; such as `5min`"))?;
    let usual = if first_seen { Duration::ZERO } else { period };
    let cooldown = duration(fields, "cooldown", Duration::ZERO..=MAX_COOLDOWN)?;
    Ok(Rule {
        trigger,
        cancel,
        actor,
        group_by,
        detection,
        period,
        cooldown: cooldown.unwrap_or(usual),
    })
}

fn detection(fields: &mut Fields) -> Result<Detection, FieldError> {
    let events = fields.whole("at_least", 1..=MAX_EVENTS)?;
    let distinct = fields.object("distinct")?;
    let ratio = fields.object("ratio")?;
    let first_seen = field(fields, "first_seen")?;
    match (distinct, ratio, first_seen) {
        (None, None, None) => {
            let missing = "missing; needs a number of events here, or `distinct`, or `first_seen`";
            let events = events.ok_or_else(|| fields.error("at_least", missing))?;
            Ok(Detection::Threshold { events })
        }
        (Some(mut distinct), None, None) => {
            let of = field(&mut distinct, "of")?;
            let of = of.ok_or_else(|| distinct.error("of", "missing; such as `user`"))?;
            let values = distinct.whole("at_least", 2..=MAX_VALUES)?;
            let values = values.ok_or_else(|| distinct.error("at_least", "missing"))?;
            distinct.finish()?;
            let events = events.unwrap_or(values);
            Ok(Detection::Distinct { of, values, events })
        }
        (None, Some(mut ratio), None) => {
            let at_least = ratio.take("at_least");
            let at_least = at_least.as_ref().and_then(Value::as_f64);
            let at_least = at_least.filter(|ratio| *ratio > 0.0 && *ratio <= MAX_RATIO);
            let wrong = || {
                ratio.error(
                    "at_least",
                    format!("not a number above 0, at most {MAX_RATIO}"),
                )
            };
            let at_least = at_least.ok_or_else(wrong)?;
            let to = matcher(ratio)?;
            let events =
                events.ok_or_else(|| fields.error("at_least", "missing; `ratio` needs it"))?;
            Ok(Detection::Ratio {
                to,
                at_least,
                events,
            })
        }
        (None, None, Some(of)) if events.is_none() => Ok(Detection::FirstSeen { of }),
        (None, None, Some(_)) => Err(fields.error("at_least", "not with `first_seen`")),
        (None, Some(_), Some(_)) => Err(fields.error("ratio", "not with `first_seen`")),
        (Some(_), ..) => Err(fields.error("distinct", "not with `ratio` or `first_seen`")),
    }
}

fn matcher(mut fields: Fields) -> Result<Matcher, FieldError> {
    let events = fields.one_or_more("event", MAX_EVENT_NAMES)?;
    if events.is_empty() {
        return Err(fields.error("event", "missing; such as `users.login`, or `users.*`"));
    }
    let wrong = |name: &String| name.is_empty() || name.len() > MAX_TEXT;
    if let Some(place) = events.iter().position(wrong) {
        return Err(fields.wrong_element("event", place, &format!("not 1 to {MAX_TEXT} bytes")));
    }
    let filter = fields
        .text("where", Filter::MAX_LENGTH)?
        .unwrap_or_default();
    let filter = filter
        .parse()
        .map_err(|error: FilterError| filter_error(&fields, "where", &error))?;
    let apps = fields.one_or_more("apps", MAX_APPS)?;
    fields.finish()?;
    Ok(Matcher {
        events: events.iter().map(|name| EventName::parse(name)).collect(),
        apps,
        filter,
    })
}

fn responses(fields: &mut Fields, actor: ActorKind) -> Result<Vec<Response>, FieldError> {
    let list = fields.objects("responses", MAX_RESPONSES)?;
    let mut kinds = HashSet::new();
    list.into_iter()
        .map(|mut fields| {
            let kind = choice(&mut fields, "action", &Kind::ALL, |kind| kind.name())?;
            let kind =
                kind.ok_or_else(|| fields.error("action", one_of(&Kind::ALL, |kind| kind.name())))?;
            if kind.is_for_users() != (actor == ActorKind::User) {
                let wrong = format!("{} does not suit the actor {}", kind.name(), actor.name());
                return Err(fields.error("action", wrong));
            }
            if !kinds.insert(kind) {
                return Err(fields.error("action", format!("{} twice", kind.name())));
            }
            let response = response(&mut fields, kind)?;
            fields.finish()?;
            Ok(response)
        })
        .collect()
}

fn response(fields: &mut Fields, kind: Kind) -> Result<Response, FieldError> {
    let url = fields.text("url", MAX_URL)?;
    match &url {
        None if kind.is_redirect() => return Err(fields.error("url", "missing")),
        Some(_) if !kind.is_redirect() => {
            return Err(fields.error("url", format!("not with {}", kind.name())));
        }
        Some(url) if !is_absolute(url) => {
            return Err(fields.error("url", "not an absolute http or https address"));
        }
        _ => {}
    }
    let texts = fields.one_or_more("duration", MAX_DURATIONS)?;
    if texts.is_empty() {
        let missing = "missing; such as `5min`, [`5min`, `1h`] or `permanent`";
        return Err(fields.error("duration", missing));
    }
    let bounds = MIN_RESPONSE..=MAX_RESPONSE;
    let durations = texts.iter().enumerate().map(|(place, text)| {
        if text == times::PERMANENT {
            return Ok(None);
        }
        let read = times::read(text).filter(|duration| bounds.contains(duration));
        let wrong = || format!("neither `{}` nor {}", times::PERMANENT, between(&bounds));
        let read = read.ok_or_else(|| fields.wrong_element("duration", place, &wrong()));
        read.map(Some)
    });
    Ok(Response {
        kind,
        durations: durations.collect::<Result<_, _>>()?,
        url,
    })
}

fn small(
    fields: &mut Fields,
    name: &str,
    bounds: RangeInclusive<u64>,
) -> Result<Option<u32>, FieldError> {
    let number = fields.whole(name, bounds)?;
    Ok(number.and_then(|number| u32::try_from(number).ok()))
}

fn field(fields: &mut Fields, name: &str) -> Result<Option<Field>, FieldError> {
    let text = fields.text(name, MAX_TEXT)?;
    text.map(|text| {
        text.parse()
            .map_err(|error| filter_error(fields, name, &error))
    })
    .transpose()
}

fn duration(
    fields: &mut Fields,
    name: &str,
    bounds: RangeInclusive<Duration>,
) -> Result<Option<Duration>, FieldError> {
    let Some(text) = fields.text(name, MAX_TEXT)? else {
        return Ok(None);
    };
    let read = times::read(&text).filter(|duration| bounds.contains(duration));
    let wrong = || fields.error(name, format!("not {}", between(&bounds)));
    read.ok_or_else(wrong).map(Some)
}

fn between(bounds: &RangeInclusive<Duration>) -> String {
    let [least, most] = [bounds.start(), bounds.end()].map(|bound| times::show(*bound));
    format!("a time of {least} to {most}, such as `5min`")
}

fn choice<T: Copy>(
    fields: &mut Fields,
    name: &str,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> Result<Option<T>, FieldError> {
    let Some(text) = fields.text(name, MAX_TEXT)? else {
        return Ok(None);
    };
    let chosen = all.iter().copied().find(|each| name_of(*each) == text);
    let wrong = || fields.error(name, one_of(all, &name_of));
    chosen.ok_or_else(wrong).map(Some)
}

fn one_of<T: Copy>(all: &[T], name_of: impl Fn(T) -> &'static str) -> String {
    let names: Vec<_> = all.iter().map(|each| name_of(*each)).collect();
    format!("none of {}", names.join(", "))
}

fn filter_error(fields: &Fields, name: &str, error: &FilterError) -> FieldError {
    FieldError {
        position: Some(error.position()),
        ..fields.error(name, error.to_string())
    }
}
