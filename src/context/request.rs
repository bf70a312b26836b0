//! What a request's handle, its events and the layer share.

use std::borrow::Cow;
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Instant;

use http::StatusCode;

use crate::actions::Hit;
use crate::agent::{Agent, Call, Identity};
use crate::blocking::{self, Actor, Verdict};
use crate::event::Event;
use crate::limits::Mistake;
use crate::middleware::BodyCapture;
use crate::not_found;
use crate::request::RequestFacts;
use crate::user::UserIdentifiers;

const IN_FLIGHT: u16 = 0;
const ABANDONED: u16 = 1;

/// One request, shared by its handle, its events and the layer.
pub(crate) struct RequestContext {
    pub(crate) agent: Arc<Agent>,
    pub(crate) facts: RequestFacts,
    /// The response's status, or one of the two states above, which are no statuses.
    status: AtomicU16,
    /// Whether an event waits for the response that is then to go out at once.
    urgent: AtomicBool,
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
    pub(super) const fn new(agent: Arc<Agent>, facts: RequestFacts) -> Self {
        Self {
            agent,
            facts,
            status: AtomicU16::new(IN_FLIGHT),
            urgent: AtomicBool::new(false),
            more: OnceLock::new(),
        }
    }

    /// The request was answered, or abandoned.
    pub(super) fn end(self: &Arc<Self>, status: Option<StatusCode>) {
        let code = status.map_or(ABANDONED, |status| status.as_u16());
        self.status.store(code, Ordering::Relaxed);
        // What stops a request is reported as that.
        if status == Some(StatusCode::NOT_FOUND) && self.verdict().is_none() {
            not_found::report(self);
        }
        if self.urgent.load(Ordering::Relaxed) {
            self.agent.queue.hurry();
        }
    }

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

    pub(super) fn latest_identity(&self) -> Option<Arc<Identity>> {
        Some(self.identities()?.1)
    }

    fn identities(&self) -> Option<(Arc<Identity>, Arc<Identity>)> {
        let identities = self.more.get()?.identities.lock();
        identities.unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_identity(&self, identity: Arc<Identity>) {
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
    pub(super) fn check_ip(self: &Arc<Self>) {
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
    pub(super) fn check_user(self: &Arc<Self>, user: &UserIdentifiers) {
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
        if call.is_urgent() {
            self.urgent.store(true, Ordering::Relaxed);
            // From another task, at the very moment of the response, both may miss the other: such
            // an event goes out with the next batch.
            if !self.is_in_flight() {
                self.agent.queue.hurry();
            }
        }
    }

    /// Tells the route, unless it is known.
    pub(super) fn set_route(&self, route: &str) {
        if self.facts.route().is_none() {
            self.more().route.get_or_init(|| route.into());
        }
    }

    pub(super) fn set_body(&self, body: &Arc<BodyCapture>) {
        self.more().body.get_or_init(|| body.clone());
    }

    /// What was read of the body, if the layer collects it.
    pub(crate) fn body(&self) -> Option<&Arc<BodyCapture>> {
        self.more.get()?.body.get()
    }
}
