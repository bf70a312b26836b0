//! Attempts to sign in that come too often.

use super::super::actions::browser::Browser;
use super::super::client::Running;
use super::{PASSWORD, enter};

/// The status and text of an answer to a wrong password, from this address behind a trusted proxy, and whether it says
/// when to come again.
async fn fail(browser: &Browser, name: &str, ip: &str) -> (u16, String, bool) {
    let fields = [("name", name), ("password", "not the password")];
    let request = browser.request("/signin", &fields);
    let answer = request.header("x-forwarded-for", ip).send().await.unwrap();
    let (status, waits) = (
        answer.status().as_u16(),
        answer.headers().contains_key("retry-after"),
    );
    (status, answer.text().await.unwrap(), waits)
}

async fn behind_proxy() -> Running {
    let loopback = std::net::IpAddr::from([127, 0, 0, 1]);
    Running::start_with(|config| config.trusted_proxies([loopback.into()])).await
}

#[tokio::test]
async fn a_name_is_throttled_whether_it_is_known_or_not() {
    let running = behind_proxy().await;
    enter(&running.client, "bob", "viewer").await;
    let stranger = Browser::stranger(&running.client);
    let mut answers = Vec::new();
    for name in ["bob", "nobody"] {
        let mut of_name = Vec::new();
        for attempt in 0..5 {
            let (status, page, waits) = fail(&stranger, name, &format!("192.0.2.{attempt}")).await;
            assert_eq!((status, waits), (401, false));
            of_name.push(page.replace(name, "NAME"));
        }
        // The wait may have a second or none left by the time that it is told.
        let mut refused = 0;
        for attempt in 0..8 {
            let (status, page, waits) = fail(&stranger, name, &format!("192.0.3.{attempt}")).await;
            assert_eq!(waits, status == 429, "{page}");
            refused += usize::from(status == 429);
        }
        assert!(refused > 0, "{name}");
        answers.push(of_name);
    }
    assert_eq!(answers[0], answers[1], "nothing tells who there is");
    let metrics = running.client.api("/metrics").send().await.unwrap();
    let metrics = metrics.text().await.unwrap();
    let count = |outcome: &str| -> u64 {
        let start = format!("sqreen_sign_ins_total{{outcome=\"{outcome}\"}} ");
        let line = metrics.lines().find_map(|line| line.strip_prefix(&start));
        line.unwrap_or_else(|| panic!("{metrics}")).parse().unwrap()
    };
    assert_eq!(count("failed") + count("refused"), 26);
    assert!(count("refused") >= 2);
    assert_eq!(count("succeeded"), 0, "a link is no password");
}

#[tokio::test]
async fn an_address_is_throttled_and_only_a_trusted_proxy_says_which() {
    let running = behind_proxy().await;
    enter(&running.client, "bob", "viewer").await;
    let stranger = Browser::stranger(&running.client);
    let mut refused = false;
    for attempt in 0..30 {
        refused |= fail(&stranger, &format!("n{attempt}"), "198.51.100.7")
            .await
            .0
            == 429;
    }
    assert!(refused);
    // The right password is refused as the wrong ones are.
    let fields = [("name", "bob"), ("password", PASSWORD)];
    let from = async |ip: &str| {
        let request = stranger.request("/signin", &fields);
        let answer = request.header("x-forwarded-for", ip).send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!(from("198.51.100.7").await, 429);
    assert_eq!(from("198.51.100.8").await, 303, "others are not kept out");

    // Where no proxy is trusted, the header is nothing.
    let other = Running::start().await;
    let stranger = Browser::stranger(&other.client);
    let mut refused = false;
    for attempt in 0..30 {
        let ip = format!("203.0.113.{attempt}");
        refused |= fail(&stranger, &format!("n{attempt}"), &ip).await.0 == 429;
    }
    assert!(refused);
}
