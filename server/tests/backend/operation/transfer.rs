//! `export` and `import`.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::backup::consumed;
use super::{field, printed, refused};
use crate::client::{Client, record, uuid};
use crate::process::{Process, command};

fn serve(dir: &Path) -> Process {
    let mut serve = command();
    serve.args(["--addr", "127.0.0.1:0", "--seal-rows", "10", "--data-dir"]);
    serve.arg(dir);
    Process::run(serve)
}

/// 25 events, at one second after another, some in segments and some in the journal.
async fn fill(client: &Client) {
    let session = client.login("shop").await;
    for second in 0..25 {
        let id = uuid(second);
        let mut record = record(&[(&id, "a")]);
        record["observed"]["sdk"][0]["time"] = json!(format!("2026-11-23T10:00:{second:02}.5Z"));
        record["observed"]["sdk"][0]["args"][1] =
            json!({"properties": {"n": second, "ä\n": [1.5, null]}});
        client.batch(&session, json!([record])).await;
    }
}

/// The events as the store answers them.
async fn stored(dir: &Path) -> Vec<Value> {
    let process = serve(dir);
    Client::new(&process.url()).all_events().await
}

#[tokio::test]
async fn an_export_is_imported_as_it_was_in_both_forms() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let process = serve(&data);
    let client = Client::new(&process.url());
    fill(&client).await;
    let before = client.all_events().await;
    assert_eq!(before.len(), 25);
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (lines, parquet) = (path("all.ndjson"), path("all.parquet"));
    // While the server runs.
    let told = printed(&data, &["export", &lines]);
    let checksum = field(&told, "checksum");
    assert_eq!(field(&told, "events"), "25");
    let told = printed(&data, &["export", &parquet]);
    assert_eq!(
        (field(&told, "events"), field(&told, "checksum")),
        ("25".into(), checksum.clone())
    );
    let in_use = refused(&data, &["import", &lines]);
    assert!(in_use.contains("in use"), "{in_use}");
    drop(process);

    for (name, file) in [("from-lines", &lines), ("from-parquet", &parquet)] {
        let copy = dir.path().join(name);
        let begin = consumed(&copy, None).1;
        let told = printed(&copy, &["import", file]);
        assert_eq!(field(&told, "checksum"), checksum);
        assert_eq!(
            (field(&told, "stored"), field(&told, "duplicates")),
            ("25".into(), "0".into())
        );
        // Each id once, however often it comes; also long after, in another process.
        let told = printed(&copy, &["import", &lines, &parquet]);
        assert_eq!(
            (field(&told, "stored"), field(&told, "duplicates")),
            ("0".into(), "50".into())
        );
        // What is past is not consumed.
        assert!(consumed(&copy, Some(begin)).0.is_empty());
        assert_eq!(stored(&copy).await, before);
        let again = path(&format!("{name}.ndjson"));
        assert_eq!(
            field(&printed(&copy, &["export", &again]), "checksum"),
            checksum
        );
    }
}

#[tokio::test]
async fn an_export_takes_a_range_of_time() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let process = serve(&data);
    fill(&Client::new(&process.url())).await;
    let file = dir.path().join("some.ndjson");
    let range = [
        "--from",
        "2026-11-23T10:00:05Z",
        "--to",
        "2026-11-23T10:00:12.5Z",
    ];
    let args = [&["export", file.to_str().unwrap()][..], &range].concat();
    assert_eq!(field(&printed(&data, &args), "events"), "7");
    let text = fs::read_to_string(&file).unwrap();
    let mut found: Vec<u64> = text
        .lines()
        .map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["properties"]["n"]
                .as_u64()
                .unwrap()
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, [5, 6, 7, 8, 9, 10, 11]);
    for (args, error) in [
        (&["export", file.to_str().unwrap()][..], "is there already"),
        (&["export", "x.csv"], ".ndjson, .jsonl or .parquet"),
        (
            &["export", "x.ndjson", "--from", "yesterday"],
            "--from: \"yesterday\"",
        ),
        (
            &["export", "x.ndjson", "--from", range[3], "--to", range[1]],
            "--from: must be before --to",
        ),
    ] {
        let errors = refused(&data, args);
        assert!(errors.contains(error), "{errors}");
    }
}

#[test]
fn a_mistake_in_a_file_is_named_with_its_line_and_nothing_is_stored() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let good = json!({"id": uuid(1), "time": 1, "received": 2, "app": "shop", "name": "a"});
    let file = dir.path().join("events.ndjson");
    let deep = format!("{}1{}", "[".repeat(120), "]".repeat(120));
    for (bad, error) in [
        ("{", "events.ndjson:3: column 1: no event: EOF"),
        (
            "{\"id\": 7}",
            "events.ndjson:3: column 8: no event: invalid type: integer `7`, expected a UUID",
        ),
        (
            "{\"time\": 1}",
            "events.ndjson:3: column 11: no event: missing field `id`",
        ),
        (
            &good
                .to_string()
                .replace("\"a\"", &format!("\"a\",\"params\":{deep}")),
            "events.ndjson:3:",
        ),
    ] {
        // An empty line is none.
        fs::write(&file, format!("{good}\n\n{bad}\n")).unwrap();
        let errors = refused(&data, &["import", file.to_str().unwrap()]);
        assert!(errors.contains(error), "{error}: {errors}");
        assert!(!data.join("events").exists());
    }
    let parquet = dir.path().join("events.parquet");
    fs::write(&parquet, "PAR1 no PAR1").unwrap();
    let errors = refused(&data, &["import", parquet.to_str().unwrap()]);
    assert!(errors.contains("events.parquet: no export"), "{errors}");
    let errors = refused(&data, &["import", "absent.ndjson"]);
    assert!(errors.contains("absent.ndjson"), "{errors}");
}
