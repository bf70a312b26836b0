//! The loop that takes connections in: their number, their slowness, and their end.
//!
//! `axum::serve` has neither a limit of connections nor a time for headers, so hyper's HTTP/1 is driven here.

mod tls;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

pub(crate) use self::tls::Tls;

/// The most bytes of a connection that are held unread, and so of the headers of a request.
const MAX_BUFFER: usize = 64 << 10;

/// Files that the store needs beside the connections, out of those that the system lets the process have open.
const FILES_BESIDE: usize = 192;

/// The wait after the system could not hand a connection out, mostly for want of files.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What a server allows its clients.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Connections at a time; further ones wait in the system's queue.
    pub(crate) connections: usize,
    /// Time for a TLS handshake, for the headers of a request, and between two requests of a connection.
    pub(crate) headers: Duration,
}

impl Limits {
    /// Takes fewer connections where the system would not let the process have files for all of them: a journal that
    /// cannot be opened for want of a file is worse than a client that waits.
    pub(crate) fn within_files(mut self) -> Self {
        if let Some(files) = open_files()
            && self.connections > files.saturating_sub(FILES_BESIDE)
        {
            self.connections = files.saturating_sub(FILES_BESIDE).max(files / 2).max(1);
            tracing::warn!(
                connections = self.connections,
                files,
                "fewer connections than asked for: the system's limit of open files is low"
            );
        }
        self
    }
}

/// The soft limit of open files, where the system tells it.
fn open_files() -> Option<usize> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Serves until `stop` ends; then takes no more connections, lets the requests under way finish, and returns.
pub(crate) async fn run(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    stop: impl Future<Output = ()>,
) {
    let open = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(limits.connections));
    tokio::pin!(stop);
    loop {
        let permit = Arc::clone(&permits).acquire_owned();
        let accepted = tokio::select! {
            permit = permit => tokio::select! {
                accepted = listener.accept() => accepted.map(|accepted| (accepted, permit)),
                () = &mut stop => break,
            },
            () = &mut stop => break,
        };
        match accepted {
            Ok(((stream, peer), permit)) => {
                let (router, tls, watcher) = (router.clone(), tls.clone(), open.watcher());
                tokio::spawn(async move {
                    connection(stream, peer, router, limits, tls, watcher).await;
                    drop(permit);
                });
            }
            Err(error) if is_of_client(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "connections cannot be taken now");
                tokio::time::sleep(BACK_OFF).await;
            }
        }
    }
    drop(listener);
    open.shutdown().await;
}

/// Whether the client went away before it was taken in.
fn is_of_client(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionRefused
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
    )
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    limits: Limits,
    tls: Option<Arc<Tls>>,
    watcher: Watcher,
) {
    // A change is one small write, which must not wait for the answer to the one before.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%error, "small writes may wait");
    }
    let Some(tls) = tls else {
        return http(stream, peer, router, limits, watcher).await;
    };
    match tokio::time::timeout(limits.headers, tls.accept(stream)).await {
        Ok(Ok(stream)) => http(stream, peer, router, limits, watcher).await,
        Ok(Err(error)) => tracing::debug!(%error, "TLS handshake failed"),
        Err(_) => tracing::debug!("TLS handshake took too long"),
    }
}

async fn http<S>(stream: S, peer: SocketAddr, router: Router, limits: Limits, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(ConnectInfo(peer));
        router.call(request)
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.headers)
        .max_buf_size(MAX_BUFFER)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "connection ended");
    }
}
