use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

use bytes::Bytes;
use http::Response;

use crate::actions::{Actor, Hit};
use crate::agent::{Agent, Call, Identity};
use crate::blocking::{self, Blocked, Verdict};
use crate::event::Event;
use crate::limits::Mistake;
use crate::middleware::BodyCapture;
use crate::protocol::names;
use crate::request::RequestFacts;
use crate::user::{Traits, UserIdentifiers};

const IN_FLIGHT: u16 = 0;
const ABANDONED: u16 = 1;

thread_local! {
    /// The request that this thread is polling.
    static CURRENT: Cell<Option<Arc<RequestContext>>> = const { Cell::new(None) };
}

/// One request, shared by its handle, its events and the layer.
pub(crate) struct RequestContext {
    pub(crate) agent: Arc<Agent>,
    pub(crate) facts: RequestFacts,
    /// The response's status, or one of the two states above, which are no statuses.
    status: AtomicU16,
    /// What few requests have: made with the first of it.
    more: OnceLock<Box<More>>,
}

/// What becomes known while a request is handled.
#[derive(Debug, Default)]
struct More {
    /// The first user and the latest.
    identities: Mutex<Option<(Arc<Identity>, Arc<Identity>)>>,
    /// The matched route, where the layer does not see it.
    route: OnceLock<Box<str>>,
    body: OnceLock<Arc<BodyCapture>>,
    /// What stops the request; the first verdict stays.
    verdict: OnceLock<Arc<Verdict>>,
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

    fn more(&self) -> &More {
        self.more.get_or_init(Box::default)
    }

    /// Who an event belongs to that was tracked before anyone was identified.
    pub(crate) fn first_identity(&self) -> Option<Arc<Identity>> {
        Some(self.identities()?.0)
    }

    fn latest_identity(&self) -> Option<Arc<Identity>> {
        Some(self.identities()?.1)
    }

    fn identities(&self) -> Option<(Arc<Identity>, Arc<Identity>)> {
        let identities = self.more.get()?.identities.lock();
        identities.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_identity(&self, identity: Arc<Identity>) {
        let identities = self.more().identities.lock();
        let mut identities = identities.unwrap_or_else(PoisonError::into_inner);
        *identities = Some(match identities.take() {
            Some((first, _)) => (first, identity),
            None => (identity.clone(), identity),
        });
    }

    /// The matched route.
    pub(crate) fn route(&self) -> Option<Cow<'_, str>> {
        let told = || Some(Cow::from(&**self.more.get()?.route.get()?));
        self.facts.route().or_else(told)
    }

    pub(crate) fn client_ip(&self) -> Option<IpAddr> {
        self.facts.client_ip(&self.agent.config.client_ip)
    }

    /// What stops the request, if anything was found to.
    pub(crate) fn verdict(&self) -> Option<&Arc<Verdict>> {
        self.more.get()?.verdict.get()
    }

    /// Looks for an action on the client's address.
    fn check_ip(self: &Arc<Self>) {
        if !self.agent.enforced.any() {
            return;
        }
        let enforced = self.agent.enforced.load();
        let ip = self.client_ip();
        if !enforced.allows(ip, &self.facts.path())
            && let Some(ip) = ip
            && let Some(hit) = enforced.by_ip(ip, Instant::now)
        {
            self.apply(&hit, Actor::Ip(ip));
        }
    }

    /// Looks for an action on a user.
    fn check_user(self: &Arc<Self>, user: &UserIdentifiers) {
        if !self.agent.enforced.any() {
            return;
        }
        let enforced = self.agent.enforced.load();
        if !enforced.allows(self.client_ip(), &self.facts.path())
            && let Some(hit) = enforced.by_user(user, Instant::now)
        {
            self.apply(&hit, Actor::User(user));
        }
    }

    fn apply(self: &Arc<Self>, hit: &Hit<'_>, actor: Actor<'_>) {
        let reference = Verdict::reference();
        blocking::report(self, hit, actor, &reference);
        if !hit.dry_run {
            let verdict = || Arc::new(Verdict::new(hit, reference));
            self.more().verdict.get_or_init(verdict);
        }
    }

    /// Tracks an event of this request.
    pub(crate) fn send(self: &Arc<Self>, call: Call, mut event: Event) {
        let parts = event.parts_mut();
        if parts.collect_body && self.body().is_none() {
            parts.mistakes.add(Mistake::BodyNotCollected);
        }
        let identity = self.latest_identity();
        self.agent.send(call, event, Some((self.clone(), identity)));
    }

    /// What was read of the body, if the layer collects it.
    pub(crate) fn body(&self) -> Option<&Arc<BodyCapture>> {
        self.more.get()?.body.get()
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
                .field("method", &context.facts.method())
                .field("path", &context.facts.path());
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
                more: OnceLock::new(),
            })),
        }
    }

    /// Tracks an event of this request. Never fails, blocks or waits.
    pub fn track(&self, event: impl Into<Event>) {
        if let Some(context) = &self.inner {
            context.send(Call::Track, event.into());
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
    /// A security response stops this user, or stopped an earlier one of this request. Answer with
    /// the error, which is a response in axum. The layer answers so in any case, whatever the
    /// handler returns, unless it has returned already: what is identified while the response's
    /// body is being sent cannot call that back.
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
            let identity = Arc::new(Identity { user, traits });
            context.set_identity(identity.clone());
            context.check_user(&identity.user);
        }
        match context.verdict() {
            Some(verdict) => Err(Blocked::new(verdict.clone())),
            None => Ok(()),
        }
    }

    /// Whether a security response would stop this user in this request; nothing is reported, and
    /// the request is not identified.
    #[must_use]
    pub fn is_blocked(&self, user: &UserIdentifiers) -> bool {
        self.inner.as_ref().is_some_and(|context| {
            let enforced = context.agent.enforced.load();
            let allowed = enforced.allows(context.client_ip(), &context.facts.path());
            !allowed && context.agent.blocks(user)
        })
    }

    /// Looks for an action on the client's address: what stops the request, if anything.
    pub(crate) fn check_ip(&self) -> Option<&Arc<Verdict>> {
        self.inner.as_ref()?.check_ip();
        self.verdict()
    }

    pub(crate) fn verdict(&self) -> Option<&Arc<Verdict>> {
        self.inner.as_ref()?.verdict()
    }

    /// The answer to this request, which is stopped.
    pub(crate) fn answer(&self) -> Option<Response<Bytes>> {
        let context = self.inner.as_ref()?;
        Some(blocking::answer(context, context.verdict()?))
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
            context.send(call, event);
        }
    }

    /// Tells the route that the request matched, such as `/invoices/{id}`; the values of its
    /// placeholders become path parameters. In axum the layer and the extractors do it. The first
    /// route told stays.
    pub fn set_route(&self, route: &str) {
        if let Some(context) = &self.inner {
            let known = context.facts.route().is_some();
            if !known {
                context.more().route.get_or_init(|| route.into());
            }
        }
    }

    pub(crate) fn belongs_to(&self, agent: &Arc<Agent>) -> bool {
        self.inner
            .as_ref()
            .is_some_and(|c| Arc::ptr_eq(&c.agent, agent))
    }

    pub(crate) fn set_body(&self, body: &Arc<BodyCapture>) {
        if let Some(context) = &self.inner {
            context.more().body.get_or_init(|| body.clone());
        }
    }

    /// The request was answered with this status; or its future failed or was dropped before.
    /// For the layer that made the context, once.
    pub(crate) fn end(&self, status: Option<http::StatusCode>) {
        if let Some(context) = &self.inner {
            let status = status.map_or(ABANDONED, |status| status.as_u16());
            context.status.store(status, Ordering::Relaxed);
        }
    }

    /// Makes this the current request of the thread until the guard is dropped.
    ///
    /// The guard swaps the two, which costs no counting of references.
    pub(crate) fn enter(&mut self) -> Entered<'_> {
        let before = swap_current(self.inner.take());
        Entered {
            context: self,
            before,
        }
    }
}

/// Restores the current request of the thread when dropped.
pub(crate) struct Entered<'a> {
    context: &'a mut SqreenCtx,
    before: Option<Arc<RequestContext>>,
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        self.context.inner = swap_current(self.before.take());
    }
}

/// On a thread that is ending, what goes in comes out again.
fn swap_current(next: Option<Arc<RequestContext>>) -> Option<Arc<RequestContext>> {
    let mut next = next;
    let swapped = CURRENT.try_with(|current| current.replace(next.take()));
    swapped.unwrap_or(next)
}

/// The request that is being handled here, if any: within the task that the layer polls, or
/// within [`SqreenCtx::scope`].
#[must_use]
pub fn current() -> Option<SqreenCtx> {
    // A thread that is ending handles no request.
    let current = CURRENT.try_with(|current| {
        let context = current.take();
        current.set(context.clone());
        context
    });
    let inner = Some(current.ok().flatten()?);
    Some(SqreenCtx { inner })
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
