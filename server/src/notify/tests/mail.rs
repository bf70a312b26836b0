//! Notifications by e-mail.

use serde_json::{Map, json};

use super::smtp::SmtpServer;
use super::{Bench, fired};
use crate::notify::notice::Notice;
use crate::state::{DeliveryStatus, Destination};

fn bench(smtp: &SmtpServer) -> Bench {
    Bench::with(|config| config.smtp(&*smtp.url, "Sqreen <sqreen@example.com>"))
}

fn people(bench: &Bench, digest: bool) -> Destination {
    let addresses = ["ann@example.com", " bob@example.com"];
    bench.add(json!({"name": "team", "kind": "email", "addresses": addresses, "digest": digest}))
}

#[tokio::test]
async fn a_mail_tells_all_of_a_minute_and_is_tried_again() {
    let smtp = SmtpServer::start().await;
    let bench = bench(&smtp);
    people(&bench, false);
    smtp.refuse(true);
    let mut notice = fired("logins");
    if let Notice::Fired(fired) = &mut notice {
        fired.playbook.name = "Logins\r\nBcc: eve@example.com".to_owned();
    }
    bench.notify("one", &notice);
    bench.notify("two", &fired("logins"));
    bench.live(60).await;
    assert!(smtp.mails().is_empty());
    let waiting = &bench.log()[0];
    assert_eq!(waiting.status, DeliveryStatus::Pending);
    assert!(
        waiting.answer.as_ref().unwrap().contains("come again"),
        "{waiting:?}"
    );
    smtp.refuse(false);
    bench.live(60).await;
    let [mail] = &smtp.mails()[..] else {
        panic!("one mail: {:?}", smtp.mails());
    };
    assert_eq!(mail.from, "MAIL FROM:<sqreen@example.com>");
    assert_eq!(
        mail.to,
        ["RCPT TO:<ann@example.com>", "RCPT TO:<bob@example.com>"]
    );
    let id = &bench.log()[0].id;
    assert_eq!(mail.header("Message-ID"), format!("<{id}@example.com>"));
    assert_eq!(mail.header("Subject"), "2 notices of 2 playbooks");
    assert!(
        mail.text.contains("Playbook logins blocked 203.0.113.7"),
        "{}",
        mail.text
    );
    assert_eq!(bench.log()[0].status, DeliveryStatus::Delivered);

    bench.notify("three", &notice);
    bench.live(60).await;
    let mail = smtp.mails().pop().unwrap();
    assert_eq!(
        mail.header("Subject"),
        "LoginsBcc: eve@example.com blocked 203.0.113.7"
    );
    let head = mail.text.split("\n\n").next().unwrap();
    assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
}

#[tokio::test]
async fn a_digest_tells_of_a_day_at_six() {
    let smtp = SmtpServer::start().await;
    let bench = bench(&smtp);
    let destination = people(&bench, true);
    for n in 0..300 {
        let slug = if n % 3 == 0 { "carding" } else { "logins" };
        bench.notify(&n.to_string(), &fired(slug));
        bench.live(60).await;
    }
    // From noon to six, less the five hours that have passed.
    bench.live(13 * 3_600 - 1).await;
    assert!(smtp.mails().is_empty());
    bench.live(1).await;
    let [mail] = &smtp.mails()[..] else {
        panic!("one mail");
    };
    assert_eq!(mail.header("Subject"), "300 notices of 2 playbooks");
    assert!(
        mail.text
            .contains("  100  Playbook carding\n  200  Playbook logins\n"),
        "{}",
        mail.text
    );
    assert!(mail.text.contains("And 100 more."));
    bench.live(24 * 3_600).await;
    assert_eq!(smtp.mails().len(), 1, "a day without notices has no digest");

    // What waits for a digest that there is none of any more is told at once.
    bench.notify("last", &fired("logins"));
    bench.live(120).await;
    assert_eq!(smtp.mails().len(), 1);
    bench.set(
        &destination,
        Map::from_iter([("digest".to_owned(), json!(false))]),
    );
    bench.deliver().await;
    assert_eq!(smtp.mails().len(), 2);
}
