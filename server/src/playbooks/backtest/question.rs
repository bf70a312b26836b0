//! What a rule asks of the store, and the thresholds of its curve.

use super::super::limits::{MAX_EVENTS, MAX_RATIO, MAX_VALUES};
use super::super::model::{ActorKind, Detection, EventName, Matcher, Rule};
use crate::store::{Check, Dimension, Field, Filter, JsonField, Test};

/// The thresholds of a curve.
const POINTS: u32 = 20;
/// A curve goes from the rule's threshold divided by this to as many times it.
const REACH: f64 = 4.0;

/// The events that are part of a rule, and what it looks at in them.
#[derive(Debug)]
pub(super) struct Question {
    pub(super) events: Filter,
    pub(super) fields: Vec<Field>,
}

impl Question {
    pub(super) fn new(rule: &Rule) -> Self {
        let others = match &rule.detection {
            Detection::Ratio { to, .. } => Some(to),
            _ => None,
        };
        let parts = [Some(&rule.trigger), rule.cancel.as_ref(), others];
        let parts: Vec<_> = parts.into_iter().flatten().map(filter).collect();
        let mut fields = vec![Field::Dimension(Dimension::Name), actor_field(rule.actor)];
        parts.iter().for_each(|part| add_fields(part, &mut fields));
        fields.extend(rule.group_by.clone());
        if let Detection::Distinct { of, .. } | Detection::FirstSeen { of } = &rule.detection {
            fields.push(of.clone());
        }
        let mut distinct: Vec<Field> = Vec::new();
        for field in fields {
            if !distinct.contains(&field) {
                distinct.push(field);
            }
        }
        Self {
            events: Filter::Any(parts),
            fields: distinct,
        }
    }
}

/// Successful logins, and what tells who signed in.
pub(super) fn signed_in(actor: ActorKind) -> (Filter, Vec<Field>) {
    let success = Field::Json(JsonField::Properties, vec!["success".to_owned()]);
    let filter = Filter::All(vec![
        Filter::equals(Field::Dimension(Dimension::Name), "users.login"),
        Filter::equals(success, "true"),
    ]);
    (filter, vec![actor_field(actor)])
}

fn actor_field(actor: ActorKind) -> Field {
    match actor {
        ActorKind::Ip | ActorKind::IpRange => Field::Dimension(Dimension::Ip),
        ActorKind::User => Field::Json(JsonField::User, Vec::new()),
    }
}

fn filter(matcher: &Matcher) -> Filter {
    let is = |dimension, check| {
        Filter::Is(Test {
            field: Field::Dimension(dimension),
            check,
        })
    };
    let names = matcher.events.iter().map(|name| match name {
        EventName::Exact(name) => is(Dimension::Name, Check::Equals(vec![name.clone()])),
        EventName::Prefix(prefix) => is(Dimension::Name, Check::Prefix(prefix.clone())),
    });
    let mut all = vec![Filter::Any(names.collect())];
    if !matcher.apps.is_empty() {
        all.push(is(Dimension::App, Check::Equals(matcher.apps.clone())));
    }
    all.push(matcher.filter.clone());
    Filter::All(all)
}

fn add_fields(filter: &Filter, fields: &mut Vec<Field>) {
    match filter {
        Filter::All(parts) | Filter::Any(parts) => {
            parts.iter().for_each(|part| add_fields(part, fields));
        }
        Filter::Not(part) => add_fields(part, fields),
        Filter::Is(test) => fields.push(test.field.clone()),
    }
}

/// The thresholds of the curve, in their order, the rule's own among them: each up to 20 where it is 10 at most, and
/// otherwise from a quarter to four times its own.
pub(super) fn thresholds(detection: &Detection) -> Vec<f64> {
    let (own, least, most) = match detection {
        Detection::Threshold { events } => (*events as f64, 1.0, MAX_EVENTS as f64),
        Detection::Distinct { values, .. } => (*values as f64, 2.0, MAX_VALUES as f64),
        Detection::Ratio { at_least, .. } => (*at_least, 0.0, MAX_RATIO),
        Detection::FirstSeen { .. } => return Vec::new(),
    };
    let whole = !matches!(detection, Detection::Ratio { .. });
    let mut values: Vec<f64> = if whole && own * 2.0 <= f64::from(POINTS) {
        (1..=POINTS).map(f64::from).collect()
    } else {
        let step = |point: u32| f64::from(point) / f64::from(POINTS / 2) - 1.0;
        let values = (0..=POINTS).map(|point| own * REACH.powf(step(point)));
        values
            .map(|value| if whole { value.round() } else { value })
            .collect()
    };
    values.retain(|value| (least..=most).contains(value));
    values.dedup();
    values
}
