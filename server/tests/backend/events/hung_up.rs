//! Clients that do not wait for what they asked.

use std::net::SocketAddr;
use std::sync::mpsc;

use axum::Extension;
use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use serde_json::json;
use sqreen::protocol::Timestamp;
use sqreen_server::Server;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;

use crate::actions::browser::{ADMIN, Browser, PASSWORD};
use crate::client::{API, Client, config, record, uuid};
use crate::operation::metrics;

/// What becomes of a request within the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Begun,
    Over,
}

struct Telling(UnboundedSender<Told>);

impl Drop for Telling {
    fn drop(&mut self) {
        let _ = self.0.send(Told::Over);
    }
}

async fn tell(
    Extension(sender): Extension<UnboundedSender<Told>>,
    request: Request,
    next: Next,
) -> Response {
    let _ = sender.send(Told::Begun);
    let _over = Telling(sender);
    next.run(request).await
}

async fn a_hung_up_client_is_no_longer_scanned_for() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::start(config(dir.path())).await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let (sender, mut told) = tokio::sync::mpsc::unbounded_channel();
    let router = server
        .router()
        .layer(from_fn(tell))
        .layer(Extension(sender));
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    let client = Client::new(&format!("http://{addr}"));
    let session = client.login("shop").await;
    let mut now = record(&[(&uuid(2), "b")]);
    now["observed"]["sdk"][0]["time"] = json!(Timestamp::now());
    client
        .batch(&session, json!([record(&[(&uuid(1), "a")]), now]))
        .await;

    let link = server.explorer_link();
    let (_, code) = link.split_once("code=").unwrap();
    let browser = Browser::stranger(&client);
    let browser = browser.by_link(code, ADMIN, PASSWORD).await;
    let cookie = format!("cookie: {}", browser.cookie);
    let bearer = format!("authorization: Bearer {API}");

    let from = "from=2026-11-23T00:00:00Z&to=2026-11-24T00:00:00Z";
    let mut cancelled = 0.0;
    for (path, headers) in [
        (format!("/api/v1/events?{from}"), &bearer),
        (format!("/api/v1/events/histogram?{from}"), &bearer),
        (format!("/api/v1/events/groups?by=name&{from}"), &bearer),
        ("/api/v1/apps".to_owned(), &bearer),
        ("/apps".to_owned(), &cookie),
        ("/".to_owned(), &format!("{cookie}\r\nx-part: list")),
    ] {
        // The only thread that may scan has something else to do.
        let (free, held) = mpsc::channel::<()>();
        let holding = tokio::task::spawn_blocking(move || held.recv());
        while told.try_recv().is_ok() {}
        let mut connection = TcpStream::connect(addr).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\n{headers}\r\n\r\n");
        connection.write_all(request.as_bytes()).await.unwrap();
        assert_eq!(told.recv().await, Some(Told::Begun));
        drop(connection);
        assert_eq!(told.recv().await, Some(Told::Over), "while it is held");
        drop(free);
        let _ = holding.await.unwrap();
        cancelled += 1.0;
        // It asks the same thread, after the scan.
        let found = metrics(&client).await["sqreen_store_cancelled_scans_total"];
        assert_eq!(found, cancelled, "{path}");
    }
    serving.abort();
    server.close().await.unwrap();
}

#[test]
fn scans_end_whose_client_hangs_up() {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .max_blocking_threads(1)
        .enable_all()
        .build();
    runtime
        .unwrap()
        .block_on(a_hung_up_client_is_no_longer_scanned_for());
}
