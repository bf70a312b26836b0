//! What notices say to people.

use std::collections::BTreeMap;

use sqreen::protocol::Timestamp;

use super::notice::{Actor, Counted, Fired, Notice, Response};
use crate::playbooks::Outcome;

/// The most characters of one text that came with events.
const MOST_TEXT: usize = 256;
/// The most ids of events.
const MOST_EVENTS: usize = 3;

impl Notice {
    /// What happened, in one line.
    pub(crate) fn title(&self) -> String {
        let title = match self {
            Self::Fired(fired) => fired.title(),
            Self::Tripped(tripped) => format!("{} went back to shadow", tripped.playbook.name),
            Self::Test(_) => "Test".to_owned(),
        };
        line(&title)
    }

    /// The rest that people are told, line by line.
    pub(crate) fn details(&self) -> Vec<String> {
        let details = match self {
            Self::Fired(fired) => fired.details(),
            Self::Tripped(tripped) => vec![tripped.reason.clone()],
            Self::Test(test) => vec![format!(
                "{} tries out whether notifications arrive here.",
                test.by
            )],
        };
        details.iter().map(|detail| line(detail)).collect()
    }
}

impl Fired {
    fn title(&self) -> String {
        let (name, actor) = (&self.playbook.name, &self.actor);
        match self.outcome {
            Outcome::Enforced => format!("{name} {} {actor}", self.verbs()),
            Outcome::Shadowed => format!("{name} would have {} {actor}", self.verbs()),
            Outcome::Recorded => format!("{name} fired on {actor}"),
            Outcome::Held => format!("{name} was held back on {actor}"),
            Outcome::Failed => format!("{name} failed on {actor}"),
        }
    }

    /// What its responses do.
    fn verbs(&self) -> String {
        let mut verbs: Vec<_> = self.responses.iter().map(Response::verb).collect();
        verbs.sort_unstable();
        verbs.dedup();
        verbs.join(" and ")
    }

    fn details(&self) -> Vec<String> {
        let mut lines = vec![self.counted()];
        if let Some(group) = &self.group {
            lines.push(format!("Group: {} {}", group.by, start(&group.value)));
        }
        lines.extend(self.origin());
        if let Some(why) = &self.reason {
            let what = match self.outcome {
                Outcome::Failed => "Failed",
                _ => "Held back",
            };
            lines.push(format!("{what}: {why}"));
        }
        let whom = match self.actor {
            Actor::Ip(_) => "Address",
            Actor::Range(_) => "Address range",
            Actor::User(_) => "User",
        };
        let responses = self.responses.iter();
        lines.extend(responses.map(|response| format!("{whom} {}", response.told())));
        match self.outcome {
            Outcome::Shadowed => lines.push("In shadow: nothing was done".to_owned()),
            Outcome::Recorded => lines.push("It has no responses: nothing was done".to_owned()),
            Outcome::Enforced | Outcome::Held | Outcome::Failed => {}
        }
        lines.extend(self.some_events());
        lines
    }

    fn counted(&self) -> String {
        let events = match self.count {
            1 => "1 event".to_owned(),
            count => format!("{count} events"),
        };
        let period = lasting(self.window_s);
        match &self.counted {
            Counted::Events => format!("{events} in {period}"),
            Counted::Values { of, values } => {
                format!("{events} with {values} different values of {of} in {period}")
            }
            Counted::Others(others) => {
                format!("{events} beside {others} of the others in {period}")
            }
            Counted::New { of, value } => {
                format!("A new value of {of} in {period}: {}", start(value))
            }
        }
    }

    /// Which application the newest of the events is of, and what is known of the address.
    fn origin(&self) -> Vec<String> {
        let Some(origin) = &self.origin else {
            let apps = self.apps.join(", ");
            let told = (!apps.is_empty()).then(|| format!("Applications: {apps}"));
            return told.into_iter().collect();
        };
        let app = start(&origin.app);
        let mut lines = vec![match &origin.environment {
            Some(environment) => format!("Application: {app} ({})", start(environment)),
            None => format!("Application: {app}"),
        }];
        if let Some(country) = &origin.country {
            lines.push(format!("Country: {country}"));
        }
        let lists = origin.lists.iter().filter(|(_, is_on)| **is_on);
        let lists: Vec<_> = lists.map(|(name, _)| name.as_str()).collect();
        if !lists.is_empty() {
            lines.push(format!("On the lists: {}", lists.join(", ")));
        }
        lines
    }

    fn some_events(&self) -> Option<String> {
        let some = self.events.get(..MOST_EVENTS).unwrap_or(&self.events);
        let all = self.count.max(self.events.len() as u64);
        let listed = some.join(", ");
        match all - some.len() as u64 {
            _ if some.is_empty() => None,
            0 => Some(format!("Events: {listed}")),
            more => Some(format!("Events: {listed} and {more} more")),
        }
    }
}

impl Response {
    fn verb(&self) -> &'static str {
        match self.action.starts_with("redirect") {
            true => "redirected",
            false => "blocked",
        }
    }

    /// What is done to whom it concerns, or would have been.
    fn told(&self) -> String {
        let would = match self.actions.is_empty() {
            true => "would have been ",
            false => "",
        };
        let to = self.url.as_ref();
        let to = to.map_or_else(String::new, |url| format!(" to {url}"));
        let time = match self.duration_s {
            Some(seconds) => format!("for {}", lasting(seconds)),
            None => "for ever".to_owned(),
        };
        let until = self.until.map_or_else(String::new, |until| {
            let until = Timestamp::from_micros(until).to_string();
            let (date, clock) = (until.get(..10), until.get(11..19));
            let [date, clock] = [date, clock].map(Option::unwrap_or_default);
            format!(", until {date} {clock} UTC")
        });
        format!("{would}{}{to} {time}{until}", self.verb())
    }
}

/// How long something lasts: in the greatest unit that leaves nothing over.
fn lasting(seconds: u64) -> String {
    let units = [(86_400, "day"), (3_600, "hour"), (60, "minute")];
    let even = |(unit, _): &(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
    let (number, name) = match units.into_iter().find(even) {
        // A day is a length that people know in hours.
        Some(_) if seconds == 86_400 => (24, "hour"),
        Some((unit, name)) => (seconds / unit, name),
        None => (seconds, "second"),
    };
    let s = if number == 1 { "" } else { "s" };
    format!("{number} {name}{s}")
}

/// The start of a text that may be long.
fn start(text: &str) -> String {
    let mut start: String = text.chars().take(MOST_TEXT).collect();
    if start.len() < text.len() {
        start.push('…');
    }
    start
}

/// Without what would begin another line: whoever sends events chooses their texts.
fn line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// What all of these say, in one line.
pub(super) fn headline(notices: &[(String, Notice)]) -> String {
    let [(_, only)] = notices else {
        let count = notices.len();
        let playbooks: BTreeMap<_, _> = by_playbook(notices);
        let mut names = playbooks.keys();
        return match (names.next(), names.next()) {
            (Some(name), None) => format!("{name}: {count} notices"),
            _ => format!("{count} notices of {} playbooks", playbooks.len()),
        };
    };
    only.title()
}

/// How many notices there are of each playbook, by its name.
pub(super) fn by_playbook(notices: &[(String, Notice)]) -> BTreeMap<&str, usize> {
    let mut counts = BTreeMap::new();
    for (_, notice) in notices {
        let name = notice.playbook().map_or("Test", |playbook| &playbook.name);
        *counts.entry(name).or_default() += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_people_say_them() {
        for (seconds, told) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (90, "90 seconds"),
            (300, "5 minutes"),
            (3_600, "1 hour"),
            (86_400, "24 hours"),
            (90_000, "25 hours"),
            (604_800, "7 days"),
        ] {
            assert_eq!(lasting(seconds), told);
        }
    }
}
