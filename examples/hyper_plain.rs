//! The layer around a plain hyper service, without a framework.
//!
//! Start a backend (`cargo run -p sqreen-server` prints its tokens), then run this and open
//! <http://127.0.0.1:3000/>:
//!
//! ```text
//! SQREEN_TOKEN=… SQREEN_APP_NAME=plain cargo run --example hyper_plain
//! ```

use std::convert::Infallible;
use std::error::Error;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use sqreen::{Config, PeerAddr, Sqreen};
use tokio::net::TcpListener;
use tower::{Layer, ServiceExt};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sqreen = Sqreen::new(Config::from_env()?)?;
    let app = sqreen.layer().layer(tower::service_fn(hello));

    let listener = TcpListener::bind("127.0.0.1:3000").await?;
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => accepted?,
            _ = tokio::signal::ctrl_c() => break,
        };
        let app = app.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            // hyper does not tell requests where they come from; the layer looks for this.
            request.extensions_mut().insert(PeerAddr(peer));
            app.clone().oneshot(request)
        });
        tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
    // Sends what is still under way.
    sqreen.shutdown().await;
    Ok(())
}

async fn hello(_: Request<Incoming>) -> Result<Response<String>, Infallible> {
    // The request is the current one while its service is polled: nothing is passed around.
    sqreen::track("hello.said");
    Ok(Response::new("hello\n".to_owned()))
}
