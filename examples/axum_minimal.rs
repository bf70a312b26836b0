//! The least an axum app needs: one layer, and a call of `track`.
//!
//! Start a backend (`cargo run -p sqreen-server` prints its tokens), then run this and open
//! <http://127.0.0.1:3000/products/42>:
//!
//! ```text
//! SQREEN_TOKEN=… SQREEN_APP_NAME=shop cargo run --example axum_minimal
//! ```
//!
//! Without `SQREEN_TOKEN` the app works just the same, and sends nothing.

use std::error::Error;
use std::net::SocketAddr;

use axum::Router;
use axum::extract::Path;
use axum::routing::get;
use sqreen::{Config, Event, Sqreen, SqreenCtx};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let sqreen = Sqreen::new(Config::from_env()?)?;
    let app = Router::new()
        .route("/products/{id}", get(product))
        .layer(sqreen.layer());

    let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    // With the peer's address, events know where they come from.
    let app = app.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, app)
        .with_graceful_shutdown(async {
            // Without a signal handler there is nothing to wait for: the app ends.
            let _ = tokio::signal::ctrl_c().await;
        })
        .await?;
    // Sends what is still under way.
    sqreen.shutdown().await;
    Ok(())
}

async fn product(sqreen: SqreenCtx, Path(id): Path<u64>) -> String {
    sqreen.track(Event::from("product.viewed").property("product_id", id));
    format!("product {id}\n")
}
