//! The real backend, and apps that are connected to it.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use axum::Router;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use sqreen::{Config, Sqreen};
use sqreen_server::{Server, ServerConfig};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

use crate::Error;
use crate::client::Client;

const INGEST_TOKEN: &str = "ingest-secret";
const API_TOKEN: &str = "api-secret";

pub(crate) struct Backend {
    address: SocketAddr,
    client: Client,
}

impl Backend {
    pub(crate) fn start(runtime: &Runtime, data_dir: &Path) -> Result<Self, Error> {
        let config = ServerConfig::new(data_dir)
            .ingest_token(INGEST_TOKEN)
            .api_token(API_TOKEN);
        let (server, listener) = runtime.block_on(async {
            let server = Server::start(config).await?;
            let listener = TcpListener::bind("127.0.0.1:0").await?;
            Ok::<_, Error>((server, listener))
        })?;
        let address = listener.local_addr()?;
        // As its binary does.
        let listener = listener.tap_io(|stream| drop(stream.set_nodelay(true)));
        runtime.spawn(async move { axum::serve(listener, server.router()).await });
        Ok(Self {
            address,
            client: Client::connect(address)?,
        })
    }

    /// Decides that the address is blocked, and returns once that is answered.
    pub(crate) fn block(&mut self, ip: IpAddr) -> Result<(), Error> {
        let body = format!(r#"{{"action":"block_ip","ip_cidr":["{ip}"],"duration_s":3600}}"#);
        let request = format!(
            "POST /api/v1/actions HTTP/1.1\r\nhost: backend\r\nauthorization: Bearer {API_TOKEN}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        match self.client.exchange(&request)? {
            201 => Ok(()),
            status => Err(format!("POST /api/v1/actions was answered {status}").into()),
        }
    }
}

/// An app with the SDK's layer, and a connection to it.
pub(crate) struct App {
    client: Client,
    sqreen: Sqreen,
}

impl App {
    pub(crate) fn start(runtime: &Runtime, backend: &Backend) -> Result<Self, Error> {
        let config = Config::builder()
            .token(INGEST_TOKEN)
            .app_name("shop")
            .url(format!("http://{}", backend.address))
            .trusted_proxies(["127.0.0.1"])
            .build()?;
        let sqreen = Sqreen::new(config)?;
        let router = Router::new()
            .route("/", get(async || "content"))
            .layer(sqreen.layer());
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let service = router.into_make_service_with_connect_info::<SocketAddr>();
        runtime.spawn(async move { axum::serve(listener, service).await });
        Ok(Self {
            client: Client::connect(address)?,
            sqreen,
        })
    }

    /// Whether the app refuses a request from this address.
    pub(crate) fn refuses(&mut self, ip: IpAddr) -> Result<bool, Error> {
        let request = format!("GET / HTTP/1.1\r\nhost: shop\r\nx-forwarded-for: {ip}\r\n\r\n");
        match self.client.exchange(&request)? {
            200 => Ok(false),
            403 => Ok(true),
            status => Err(format!("the app answered {status}").into()),
        }
    }

    /// Stops its agent, which sends what is left.
    pub(crate) fn stop(self, runtime: &Runtime) {
        runtime.block_on(self.sqreen.shutdown());
    }
}
