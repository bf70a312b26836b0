//! Playbooks as files: the program's `playbooks`, beside a server that runs.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::{Agent, NONE, with};
use crate::client::{Running, config};
use crate::operation::{run, until};

pub(super) const GUESSED: &str = r#"[[playbook]]
slug = "guessed"
actor = "ip"
trigger = { event = "users.login", where = "properties.success:false" }
at_least = 6
period = "5min"
responses = [{ action = "block_ip", duration = "5min" }]

[[playbook.tests]]
name = "six wrong passwords"
given = [{ at = "0s", times = 6, every = "1s", name = "users.login", ip = "203.0.113.7", properties = { success = false } }]
expect = [{ at = "5s", ip = "203.0.113.7", action = "block_ip", duration = "5min" }]
"#;

pub(super) const OTHER: &str = r#"[[playbook]]
slug = "other"
stage = "shadow"
actor = "user"
trigger = { event = "cart.pay" }
first_seen = "ip"
period = "30d"
"#;

/// What the program prints and complains of, and its exit code.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) printed: String,
    pub(super) errors: String,
}

/// A folder with files of playbooks, and a data directory.
pub(super) struct Place(tempfile::TempDir);

impl Place {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn data(&self) -> PathBuf {
        self.0.path().join("data")
    }

    pub(super) fn write(&self, name: &str, text: &str) -> String {
        let path = self.0.path().join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    }

    pub(super) async fn run(&self, args: &[&str]) -> Ran {
        let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
        let data = self.data();
        // The server of the test must not wait for the program.
        let ran = tokio::task::spawn_blocking(move || {
            let args = ["playbooks"]
                .into_iter()
                .chain(args.iter().map(String::as_str));
            run(&data, &args.collect::<Vec<_>>())
        });
        let ran = ran.await.unwrap();
        Ran {
            code: ran.status.code().unwrap(),
            printed: String::from_utf8(ran.stdout).unwrap(),
            errors: String::from_utf8(ran.stderr).unwrap(),
        }
    }
}

pub(super) async fn start(dir: &Path) -> Running {
    Running::start_with(|_| config(dir)).await
}

pub(super) async fn playbook(running: &Running, slug: &str) -> Value {
    let path = format!("/api/v1/playbooks/{slug}");
    running.client.call("GET", &path, &NONE).await.1
}

/// Changes a playbook as the API does.
async fn edit(running: &Running, slug: &str, fields: Value) {
    let mut body = playbook(running, slug).await;
    for told in [
        "source",
        "changed_at",
        "changed_by",
        "staged_at",
        "staged_by",
        "tripped",
        "fired",
    ] {
        body.as_object_mut().unwrap().remove(told);
    }
    let path = format!("/api/v1/playbooks/{slug}");
    let (status, answer) = running.client.call("PUT", &path, &with(body, fields)).await;
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test]
async fn files_are_checked_and_tested_without_a_server() {
    let place = Place::new();
    let (good, other) = (place.write("a.toml", GUESSED), place.write("b.toml", OTHER));
    let ran = place.run(&["check", &good, &other]).await;
    assert_eq!((ran.code, ran.printed.as_str()), (0, "playbooks=2\n"));
    let ran = place.run(&["test", &good, &other]).await;
    assert_eq!((ran.code, ran.printed.as_str()), (0, "tests=1 failed=0\n"));

    // Every file that is wrong is told of, with the place.
    let wrong = place.write(
        "c.toml",
        &GUESSED.replace("\"5min\"\nresponses", "\"5 minutes\"\nresponses"),
    );
    let missing = place.0.path().join("d.toml");
    let missing = missing.to_str().unwrap();
    for command in ["check", "test", "plan", "apply"] {
        let ran = place.run(&[command, &wrong, &good, missing]).await;
        assert_eq!((ran.code, ran.printed.as_str()), (1, ""), "{command}");
        let lines: Vec<_> = ran.errors.lines().collect();
        let at = format!("error: {wrong}:6:10: playbook[0].period: ");
        assert!(lines[0].starts_with(&at), "{lines:?}");
        assert!(
            lines[1].starts_with(&format!("error: {missing}: ")),
            "{lines:?}"
        );
        assert_eq!(lines.len(), 2, "{lines:?}");
    }
    let ran = place.run(&["check", &good, &good]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.errors.contains("\"guessed\" is a playbook of"),
        "{ran:?}"
    );

    let failing = place.write("e.toml", &GUESSED.replace("at_least = 6", "at_least = 5"));
    let ran = place.run(&["test", &failing]).await;
    assert_eq!(ran.code, 1);
    assert!(
        ran.printed.contains("guessed: \"six wrong passwords\""),
        "{ran:?}"
    );
    assert!(
        ran.printed.contains("at 4s 203.0.113.7 block_ip for 5min"),
        "{ran:?}"
    );
    assert!(ran.printed.ends_with("tests=1 failed=1\n"), "{ran:?}");
    assert!(!place.data().exists());
}

#[tokio::test]
async fn wrong_use_exits_with_2() {
    let place = Place::new();
    let good = place.write("a.toml", GUESSED);
    for args in [
        &[][..],
        &["list"],
        &["check"],
        &["plan"],
        &["export", "a"],
        &["backtest"],
        &["check", &good, "--prune"],
        &["test", &good, "--slug", "a"],
        &["backtest", &good, "--slug", "a"],
        &["backtest", &good, "--from", "today"],
        &["check", &good, "--force"],
    ] {
        let ran = place.run(args).await;
        assert_eq!(
            (ran.code, ran.printed.as_str()),
            (2, ""),
            "{args:?} {ran:?}"
        );
        assert!(ran.errors.starts_with("error: "), "{args:?}");
    }
}

#[tokio::test]
async fn a_running_server_takes_what_is_applied() {
    let place = Place::new();
    let running = start(&place.data()).await;
    let (guessed, other) = (place.write("a.toml", GUESSED), place.write("b.toml", OTHER));

    // Planning changes nothing.
    let ran = place.run(&["plan", &guessed, &other]).await;
    let counts = "changed=0 extra=0 new=2 removed=0 unchanged=0";
    assert_eq!(
        (ran.code, ran.printed),
        (3, format!("new: guessed\nnew: other\n{counts}\n"))
    );
    assert_eq!(playbook(&running, "guessed").await["status"], 404);

    let ran = place.run(&["apply", &guessed, &other]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    until("the server has the playbooks", async || {
        playbook(&running, "other").await["version"] == 1
    })
    .await;
    let stored = playbook(&running, "guessed").await;
    let told = ["source", "stage", "changed_by", "at_least"].map(|name| stored[name].clone());
    assert_eq!(json!(told), json!(["file", "draft", "command line", 6]));
    assert_eq!(playbook(&running, "other").await["stage"], "shadow");

    // What is exported is what was applied.
    let exported = place.run(&["export"]).await;
    let exported = place.write("exported.toml", &exported.printed);
    let ran = place.run(&["plan", &exported]).await;
    let counts = "changed=0 extra=0 new=0 removed=0 unchanged=2";
    assert_eq!(
        (ran.code, ran.printed),
        (
            0,
            format!("unchanged: guessed\nunchanged: other\n{counts}\n")
        )
    );

    // A change is told field by field; what no file has stays, unless it is pruned.
    let text = GUESSED
        .replace("at_least = 6", "at_least = 5")
        .replace("at = \"5s\"", "at = \"4s\"");
    let guessed = place.write("a.toml", &text);
    assert_eq!(place.run(&["plan", &guessed, &other]).await.code, 3);
    let ran = place.run(&["apply", &guessed]).await;
    let counts = "changed=1 extra=1 new=0 removed=0 unchanged=0";
    let differences = "  at_least: 6 -> 5\n  tests[0].expect[0].at: \"5s\" -> \"4s\"\n";
    assert_eq!(
        (ran.code, ran.printed),
        (
            0,
            format!("changed: guessed\n{differences}extra: other\n{counts}\n")
        )
    );
    until("the server has the change", async || {
        playbook(&running, "guessed").await["at_least"] == 5
    })
    .await;
    assert_eq!(playbook(&running, "other").await["version"], 1);
    // What is extra is a change where it is to go.
    assert_eq!(place.run(&["plan", &guessed]).await.code, 0);
    assert_eq!(place.run(&["plan", &guessed, "--prune"]).await.code, 3);
    let ran = place.run(&["apply", &guessed, "--prune"]).await;
    assert!(ran.printed.contains("removed: other\n"), "{ran:?}");
    until("the server has forgotten it", async || {
        playbook(&running, "other").await["status"] == 404
    })
    .await;
    running.stop().await;
}

#[tokio::test]
async fn files_overwrite_nothing_that_was_edited() {
    let place = Place::new();
    // Without the test, which holds for one threshold alone.
    let (text, _) = GUESSED.split_once("\n[[playbook.tests]]").unwrap();
    let running = start(&place.data()).await;
    let guessed = place.write("a.toml", text);
    assert_eq!(place.run(&["apply", &guessed]).await.code, 0);
    until("the server has it", async || {
        playbook(&running, "guessed").await["version"] == 1
    })
    .await;
    let client = &running.client;
    edit(&running, "guessed", json!({"at_least": 9})).await;
    let mine = json!({"slug": "mine", "actor": "ip", "trigger": {"event": "a"}, "at_least": 1, "period": "1h"});
    client.put_playbook(&mine).await;

    let newer = place.write(
        "b.toml",
        &format!("{}\n{OTHER}", text.replace("at_least = 6", "at_least = 7")),
    );
    for command in ["plan", "apply"] {
        let ran = place.run(&[command, &newer]).await;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.printed.contains("  at_least: 9 -> 7\n"), "{ran:?}");
        let conflict = "  conflict: edited by token of the configuration at ";
        assert!(ran.printed.contains(conflict), "{ran:?}");
        assert!(ran.errors.contains("--overwrite"), "{ran:?}");
    }
    // Nothing is half done.
    let ran = place.run(&["export"]).await;
    assert!(
        ran.printed.contains("at_least = 9") && !ran.printed.contains("other"),
        "{ran:?}"
    );

    // Nor is what was made elsewhere removed.
    let ran = place.run(&["apply", &guessed, "--overwrite"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(place.run(&["apply", &guessed, "--prune"]).await.code, 1);
    until("the file has won", async || {
        playbook(&running, "guessed").await["at_least"] == 6
    })
    .await;
    assert_eq!(playbook(&running, "mine").await["version"], 1);

    // Whoever edits takes over what is in force, or does not edit.
    let mut stale = mine.clone();
    stale["slug"] = "guessed".into();
    stale["version"] = 2.into();
    let (status, problem) = client
        .call("PUT", "/api/v1/playbooks/guessed", &stale)
        .await;
    assert_eq!((status, &problem["field"]), (409, &json!("version")));

    // A stage that someone set stays, unless the file is to win.
    let path = "/api/v1/playbooks/guessed/stage";
    let (status, _) = client.call("PUT", path, &json!({"stage": "enforce"})).await;
    assert_eq!(status, 200);
    let staged = place.write(
        "c.toml",
        &text.replace("actor", "stage = \"shadow\"\nactor"),
    );
    let ran = place.run(&["apply", &staged]).await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(
        ran.printed.contains("  conflict: stage set by token"),
        "{ran:?}"
    );
    let ran = place.run(&["apply", &guessed]).await;
    assert_eq!(
        (ran.code, ran.printed.contains("unchanged: guessed")),
        (0, true),
        "{ran:?}"
    );
    let ran = place.run(&["apply", &staged, "--overwrite"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    until("the file's stage is in force", async || {
        playbook(&running, "guessed").await["stage"] == "shadow"
    })
    .await;

    // An edit that is in the file, too, is the file's from now on.
    edit(&running, "guessed", json!({"at_least": 8})).await;
    let same = place.write("d.toml", &text.replace("at_least = 6", "at_least = 8"));
    let ran = place.run(&["apply", &same]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.printed.contains("  source: edited -> file\n"),
        "{ran:?}"
    );
    running.stop().await;
}

#[tokio::test]
async fn a_file_is_backtested_beside_a_server() {
    let place = Place::new();
    let guessed = place.write("a.toml", &format!("{GUESSED}\n{OTHER}"));
    let ran = place
        .run(&["backtest", &guessed, "--slug", "guessed"])
        .await;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.errors.contains("no data directory"), "{ran:?}");

    let running = start(&place.data()).await;
    let mut shop = Agent::new(&running, "shop").await;
    for _ in 0..6 {
        shop.login("203.0.113.7", "ann@b.example", false).await;
    }
    shop.login("203.0.113.8", "ann@b.example", false).await;
    let ran = place
        .run(&["backtest", &guessed, "--slug", "guessed"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let lines: Vec<_> = ran.printed.lines().collect();
    assert!(lines[0].ends_with("\t203.0.113.7"), "{lines:?}");
    assert_eq!(lines[1], "at_least=1 actors=2");
    assert!(lines.contains(&"at_least=6 actors=1") && lines.contains(&"at_least=7 actors=0"));
    let sum = "events=7 fired=1 actors=1 seen=2 share=0.5000 signed_in=0 allowed=0";
    assert!(lines.last().unwrap().starts_with(sum), "{lines:?}");

    // After a stop the events are in other files, and the same is told.
    running.stop().await;
    let again = place
        .run(&["backtest", &guessed, "--slug", "guessed"])
        .await;
    assert_eq!((again.code, &again.printed), (0, &ran.printed));
    let args = [
        "backtest",
        &guessed,
        "--slug",
        "guessed",
        "--to",
        "2020-01-01T00:00:00Z",
    ];
    let ran = place.run(&args).await;
    assert!(ran.printed.contains("events=0 fired=0"), "{ran:?}");
}
