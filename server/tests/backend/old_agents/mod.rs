//! What agents of other languages send besides batches: counts of logins, rules, reports, and secrets.

mod counts;
mod reports;
mod rules;
mod secrets;

use serde_json::{Value, json};

use super::client::{Client, old};

/// Logs in as an agent, with this besides; returns the answer.
async fn login(client: &Client, agent: &str, more: Value) -> Value {
    let mut body = old(agent);
    let more = more.as_object().unwrap().clone();
    body.as_object_mut().unwrap().extend(more);
    client.login_as("shop", &body).await
}

async fn session(client: &Client, agent: &str) -> String {
    let answer = login(client, agent, json!({})).await;
    answer["session_id"].as_str().unwrap().to_owned()
}

/// The counts of what was not kept, as `agent kind count`.
async fn ignored(client: &Client) -> Vec<String> {
    let answer = client.call("GET", "/api/v1/outcomes", &Value::Null).await;
    let rows = answer.1["ignored"].as_array().unwrap().clone();
    let of_shop = rows.iter().filter(|row| row["app"] == "shop");
    of_shop
        .map(|row| {
            let text = |name: &str| row[name].as_str().unwrap().to_owned();
            format!("{} {} {}", text("agent"), text("kind"), row["count"])
        })
        .collect()
}
