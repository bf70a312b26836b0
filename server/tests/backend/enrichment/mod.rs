//! What is known of a client's address: from files, by way of events, to what is asked of them.

mod events;
mod failures;
mod import;
mod lists;
pub(crate) mod mmdb;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use sqreen_server::EnrichmentFiles;

use self::mmdb::Mmdb;
use super::client::{Client, Running, record, uuid};
use super::operation::{metrics, until};

/// A folder of files that a server reads.
pub(crate) struct Files(tempfile::TempDir);

impl Files {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, or over what it says.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).unwrap();
    }

    /// Puts a file there, or in the place of the one that is there.
    pub(crate) fn replace(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write("new", content);
        fs::rename(self.path("new"), self.path(name)).unwrap();
    }

    /// What a server reads: `country.mmdb`, `asn.mmdb`, `tor.txt`, `hosting.txt`.
    pub(crate) fn all(&self) -> EnrichmentFiles {
        let files = EnrichmentFiles::new()
            .country(self.path("country.mmdb"))
            .asn(self.path("asn.mmdb"));
        let lists = ["tor", "hosting"];
        lists.into_iter().fold(files, |files, name| {
            files.list(name, self.path(&format!("{name}.txt"))).unwrap()
        })
    }

    /// A server that reads them.
    pub(crate) async fn server(&self) -> Running {
        Running::start_with(|config| config.enrichment(self.all())).await
    }
}

/// Files that know three networks: France with two autonomous systems, Germany, and Brazil by IPv6.
fn known() -> Files {
    let files = Files::new();
    let countries = [
        ("203.0.113.0/24", "FR"),
        ("198.51.100.0/25", "DE"),
        ("2001:db8::/32", "BR"),
    ];
    files.write("country.mmdb", Mmdb::of_countries(&countries).bytes());
    let asns = Mmdb::new(4, 24)
        .asn("203.0.113.0/25", 64_500)
        .asn("203.0.113.128/25", 4_200_000_000);
    files.write("asn.mmdb", asns.bytes());
    files.write("tor.txt", "203.0.113.7\n2001:db8::7 # an exit\n");
    files.write("hosting.txt", "203.0.113.0/25\n");
    files
}

/// Waits until the gauge of a file is so.
pub(crate) async fn until_gauge(client: &Client, gauge: &str, file: &str, value: u32) {
    let name = format!("sqreen_enrichment_{gauge}{{file=\"{file}\"}}");
    until(&name, async || {
        metrics(client).await.get(&name) == Some(&f64::from(value))
    })
    .await;
}

/// Sends the `n`th event, a request's of this project's SDK.
async fn send(client: &Client, n: u64, ip: &str) {
    let session = client.login("shop").await;
    let mut record = record(&[(&uuid(n), "a")]);
    record["client_ip"] = json!(ip);
    record["observed"]["sdk"][0]["args"][1] = json!({"user_identifiers": {"id": n % 3}});
    let answer = client.batch(&session, json!([record])).await;
    assert_eq!(answer["accepted"], 1, "{answer}");
}

/// The country, autonomous system and lists of the `n`th event.
async fn told(client: &Client, n: u64) -> Value {
    let events = client.all_events().await;
    let event = events.iter().find(|event| event["id"] == uuid(n)).unwrap();
    json!([event["country"], event["asn"], event["network"]])
}
