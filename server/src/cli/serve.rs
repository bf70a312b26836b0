//! `serve`: runs the backend until a signal.

use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::{Outcome, print};
use crate::config::{Effective, LogFormat, Settings};
use crate::serve::{self, Limits, Tls};
use crate::server::Server;

pub(super) fn run(effective: Effective) -> Outcome {
    let Effective {
        settings, unknown, ..
    } = effective;
    log_to_stderr(&settings)?;
    for name in unknown {
        tracing::warn!(name, "variable of the environment that is no setting");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(settings))?;
    Ok(true)
}

fn log_to_stderr(settings: &Settings) -> Result<(), tracing::subscriber::SetGlobalDefaultError> {
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(settings.log)
        .with_writer(std::io::stderr);
    match settings.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(subscriber.finish()),
        LogFormat::Json => {
            let subscriber = subscriber.json().flatten_event(true);
            tracing::subscriber::set_global_default(subscriber.finish())
        }
    }
}

async fn serve(settings: Settings) -> Result<(), Box<dyn std::error::Error>> {
    // Before anything is told: whoever knows that the server runs may stop it.
    let mut signals = Signals {
        interrupt: signal(SignalKind::interrupt())?,
        terminate: signal(SignalKind::terminate())?,
    };
    let tls = match (&settings.tls_cert, &settings.tls_key) {
        (Some(cert), Some(key)) => Some(Tls::open(cert, key)?),
        _ => None,
    };
    let server = Server::start(settings.server.clone()).await?;
    let listener = TcpListener::bind(settings.addr)
        .await
        .map_err(|error| format!("--addr {}: {error}", settings.addr))?;
    if let Some(token) = server.new_ingest_token() {
        print(&format!("ingest_token={token}"));
    }
    if let Some(token) = server.new_api_token() {
        print(&format!("api_token={token}"));
    }
    let addr = listener.local_addr()?;
    let (base, link) = (settings.base(addr), server.explorer_link());
    print(&format!("explorer={base}{link}"));
    tracing::info!(%addr, tls = tls.is_some(), "listening");
    let limits = Limits {
        connections: settings.max_connections,
        headers: settings.header_timeout,
    };
    let (told, hear) = tokio::sync::oneshot::channel();
    let draining = server.clone();
    let stop = async move {
        signals.next().await;
        tracing::info!("stopping");
        draining.announce_stop();
        // Another signal ends the wait.
        tokio::select! {
            () = tokio::time::sleep(settings.drain_delay) => {}
            () = signals.next() => {}
        }
        draining.drain();
        drop(told);
    };
    let overdue = async {
        // Ends when the sender is dropped.
        let _: Result<(), _> = hear.await;
        tokio::time::sleep(settings.drain_time).await;
    };
    tokio::select! {
        () = serve::run(listener, server.router(), limits.within_files(), tls, stop) => {}
        () = overdue => {
            tracing::warn!("open connections were cut after {:?}", settings.drain_time);
        }
    }
    server.close().await?;
    tracing::info!("stopped");
    Ok(())
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
