//! The rules that agents are given.

use serde_json::{Value, json};

use super::login;
use crate::client::Running;

#[tokio::test]
async fn python_is_given_rules_without_code_and_others_none() {
    let running = Running::start().await;
    let client = &running.client;
    let sdk = [
        ("sdk_track", "sqreen.sdk.events", "_track", "SDKTrackEvent"),
        (
            "sdk_identify",
            "sqreen.sdk.auth",
            "_identify",
            "SDKIdentify",
        ),
        ("sdk_auth", "sqreen.sdk.auth", "_auth_track", "SDKAuthTrack"),
        (
            "sdk_signup",
            "sqreen.sdk.auth",
            "_signup_track",
            "SDKSignupTrack",
        ),
        (
            "user_block",
            "sqreen.sdk.auth",
            "_identify",
            "SecurityResponsesUser",
        ),
    ];
    let (app, handler, tweens) = (
        "flask.app::Flask",
        "django.core.handlers.base::BaseHandler",
        "pyramid.config.tweens::Tweens",
    );
    let flask = [
        ("ip_block", app, "preprocess_request", "SecurityResponsesIP"),
        (
            "record_context",
            app,
            "full_dispatch_request",
            "RecordRequestContextFlask",
        ),
        (
            "error_page",
            app,
            "handle_user_exception",
            "SqreenErrorPageFlask",
        ),
    ];
    let django = [
        (
            "record_context",
            handler,
            "load_middleware",
            "RecordRequestContextDjango",
        ),
        (
            "ip_block",
            handler,
            "load_middleware",
            "SecurityResponsesIP",
        ),
        (
            "error_page",
            "django.core.handlers.exception",
            "response_for_exception",
            "SqreenErrorPageDjangoNewStyle",
        ),
    ];
    let mut old_django = django;
    old_django[2] = (
        "error_page",
        handler,
        "handle_uncaught_exception",
        "SqreenErrorPageDjango",
    );
    let pyramid = [
        (
            "record_context",
            tweens,
            "__call__",
            "RecordRequestContextPyramid",
        ),
        (
            "ip_block",
            "pyramid.router::Router",
            "handle_request",
            "SecurityResponsesIP",
        ),
        (
            "error_page",
            "pyramid.view",
            "_call_view",
            "SqreenErrorPagePyramid",
        ),
    ];
    for (agent, framework, version, rules) in [
        ("python", json!("Flask"), "1.1.2", Some(&flask[..])),
        ("python", json!("Django"), "3.2", Some(&django)),
        ("python", json!("Django"), "1.9.13", Some(&old_django)),
        ("python", json!("Pyramid"), "1.10", Some(&pyramid)),
        ("python", json!("aiohttp"), "3.7", Some(&[])),
        ("python", Value::Null, "", Some(&[])),
        ("nodejs", json!(""), "", None),
        ("golang", json!("Flask"), "", None),
    ] {
        let expected: Vec<_> = rules
            .map(|rules| sdk.iter().chain(rules).collect())
            .unwrap_or_default();
        let more = json!({"framework_type": framework, "framework_version": version});
        let answer = login(client, agent, more).await;
        let session = answer["session_id"].as_str().unwrap();
        let pack = client
            .get("/sqreen/v0/rulespack")
            .header("x-session-key", session);
        let pack: Value = pack.send().await.unwrap().json().await.unwrap();
        assert_eq!(pack["status"], true);
        for pack in [&answer, &pack] {
            let rules = pack["rules"].as_array().unwrap();
            let id = pack["pack_id"].as_str().unwrap();
            assert_eq!(rules.is_empty(), id.is_empty(), "{agent} {framework}");
            let got: Vec<_> = rules
                .iter()
                .map(|rule| {
                    assert_eq!(rule["rulespack_id"], id);
                    // Code would be there.
                    assert_eq!(rule["callbacks"], json!({}));
                    assert_eq!(
                        (&rule["block"], &rule["test"]),
                        (&json!(true), &json!(false))
                    );
                    let page = json!([{"type": "custom_error_page", "status_code": 403}]);
                    let is_page = rule["name"] == "error_page";
                    assert_eq!(
                        rule["data"]["values"],
                        if is_page { page } else { json!([]) }
                    );
                    let first = rule["name"] == "record_context";
                    assert_eq!(rule["priority"], if first { json!(1) } else { Value::Null });
                    let hook = &rule["hookpoint"];
                    let own =
                        ["load_middleware", "__call__"].contains(&hook["method"].as_str().unwrap());
                    assert_eq!(hook["strategy"] == "import_hook", !own);
                    let text = |value: &Value| value.as_str().unwrap().to_owned();
                    (
                        text(&rule["name"]),
                        text(&hook["klass"]),
                        text(&hook["method"]),
                        text(&hook["callback_class"]),
                    )
                })
                .collect();
            let got: Vec<_> = got
                .iter()
                .map(|(a, b, c, d)| (a.as_str(), b.as_str(), c.as_str(), d.as_str()))
                .collect();
            assert_eq!(
                got,
                expected.iter().map(|rule| **rule).collect::<Vec<_>>(),
                "{agent} {framework}"
            );
        }
    }
}
