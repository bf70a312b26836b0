//! The layer around a tonic server; the service is written by hand, so that no `protoc` is needed.
//!
//! Start a backend (`cargo run -p sqreen-server` prints its tokens), then run this from its own
//! directory:
//!
//! ```text
//! SQREEN_TOKEN=… SQREEN_APP_NAME=greeter cargo run
//! ```
//!
//! and call `demo.Greeter/Hello` at `127.0.0.1:50051`, which takes and answers a
//! `google.protobuf.StringValue`.
#![forbid(unsafe_code)]

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use sqreen::{Config, Event, Sqreen, SqreenCtx};
use tonic::body::Body;
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::transport::Server;
use tonic::transport::server::TcpConnectInfo;
use tonic::{Request, Response, Status};
use tonic_prost::ProstCodec;
use tower_service::Service;

#[cfg(test)]
mod tests;

type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sqreen = Sqreen::new(Config::from_env()?)?;
    // tonic has an extension of its own for the peer's address.
    let layer = sqreen.layer().peer_addr(|extensions| {
        let connection = extensions.get::<TcpConnectInfo>()?;
        connection.remote_addr()
    });
    Server::builder()
        .layer(layer)
        .add_service(Greeter)
        .serve_with_shutdown("127.0.0.1:50051".parse()?, async {
            // Without a signal handler there is nothing to wait for: the server ends.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    // Sends what is still under way.
    sqreen.shutdown().await;
    Ok(())
}

/// `Hello` of `demo.Greeter`.
struct Hello;

impl UnaryService<String> for Hello {
    type Response = String;
    type Future = BoxFuture<Response<String>, Status>;

    fn call(&mut self, request: Request<String>) -> Self::Future {
        Box::pin(async move {
            if let Some(sqreen) = request.extensions().get::<SqreenCtx>() {
                let name = request.get_ref().clone();
                sqreen.track(Event::from("greeter.hello").property("name", name));
            }
            Ok(Response::new(format!("hello {}", request.into_inner())))
        })
    }
}

/// What `tonic-prost-build` would generate for a service of one method.
#[derive(Clone)]
struct Greeter;

impl NamedService for Greeter {
    const NAME: &'static str = "demo.Greeter";
}

impl Service<http::Request<Body>> for Greeter {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(async move {
            if request.uri().path() != "/demo.Greeter/Hello" {
                return Ok(Status::unimplemented("no such method").into_http());
            }
            let codec = ProstCodec::<String, String>::default();
            Ok(Grpc::new(codec).unary(Hello, request).await)
        })
    }
}
