//! Runs the backend.
#![forbid(unsafe_code)]
#![warn(clippy::print_stderr, clippy::print_stdout, clippy::unwrap_used)]

use std::error::Error;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;

use axum::serve::ListenerExt;
use sqreen_server::{Server, ServerConfig};
use tokio::signal::unix::{SignalKind, signal};
use tracing::level_filters::LevelFilter;

const HELP: &str = "\
The self-hosted backend of sqreen.

Usage: sqreen-server [OPTIONS]

  --addr ADDR      IP address and port to listen on [SQREEN_SERVER_ADDR, 127.0.0.1:8620]
  --data-dir DIR   where everything is kept [SQREEN_SERVER_DATA_DIR, sqreen-data]
  --help           print this

Tokens are read from SQREEN_SERVER_INGEST_TOKEN (agents log in with it) and SQREEN_SERVER_API_TOKEN
(for /api/v1 and the Event Explorer). Those not given are made at the first start and printed once.

The log goes to standard error; SQREEN_SERVER_LOG is the least level that is told: error, warn, info
(the default), debug, trace, or off. SIGINT and SIGTERM stop the server once what is under way is
answered, within 5 s.
";

/// Time that open connections get to finish after the signal.
const MAX_DRAIN: std::time::Duration = std::time::Duration::from_secs(5);

struct Options {
    addr: SocketAddr,
    config: ServerConfig,
    log: LevelFilter,
}

fn main() -> Result<(), Box<dyn Error>> {
    let Some(options) = options(std::env::args_os().skip(1))? else {
        print(HELP.trim_end());
        return Ok(());
    };
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(options.log)
        .with_writer(std::io::stderr);
    tracing::subscriber::set_global_default(subscriber.finish())?;
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(serve(options))
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Before anything is told: whoever knows that the server runs may stop it.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::start(options.config).await?;
    let listener = tokio::net::TcpListener::bind(options.addr)
        .await
        .map_err(|error| format!("--addr {}: {error}", options.addr))?;
    if let Some(token) = server.new_ingest_token() {
        print(&format!("ingest_token={token}"));
    }
    if let Some(token) = server.new_api_token() {
        print(&format!("api_token={token}"));
    }
    let addr = listener.local_addr()?;
    print(&format!("explorer=http://{addr}{}", server.explorer_link()));
    tracing::info!(%addr, "listening");
    let (told, mut hear) = tokio::sync::watch::channel(());
    // A change is one small write, which must not wait for the answer to the one before.
    let listener = listener.tap_io(|stream| {
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "small writes may wait");
        }
    });
    let draining = server.clone();
    let serve = axum::serve(listener, server.router()).with_graceful_shutdown(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        tracing::info!("stopping");
        draining.drain();
        drop(told);
    });
    let overdue = async move {
        // Ends when the sender is dropped, which is the signal.
        let _ = hear.changed().await;
        tokio::time::sleep(MAX_DRAIN).await;
    };
    tokio::select! {
        served = serve => served?,
        () = overdue => tracing::warn!("open connections were cut after {MAX_DRAIN:?}"),
    }
    server.close().await?;
    tracing::info!("stopped");
    Ok(())
}

/// `None` asks for help.
fn options(mut args: impl Iterator<Item = OsString>) -> Result<Option<Options>, String> {
    let mut addr = variable("SQREEN_SERVER_ADDR")?;
    let mut data_dir = std::env::var_os("SQREEN_SERVER_DATA_DIR").map(PathBuf::from);
    while let Some(flag) = args.next() {
        match flag.to_str() {
            Some("--help" | "-h") => return Ok(None),
            Some("--addr") => {
                let value = args.next().ok_or("--addr: needs an IP address and port")?;
                addr = Some(value.into_string().map_err(|_| "--addr: not UTF-8")?);
            }
            Some("--data-dir") => {
                data_dir = Some(args.next().ok_or("--data-dir: needs a directory")?.into());
            }
            _ => return Err(format!("{}: unknown argument, see --help", flag.display())),
        }
    }
    let addr = addr.as_deref().unwrap_or("127.0.0.1:8620");
    let addr = addr.parse().map_err(|_| {
        format!("--addr: {addr:?} is not an IP address and port such as 127.0.0.1:8620")
    })?;
    let mut config = ServerConfig::new(data_dir.unwrap_or_else(|| "sqreen-data".into()));
    if let Some(token) = variable("SQREEN_SERVER_INGEST_TOKEN")? {
        config = config.ingest_token(token);
    }
    if let Some(token) = variable("SQREEN_SERVER_API_TOKEN")? {
        config = config.api_token(token);
    }
    let log =
        variable("SQREEN_SERVER_LOG")?.map_or(Ok(LevelFilter::INFO), |level| level_of(&level))?;
    Ok(Some(Options { addr, config, log }))
}

fn level_of(text: &str) -> Result<LevelFilter, String> {
    text.parse().map_err(|_| {
        format!("SQREEN_SERVER_LOG: {text:?} is none of error, warn, info, debug, trace and off")
    })
}

/// A variable of the environment; empty counts as absent.
fn variable(name: &str) -> Result<Option<String>, String> {
    match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => Err(format!("{name}: not UTF-8")),
    }
}

#[expect(
    clippy::print_stdout,
    reason = "these lines are what the program is asked for"
)]
fn print(text: &str) {
    println!("{text}");
}
