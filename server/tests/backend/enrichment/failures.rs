//! Files that cannot be used: what was in force stays so, and the operator is told.

use serde_json::{Value, json};

use super::mmdb::Mmdb;
use super::{Files, send, told, until_gauge};
use crate::client::Client;
use crate::operation::{metrics, run, until};
use crate::process::{Process, command};

/// The program, which reads the files by its settings.
fn serve(files: &Files) -> Process {
    let path = |name: &str| files.path(name).to_str().unwrap().to_owned();
    let mut serve = command();
    serve.args(["--addr", "127.0.0.1:0", "--data-dir", &path("data")]);
    serve.args(["--geo-country-file", &path("country.mmdb")]);
    serve.env("SQREEN_SERVER_GEO_ASN_FILE", path("asn.mmdb"));
    serve.env("SQREEN_SERVER_IP_LISTS", format!("tor={}", path("tor.txt")));
    Process::run(serve)
}

/// Waits until the log has a line with all of this.
async fn until_logged(process: &Process, parts: &[&str]) {
    until(&parts.join(" "), async || {
        let log = process.log();
        log.lines()
            .any(|line| parts.iter().all(|part| line.contains(part)))
    })
    .await;
}

#[tokio::test]
async fn what_was_in_force_stays_whatever_takes_its_place() {
    let files = Files::new();
    let process = serve(&files);
    let client = &Client::new(&process.url());
    for file in ["country", "asn", "list:tor"] {
        until_gauge(client, "entries", file, 0).await;
        until_gauge(client, "failed", file, 0).await;
    }
    assert!(process.log().contains("file is absent"));
    send(client, 0, "203.0.113.7").await;
    assert_eq!(told(client, 0).await, json!([null, null, []]));

    let database = Mmdb::of_countries(&[("203.0.113.0/24", "FR")]);
    let good = database.bytes();
    files.replace("country.mmdb", &good);
    files.replace("tor.txt", "203.0.113.7\n");
    // A path of 120 bits, and a node for each of them.
    until_gauge(client, "entries", "country", 120).await;
    until_gauge(client, "entries", "list:tor", 1).await;

    let mut damaged = good.clone();
    damaged[..16].fill(0x77);
    let truncated = &good[..good.len() / 2];
    let of_asns = Mmdb::new(6, 24).asn("203.0.113.0/24", 64_500).bytes();
    let mut n = 0;
    for (bytes, reason) in [
        (&b"not a database"[..], "not a MaxMind DB"),
        (b"", "not a MaxMind DB"),
        (truncated, "not a MaxMind DB"),
        (&damaged, "damaged"),
        (
            &of_asns,
            "none of its first 1000 networks has a country.iso_code",
        ),
    ] {
        files.replace("country.mmdb", bytes);
        until_gauge(client, "failed", "country", 1).await;
        until_logged(&process, &["WARN", "country", reason]).await;
        n += 1;
        send(client, n, "203.0.113.7").await;
        assert_eq!(
            told(client, n).await,
            json!(["FR", null, ["tor"]]),
            "{reason}"
        );
        // A database that is good again is in force again.
        files.replace("country.mmdb", &good);
        until_gauge(client, "failed", "country", 0).await;
    }

    for name in ["country.mmdb", "tor.txt"] {
        std::fs::remove_file(files.path(name)).unwrap();
    }
    for file in ["country", "list:tor"] {
        until_gauge(client, "failed", file, 1).await;
        until_logged(&process, &["WARN", file, "it has gone"]).await;
    }
    files.replace("tor.txt", "203.0.113.8\n203.0.113.0/33\n");
    until_logged(
        &process,
        &["WARN", "list:tor", "line 2: \\\"203.0.113.0/33\\\""],
    )
    .await;
    send(client, 100, "203.0.113.7").await;
    assert_eq!(told(client, 100).await, json!(["FR", null, ["tor"]]));

    let other = Mmdb::of_countries(&[("203.0.113.0/24", "BR"), ("198.51.100.0/24", "DE")]);
    files.replace("country.mmdb", other.bytes());
    files.write("tor.txt", "203.0.113.8\n");
    for file in ["country", "list:tor"] {
        until_gauge(client, "failed", file, 0).await;
    }
    send(client, 101, "203.0.113.7").await;
    assert_eq!(told(client, 101).await, json!(["BR", null, []]));
    // Those before keep what was known then.
    assert_eq!(told(client, 100).await, json!(["FR", null, ["tor"]]));
}

#[tokio::test]
async fn a_file_that_is_bad_from_the_start_keeps_no_server_from_starting() {
    let files = Files::new();
    files.write("country.mmdb", "no database");
    files.write("tor.txt", b"203.0.113.7\n\xff\n");
    let process = serve(&files);
    let client = &Client::new(&process.url());
    let gauges = metrics(client).await;
    for file in ["country", "list:tor"] {
        for (gauge, value) in [("failed", 1.0), ("entries", 0.0)] {
            let gauge = format!("sqreen_enrichment_{gauge}{{file=\"{file}\"}}");
            assert_eq!(gauges[&gauge], value, "{gauge}");
        }
        // There is none that could have an age.
        let age = format!("sqreen_enrichment_age_seconds{{file=\"{file}\"}}");
        assert_eq!(gauges.get(&age), None);
    }
    assert!(process.log().contains("line 2: not UTF-8"));
    send(client, 0, "203.0.113.7").await;
    assert_eq!(told(client, 0).await, json!([null, null, []]));
    let ready = client.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 200);
    assert_ne!(client.all_events().await, Vec::<Value>::new());
}

#[test]
fn lists_are_named_once_and_plainly() {
    let dir = tempfile::tempdir().unwrap();
    for lists in ["tor", "tor=", "=a", "a b=c", "tor=a,tor=b"] {
        let output = run(dir.path(), &["serve", "--ip-lists", lists]);
        assert_eq!(output.status.code(), Some(2));
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(
            told.contains("ip_lists") || told.contains("--ip-lists"),
            "{told}"
        );
        assert!(told.contains("names and files such as tor="), "{told}");
    }
}
