//! An app that is called in process: what is measured is the layer, and no socket.

use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request};
use axum::http::StatusCode;
use axum::routing::get;
use sqreen::{Config, Sqreen};
use tower::Service as _;

use crate::Error;

const GIVE_UP: Duration = Duration::from_secs(60);

#[derive(Clone)]
pub(crate) struct Served {
    router: Router,
}

impl Served {
    pub(crate) fn start(url: &str) -> Result<Self, Error> {
        let config = Config::builder().token("bench").url(url);
        let config = config.trusted_proxies(["127.0.0.1"]).build()?;
        let sqreen = Sqreen::new(config)?;
        let router = Router::new()
            .route("/", get(async || "content"))
            .layer(sqreen.layer());
        // The layer keeps the agent running.
        Ok(Self { router })
    }

    /// Serves a request that came from this address, through a proxy.
    pub(crate) fn status(&mut self, ip: &str) -> StatusCode {
        // The parts are constants and an address, and valid.
        let mut request = Request::builder()
            .uri("/")
            .header("host", "shop.example")
            .header(
                "user-agent",
                "Mozilla/5.0 (X11; Linux x86_64) Firefox/140.0",
            )
            .header("x-forwarded-for", ip)
            .body(Body::empty())
            .unwrap_or_default();
        let peer = SocketAddr::from(([127, 0, 0, 1], 40_000));
        request.extensions_mut().insert(ConnectInfo(peer));
        let mut call = pin!(self.router.call(request));
        let mut cx = Context::from_waker(Waker::noop());
        loop {
            if let Poll::Ready(Ok(response)) = call.as_mut().poll(&mut cx) {
                return response.status();
            }
        }
    }

    /// Serves requests from this address back to back until one is refused.
    pub(crate) fn wait_for(&mut self, ip: IpAddr) -> Result<(), Error> {
        let (ip, start) = (ip.to_string(), Instant::now());
        while self.status(&ip) != StatusCode::FORBIDDEN {
            if start.elapsed() > GIVE_UP {
                return Err(format!("{ip} is not refused").into());
            }
        }
        Ok(())
    }
}
