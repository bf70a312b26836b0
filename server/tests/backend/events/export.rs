//! Exports.

use serde_json::{Map, Value, json};

use super::{encoded, event, large, numbers, refused, stocked};
use crate::client::Running;

async fn export(running: &Running, query: &str) -> (String, String) {
    let path = format!("/api/v1/events/export?{query}");
    let answer = running.client.api(&path).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let headers = answer.headers();
    let header = |name: &str| headers[name].to_str().unwrap().to_owned();
    let kind = format!(
        "{}, {}",
        header("content-type"),
        header("content-disposition")
    );
    (kind, answer.text().await.unwrap())
}

#[tokio::test]
async fn ndjson_has_every_event_as_pages_show_it() {
    // More than one page of any kind.
    let (running, _dir) = stocked((0..2_500).map(|n| event(n, "a")).collect()).await;
    let (kind, text) = export(&running, "format=ndjson").await;
    assert_eq!(
        kind,
        "application/x-ndjson, attachment; filename=\"events.ndjson\""
    );
    let events: Vec<Value> = text.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(numbers(&events), (0..2_500).rev().collect::<Vec<_>>());
    assert_eq!(events[..100], running.client.events("").await[..]);
    let range = "from=2026-11-23T10:00:10Z&to=2026-11-23T10:00:20Z";
    let (_, text) = export(&running, &format!("format=ndjson&{range}")).await;
    assert_eq!(text.lines().count(), 10);
    let (_, text) = export(&running, "format=ndjson&filter=name:b").await;
    assert_eq!(text, "");
}

#[tokio::test]
async fn csv_has_a_row_for_each_event_and_no_formula() {
    let mut evil = event(1, "=cmd|' /C calc'!A0");
    evil.ip = Some("192.0.2.1".parse().unwrap());
    evil.path = Some("/a,\"b\"".to_owned());
    evil.user_agent = Some("@SUM(1)\n".to_owned());
    evil.status = Some(404);
    evil.properties = Some(Map::from_iter([("k".to_owned(), json!("=v"))]));
    let (running, _dir) = stocked(vec![evil, event(2, "plain"), event(3, "other")]).await;
    let filter = encoded("-name:other");
    let (kind, text) = export(&running, &format!("format=csv&filter={filter}")).await;
    assert_eq!(
        kind,
        "text/csv; charset=utf-8, attachment; filename=\"events.csv\""
    );
    let rows: Vec<&str> = text.split("\r\n").collect();
    assert_eq!(
        rows,
        [
            "id,time,received,app,name,ip,user,method,path,route,host,scheme,user_agent,referer,request_id,status,\
             params,body,properties,traits,headers,agent,hostname,environment,aggregated,country,asn,network",
            "00000000-0000-0000-0000-000000000002,2026-11-23T10:00:02.000000Z,2026-11-23T10:00:02.000000Z,shop,\
             plain,,,,,,,,,,,,,,,,,,,,false,,,",
            "00000000-0000-0000-0000-000000000001,2026-11-23T10:00:01.000000Z,2026-11-23T10:00:01.000000Z,shop,\
             '=cmd|' /C calc'!A0,192.0.2.1,,,\"/a,\"\"b\"\"\",,,,\"'@SUM(1)\n\",,,404,,,\"{\"\"k\"\":\"\"=v\"\"}\",\
             ,,,,,false,,,",
            "",
        ]
    );
}

#[tokio::test]
async fn an_export_that_is_cut_off_does_not_look_complete() {
    let (running, _dir) = stocked((0..60).map(large).collect()).await;
    let path = "/api/v1/events/export?format=ndjson";
    let mut answer = running.client.api(path).send().await.unwrap();
    // The rest waits for room in the sockets.
    assert!(answer.chunk().await.unwrap().is_some());
    running.server.drain();
    let end = loop {
        match answer.chunk().await {
            Ok(Some(_)) => {}
            end => break end,
        }
    };
    assert!(end.is_err());
}

#[tokio::test]
async fn wrong_exports_are_refused_by_the_parameters_name() {
    let (running, _dir) = stocked(Vec::new()).await;
    for (query, field) in [
        ("", "format"),
        ("format=xml", "format"),
        ("format=csv&filter=name:", "filter"),
        ("format=csv&limit=5", "limit"),
        ("format=csv&from=5&to=5", "from"),
    ] {
        let path = format!("/api/v1/events/export?{query}");
        refused(&running, &path, 400, field).await;
    }
}

#[tokio::test]
async fn with_by_the_file_has_the_groups_and_no_formula() {
    let named = |n, name: &str| event(n, name);
    let events = vec![named(1, "=1+1"), named(2, "b"), named(3, "=1+1")];
    let (running, _dir) = stocked(events).await;
    let (kind, text) = export(&running, "format=csv&by=name").await;
    assert_eq!(
        kind,
        "text/csv; charset=utf-8, attachment; filename=\"groups.csv\""
    );
    let rows: Vec<&str> = text.split("\r\n").collect();
    let [head, first, second, ""] = rows[..] else {
        panic!("{text}");
    };
    assert_eq!(
        head,
        "value,events,ips,ips_exact,users,users_exact,first,last"
    );
    assert!(first.starts_with("'=1+1,2,0,true,0,true,2026-"), "{first}");
    assert!(second.starts_with("b,1,"), "{second}");

    let (_, text) = export(&running, "format=ndjson&by=name&filter=name:b").await;
    let group: Value = text.parse().unwrap();
    assert_eq!(group["value"], "b");
    let path = "/api/v1/events/groups?by=name&filter=name:b";
    let answer = running.client.api(path).send().await.unwrap();
    let groups: Value = answer.json().await.unwrap();
    assert_eq!(groups["groups"], json!([group]));
    refused(
        &running,
        "/api/v1/events/export?format=csv&by=colour",
        400,
        "by",
    )
    .await;
}
