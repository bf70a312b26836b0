use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use http::Response;

use crate::agent::{Agent, Call, Identity};
use crate::blocking::{self, Blocked, Verdict};
use crate::event::Event;
use crate::middleware::BodyCapture;
use crate::protocol::names;
use crate::request::RequestFacts;
use crate::user::{Traits, UserIdentifiers};

mod current;
mod request;

pub use self::current::{Scope, current};
pub(crate) use self::request::RequestContext;

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
            inner: Some(Arc::new(RequestContext::new(agent, facts))),
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
            context.set_route(route);
        }
    }

    pub(crate) fn belongs_to(&self, agent: &Arc<Agent>) -> bool {
        self.inner
            .as_ref()
            .is_some_and(|c| Arc::ptr_eq(&c.agent, agent))
    }

    pub(crate) fn set_body(&self, body: &Arc<BodyCapture>) {
        if let Some(context) = &self.inner {
            context.set_body(body);
        }
    }

    /// The request was answered with this status; or its future failed or was dropped before.
    /// For the layer that made the context, once.
    pub(crate) fn end(&self, status: Option<http::StatusCode>) {
        if let Some(context) = &self.inner {
            context.end(status);
        }
    }
}
