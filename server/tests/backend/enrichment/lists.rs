//! Lists that change while the server runs.

use serde_json::json;

use super::{Files, send, told, until_gauge};
use crate::operation::metrics;

const TOR: &str = "list:tor";

#[tokio::test]
async fn a_list_is_read_again_whether_it_is_replaced_or_written_over() {
    let files = Files::new();
    files.write("hosting.txt", "203.0.113.0/24\n");
    let running = files.server().await;
    let client = &running.client;
    until_gauge(client, "entries", TOR, 0).await;
    until_gauge(client, "failed", TOR, 0).await;
    send(client, 0, "203.0.113.7").await;

    files.replace("tor.txt", "203.0.113.7");
    until_gauge(client, "entries", TOR, 1).await;
    send(client, 1, "203.0.113.7").await;

    files.write("tor.txt", "203.0.113.8\n2001:db8::/32\n");
    until_gauge(client, "entries", TOR, 2).await;
    send(client, 2, "203.0.113.7").await;
    send(client, 3, "203.0.113.8").await;

    files.replace("tor.txt", "203.0.113.7\n203.0.113.8\n203.0.113.9\n");
    until_gauge(client, "entries", TOR, 3).await;
    send(client, 4, "203.0.113.8").await;

    // Emptied, it is in force: nobody is on it.
    files.write("tor.txt", "# none\n");
    until_gauge(client, "entries", TOR, 0).await;
    send(client, 5, "203.0.113.8").await;

    for (n, network) in [
        (0, json!(["hosting"])),
        (1, json!(["tor", "hosting"])),
        (2, json!(["hosting"])),
        (3, json!(["tor", "hosting"])),
        (4, json!(["tor", "hosting"])),
        (5, json!(["hosting"])),
    ] {
        assert_eq!(told(client, n).await, json!([null, null, network]), "{n}");
    }
    let gauges = metrics(client).await;
    for gauge in ["entries", "failed"] {
        let hosting = format!("sqreen_enrichment_{gauge}{{file=\"list:hosting\"}}");
        assert_eq!(gauges[&hosting], f64::from(gauge == "entries"));
    }
    assert!(gauges["sqreen_enrichment_age_seconds{file=\"list:hosting\"}"] < 3_600.0);
}
