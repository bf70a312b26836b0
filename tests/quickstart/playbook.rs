//! The demo's playbook: six wrong passwords.

use reqwest::StatusCode;
use serde_json::Value;

use super::{Demo, status_becomes};

#[tokio::test]
async fn six_wrong_passwords_and_the_address_is_refused() {
    let demo = Demo::start(None).await;
    let form = [("email", "ann@example.com"), ("password", "a guess")];
    for _ in 0..6 {
        let answer = demo.post("/login").form(&form).send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
    }
    status_becomes(StatusCode::FORBIDDEN, || demo.get("/products/1")).await;
    let other = demo.http.get(format!("{}/products/1", demo.app));
    assert_eq!(other.send().await.unwrap().status(), StatusCode::OK);

    // The action is in force before the run tells of it.
    let decided = |runs: &Value| runs["runs"][0]["outcome"] == "enforced";
    let runs: Value = serde_json::from_str(&demo.api_until("runs", decided).await).unwrap();
    let run = &runs["runs"][0];
    assert_eq!(run["playbook"], "guessed-passwords");
    let undo = format!(
        "{}/api/v1/runs/{}/undo",
        demo.server,
        run["id"].as_str().unwrap()
    );
    let undo = demo.http.post(undo).bearer_auth(&demo.api_token).send();
    assert_eq!(undo.await.unwrap().status(), StatusCode::OK);
    status_becomes(StatusCode::OK, || demo.get("/products/1")).await;
    assert!(demo.stop("-TERM").await.success());
}
