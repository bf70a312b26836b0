//! TLS from files, which are read again when they change.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, Weak};
use std::time::{Duration, SystemTime};

use rustls::ServerConfig;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How often the files are looked at.
const EVERY: Duration = Duration::from_secs(1);

/// Why a certificate cannot be used.
#[derive(Debug)]
pub(crate) enum TlsError {
    /// The file cannot be read, or holds no such thing.
    File(PathBuf, pem::Error),
    /// The certificate and the key are not fit for use, or not for each other.
    Pair(rustls::Error),
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Pair(error) => write!(f, "tls_cert, tls_key: {error}"),
        }
    }
}

impl std::error::Error for TlsError {}

/// When each file was last written.
type Written = [Option<SystemTime>; 2];

/// A certificate with its key.
#[derive(Debug)]
pub(crate) struct Tls {
    cert: PathBuf,
    key: PathBuf,
    config: RwLock<Arc<ServerConfig>>,
}

impl Tls {
    /// Reads the files, and looks for changes for as long as it lives. A pair that does not fit is left out, such as
    /// when one file is replaced and the other not yet; what was there before goes on.
    pub(crate) fn open(cert: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        let written = written(cert, key);
        let tls = Arc::new(Self {
            config: RwLock::new(read(cert, key)?),
            cert: cert.to_owned(),
            key: key.to_owned(),
        });
        tokio::spawn(watch(Arc::downgrade(&tls), written));
        Ok(tls)
    }

    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let config = Arc::clone(&self.config.read().unwrap_or_else(PoisonError::into_inner));
        TlsAcceptor::from(config).accept(stream).await
    }

    fn reload(&self) {
        match read(&self.cert, &self.key) {
            Ok(config) => {
                *self.config.write().unwrap_or_else(PoisonError::into_inner) = config;
                tracing::info!(cert = %self.cert.display(), "certificate read again");
            }
            Err(error) => {
                tracing::warn!(%error, "certificate not taken over; the one before stays");
            }
        }
    }
}

async fn watch(tls: Weak<Tls>, mut known: Written) {
    loop {
        tokio::time::sleep(EVERY).await;
        let Some(tls) = tls.upgrade() else {
            return;
        };
        let found = written(&tls.cert, &tls.key);
        if found != known {
            known = found;
            tls.reload();
        }
    }
}

fn written(cert: &Path, key: &Path) -> Written {
    [cert, key].map(|path| fs::metadata(path).and_then(|file| file.modified()).ok())
}

fn read(cert: &Path, key: &Path) -> Result<Arc<ServerConfig>, TlsError> {
    let of = |path: &Path| {
        let path = path.to_owned();
        move |error| TlsError::File(path, error)
    };
    let certificates = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(of(cert))?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(of(key))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            let builder = builder.with_no_client_auth();
            builder.with_single_cert(certificates, private)
        })
        .map_err(TlsError::Pair)?;
    Ok(Arc::new(config))
}
