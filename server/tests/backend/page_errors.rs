//! What the pages answer to what is no request of theirs.

use super::actions::browser::Browser;
use super::client::Running;

#[tokio::test]
async fn an_error_is_a_page_that_says_what_is_wrong() {
    let running = Running::start().await;
    let browser = Browser::sign_in(&running).await;
    let client = &browser.client;
    let json = || client.post("/signin").header("content-type", "text/plain");
    for (request, status, told) in [
        (client.get("/nope"), 404, "There is no page here."),
        (client.post("/nope/"), 404, "There is no page here."),
        (client.get("/assets/none.js"), 404, "There is no page here."),
        (client.post("/delivery"), 405, "This cannot be done here."),
        (client.get("/event/%FF?time=1"), 400, "UTF-8 in `id`"),
        (json(), 415, "Content-Type"),
        (client.get("/audit?before=x"), 400, "before: not the number"),
    ] {
        let answer = request.header("cookie", &browser.cookie).send().await;
        let answer = answer.unwrap();
        assert_eq!(answer.status(), status, "{told}");
        let header = |name: &str| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
        assert_eq!(header("content-type").unwrap(), "text/html; charset=utf-8");
        let csp = header("content-security-policy").unwrap();
        assert!(csp.starts_with("default-src 'none'"), "{csp}");
        assert_eq!(header("x-content-type-options").unwrap(), "nosniff");
        assert_eq!(header("strict-transport-security"), None);
        assert_eq!(header("allow").is_some(), status == 405);
        let page = answer.text().await.unwrap();
        assert!(page.contains(told) && page.contains("href=\"/"), "{page}");
    }
    let api = client.get("/api/nope").send().await.unwrap();
    assert_eq!(api.headers()["content-type"], "application/problem+json");
    running.stop().await;
}

#[tokio::test]
async fn browsers_are_told_to_stay_with_tls() {
    let running = Running::start_with(|config| config.https(true)).await;
    for path in ["/signin", "/nope", "/"] {
        let answer = running.client.get(path).send().await.unwrap();
        let told = &answer.headers()["strict-transport-security"];
        assert_eq!(told, "max-age=31536000", "{path}");
    }
    running.stop().await;
}
