//! A real HTTP server that notes what it is sent.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::http::{HeaderMap, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};

/// What the receiver does with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    /// It closes connections before a request is read.
    Down,
    /// It answers once it is let go on.
    Held,
    Answer(u16),
    /// It tells the client to come back in so many seconds.
    Busy(u32),
    Redirect,
}

#[derive(Clone, Debug)]
pub(super) struct Received {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) path: String,
    pub(super) accepted: bool,
}

impl Received {
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The ids of the messages.
    pub(super) fn ids(&self) -> Vec<String> {
        let json = self.json();
        let messages = json.as_array().unwrap().iter();
        messages
            .map(|message| message["message_id"].as_str().unwrap().to_owned())
            .collect()
    }
}

#[derive(Debug)]
pub(super) struct Receiver {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    arrived: mpsc::UnboundedReceiver<()>,
}

#[derive(Debug)]
struct Shared {
    mood: Mood,
    connections: usize,
    received: Vec<Received>,
    arrival: mpsc::UnboundedSender<()>,
    go_on: Arc<Notify>,
}

impl Receiver {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (arrival, arrived) = mpsc::unbounded_channel();
        let shared = Arc::new(Mutex::new(Shared {
            mood: Mood::Answer(200),
            connections: 0,
            received: Vec::new(),
            arrival,
            go_on: Arc::default(),
        }));
        let receiver = Self {
            address: listener.local_addr().unwrap(),
            shared: Arc::clone(&shared),
            arrived,
        };
        tokio::spawn(accept(listener, shared));
        receiver
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/hook", self.address)
    }

    pub(super) fn port(&self) -> u16 {
        self.address.port()
    }

    pub(super) fn set(&self, mood: Mood) {
        self.shared.lock().unwrap().mood = mood;
    }

    /// Answers a request that is held.
    pub(super) fn go_on(&self) {
        self.shared.lock().unwrap().go_on.notify_one();
    }

    pub(super) fn connections(&self) -> usize {
        self.shared.lock().unwrap().connections
    }

    /// All requests.
    pub(super) fn received(&self) -> Vec<Received> {
        self.shared.lock().unwrap().received.clone()
    }

    /// The requests that it answered with a 2xx.
    pub(super) fn accepted(&self) -> Vec<Received> {
        let received = self.received().into_iter();
        received.filter(|received| received.accepted).collect()
    }

    /// Waits for the next request.
    pub(super) async fn arrival(&mut self) {
        self.arrived.recv().await.unwrap();
    }
}

async fn accept(listener: TcpListener, shared: Arc<Mutex<Shared>>) {
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let mood = {
            let mut shared = shared.lock().unwrap();
            shared.connections += 1;
            shared.mood
        };
        if mood == Mood::Down {
            continue;
        }
        let shared = Arc::clone(&shared);
        let answer = move |request| answer(request, mood, Arc::clone(&shared));
        let connection = hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(answer));
        tokio::spawn(connection);
    }
}

async fn answer(
    request: Request<Incoming>,
    mood: Mood,
    shared: Arc<Mutex<Shared>>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes().to_vec();
    {
        let mut shared = shared.lock().unwrap();
        shared.received.push(Received {
            headers: head.headers,
            body,
            path: head.uri.path().to_owned(),
            accepted: matches!(mood, Mood::Answer(200..300)),
        });
        // The test may have ended.
        shared.arrival.send(()).ok();
    }
    let response = match mood {
        Mood::Answer(status) => Response::builder().status(status),
        Mood::Busy(seconds) => Response::builder()
            .status(429)
            .header("retry-after", seconds),
        Mood::Redirect => Response::builder()
            .status(302)
            .header("location", "/elsewhere"),
        Mood::Held => {
            let go_on = Arc::clone(&shared.lock().unwrap().go_on);
            go_on.notified().await;
            Response::builder()
        }
        Mood::Down => std::future::pending().await,
    };
    Ok(response.body(Full::from("said <so>")).unwrap())
}
