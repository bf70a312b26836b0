//! The tests in a file come first: what fails its own is not stored.

use serde_json::json;

use super::files::{GUESSED, OTHER, Place, playbook, start};

#[tokio::test]
async fn nothing_is_applied_while_a_test_fails() {
    let place = Place::new();
    let running = start(&place.data()).await;
    let other = place.write("a.toml", OTHER);
    let failing = place.write("b.toml", &GUESSED.replace("at_least = 6", "at_least = 7"));
    for command in ["plan", "apply"] {
        let ran = place.run(&[command, &other, &failing]).await;
        let failed = "guessed: \"six wrong passwords\"\n  expected:\n    at 5s 203.0.113.7 block_ip for 5min\n  \
                      found:\n    nothing\n";
        assert_eq!(
            (ran.code, ran.printed.as_str(), ran.errors.as_str()),
            (
                1,
                format!("failed: {failing}: {failed}").as_str(),
                "error: 1 of 1 tests failed\n"
            ),
        );
    }
    assert_eq!(place.run(&["export"]).await.printed, "\n");

    // Whoever says that it is from a file by the API is held to its tests, too.
    let six = json!({
        "name": "six", "expect": [{"at": "5s", "ip": "203.0.113.7"}],
        "given": [{"at": "0s", "times": 6, "every": "1s", "name": "a", "ip": "203.0.113.7"}],
    });
    let body = |at_least: u64, source: &str| {
        json!({
            "actor": "ip", "trigger": {"event": "a"}, "at_least": at_least, "period": "5min", "tests": [six],
            "source": source, "version": u64::from(source == "edited"),
        })
    };
    let put = async |at_least, source| {
        let path = "/api/v1/playbooks/six";
        let body = body(at_least, source);
        running.client.call("PUT", path, &body).await
    };
    let (status, problem) = put(7, "file").await;
    assert_eq!((status, &problem["field"]), (400, &json!("tests")));
    let told =
        "tests[0]: the test \"six\" fails: expected: at 5s 203.0.113.7 fires; found: nothing";
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains(told), "{problem}");
    assert_eq!(playbook(&running, "six").await["status"], 404);
    assert_eq!(put(6, "file").await.0, 201);
    // An edit may be urgent.
    assert_eq!(put(7, "edited").await.0, 200);
    running.stop().await;
}
