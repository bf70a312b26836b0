//! The way to the backend: TLS, and a proxy.

#![expect(clippy::unwrap_used, reason = "the helpers are parts of tests")]

mod support;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use support::{Backend, agent, assert_settled, patient_config};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// A proxy that leads to one address, whatever it is asked for.
struct Proxy {
    address: SocketAddr,
    /// The head of the first request on each connection.
    asked: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Proxy {
    async fn start(target: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let heads = Arc::clone(&asked);
        let task = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(pass(client, target, Arc::clone(&heads)));
            }
        });
        Self {
            address,
            asked,
            task,
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Passes a connection on: with a request of an absolute URI, or through a tunnel.
async fn pass(
    mut client: TcpStream,
    target: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let is_tunnel = text.starts_with("CONNECT ");
    asked.lock().unwrap().push(text);
    let mut server = TcpStream::connect(target).await?;
    if is_tunnel {
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
    } else {
        server.write_all(&head).await?;
    }
    tokio::io::copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_goes_through_the_proxy() {
    let backend = Backend::start().await;
    let proxy = Proxy::start(backend.address).await;
    let sqreen = agent(
        patient_config(&backend)
            // A name that nobody but the proxy can resolve.
            .url("http://backend.invalid")
            .http_proxy(format!("http://ann:pw@{}", proxy.address)),
    );
    sqreen.track("tick");
    let report = sqreen.shutdown().await;
    assert_settled(&report, &backend);
    assert_eq!(report.stats.accepted, 1);
    let asked = proxy.asked();
    let login = "POST http://backend.invalid/sqreen/v1/app-login HTTP/1.1\r\n";
    assert!(asked[0].starts_with(login), "{asked:?}");
    let credentials = "proxy-authorization: Basic YW5uOnB3\r\n";
    assert!(asked[0].contains(credentials), "{asked:?}");
}

/// `import_history`, a program of its own since the trusted certificates are the environment's.
#[cfg(all(unix, feature = "rustls"))]
mod tls {
    use std::path::Path;
    use std::process::{Output, Stdio};
    use std::sync::atomic::{AtomicUsize, Ordering};

    use rustls::pki_types::PrivateKeyDer;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::server::TlsStream;

    use super::*;
    use crate::support::{TOKEN, example};

    /// A backend behind TLS, and the certificate that one has to trust for it.
    struct Secure {
        backend: Backend,
        /// Handshakes that the client broke off.
        refused: Arc<AtomicUsize>,
        certificate: tempfile::NamedTempFile,
    }

    impl Secure {
        /// A backend that shows a certificate for this name or address.
        async fn start(name: &str) -> Self {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            let certificate = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(certificate.path(), made.cert.pem()).unwrap();
            let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = rustls::ServerConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .unwrap()
                .with_no_client_auth()
                .with_single_cert(vec![made.cert.der().clone()], key)
                .unwrap();
            let refused: Arc<AtomicUsize> = Arc::default();
            let listener = TlsListener {
                tcp: TcpListener::bind("127.0.0.1:0").await.unwrap(),
                acceptor: TlsAcceptor::from(Arc::new(config)),
                refused: Arc::clone(&refused),
            };
            Self {
                backend: Backend::on(listener, []),
                refused,
                certificate,
            }
        }

        fn url(&self) -> String {
            format!("https://{}", self.backend.address)
        }
    }

    struct TlsListener {
        tcp: TcpListener,
        acceptor: TlsAcceptor,
        refused: Arc<AtomicUsize>,
    }

    impl axum::serve::Listener for TlsListener {
        type Io = TlsStream<TcpStream>;
        type Addr = SocketAddr;

        async fn accept(&mut self) -> (Self::Io, SocketAddr) {
            loop {
                let (stream, peer) = self.tcp.accept().await.unwrap();
                match self.acceptor.accept(stream).await {
                    Ok(stream) => return (stream, peer),
                    Err(_) => self.refused.fetch_add(1, Ordering::SeqCst),
                };
            }
        }

        fn local_addr(&self) -> std::io::Result<SocketAddr> {
            self.tcp.local_addr()
        }
    }

    /// Imports three events to this URL, trusting this certificate alone.
    async fn import(url: &str, trusted: &Path, settings: &[(&str, String)]) -> Output {
        let mut command = tokio::process::Command::new(example("import_history"));
        command
            .env("SQREEN_TOKEN", TOKEN)
            .env("SQREEN_APP_NAME", "tests")
            .env("SQREEN_URL", url)
            .env("SSL_CERT_FILE", trusted)
            .env_remove("SSL_CERT_DIR")
            .envs(settings.iter().cloned())
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command.output().await.unwrap()
    }

    fn assert_imported(output: &Output, secure: &Secure) {
        let printed = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{output:?}");
        assert!(printed.contains("accepted 3"), "{printed}");
        assert_eq!(secure.backend.events().len(), 3);
        assert_eq!(secure.refused.load(Ordering::SeqCst), 0);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_trusted_certificate_is_enough() {
        let secure = Secure::start("127.0.0.1").await;
        // The system's proxy is not the agent's.
        let proxy = Proxy::start(secure.backend.address).await;
        let system = ["http_proxy", "https_proxy", "all_proxy"];
        let system = system.map(|name| (name, format!("http://{}", proxy.address)));
        let trusted = secure.certificate.path();
        let output = import(&secure.url(), trusted, &system).await;
        assert_imported(&output, &secure);
        assert!(proxy.asked().is_empty());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_tunnel_through_the_proxy_is_as_good() {
        let secure = Secure::start("backend.invalid").await;
        let proxy = Proxy::start(secure.backend.address).await;
        let settings = [("SQREEN_HTTP_PROXY", format!("http://{}", proxy.address))];
        let trusted = secure.certificate.path();
        let output = import("https://backend.invalid", trusted, &settings).await;
        assert_imported(&output, &secure);
        let asked = proxy.asked();
        let tunnel = "CONNECT backend.invalid:443 HTTP/1.1\r\n";
        assert!(asked[0].starts_with(tunnel), "{asked:?}");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn nothing_is_sent_without_trust() {
        let secure = Secure::start("127.0.0.1").await;
        let other = Secure::start("127.0.0.1").await;
        let misnamed = Secure::start("backend.invalid").await;
        let (url, misnamed_url) = (secure.url(), misnamed.url());
        let outputs = tokio::join!(
            import(&url, other.certificate.path(), &[]),
            import(&misnamed_url, misnamed.certificate.path(), &[]),
        );
        for (output, secure) in [(outputs.0, secure), (outputs.1, misnamed)] {
            assert!(!output.status.success(), "{output:?}");
            let printed = String::from_utf8_lossy(&output.stdout);
            assert!(printed.contains("accepted 0"), "{printed}");
            // It tried, and broke off before a byte of a request.
            assert!(secure.refused.load(Ordering::SeqCst) > 0);
            let seen = secure.backend.seen();
            assert_eq!((seen.logins, seen.bodies.len()), (0, 0));
        }
    }
}
