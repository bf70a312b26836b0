use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Weak};
use std::time::Duration;

use axum::Router;
use axum::body::HttpBody;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{Extensions, HeaderMap, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;

use crate::actions::Actions;
use crate::api::{Described, MAX_BODY, Problem};
use crate::auth::{Client, People, PersonError, SignIn, Tokens};
use crate::config::ServerConfig;
use crate::enrich::{self, Enrichment};
use crate::ingest::Intake;
use crate::ledger::Ledger;
use crate::metrics::{Metrics, Readiness};
use crate::notify::Notifier;
use crate::playbooks::{self, Playbooks, Responder, RunnerHandle};
use crate::routes::{Endpoint, Route};
use crate::sessions::Sessions;
use crate::state::{SqliteState, StateError, StateStore};
use crate::store::{EmbeddedStore, EventStore, ScanMonitor, StoreError};
use crate::{api, auth, ingest, ledger, metrics, routes, ui};

/// What all handlers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) store: Arc<dyn EventStore>,
    pub(crate) state: Arc<dyn StateStore>,
    pub(crate) metrics: Metrics,
    pub(crate) ready: Readiness,
    pub(crate) actions: Actions,
    pub(crate) tokens: Tokens,
    pub(crate) sessions: Sessions,
    pub(crate) ledger: Ledger,
    pub(crate) people: People,
    pub(crate) playbooks: Playbooks,
    pub(crate) runner: RunnerHandle,
    pub(crate) signin: SignIn,
    trusted_proxies: Vec<IpNet>,
    https: bool,
    pub(crate) intake: Intake,
    pub(crate) enrichment: Enrichment,
    /// Bounds the searches, exports and live streams that are open.
    pub(crate) scans: api::Scans,
    pub(crate) notifier: Notifier,
}

pub(crate) type App = Arc<Shared>;

impl Shared {
    /// What a playbook's decision needs.
    pub(crate) fn responder(&self) -> Responder<'_> {
        Responder {
            state: &*self.state,
            store: &*self.store,
            actions: &self.actions,
            playbooks: &self.playbooks,
            notifier: &self.notifier,
            enrichment: &self.enrichment,
        }
    }

    /// Where a request comes from.
    pub(crate) fn client(&self, extensions: &Extensions, headers: &HeaderMap) -> Client {
        Client::of(extensions, headers, &self.trusted_proxies, self.https)
    }
}

/// The backend.
#[derive(Clone, Debug)]
pub struct Server {
    pub(crate) shared: App,
}

impl Server {
    /// Opens the data directory.
    ///
    /// # Errors
    ///
    /// [`StartError::Store`] if the events cannot be opened, such as when another server has the directory open;
    /// [`StartError::State`] if `state.sqlite` cannot be, such as when a newer server has written it;
    /// [`StartError::Smtp`] if mail cannot be sent by what [`ServerConfig::smtp`] was given;
    /// [`StartError::Io`] if another file of the directory cannot be read or written.
    ///
    /// # Panics
    ///
    /// Outside of a Tokio runtime. It needs one with time and I/O.
    pub async fn start(config: ServerConfig) -> Result<Self, StartError> {
        let server = blocking(move || Self::open(&config))
            .await
            .unwrap_or_else(|error| Err(StartError::Store(error)))?;
        tokio::spawn(watch_access(Arc::downgrade(&server.shared)));
        tokio::spawn(enrich::watch(Arc::downgrade(&server.shared)));
        tokio::spawn(ledger::keep(Arc::downgrade(&server.shared)));
        server.shared.notifier.start();
        Ok(server)
    }

    fn open(config: &ServerConfig) -> Result<Self, StartError> {
        let in_dir = |source| StartError::Io {
            path: config.data_dir.clone(),
            source,
        };
        let store = EmbeddedStore::open(config.data_dir.join("events"), config.store.clone())
            .map_err(StartError::Store)?;
        let state = SqliteState::open(&config.data_dir.join("state.sqlite"));
        let state: Arc<dyn StateStore> = Arc::new(state.map_err(StartError::State)?);
        let actions = Actions::open(Arc::clone(&state)).map_err(StartError::State)?;
        let people = People::open(Arc::clone(&state)).map_err(StartError::State)?;
        let playbooks = Playbooks::open(Arc::clone(&state)).map_err(StartError::State)?;
        playbooks
            .add_missing(&config.playbooks)
            .map_err(StartError::State)?;
        let notifier = Notifier::new(config, Arc::clone(&state)).map_err(StartError::Smtp)?;
        let shared = Shared {
            store: Arc::new(store),
            actions,
            tokens: Tokens::load(config, Arc::clone(&state)).map_err(StartError::State)?,
            state,
            metrics: Metrics::new(),
            ready: Readiness::new(&config.data_dir),
            sessions: Sessions::new(),
            ledger: Ledger::open(&config.data_dir).map_err(in_dir)?,
            signin: SignIn::open(config, &people).map_err(start_error)?,
            people,
            playbooks,
            runner: RunnerHandle::default(),
            trusted_proxies: config.trusted_proxies.clone(),
            https: config.https,
            intake: Intake::new(&config.ingest).map_err(in_dir)?,
            enrichment: Enrichment::open(&config.enrichment),
            scans: api::Scans::new(),
            notifier,
        };
        let shared = Arc::new(shared);
        let checkpoint = config.data_dir.join("playbooks.checkpoint");
        playbooks::start(&shared, checkpoint).map_err(StartError::Store)?;
        Ok(Self { shared })
    }

    /// All endpoints, to be served at the root. Clients' addresses are known where it is served with
    /// [`into_make_service_with_connect_info`](Router::into_make_service_with_connect_info) of a `SocketAddr`.
    pub fn router(&self) -> Router {
        let shared = || Arc::clone(&self.shared);
        let [agents, api, pages, operation] =
            endpoints().map(|endpoints| routes::router(&self.shared, endpoints));
        let pages = pages
            .fallback(missing)
            .layer(from_fn(auth::same_origin))
            .layer(from_fn_with_state(shared(), ui::finish));
        let api = api
            .method_not_allowed_fallback(async || Problem::method())
            .layer(DefaultBodyLimit::max(MAX_BODY));
        Router::new()
            .merge(api)
            .merge(pages)
            .layer(from_fn_with_state(shared(), bodies_in_time))
            // Bodies of agents have limits and a time of their own, and answers that old agents understand.
            .merge(agents.layer(DefaultBodyLimit::disable()))
            .merge(operation)
            .layer(from_fn_with_state(shared(), metrics::count))
            .with_state(shared())
    }

    /// What [`router`](Self::router) answers, and what each endpoint needs.
    #[must_use]
    pub fn routes() -> Vec<Route> {
        let endpoints = endpoints().into_iter().flatten();
        endpoints.map(|endpoint| endpoint.route).collect()
    }

    /// The ingest token, if it was made by this start; it cannot be had again.
    #[must_use]
    pub fn new_ingest_token(&self) -> Option<&str> {
        self.shared
            .tokens
            .new_ingest
            .as_ref()
            .map(|token| token.0.as_str())
    }

    /// The API token, if it was made by this start; it cannot be had again.
    #[must_use]
    pub fn new_api_token(&self) -> Option<&str> {
        self.shared
            .tokens
            .new_api
            .as_ref()
            .map(|token| token.0.as_str())
    }

    /// Path and query of a link to the Event Explorer. As long as no admin can sign in, whoever has it makes the first
    /// one; it signs in to a demo, see [`ServerConfig::demo_explorer_link`].
    #[must_use]
    pub fn explorer_link(&self) -> String {
        self.shared.signin.link(&self.shared.people)
    }

    /// From now on `/readyz` answers 503, so that whoever distributes agents sends no more here. All else goes on.
    pub fn announce_stop(&self) {
        self.shared.ready.stop();
    }

    /// Ends the streams of security responses and of events, which would be open for ever. Call it when a graceful
    /// shutdown begins, so that it need not wait for them; [`close`](Self::close) does it, too.
    pub fn drain(&self) {
        self.announce_stop();
        self.shared.actions.drain();
    }

    /// Closes the stores: what was answered is durable, further events and decisions are refused. Call it once the
    /// router serves no longer.
    ///
    /// # Errors
    ///
    /// [`StoreError::Io`] if the last of the event store could not be written; what was acknowledged is safe
    /// nevertheless.
    pub async fn close(&self) -> Result<(), StoreError> {
        self.shared.notifier.stop().await;
        let shared = Arc::clone(&self.shared);
        blocking(move || {
            shared.actions.drain();
            let closed = shared.store.close();
            // What was stored is evaluated, and what comes of it is kept, before the state store ends.
            shared.runner.join();
            if let Err(error) = shared.ledger.close() {
                tracing::error!(%error, "outcome ledger not written");
            }
            if let Err(error) = shared.actions.close() {
                tracing::warn!(%error, "the state store ended with an error");
            }
            closed
        })
        .await?
    }
}

/// The endpoints of agents, of the API, of the pages and of operation.
fn endpoints() -> [Vec<Endpoint>; 4] {
    [
        ingest::routes(),
        api::routes().into_iter().map(Described::endpoint).collect(),
        ui::routes(),
        metrics::routes(),
    ]
}

/// Answers 408 where a body does not come in time, so that slow clients hold no connection for ever.
async fn bodies_in_time(State(app): State<App>, request: Request, next: Next) -> Response {
    if request.body().is_end_stream() {
        return next.run(request).await;
    }
    match tokio::time::timeout(app.intake.body_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            let close = [(header::CONNECTION, "close")];
            (close, Problem::slow()).into_response()
        }
    }
}

/// Where there is no route.
async fn missing(uri: Uri) -> Response {
    if uri.path().starts_with("/api/") {
        Problem::no_route().into_response()
    } else {
        StatusCode::NOT_FOUND.into_response()
    }
}

fn start_error(error: PersonError) -> StartError {
    match error {
        PersonError::State(error) => StartError::State(error),
        error => StartError::Admin(error.to_string()),
    }
}

/// How often changes to tokens and people by another process are looked for.
const ACCESS_EVERY: Duration = Duration::from_millis(500);

/// Takes in what another process changed, such as `sqreen-server user`, for as long as the server lives.
async fn watch_access(server: Weak<Shared>) {
    let mut version = None;
    loop {
        tokio::time::sleep(ACCESS_EVERY).await;
        let Some(shared) = server.upgrade() else {
            return;
        };
        let refreshed = blocking(move || refresh(&shared, version));
        match refreshed.await {
            Ok(Err(StateError::Closed)) | Err(_) => return,
            Ok(Err(error)) => tracing::warn!(%error, "tokens and people not read again"),
            Ok(Ok(found)) => version = Some(found),
        }
    }
}

/// Reads tokens and people again if another process has written since this version; answers the version.
fn refresh(shared: &Shared, version: Option<i64>) -> Result<i64, StateError> {
    shared.tokens.note_uses()?;
    shared.people.note_uses()?;
    let found = shared.state.version()?;
    if version != Some(found) {
        shared.people.read()?;
        shared.tokens.read()?;
        shared.playbooks.read()?;
    }
    Ok(found)
}

/// Runs a scan of the store where it may block, and cancels it once nobody waits for it any more, such as when a client
/// has gone.
pub(crate) async fn scanning<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce(&ScanMonitor) -> Result<T, StoreError> + Send + 'static,
{
    let waiting = Waiting(Arc::default());
    let monitor = Arc::clone(&waiting.0);
    blocking(move || work(&monitor)).await?
}

/// Someone who waits for a scan.
struct Waiting(Arc<ScanMonitor>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// Runs what blocks where it may.
pub(crate) async fn blocking<T, F>(work: F) -> Result<T, StoreError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| StoreError::Internal(error.to_string()))
}

/// Why a [`Server`] did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The event store could not be opened.
    Store(StoreError),
    /// The state store could not be opened.
    State(StateError),
    /// The admin of the configuration cannot be one; the text names the field.
    Admin(String),
    /// What is wrong with [`ServerConfig::smtp`].
    Smtp(&'static str),
    /// A file of the data directory could not be read or written.
    Io {
        /// The data directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::State(error) => error.fmt(f),
            Self::Admin(wrong) => write!(f, "admin: {wrong}"),
            Self::Smtp(wrong) => f.write_str(wrong),
            Self::Io { path, source } => write!(f, "data directory {}: {source}", path.display()),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::State(error) => error.source(),
            Self::Admin(_) | Self::Smtp(_) => None,
            Self::Io { source, .. } => Some(source),
        }
    }
}
