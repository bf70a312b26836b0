use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;

use http::Extensions;
use tower_layer::Layer;

use super::service::SqreenService;
use crate::agent::Sqreen;
use crate::config::Config;

/// Address of the peer, as a request extension, for servers that have no extension of their own.
///
/// In axum, `into_make_service_with_connect_info::<SocketAddr>()` does the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerAddr(pub SocketAddr);

/// Mode of a layer that leaves request bodies alone.
#[derive(Clone, Copy, Debug)]
pub enum Untouched {}

/// Mode of a layer whose events may carry the request's body.
#[derive(Clone, Copy, Debug)]
pub enum Collecting {}

/// [`Layer`] that captures requests, so that events know who did what from where.
///
/// It puts a [`SqreenCtx`](crate::SqreenCtx) into the extensions of each request. Around a whole
/// axum `Router` and through `Router::layer` it captures the same, but for the matched route,
/// which axum tells only to what is inside: there, use `Router::layer`, or the extractors.
/// Applied twice, it captures once.
///
/// ```
/// use axum::{Router, routing::get};
/// use sqreen::{Config, SqreenCtx, SqreenLayer};
///
/// let config = Config::builder().build()?;
/// let app: Router = Router::new()
///     .route("/", get(async |sqreen: SqreenCtx| sqreen.track("home.viewed")))
///     .layer(SqreenLayer::new(config));
/// # Ok::<(), sqreen::ConfigError>(())
/// ```
#[must_use = "a layer does nothing until it is applied"]
pub struct SqreenLayer<M = Untouched> {
    sqreen: Sqreen,
    peer: fn(&Extensions) -> Option<SocketAddr>,
    mode: PhantomData<M>,
}

impl<M> Clone for SqreenLayer<M> {
    fn clone(&self) -> Self {
        Self {
            sqreen: self.sqreen.clone(),
            peer: self.peer,
            mode: PhantomData,
        }
    }
}

impl<M> fmt::Debug for SqreenLayer<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqreenLayer")
            .field("agent", &self.sqreen)
            .finish_non_exhaustive()
    }
}

impl SqreenLayer {
    /// Starts an agent and captures requests for it; [`agent`](Self::agent) hands it out.
    ///
    /// Cannot fail: should the system refuse the agent its thread, it logs an error and stays
    /// off. [`Sqreen::new`] returns that error instead.
    pub fn new(config: Config) -> Self {
        Self::from_agent(Sqreen::new(config).unwrap_or_else(|error| {
            tracing::error!("{error}");
            Sqreen::OFF
        }))
    }

    pub(crate) const fn from_agent(sqreen: Sqreen) -> Self {
        Self {
            sqreen,
            peer: default_peer,
            mode: PhantomData,
        }
    }

    /// Lets events carry the request's body, as far as the handler reads it and up to
    /// [`max_body_bytes`](crate::ConfigBuilder::max_body_bytes), when they
    /// [ask for it](crate::Event::collect_body).
    ///
    /// The inner service then gets a [`CollectedBody`](super::CollectedBody) around the body,
    /// with the same frames.
    pub fn collect_body(self) -> SqreenLayer<Collecting> {
        SqreenLayer {
            sqreen: self.sqreen,
            peer: self.peer,
            mode: PhantomData,
        }
    }
}

impl<M> SqreenLayer<M> {
    /// The agent that requests are captured for.
    #[must_use]
    pub const fn agent(&self) -> &Sqreen {
        &self.sqreen
    }

    /// Says where the peer's address is found among a request's extensions. By default,
    /// [`PeerAddr`], and axum's `ConnectInfo<SocketAddr>`, or `MockConnectInfo<SocketAddr>`;
    /// where it is unknown, so is the client.
    pub const fn peer_addr(mut self, peer: fn(&Extensions) -> Option<SocketAddr>) -> Self {
        self.peer = peer;
        self
    }
}

impl<S, M> Layer<S> for SqreenLayer<M> {
    type Service = SqreenService<S, M>;

    fn layer(&self, inner: S) -> Self::Service {
        SqreenService::new(inner, self.sqreen.clone(), self.peer)
    }
}

fn default_peer(extensions: &Extensions) -> Option<SocketAddr> {
    let own = extensions.get::<PeerAddr>().map(|peer| peer.0);
    #[cfg(feature = "axum")]
    let own = own.or_else(|| {
        let peer = extensions.get::<axum::extract::ConnectInfo<SocketAddr>>();
        peer.map(|peer| peer.0)
    });
    // The app's own tests: a layer outside of ours, whose address yields to a real one.
    #[cfg(feature = "axum")]
    let own = own.or_else(|| {
        let mock = extensions.get::<axum::extract::connect_info::MockConnectInfo<SocketAddr>>();
        mock.map(|mock| mock.0)
    });
    own
}
