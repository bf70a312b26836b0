use std::fmt;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Extensions, Request, Response, Uri};
use http_body::Body;
use tower_service::Service;

use super::body::{BodyCapture, CollectedBody};
use super::future::ResponseFuture;
use super::layer::{Collecting, Untouched};
use crate::agent::{Agent, Sqreen};
use crate::blocking::ResponseBody;
use crate::context::SqreenCtx;
use crate::request::{RequestFacts, Source};

/// Service that captures requests; made by [`SqreenLayer`](super::SqreenLayer).
pub struct SqreenService<S, M = Untouched> {
    inner: S,
    sqreen: Sqreen,
    peer: fn(&Extensions) -> Option<SocketAddr>,
    mode: PhantomData<M>,
}

impl<S: Clone, M> Clone for SqreenService<S, M> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.sqreen.clone(), self.peer)
    }
}

impl<S: fmt::Debug, M> fmt::Debug for SqreenService<S, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqreenService")
            .field("inner", &self.inner)
            .field("agent", &self.sqreen)
            .finish_non_exhaustive()
    }
}

impl<S, M> SqreenService<S, M> {
    pub(super) const fn new(
        inner: S,
        sqreen: Sqreen,
        peer: fn(&Extensions) -> Option<SocketAddr>,
    ) -> Self {
        Self {
            inner,
            sqreen,
            peer,
            mode: PhantomData,
        }
    }

    /// The inner service.
    pub const fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The inner service.
    pub const fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// The inner service.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Finds or makes the request's context; the flag says whether this layer made it.
    fn context<B>(&self, request: &mut Request<B>) -> (SqreenCtx, bool) {
        let outer = request.extensions().get::<SqreenCtx>();
        let Some(agent) = self.sqreen.agent() else {
            if outer.is_none() {
                request.extensions_mut().insert(SqreenCtx::OFF);
            }
            return (SqreenCtx::OFF, false);
        };
        if let Some(outer) = outer.filter(|outer| outer.belongs_to(agent)) {
            if let Some(route) = matched_route(request.extensions()) {
                outer.set_route(route);
            }
            return (outer.clone(), false);
        }
        let context = capture(agent, request, self.peer);
        request.extensions_mut().insert(context.clone());
        (context, true)
    }
}

fn capture<B>(
    agent: &Arc<Agent>,
    request: &Request<B>,
    peer: fn(&Extensions) -> Option<SocketAddr>,
) -> SqreenCtx {
    let extensions = request.extensions();
    let source = Source {
        method: request.method(),
        uri: original_uri(extensions).unwrap_or(request.uri()),
        peer: peer(extensions),
        headers: request.headers(),
        route: matched_route(extensions),
        keep_accept: agent.enforced.any(),
    };
    let facts = RequestFacts::new(&source, &agent.config.client_ip);
    SqreenCtx::new(agent.clone(), facts)
}

/// A nested router strips its prefix: the client's own URI is beside it.
#[cfg(feature = "axum")]
fn original_uri(extensions: &Extensions) -> Option<&Uri> {
    let original = extensions.get::<axum::extract::OriginalUri>();
    original.map(|original| &original.0)
}

#[cfg(not(feature = "axum"))]
const fn original_uri(_: &Extensions) -> Option<&Uri> {
    None
}

#[cfg(feature = "axum")]
fn matched_route(extensions: &Extensions) -> Option<&str> {
    let route = extensions.get::<axum::extract::MatchedPath>();
    route.map(axum::extract::MatchedPath::as_str)
}

#[cfg(not(feature = "axum"))]
const fn matched_route(_: &Extensions) -> Option<&str> {
    None
}

impl<S, B, ResBody> Service<Request<B>> for SqreenService<S, Untouched>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (context, is_new) = self.context(&mut request);
        if is_new && context.check_ip().is_some() {
            return ResponseFuture::stopped(context);
        }
        ResponseFuture::start(context, is_new, || self.inner.call(request))
    }
}

impl<S, B, ResBody> Service<Request<B>> for SqreenService<S, Collecting>
where
    S: Service<Request<CollectedBody<B>>, Response = Response<ResBody>>,
    B: Body<Data = Bytes>,
{
    type Response = Response<ResponseBody<ResBody>>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let (context, is_new) = self.context(&mut request);
        if is_new && context.check_ip().is_some() {
            return ResponseFuture::stopped(context);
        }
        let capture = self.sqreen.agent().map(|agent| {
            let capture = Arc::new(BodyCapture::new(agent.config.max_body_bytes));
            context.set_body(&capture);
            capture
        });
        let request = request.map(|body| CollectedBody::new(body, capture));
        ResponseFuture::start(context, is_new, || self.inner.call(request))
    }
}
