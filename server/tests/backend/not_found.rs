//! The event that the SDK's layer tracks of responses with status 404, as the backend shows it.

use std::net::{IpAddr, SocketAddr};

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::routing::get;
use sqreen::{Config, PeerAddr, Sqreen};
use tower_service::Service as _;

use super::client::{INGEST, Running};

#[tokio::test(flavor = "multi_thread")]
async fn a_404_is_an_event_with_name_address_path_and_status() {
    let running = Running::start().await;
    let config = Config::builder().token(INGEST).app_name("shop");
    let config = config.url(&running.client.url).build().unwrap();
    let sqreen = Sqreen::new(config).unwrap();
    let mut app = Router::new()
        .route("/", get(async || "welcome"))
        .layer(sqreen.layer());
    for (ip, path, status) in [
        ("198.51.100.7", "/.git/config?x=1", 404),
        ("198.51.100.7", "/", 200),
        ("2001:db8::7", "/wp-login.php", 404),
    ] {
        let ip: IpAddr = ip.parse().unwrap();
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        let peer = PeerAddr(SocketAddr::from((ip, 4711)));
        request.extensions_mut().insert(peer);
        assert_eq!(app.call(request).await.unwrap().status(), status, "{path}");
    }
    let report = sqreen.shutdown().await;
    assert!(report.is_complete(), "{report:?}");
    assert_eq!(running.client.all_events().await.len(), 2);
    for (filter, ip, path) in [
        ("ip:198.51.100.7", "198.51.100.7", "/.git/config"),
        ("path:/wp-login.php", "2001:db8::7", "/wp-login.php"),
    ] {
        let filter = format!("name:sq.http.not_found status:404 {filter}");
        let events = running.client.events(&format!("filter={filter}")).await;
        assert_eq!(events.len(), 1, "{filter}");
        let shown = ["name", "ip", "path", "status"].map(|field| events[0][field].clone());
        let expected = [
            "sq.http.not_found".into(),
            ip.into(),
            path.into(),
            serde_json::Value::from(404),
        ];
        assert_eq!(shown, expected);
    }
    running.stop().await;
}
