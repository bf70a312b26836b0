//! A disk that takes no more: a limit of the size of files, which needs no privilege, stands in for it.

use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::{field, printed, until};
use crate::client::{Client, record, uuid};
use crate::process::{Process, command};

/// The program under `ulimit -f`, in blocks of 512 bytes or 1 KiB, as the shell has it.
pub(crate) fn limited(dir: &std::path::Path, blocks: u32) -> Command {
    let program = command();
    let mut shell = Command::new("sh");
    // Without the trap the signal of the limit would end the program, where a full disk is an error of the write.
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(program.get_program());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.args(["--addr", "127.0.0.1:0", "--seal-age", "5s", "--data-dir"]);
    shell.arg(dir);
    shell.stdin(Stdio::null());
    shell
}

/// A batch of one event that does not compress, with its status.
async fn send(client: &Client, session: &str, n: u64) -> (u16, Value) {
    let id = uuid(n);
    let mut record = record(&[(&id, "a")]);
    let noise: Vec<String> = (0..400)
        .map(|i| format!("{:x}", (n * 400 + i).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
        .collect();
    record["observed"]["sdk"][0]["args"][1] = json!({"properties": {"noise": noise}});
    let body = json!({"batch_id": id, "verdicts": true, "batch": [record]});
    let answer = client.send(session, "/sqreen/v0/batch", &body).await;
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_full_disk_is_told_and_nothing_acknowledged_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    // The state store's files come first, and are larger than the journal of a few events.
    drop(Process::start("127.0.0.1:0", dir.path()));
    let mut process = Process::run(limited(dir.path(), 600));
    let client = Client::new(&process.url());
    let session = client.login("shop").await;
    let mut stored = 0;
    let refused = loop {
        match send(&client, &session, stored).await {
            (200, answer) => {
                assert_eq!(answer["accepted"], 1);
                stored += 1;
            }
            refused => break refused,
        }
        assert!(stored < 10_000, "the limit was not met");
    };
    assert!(stored > 10, "{stored}");
    let (status, body) = refused;
    assert_eq!((status, &body["status"]), (503, &json!(false)), "{body}");
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .contains("cannot take events now"),
        "{body}"
    );
    assert_eq!(
        send(&client, &session, 90_000).await.0,
        503,
        "as long as it is so"
    );
    let ready = client.get("/readyz").send().await.unwrap();
    assert_eq!(ready.status(), 503);
    let reasons = ready.json::<Value>().await.unwrap()["reasons"].to_string();
    assert!(reasons.contains("could not be stored"), "{reasons}");
    // It serves what it has.
    assert_eq!(client.all_events().await.len() as u64, stored);
    let told = printed(dir.path(), &["check"]);
    assert_eq!(field(&told, "events"), stored.to_string());
    assert_eq!(
        field(&told, "unfinished_bytes"),
        "0",
        "the journal was cut back"
    );

    // The next journal has room again: events are taken, and nobody had to help.
    let next = stored;
    until("events are taken again", async || {
        send(&client, &session, next).await.0 == 200
    })
    .await;
    until("the server is ready again", async || {
        client.get("/readyz").send().await.unwrap().status() == 200
    })
    .await;
    process.kill();
    let process = Process::start("127.0.0.1:0", dir.path());
    let events = Client::new(&process.url()).all_events().await;
    assert_eq!(events.len() as u64, stored + 1);
}
