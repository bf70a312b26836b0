//! Actions on users, decided at a real backend.

use http::header::{ETAG, LOCATION, SET_COOKIE};
use serde_json::json;
use sqreen::UserIdentifiers;

use super::real::Real;
use super::shop::{SECRET, Shop, status, stopped};

const ANN: &str = "email=ann@example.com";
const BOB: &str = "email=bob@example.com";
/// Each identifies its user in another way, before it answers.
const WAYS: [&str; 7] = [
    "/question",
    "/extractor",
    "/ignored",
    "/login",
    "/signup",
    "/then-another",
    "/spawned",
];

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_user_gets_nothing_of_the_handler_however_it_identifies() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by(ANN, 403).await;
    for way in WAYS {
        let (status, headers, body) = stopped(shop.by(ANN, way)).await;
        assert_eq!(status, 403, "{way}");
        assert!(
            body.starts_with("Access denied. Reference: "),
            "{way}: {body}"
        );
        assert!(!headers.contains_key(SET_COOKIE) && !headers.contains_key(ETAG));
        let other = shop.by(BOB, way).send().await.unwrap();
        assert_eq!(other.status(), 200, "{way}");
        assert_eq!(other.text().await.unwrap(), SECRET, "{way}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn redirect_user_answers_303_however_the_user_is_identified() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let url = "https://help.example/reset";
    let users = json!([{"email": "ann@example.com"}]);
    let action = json!({"action": "redirect_user", "users": users, "url": url});
    backend.act(action).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by(ANN, 303).await;
    for way in WAYS {
        let (status, headers, body) = stopped(shop.by(ANN, way)).await;
        assert_eq!((status, body.as_str()), (303, ""), "{way}");
        assert_eq!(headers[LOCATION], url, "{way}");
        assert!(!headers.contains_key(SET_COOKIE), "{way}");
    }
}

/// As `SqreenCtx::identify` documents it.
#[tokio::test(flavor = "multi_thread")]
async fn a_response_that_has_begun_cannot_be_called_back() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by(ANN, 403).await;
    for (user, end) in [(ANN, "blocked"), (BOB, "served")] {
        let answer = shop.by(user, "/streaming").send().await.unwrap();
        assert_eq!(answer.status(), 200, "{user}");
        // The app hears of it, and can stop by itself.
        assert_eq!(answer.text().await.unwrap(), format!("begun, {end}"));
    }
    assert!(shop.sqreen.shutdown().await.is_complete());
    let reports = backend.events("sq.action.block_user").await;
    assert!(!reports.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_is_all_identifiers_and_never_a_permutation_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    backend.block_user(json!({"a": "x", "b": "y"})).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by("a=x&b=y", 403).await;
    assert_eq!(
        shop.status_by("b=y&a=x").await,
        403,
        "the order is no matter"
    );
    for other in ["a=y&b=x", "a=x", "b=y", "a=x&b=y&c=z", "a=xb&b=", "A=x&b=y"] {
        assert_eq!(shop.status_by(other).await, 200, "{other}");
    }
    let id = backend.block_user(json!({"a": "y", "b": "x"})).await;
    shop.until_by("a=y&b=x", 403).await;
    backend.lift(&id).await;
    shop.until_by("a=y&b=x", 200).await;
    assert_eq!(shop.status_by("a=x&b=y").await, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn match_any_needs_one_identifier() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let users = json!([{"email": "ann@example.com", "id": 7}]);
    let action = json!({"action": "block_user", "users": users, "match_any": true});
    let id = backend.act(action).await;
    let shop = Shop::open(backend.config()).await;
    shop.until_by(ANN, 403).await;
    for (user, status) in [
        ("id=7", 403),
        ("id=7&email=eve@example.com", 403),
        ("email=ann@example.com&id=8&team=x", 403),
        ("id=ann@example.com&email=7", 200),
        ("team=7", 200),
        ("id=77", 200),
    ] {
        assert_eq!(shop.status_by(user).await, status, "{user}");
    }
    backend.lift(&id).await;
    shop.until_by("id=7", 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_expired_or_lifted_action_on_a_user_ends() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let shop = Shop::open(backend.config()).await;
    let users = json!([{"email": "ann@example.com"}]);
    let action = json!({"action": "block_user", "users": users, "duration_s": 1.5});
    backend.act(action).await;
    shop.until_by(ANN, 403).await;
    shop.until_by(ANN, 200).await;
    let id = backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    shop.until_by(ANN, 403).await;
    backend.lift(&id).await;
    shop.until_by(ANN, 200).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn is_blocked_tells_without_identifying_or_reporting() {
    let dir = tempfile::tempdir().unwrap();
    let backend = Real::start(dir.path()).await;
    let shop = Shop::open(backend.config()).await;
    let ann = UserIdentifiers::new("email", "ann@example.com");
    let asks = async |user: &str| {
        let answer = shop.by(user, "/asks").send().await.unwrap();
        assert_eq!(answer.status(), 200, "who asks is not stopped");
        answer.text().await.unwrap()
    };
    assert!(!shop.sqreen.is_blocked(&ann));
    let id = backend
        .block_user(json!({"email": "ann@example.com"}))
        .await;
    super::until("blocked", async || shop.sqreen.is_blocked(&ann)).await;
    assert_eq!(
        (asks(ANN).await, asks(BOB).await),
        ("true".into(), "false".into())
    );
    assert!(
        !shop
            .sqreen
            .is_blocked(&UserIdentifiers::new("email", "bob@example.com"))
    );

    // Within a request the allow list counts, too.
    backend.allow(json!({"paths": ["/asks"]})).await;
    super::until("allowed", async || asks(ANN).await == "false").await;
    assert!(shop.sqreen.is_blocked(&ann));
    assert_eq!(
        status(shop.by(ANN, "/health")).await,
        200,
        "nobody was identified"
    );

    backend.lift(&id).await;
    super::until("lifted", async || !shop.sqreen.is_blocked(&ann)).await;
    let report = shop.sqreen.shutdown().await;
    assert_eq!(
        (report.stats.tracked, report.stats.suppressed_reports),
        (0, 0)
    );
}
