//! What people read of a notice, and where its links lead.

use serde_json::json;

use super::receiver::Receiver;
use super::smtp::SmtpServer;
use super::{Bench, fired, fired_on, playbook};
use crate::config::ServerConfig;
use crate::notify::notice::{
    Actor, Counted, Fired, Group, Notice, Origin, Response, Stage, Tripped,
};
use crate::playbooks::Outcome;

const PUBLIC: &str = "https://sqreen.example.com";

/// One that fired, changed.
fn changed(change: impl FnOnce(&mut Fired)) -> Notice {
    let mut notice = fired("logins");
    if let Notice::Fired(fired) = &mut notice {
        change(fired);
    }
    notice
}

#[test]
fn a_notice_says_what_was_done() {
    let notice = fired("logins");
    assert_eq!(notice.title(), "Playbook logins blocked 203.0.113.7");
    let told = [
        "26 events in 5 minutes",
        "Applications: shop, blog",
        "Address blocked for 5 minutes, until 2027-01-15 12:05:00 UTC",
        "Events: event-0, event-1, event-2 and 23 more",
    ];
    assert_eq!(notice.details(), told);

    let redirected = changed(|fired| {
        fired.actor = Actor::User([("id".to_owned(), "7".to_owned())].into());
        fired.responses.push(Response {
            action: "redirect_user".to_owned(),
            url: Some("https://example.com/wait".to_owned()),
            duration_s: None,
            until: None,
            actions: vec!["00000000000000a2".to_owned()],
        });
        fired.count = 2;
        fired.events.truncate(2);
    });
    assert_eq!(
        redirected.title(),
        "Playbook logins blocked and redirected id 7"
    );
    assert_eq!(
        redirected.details()[3],
        "User redirected to https://example.com/wait for ever"
    );
    assert_eq!(redirected.details()[4], "Events: event-0, event-1");
}

#[test]
fn a_notice_says_what_would_have_been_done() {
    let range = Actor::Range("203.0.113.0/24".parse().unwrap());
    let shadow = fired_on("logins", range, Stage::Shadow);
    assert_eq!(
        shadow.title(),
        "Playbook logins would have blocked 203.0.113.0/24"
    );
    let told = &shadow.details()[2..4];
    assert_eq!(
        told,
        [
            "Address range would have been blocked for 5 minutes",
            "In shadow: nothing was done"
        ]
    );
    for (outcome, title, line) in [
        (
            Outcome::Recorded,
            "Playbook logins fired on 203.0.113.7",
            "It has no responses: nothing was done",
        ),
        (
            Outcome::Held,
            "Playbook logins was held back on 203.0.113.7",
            "Held back: the reason",
        ),
        (
            Outcome::Failed,
            "Playbook logins failed on 203.0.113.7",
            "Failed: the reason",
        ),
    ] {
        let notice = changed(|fired| {
            fired.outcome = outcome;
            fired.reason = (outcome != Outcome::Recorded).then(|| "the reason".to_owned());
            fired.responses.clear();
        });
        assert_eq!(notice.title(), title);
        assert!(
            notice.details().iter().any(|told| told == line),
            "{line}: {:?}",
            notice.details()
        );
    }
}

#[tokio::test]
async fn what_was_counted_is_told_to_people_and_receivers() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    bench.webhook(&receiver.url());
    let of = |field: &str| field.to_owned();
    let found = [
        (
            Counted::Values {
                of: of("user"),
                values: 4,
            },
            "26 events with 4 different values of user in 5 minutes",
            json!({"of": "user", "values": 4}),
        ),
        (
            Counted::Others(2),
            "26 events beside 2 of the others in 5 minutes",
            json!({"others": 2}),
        ),
        (
            Counted::New {
                of: of("country"),
                value: of("F\nR"),
            },
            "A new value of country in 5 minutes: FR",
            json!({"of": "country", "value": "F\nR"}),
        ),
    ];
    for (n, (counted, line, _)) in found.iter().enumerate() {
        let notice = changed(|fired| {
            fired.counted = counted.clone();
            fired.group = Some(Group {
                by: "properties.plan".to_owned(),
                value: "x".repeat(300),
            });
        });
        assert_eq!(notice.details()[0], *line);
        let group = format!("Group: properties.plan {}…", "x".repeat(256));
        assert_eq!(notice.details()[1], group);
        bench.notify(&n.to_string(), &notice);
    }
    bench.live(60).await;
    let messages = receiver.accepted()[0].json();
    for (n, (_, _, fields)) in found.iter().enumerate() {
        let message = &messages[n]["message"];
        let group = json!({"by": "properties.plan", "value": "x".repeat(300)});
        assert_eq!(message["group"], group);
        for name in ["of", "values", "others", "value"] {
            assert_eq!(message[name], fields[name], "{message}");
        }
    }
}

#[tokio::test]
async fn what_is_known_of_an_address_is_told() {
    let receiver = Receiver::start().await;
    let bench = Bench::new();
    bench.webhook(&receiver.url());
    let known = |actor: Actor| {
        let mut notice = fired_on("logins", actor, Stage::Shadow);
        if let Notice::Fired(fired) = &mut notice {
            fired.critical = Some(false);
            fired.origin = Some(Origin {
                app: "blog".to_owned(),
                environment: Some("production".to_owned()),
                country: Some("FR".to_owned()),
                lists: [("mine", true), ("tor", true), ("vpn", false)]
                    .map(|(name, is_on)| (name.to_owned(), is_on))
                    .into(),
            });
        }
        notice
    };
    let address = known(Actor::Ip("203.0.113.7".parse().unwrap()));
    let told = [
        "Application: blog (production)",
        "Country: FR",
        "On the lists: mine, tor",
    ];
    assert_eq!(address.details()[1..4], told);
    let mut elsewhere = address.clone();
    let mut enforced = address.clone();
    if let (Notice::Fired(elsewhere), Notice::Fired(enforced)) = (&mut elsewhere, &mut enforced) {
        let origin = elsewhere.origin.as_mut().unwrap();
        // No country has these letters.
        origin.country = Some("XX".to_owned());
        origin.environment = None;
        origin.lists.clear();
        elsewhere.critical = Some(true);
        enforced.outcome = Outcome::Enforced;
    }
    bench.notify("one", &address);
    bench.notify("two", &elsewhere);
    bench.notify("three", &enforced);
    bench.live(60).await;
    let messages = receiver.accepted()[0].json();
    let [one, two, three] = [0, 1, 2].map(|n| &messages[n]["message"]);
    let ip = json!({
        "address": "203.0.113.7", "geo": {"code": "FRA"}, "is_tor": true, "vpn": false, "critical": false,
    });
    assert_eq!(one["ips"], json!([ip]));
    assert_eq!(
        (
            &one["application_id"],
            &one["application_name"],
            &one["environment"]
        ),
        (&json!("blog"), &json!("blog"), &json!("production"))
    );
    assert_eq!(
        two["ips"],
        json!([{"address": "203.0.113.7", "critical": true}])
    );
    assert_eq!(two["environment"], json!(null));
    let application = json!({"id": "blog", "name": "blog", "environment": "production"});
    assert_eq!(three["application"], application);
}

fn tripped() -> Notice {
    Notice::Tripped(Tripped {
        playbook: playbook("carding"),
        reason: "101 actors in an hour, the limit is 100".to_owned(),
        at: super::NOON,
    })
}

#[tokio::test]
async fn links_lead_to_the_pages_where_people_reach_the_server() {
    let (hook, slack) = (Receiver::start().await, Receiver::start().await);
    let smtp = SmtpServer::start().await;
    let bench = |public: bool| {
        Bench::with(|config: ServerConfig| {
            let config = config.notify_internal(true);
            let config = config.smtp(&*smtp.url, "sqreen@example.com");
            match public {
                true => config.public_url(PUBLIC).unwrap(),
                false => config,
            }
        })
    };
    for public in [true, false] {
        let bench = bench(public);
        bench.webhook(&hook.url());
        bench.add(json!({"name": "slack", "kind": "slack", "url": slack.url()}));
        bench.add(json!({"name": "team", "kind": "email", "addresses": ["ann@example.com"]}));
        bench.notify("00000000000000f1", &fired("logins"));
        bench.notify("trip-00000000000000f2", &tripped());
        bench.live(60).await;
    }
    let hooked: Vec<_> = hook.accepted().iter().map(|got| got.json()).collect();
    let run = "https://sqreen.example.com/runs/00000000000000f1";
    let playbook = "https://sqreen.example.com/playbooks/carding";
    assert_eq!(hooked[0][0]["message"]["event_url"], run);
    assert_eq!(hooked[1][0]["message"]["event_url"], playbook);
    assert_eq!(hooked[2][0]["message"]["event_url"], json!(null));

    let slacked: Vec<_> = slack.accepted().iter().map(|got| got.json()).collect();
    let text = |n: usize| slacked[n]["blocks"][1]["text"]["text"].as_str().unwrap();
    let links = format!("\n<{run}|Run> · <https://sqreen.example.com/playbooks/logins|Playbook>");
    assert!(text(0).ends_with(&links), "{}", text(0));
    assert!(text(1).ends_with(&format!("\n<{playbook}|Playbook>")));
    assert!(!text(2).contains('<') && !text(3).contains('<'));

    let mails = smtp.mails();
    assert!(mails[0].text.contains(&format!("\n    Run: {run}\n")));
    assert!(
        mails[1]
            .text
            .contains(&format!("\n    Playbook: {playbook}\n"))
    );
    assert!(!mails[2].text.contains("Run:") && !mails[3].text.contains("Playbook:"));
}
