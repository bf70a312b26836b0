use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use crate::agent::{Agent, Call, Identity};
use crate::event::Event;
use crate::limits::Mistake;
use crate::middleware::BodyCapture;
use crate::protocol::names;
use crate::request::{RequestFacts, Route};
use crate::user::{Traits, UserIdentifiers};

const IN_FLIGHT: u16 = 0;
const ABANDONED: u16 = 1;

thread_local! {
    /// The request that this thread is polling.
    static CURRENT: RefCell<Option<SqreenCtx>> = const { RefCell::new(None) };
}

/// One request, shared by its handle, its events and the layer.
pub(crate) struct RequestContext {
    pub(crate) agent: Arc<Agent>,
    pub(crate) facts: RequestFacts,
    /// The response's status, or one of the two states above, which are no statuses.
    status: AtomicU16,
    /// The first user, set with the first of `latest`, so that a request without users takes no
    /// lock.
    first: OnceLock<Arc<Identity>>,
    latest: Mutex<Option<Arc<Identity>>>,
    pub(crate) body: OnceLock<Arc<BodyCapture>>,
}

impl fmt::Debug for RequestContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestContext").finish_non_exhaustive()
    }
}

impl RequestContext {
    pub(crate) fn is_in_flight(&self) -> bool {
        self.status.load(Ordering::Relaxed) == IN_FLIGHT
    }

    pub(crate) fn status(&self) -> Option<u16> {
        let status = self.status.load(Ordering::Relaxed);
        (status > ABANDONED).then_some(status)
    }

    /// Who an event belongs to that was tracked before anyone was identified.
    pub(crate) fn first_identity(&self) -> Option<Arc<Identity>> {
        self.first.get().cloned()
    }

    fn latest_identity(&self) -> Option<Arc<Identity>> {
        self.first.get()?;
        let latest = self.latest.lock();
        latest.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_identity(&self, identity: Arc<Identity>) {
        let mut latest = self.latest.lock().unwrap_or_else(PoisonError::into_inner);
        *latest = Some(identity.clone());
        self.first.get_or_init(|| identity);
    }
}

/// The current request, as far as Sqreen is concerned: a cheap handle to track events with.
///
/// The layer puts one into each request's extensions; it is also an axum extractor. A clone can
/// be moved to another task, and goes on working after the response was sent.
///
/// ```
/// use sqreen::{SqreenCtx, UserIdentifiers};
///
/// fn handler(request: &http::Request<()>) {
///     if let Some(sqreen) = request.extensions().get::<SqreenCtx>() {
///         sqreen.track("report.viewed");
///     }
/// }
/// ```
#[derive(Clone)]
pub struct SqreenCtx {
    /// `None` when the agent is off.
    inner: Option<Arc<RequestContext>>,
}

impl fmt::Debug for SqreenCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("SqreenCtx");
        if let Some(context) = &self.inner {
            debug
                .field("method", &context.facts.method)
                .field("path", &context.facts.uri.path());
        }
        debug.finish_non_exhaustive()
    }
}

impl SqreenCtx {
    pub(crate) const OFF: Self = Self { inner: None };

    pub(crate) fn new(agent: Arc<Agent>, facts: RequestFacts) -> Self {
        Self {
            inner: Some(Arc::new(RequestContext {
                agent,
                facts,
                status: AtomicU16::new(IN_FLIGHT),
                first: OnceLock::new(),
                latest: Mutex::new(None),
                body: OnceLock::new(),
            })),
        }
    }

    /// Tracks an event of this request. Never fails, blocks or waits.
    pub fn track(&self, event: impl Into<Event>) {
        if let Some(context) = &self.inner {
            self.send(context, Call::Track, event.into());
        }
    }

    /// Says who is behind this request.
    ///
    /// The request's events belong to this user unless they name another: those tracked from now
    /// on, and those tracked before when it is the request's first user. Identifying alone sends
    /// nothing.
    ///
    /// # Errors
    ///
    /// The user is blocked; answer with the error, which is a response.
    pub fn identify(&self, user: impl Into<UserIdentifiers>) -> Result<(), Blocked> {
        self.identify_with(user, Traits::default())
    }

    /// Says who is behind this request, and what else is known of the user.
    ///
    /// # Errors
    ///
    /// As [`identify`](Self::identify).
    pub fn identify_with(
        &self,
        user: impl Into<UserIdentifiers>,
        traits: impl Into<Traits>,
    ) -> Result<(), Blocked> {
        let Some(context) = &self.inner else {
            return Ok(());
        };
        let (user, traits) = (user.into(), traits.into());
        let mut mistakes = user.mistakes();
        mistakes.join(traits.mistakes);
        if !mistakes.is_empty() {
            context.agent.correct(mistakes);
        }
        if !user.is_empty() {
            context.set_identity(Arc::new(Identity { user, traits }));
        }
        Ok(())
    }

    /// Tracks an attempt to log in. A success also identifies the request, unless it is already.
    ///
    /// Call it for real attempts only, not when a session is checked.
    pub fn auth_track(&self, success: bool, user: impl Into<UserIdentifiers>) {
        let user = user.into();
        if success {
            self.identify_first(&user);
        }
        let event = Event::unchecked(names::LOGIN.into()).property("success", success);
        self.send_as(Call::Auth, event.user(user));
    }

    /// Tracks the creation of an account, and identifies the request, unless it is already.
    pub fn signup_track(&self, user: impl Into<UserIdentifiers>) {
        let user = user.into();
        self.identify_first(&user);
        self.send_as(
            Call::Signup,
            Event::unchecked(names::SIGNUP.into()).user(user),
        );
    }

    /// Runs a future with this request as the current one, so that [`current`] and
    /// [`track`](crate::track) find it, as they do not in a task of its own.
    ///
    /// ```
    /// # async fn handler(sqreen: sqreen::SqreenCtx) {
    /// tokio::spawn(sqreen.scope(async {
    ///     sqreen::track("report.generated");
    /// }));
    /// # }
    /// ```
    pub fn scope<F: Future>(&self, future: F) -> Scope<F> {
        Scope {
            context: self.clone(),
            future,
        }
    }

    fn identify_first(&self, user: &UserIdentifiers) {
        let identified = self
            .inner
            .as_ref()
            .is_none_or(|c| c.latest_identity().is_some());
        if !identified && !user.is_empty() {
            // The verdict on a blocked user is kept in the context, where the layer finds it.
            let _ = self.identify(user);
        }
    }

    fn send_as(&self, call: Call, event: Event) {
        if let Some(context) = &self.inner {
            self.send(context, call, event);
        }
    }

    fn send(&self, context: &Arc<RequestContext>, call: Call, mut event: Event) {
        if event.collect_body && context.body.get().is_none() {
            event.mistakes.add(Mistake::BodyNotCollected);
        }
        let identity = context.latest_identity();
        context
            .agent
            .send(call, event, Some((context.clone(), identity)));
    }

    /// Tells the route that the request matched, such as `/invoices/{id}`; the values of its
    /// placeholders become path parameters. In axum the layer and the extractors do it. The first
    /// route told stays.
    pub fn set_route(&self, route: &str) {
        if let Some(context) = &self.inner {
            context.facts.set_route(|| Route::Text(route.into()));
        }
    }

    #[cfg(feature = "axum")]
    pub(crate) fn set_matched_path(&self, path: &axum::extract::MatchedPath) {
        if let Some(context) = &self.inner {
            context.facts.set_route(|| Route::Axum(path.clone()));
        }
    }

    pub(crate) fn belongs_to(&self, agent: &Arc<Agent>) -> bool {
        self.inner
            .as_ref()
            .is_some_and(|c| Arc::ptr_eq(&c.agent, agent))
    }

    pub(crate) fn set_body(&self, body: &Arc<BodyCapture>) {
        if let Some(context) = &self.inner {
            context.body.get_or_init(|| body.clone());
        }
    }

    pub(crate) fn answered(&self, status: http::StatusCode) {
        self.finish(status.as_u16());
    }

    /// The request's future was dropped before it answered, or failed.
    pub(crate) fn abandoned(&self) {
        self.finish(ABANDONED);
    }

    fn finish(&self, status: u16) {
        if let Some(context) = &self.inner {
            let order = Ordering::Relaxed;
            let _ = context
                .status
                .compare_exchange(IN_FLIGHT, status, order, order);
        }
    }

    /// Makes this the current request of the thread until the guard is dropped.
    pub(crate) fn enter(&self) -> Entered {
        Entered {
            before: CURRENT.with(|current| current.replace(Some(self.clone()))),
        }
    }
}

/// Restores the current request of the thread when dropped.
pub(crate) struct Entered {
    before: Option<SqreenCtx>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = self.before.take();
        // Dropped outside of the borrow: it may be the last handle of something that looks here.
        let _after = CURRENT.with(|current| current.replace(before));
    }
}

/// The request that is being handled here, if any: within the task that the layer polls, or
/// within [`SqreenCtx::scope`].
#[must_use]
pub fn current() -> Option<SqreenCtx> {
    CURRENT.with(|current| current.borrow().clone())
}

pin_project_lite::pin_project! {
    /// The future of [`SqreenCtx::scope`].
    #[derive(Debug)]
    pub struct Scope<F> {
        context: SqreenCtx,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for Scope<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let _entered = this.context.enter();
        this.future.poll(cx)
    }
}

/// The user is blocked by a security response.
///
/// In axum it is a response: a handler can end with `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Blocked {
    _private: (),
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the user is blocked")
    }
}

impl std::error::Error for Blocked {}
