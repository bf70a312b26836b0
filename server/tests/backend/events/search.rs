//! Searches that stream.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Events, event, large, numbers, refused, stocked};

#[tokio::test]
async fn a_search_hands_out_a_page_and_says_how_far_it_is() {
    let (running, _dir) = stocked((0..50).map(|n| event(n, "a")).collect()).await;
    let mut path = "/api/v1/events/search?filter=name:a&limit=20".to_owned();
    let mut found = Vec::new();
    for pages_left in (0..3).rev() {
        let mut events = Events::open(&running, &path).await;
        loop {
            let (name, data) = events.next().await.unwrap();
            match name.as_str() {
                "found" => found.push(data),
                "progress" => assert!(data["scanned"].as_u64() <= data["rows"].as_u64()),
                "done" => {
                    assert_eq!(data["next"].is_null(), pages_left == 0);
                    assert!(data["scanned"].as_u64().unwrap() > 0, "{data}");
                    let next = data["next"].as_str().unwrap_or_default();
                    path = format!("/api/v1/events/search?filter=name:a&limit=20&cursor={next}");
                    break;
                }
                other => panic!("{other}: {data}"),
            }
        }
        assert_eq!(events.next().await, None);
    }
    assert_eq!(numbers(&found), (0..50).rev().collect::<Vec<_>>());
    assert_eq!(found[0]["properties"], serde_json::json!({}));
}

#[tokio::test]
async fn wrong_searches_are_problems_not_streams() {
    let (running, _dir) = stocked(Vec::new()).await;
    for (query, field) in [
        ("filter=name:", "filter"),
        ("limit=1001", "limit"),
        ("by=ip", "by"),
    ] {
        let path = format!("/api/v1/events/search?{query}");
        refused(&running, &path, 400, field).await;
    }
}

#[tokio::test]
async fn whoever_goes_makes_room_and_too_many_are_told_to_come_later() {
    // More than sockets hold: nobody reads these searches, so they stay.
    let (running, _dir) = stocked((0..60).map(large).collect()).await;
    let path = "/api/v1/events/search?limit=60";
    let mut open = Vec::new();
    for _ in 0..8 {
        open.push(Events::open(&running, path).await);
    }
    let answer = running.client.api(path).send().await.unwrap();
    assert_eq!(answer.status(), 503);
    assert!(answer.headers().contains_key("retry-after"));
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["status"], 503);

    open.pop();
    let begun = Instant::now();
    while running.client.api(path).send().await.unwrap().status() == 503 {
        assert!(begun.elapsed() < Duration::from_secs(30), "no room");
        tokio::task::yield_now().await;
    }

    // A server that ends cuts them off, without a word of being done.
    running.server.drain();
    let mut events = open.pop().unwrap();
    let mut last = None;
    while let Some((name, _)) = events.next().await {
        last = Some(name);
    }
    assert_ne!(last.as_deref(), Some("done"));
}
