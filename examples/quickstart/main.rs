//! The backend and a demo shop in one process, on loopback.
//!
//! Shows the whole way from a handler to the Event Explorer. Run it, open the `app=` link, press
//! buttons, and watch the events arrive at the `explorer=` link:
//!
//! ```text
//! cargo run --example quickstart
//! ```

mod options;
mod shop;

use std::error::Error;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use axum::Router;
use axum::extract::connect_info::IntoMakeServiceWithConnectInfo;
use sqreen::{Config, Sqreen};
use sqreen_server::{Server, ServerConfig};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use self::options::{Command, Options, USAGE};

type Failure = Box<dyn Error + Send + Sync>;

/// Time that the requests under way have to finish at shutdown.
const DRAIN: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> ExitCode {
    let options = match options::parse(std::env::args_os().skip(1)) {
        Ok(Command::Serve(options)) => options,
        Ok(Command::Help) => return report(write!(io::stdout(), "{USAGE}").map_err(Into::into)),
        Err(error) => {
            let _ = write!(io::stderr(), "{error}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    report(serve(options).await)
}

fn report(result: Result<(), Failure>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), Failure> {
    let (mut interrupt, mut terminate) = (
        signal(SignalKind::interrupt())?,
        signal(SignalKind::terminate())?,
    );
    let server_listener = listen("--server-addr", options.server_addr).await?;
    let app_listener = listen("--app-addr", options.app_addr).await?;
    let server_url = url(server_listener.local_addr()?);
    let app_url = url(app_listener.local_addr()?);
    let data = DataDir::new(options.data_dir)?;

    let (ingest_token, api_token) = (token()?, token()?);
    let server_config = ServerConfig::new(data.path())
        .ingest_token(&ingest_token)
        .api_token(&api_token)
        .demo_explorer_link(true)
        .playbooks(shop::guard());
    let server = Server::start(server_config).await?;
    let backend = Running::start(server_listener, server.router());

    let config = Config::builder()
        .token(&ingest_token)
        .app_name("quickstart")
        .url(&server_url)
        .heartbeat(Duration::from_secs(1))
        .trusted_proxies(["127.0.0.0/8", "::1"])
        .build()?;
    let sqreen = Sqreen::new(config)?;
    let shop = Running::start(app_listener, shop::router(&sqreen));

    let mut stdout = io::stdout();
    writeln!(stdout, "app={app_url}")?;
    writeln!(stdout, "explorer={server_url}{}", server.explorer_link())?;
    writeln!(stdout, "api_token={api_token}")?;
    writeln!(stdout, "ingest_token={ingest_token}")?;
    stdout.flush()?;

    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    // The shop first, so that nothing is tracked any more; then the agent, which flushes into
    // the backend; then the backend.
    shop.stop().await?;
    let delivery = sqreen.shutdown().await;
    server.drain();
    backend.stop().await?;
    server.close().await?;
    data.remove()?;
    if delivery.is_complete() {
        Ok(())
    } else {
        Err(format!("events were lost: {:?}", delivery.stats).into())
    }
}

async fn listen(option: &str, address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| format!("{option}: cannot listen at {address}: {error}").into())
}

/// Where a listener is reached from this machine.
fn url(mut address: SocketAddr) -> String {
    if address.ip().is_unspecified() {
        address.set_ip(match address.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    format!("http://{address}")
}

fn token() -> Result<String, Failure> {
    let random = getrandom::u64().and_then(|high| Ok((high, getrandom::u64()?)));
    let (high, low) = random.map_err(|error| format!("no random token: {error}"))?;
    Ok(format!("{high:016x}{low:016x}"))
}

/// A router that is being served.
struct Running {
    stop: oneshot::Sender<()>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    fn start(listener: TcpListener, router: Router) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let service: IntoMakeServiceWithConnectInfo<Router, SocketAddr> =
            router.into_make_service_with_connect_info();
        let serve = axum::serve(listener, service).with_graceful_shutdown(async {
            // An error is a stop, too: the sender is gone.
            let _ = stopped.await;
        });
        let task = tokio::spawn(serve.into_future());
        Self { stop, task }
    }

    /// Takes no further connections, and lets the requests under way finish.
    async fn stop(mut self) -> Result<(), Failure> {
        // An error means that the task has ended, and how is what it returns.
        let _ = self.stop.send(());
        match tokio::time::timeout(DRAIN, &mut self.task).await {
            Ok(ended) => Ok(ended??),
            Err(_) => {
                self.task.abort();
                Ok(())
            }
        }
    }
}

/// Where the backend keeps its data.
enum DataDir {
    Given(PathBuf),
    Temporary(tempfile::TempDir),
}

impl DataDir {
    fn new(given: Option<PathBuf>) -> io::Result<Self> {
        Ok(match given {
            Some(path) => Self::Given(path),
            None => Self::Temporary(tempfile::Builder::new().prefix("quickstart-").tempdir()?),
        })
    }

    fn path(&self) -> &Path {
        match self {
            Self::Given(path) => path,
            Self::Temporary(dir) => dir.path(),
        }
    }

    fn remove(self) -> io::Result<()> {
        match self {
            Self::Given(_) => Ok(()),
            Self::Temporary(dir) => dir.close(),
        }
    }
}
