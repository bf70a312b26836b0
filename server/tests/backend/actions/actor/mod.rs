//! The page of one address or one user.

mod block;
mod params;
mod timeline;

use serde_json::{Value, json};

use super::super::client::{Client, record, uuid};

/// Stores an event of this number and name, from this address and of this user.
async fn event(client: &Client, session: &str, n: u64, name: &str, ip: &str, user: &Value) {
    let mut event = record(&[(&uuid(n), name)]);
    event["client_ip"] = json!(ip);
    let call = &mut event["observed"]["sdk"][0];
    call["time"] = json!(format!("2026-11-23T10:00:{n:02}.000000Z"));
    if !user.is_null() {
        call["args"][1] = json!({"user_identifiers": user});
    }
    client.batch(session, json!([event])).await;
}

/// The links of a page that start like this.
fn links(page: &str, start: &str) -> Vec<String> {
    let start = format!("href=\"{start}");
    let rests = page.match_indices(&start).map(|(at, _)| &page[at + 6..]);
    rests
        .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"))
        .collect()
}

/// What a link to a form fills in.
fn filled<'a>(page: &'a str, name: &str) -> &'a str {
    let (_, rest) = page
        .split_once(&format!("name=\"{name}\" value=\""))
        .unwrap();
    rest.split('"').next().unwrap()
}

fn lift(page: &str) -> String {
    let (before, _) = page.split_once("/lift\"").unwrap();
    format!("{}/lift", before.rsplit('"').next().unwrap())
}
