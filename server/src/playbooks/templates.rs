//! The predefined playbooks: a start for one's own. Each says what the app must track, and has tests.

use std::sync::LazyLock;

use super::file::{self, Entry};

/// A family of playbooks, and their file.
const FILES: [(&str, &str); 5] = [
    ("Logins", include_str!("templates/logins.toml")),
    ("Users", include_str!("templates/user.toml")),
    ("Attacks", include_str!("templates/owasp.toml")),
    ("Suspicious", include_str!("templates/suspicious.toml")),
    ("Places", include_str!("templates/places.toml")),
];

/// A predefined playbook.
#[derive(Clone, Debug)]
pub struct Template {
    /// What it belongs to.
    pub family: &'static str,
    /// The playbook, which has no stage, and its tests.
    pub entry: Entry,
}

static TEMPLATES: LazyLock<Vec<Template>> = LazyLock::new(|| {
    let read = |(family, text): (&'static str, &str)| {
        // That each can be read is tested.
        let entries = file::read(text).unwrap_or_default();
        entries
            .into_iter()
            .map(move |entry| Template { family, entry })
    };
    FILES.into_iter().flat_map(read).collect()
});

/// All predefined playbooks.
#[must_use]
pub fn templates() -> &'static [Template] {
    &TEMPLATES
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::json;

    use super::*;
    use crate::playbooks::ActorKind;
    use crate::playbooks::engine::{Engine, Limits};
    use crate::store::StoredEvent;

    #[test]
    fn each_template_does_what_its_tests_say() {
        for (family, text) in FILES {
            let entries = file::read(text).unwrap_or_else(|error| panic!("{family}: {error}"));
            assert!(!entries.is_empty());
            for entry in entries {
                let slug = &entry.playbook.slug;
                assert!(!entry.tests.is_empty(), "{slug} has no test");
                assert!(
                    entry.playbook.description.lines().count() > 1,
                    "{slug} does not say what to track"
                );
                for test in &entry.tests {
                    let ran = file::run(&entry, test);
                    assert!(
                        ran.is_ok(),
                        "{slug}, {:?}:\n{}",
                        test.name,
                        ran.unwrap_err()
                    );
                }
                let responds = entry.tests.iter().any(|test| !test.expect.is_empty());
                assert!(responds, "{slug} never fires in its tests");
            }
        }
    }

    /// Whoever knows a user's name can make logins of that user fail, as often as they like.
    #[test]
    fn no_template_acts_on_a_user_whose_logins_fail() {
        let mut asked = Vec::new();
        for Template { entry, .. } in templates() {
            let playbook = &entry.playbook;
            if playbook.rule.actor != ActorKind::User || playbook.responses.is_empty() {
                continue;
            }
            let mut engine = Engine::new(Limits::default(), [0; 16]);
            engine.set(vec![Arc::new(playbook.clone())]);
            let mut firings = Vec::new();
            for number in 0..200_u32 {
                let event = json!({
                    "id": format!("00000000-0000-0000-0000-{number:012}"), "app": "shop",
                    "time": number * 1_000_000, "received": number * 1_000_000, "name": "users.login",
                    "ip": "203.0.113.7", "country": "XX", "network": ["tor"], "user": {"id": "7"},
                    "properties": {"success": false, "role": "admin"},
                });
                engine.feed(
                    &serde_json::from_value::<StoredEvent>(event).unwrap(),
                    &mut firings,
                );
            }
            assert!(firings.is_empty(), "{}", playbook.slug);
            asked.push(playbook.slug.as_str());
        }
        assert!(asked.contains(&"tor-logins"), "{asked:?}");
    }
}
