//! Histograms and groups.

use serde_json::{Value, json};
use sqreen_server::store::StoredEvent;

use super::{encoded, event, refused, stocked};
use crate::client::Running;

async fn get(running: &Running, path: &str) -> Value {
    let path = format!("/api/v1/events/{path}");
    let (status, answer) = running.client.call("GET", &path, &Value::Null).await;
    assert_eq!(status, 200, "{path}: {answer}");
    answer
}

/// Ten events in ten seconds: `a` five times, `b` thrice, `c` twice; every other one has an address and a user.
fn events() -> Vec<StoredEvent> {
    let names = "aabacbabca".chars().zip(0..);
    let named = names.map(|(name, n)| {
        let mut event = event(n, &name.to_string());
        if n % 2 == 0 {
            event.ip = Some(std::net::IpAddr::from([192, 0, 2, (n % 4) as u8]));
            let user = json!({"id": n % 4});
            event.user = Some(serde_json::from_value(user).unwrap());
        }
        event
    });
    named.collect()
}

#[tokio::test]
async fn a_histogram_counts_over_time_and_by_value() {
    let (running, _dir) = stocked(events()).await;
    let range = "from=2026-11-23T10:00:00Z&to=2026-11-23T10:00:10Z";
    let all = get(&running, &format!("histogram?{range}&bucket_s=4")).await;
    assert_eq!(
        all,
        json!({
            "from": "2026-11-23T10:00:00.000000Z", "to": "2026-11-23T10:00:10.000000Z",
            "bucket_s": 4, "counts": [4, 4, 2],
        })
    );
    let one = get(
        &running,
        &format!("histogram?{range}&filter=name:b&bucket_s=5"),
    )
    .await;
    assert_eq!(one["counts"], json!([1, 2]));
    let by = get(
        &running,
        &format!("histogram?{range}&by=name&series=1&bucket_s=5"),
    )
    .await;
    assert_eq!(by["series"], json!([{"value": "a", "counts": [3, 2]}]));
    assert_eq!(by["other"], json!([2, 3]));
    assert_eq!(by["absent"], json!([0, 0]));
    let by = get(
        &running,
        &format!("histogram?{range}&by=user.id&bucket_s=10"),
    )
    .await;
    assert_eq!(
        by["series"],
        json!([{"value": "0", "counts": [3]}, {"value": "2", "counts": [2]}])
    );
    assert_eq!(by["absent"], json!([5]));

    // Without a width, one that makes at most 60 buckets; without times, the day before now.
    let chosen = get(&running, &format!("histogram?{range}")).await;
    assert_eq!(chosen["bucket_s"], 1);
    let month = "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z";
    let chosen = get(&running, &format!("histogram?{month}")).await;
    assert_eq!(chosen["bucket_s"], 43_200);
    assert_eq!(chosen["counts"].as_array().unwrap().len(), 60);
    let day = get(&running, "histogram").await;
    assert_eq!(day["bucket_s"], 1_800);
    assert_eq!(day["counts"].as_array().unwrap().len(), 48);
}

#[tokio::test]
async fn groups_tell_how_many_events_addresses_and_users_a_value_has() {
    let (running, _dir) = stocked(events()).await;
    let groups = get(&running, "groups?by=name&limit=2").await;
    let exactly = |count: u64| json!({"count": count, "exact": true});
    assert_eq!(
        groups,
        json!({
            "groups": [
                {
                    "value": "a", "events": 5, "ips": exactly(2), "users": exactly(2),
                    "first": "2026-11-23T10:00:00.000000Z", "last": "2026-11-23T10:00:09.000000Z",
                },
                {
                    "value": "b", "events": 3, "ips": exactly(1), "users": exactly(1),
                    "first": "2026-11-23T10:00:02.000000Z", "last": "2026-11-23T10:00:07.000000Z",
                },
            ],
            "values": exactly(3), "events": 10, "absent": 0,
        })
    );
    let filter = encoded("name:a,c");
    let range = "from=2026-11-23T10:00:01Z&to=2026-11-23T10:00:09Z";
    let groups = get(&running, &format!("groups?by=ip&filter={filter}&{range}")).await;
    assert_eq!(groups["events"], 5);
    assert_eq!(groups["absent"], 2);
    let of = |groups: &Value| {
        let rows = groups["groups"].as_array().unwrap();
        let row = |row: &Value| {
            (
                row["value"].as_str().unwrap().to_owned(),
                row["events"].clone(),
            )
        };
        rows.iter().map(row).collect::<Vec<_>>()
    };
    assert_eq!(
        of(&groups),
        [
            ("192.0.2.0".to_owned(), json!(2)),
            ("192.0.2.2".to_owned(), json!(1))
        ]
    );
}

#[tokio::test]
async fn wrong_questions_are_refused_by_the_parameters_name() {
    let (running, _dir) = stocked(Vec::new()).await;
    let range = "from=2026-11-01T00:00:00Z&to=2026-12-01T00:00:00Z";
    for (path, field) in [
        ("histogram?bucket_s=0", "bucket_s"),
        ("histogram?bucket_s=1.5", "bucket_s"),
        (&*format!("histogram?{range}&bucket_s=1"), "bucket_s"),
        ("histogram?by=colour", "by"),
        ("histogram?by=ip&series=101", "series"),
        ("histogram?series=5", "series"),
        ("histogram?limit=5", "limit"),
        ("histogram?from=2&to=1", "from"),
        ("histogram?from=4102444800000", "from"),
        ("groups", "by"),
        ("groups?by=", "by"),
        ("groups?by=ip:1", "by"),
        ("groups?by=ip&limit=1001", "limit"),
        ("groups?by=ip&filter=(", "filter"),
        ("groups?by=ip&cursor=x", "cursor"),
    ] {
        refused(&running, &format!("/api/v1/events/{path}"), 400, field).await;
    }
    let problem = refused(&running, "/api/v1/events/groups?by=user.x%20y", 400, "by").await;
    assert_eq!(problem["position"], 6);
}
