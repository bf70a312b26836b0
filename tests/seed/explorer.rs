//! What the guide says of the backend, with a real one.

use std::time::{Duration, SystemTime};

use axum::Router;
use axum::routing::get;
use futures_util::stream;
use serde_json::{Value, json};
use sqreen::protocol::Timestamp;
use sqreen::{Event, Sqreen, SqreenCtx};
use sqreen_server::{Server, ServerConfig};
use tower::ServiceExt as _;

use super::support::{TOKEN, agent, config_to, serve};
use super::{http, request};

/// A whole backend, and where it is.
struct Real {
    server: Server,
    address: std::net::SocketAddr,
    _dir: tempfile::TempDir,
}

impl Real {
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = ServerConfig::new(dir.path()).demo_explorer_link(true);
        let config = config.ingest_token(TOKEN).api_token("api-token");
        let server = Server::start(config).await.unwrap();
        let (address, _) = serve(server.router()).await;
        Self {
            server,
            address,
            _dir: dir,
        }
    }

    fn agent(&self) -> Sqreen {
        agent(config_to(self.address).request_timeout(Duration::from_secs(10)))
    }

    async fn events(&self, query: &str) -> Vec<Value> {
        let url = format!("http://{}/api/v1/events?{query}", self.address);
        let answer = http().get(url).bearer_auth("api-token").send().await;
        let mut answer: Value = answer.unwrap().json().await.unwrap();
        serde_json::from_value(answer["events"].take()).unwrap()
    }
}

/// "it can be useful to import past events": `new Date(2018, 3, 15, 14, 42, 0)` and `foo: 'bar'`.
#[tokio::test(flavor = "multi_thread")]
async fn past_events_are_imported_and_then_visible() {
    let backend = Real::start().await;
    let sqreen = backend.agent();
    sqreen.track("today");
    let start: Timestamp = "2018-04-15T14:42:00Z".parse().unwrap();
    let start = Duration::from_micros(start.as_micros().unsigned_abs());
    let past = (0..100).map(|minute| {
        let time = SystemTime::UNIX_EPOCH + start + Duration::from_secs(60) * minute;
        let event = Event::from("imported").property("foo", "bar");
        event.timestamp(time)
    });
    let report = sqreen.import(stream::iter(past)).await;
    assert_eq!((report.queued, report.refused), (100, 0));
    assert!(sqreen.shutdown().await.is_complete());
    let range = "from=2018-04-15T14:42:00Z&to=2018-04-15T14:52:00Z";
    let events = backend.events(range).await;
    assert_eq!(events.len(), 10);
    for (event, minute) in events.iter().zip((42..52).rev()) {
        assert_eq!(event["name"], "imported");
        assert_eq!(event["properties"], json!({"foo": "bar"}));
        let time = event["time"].as_str().unwrap();
        assert!(
            time.starts_with(&format!("2018-04-15T14:{minute}:00")),
            "{time}"
        );
    }
    assert_eq!(
        backend
            .events("to=2019-01-01T00:00:00Z&limit=1000")
            .await
            .len(),
        100
    );
    assert_eq!(
        backend.events("from=2019-01-01T00:00:00Z").await[0]["name"],
        "today"
    );
}

/// "visit the Event Explorer to check the events are properly recorded by Sqreen"
#[tokio::test(flavor = "multi_thread")]
async fn the_event_explorer_shows_what_was_tracked() {
    let backend = Real::start().await;
    let sqreen = backend.agent();
    let handler = async |sqreen: SqreenCtx| {
        sqreen.identify([("email", "ann@example.com")]).unwrap();
        sqreen.track("report.viewed");
    };
    let app = Router::new()
        .route("/reports", get(handler))
        .layer(sqreen.layer());
    app.oneshot(request("/reports")).await.unwrap();
    assert!(sqreen.shutdown().await.is_complete());
    let link = backend.server.explorer_link();
    let page = http().get(format!("http://{}{link}", backend.address));
    let page = page.send().await.unwrap().text().await.unwrap();
    for text in ["report.viewed", "ann@example.com", "/reports"] {
        assert!(page.contains(text), "{text}: {page}");
    }
}
