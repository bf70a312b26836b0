//! The table of routes: what each asks of who calls it. The router is built from it, so that there is no route without.

use axum::Router;
use axum::handler::Handler;
use axum::middleware::from_fn_with_state;
use axum::routing::{self, MethodRouter};

use crate::auth;
use crate::server::App;
use crate::state::Role;

/// What a request needs to pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Needs {
    /// Nothing: anybody may ask.
    Nothing,
    /// The token or session of an agent.
    Agent,
    /// A token of the API with this role or a greater one.
    Api(Role),
    /// The session of a person with this role or a greater one; to change something, also the token that the forms of
    /// the session carry.
    Page(Role),
}

/// An endpoint of the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Route {
    /// The method; `GET` answers `HEAD`, too.
    pub method: &'static str,
    /// The path; segments in braces are parameters.
    pub path: &'static str,
    /// What it asks of who calls it.
    pub needs: Needs,
}

/// A route, and what answers it.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) route: Route,
    handler: MethodRouter<App>,
}

impl Endpoint {
    /// An endpoint of the one method that `handler` is for.
    pub(crate) fn new(
        method: &'static str,
        path: &'static str,
        needs: Needs,
        handler: MethodRouter<App>,
    ) -> Self {
        let route = Route {
            method,
            path,
            needs,
        };
        Self { route, handler }
    }

    /// The endpoint with its handler changed, such as by a layer.
    pub(crate) fn map(self, change: impl FnOnce(MethodRouter<App>) -> MethodRouter<App>) -> Self {
        Self {
            handler: change(self.handler),
            ..self
        }
    }
}

/// A route of `GET`.
pub(crate) fn get<H, T>(path: &'static str, needs: Needs, handler: H) -> Endpoint
where
    H: Handler<T, App>,
    T: 'static,
{
    Endpoint::new("GET", path, needs, routing::get(handler))
}

/// A route of `POST`.
pub(crate) fn post<H, T>(path: &'static str, needs: Needs, handler: H) -> Endpoint
where
    H: Handler<T, App>,
    T: 'static,
{
    Endpoint::new("POST", path, needs, routing::post(handler))
}

/// A route of `PUT`.
pub(crate) fn put<H, T>(path: &'static str, needs: Needs, handler: H) -> Endpoint
where
    H: Handler<T, App>,
    T: 'static,
{
    Endpoint::new("PUT", path, needs, routing::put(handler))
}

/// A route of `PATCH`.
pub(crate) fn patch<H, T>(path: &'static str, needs: Needs, handler: H) -> Endpoint
where
    H: Handler<T, App>,
    T: 'static,
{
    Endpoint::new("PATCH", path, needs, routing::patch(handler))
}

/// A route of `DELETE`.
pub(crate) fn delete<H, T>(path: &'static str, needs: Needs, handler: H) -> Endpoint
where
    H: Handler<T, App>,
    T: 'static,
{
    Endpoint::new("DELETE", path, needs, routing::delete(handler))
}

/// The router of these endpoints, each behind its gate.
pub(crate) fn router(app: &App, endpoints: Vec<Endpoint>) -> Router<App> {
    endpoints
        .into_iter()
        .fold(Router::new(), |router, endpoint| {
            let Route { path, needs, .. } = endpoint.route;
            let gate = from_fn_with_state((App::clone(app), needs), auth::check);
            router.route(path, endpoint.handler.route_layer(gate))
        })
}
