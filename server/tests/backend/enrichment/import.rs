//! Events that are exported and imported keep what was known when they were received.

use serde_json::json;

use super::mmdb::Mmdb;
use super::{known, send, told};
use crate::client::Client;
use crate::operation::printed;
use crate::process::{Process, command};

#[tokio::test]
async fn imported_events_keep_what_they_were_told() {
    let files = known();
    let data = |name: &str| files.path(name).to_str().unwrap().to_owned();
    let serve = |name: &str| {
        let mut serve = command();
        serve.args(["--addr", "127.0.0.1:0", "--data-dir", &data(name)]);
        serve.args(["--geo-country-file", &data("country.mmdb")]);
        serve.args(["--ip-lists", &format!("tor={}", data("tor.txt"))]);
        let process = Process::run(serve);
        (Client::new(&process.url()), process)
    };
    let (client, process) = serve("first");
    send(&client, 0, "203.0.113.7").await;
    send(&client, 1, "192.0.2.7").await;
    let before = client.all_events().await;
    drop(process);
    files.replace(
        "country.mmdb",
        Mmdb::of_countries(&[("203.0.113.0/24", "BR"), ("192.0.2.0/24", "DE")]).bytes(),
    );
    files.replace("tor.txt", "192.0.2.7\n");
    for format in ["ndjson", "parquet"] {
        let file = data(&format!("all.{format}"));
        printed(&files.path("first"), &["export", &file]);
        printed(&files.path(format), &["import", &file]);
        let (client, _process) = serve(format);
        assert_eq!(client.all_events().await, before, "{format}");
        assert_eq!(told(&client, 0).await, json!(["FR", null, ["tor"]]));
        // What was not known is not looked up later.
        assert_eq!(told(&client, 1).await, json!([null, null, []]));
        send(&client, 2, "203.0.113.7").await;
        assert_eq!(told(&client, 2).await, json!(["BR", null, []]));
    }
}
