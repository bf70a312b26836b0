//! The one place where it is decided whether a request may pass.

use axum::extract::{Form, FromRequest, FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::{Client, Pass, Reader};
use crate::api::{Params, Problem};
use crate::routes::Needs;
use crate::server::{App, Shared};
use crate::state::Role;
use crate::ui;

/// The cookie of a session: over TLS with a prefix that makes browsers refuse it from anywhere else.
pub(crate) fn cookie_name(client: Client) -> &'static str {
    if client.secure {
        "__Host-sqreen_session"
    } else {
        "sqreen_session"
    }
}

/// A form from a page of the reader who sends it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) reader: Reader,
    pub(crate) fields: Params,
}

impl<S: Sync> FromRequestParts<S> for Sent {
    type Rejection = StatusCode;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, StatusCode> {
        let sent = parts.extensions.remove();
        sent.ok_or(StatusCode::INTERNAL_SERVER_ERROR)
    }
}

/// Lets a request pass, with its [`Caller`](super::Caller), or answers in its place.
pub(crate) async fn check(
    State((app, needs)): State<(App, Needs)>,
    request: Request,
    next: Next,
) -> Response {
    match needs {
        // Agents prove themselves by token or session, in one of several headers: their handlers know which.
        Needs::Nothing | Needs::Agent => next.run(request).await,
        Needs::Api(role) => match api(&app, role, request) {
            Ok(request) => next.run(request).await,
            Err(problem) => problem.into_response(),
        },
        Needs::Page(role) => match page(&app, role, request).await {
            Ok(request) => next.run(request).await,
            Err(response) => response,
        },
    }
}

/// A token of the API passes.
fn api(app: &Shared, role: Role, mut request: Request) -> Result<Request, Problem> {
    let client = app.client(request.extensions(), request.headers());
    let token = bearer(request.headers());
    let caller = token.and_then(|token| app.tokens.api(token, client));
    let (caller, revocation) = caller.ok_or_else(Problem::unauthorized)?;
    if caller.role < role {
        return Err(Problem::forbidden(role));
    }
    request.extensions_mut().insert(caller);
    request.extensions_mut().insert(Pass::Token(revocation));
    Ok(request)
}

/// A session passes; to change something, with a form of its own pages.
async fn page(app: &App, role: Role, request: Request) -> Result<Request, Response> {
    let client = app.client(request.extensions(), request.headers());
    let reads = request.method().is_safe();
    let Some(reader) = reader(app, client, request.headers()) else {
        return Err(ui::signed_out(reads.then(|| request.uri())));
    };
    if !reader.may(role) {
        return Err(ui::forbidden(role, &reader));
    }
    let (mut parts, body) = request.into_parts();
    parts.extensions.insert(reader.caller.clone());
    if reads {
        parts.extensions.insert(Pass::Session(reader.session));
        parts.extensions.insert(reader);
        return Ok(Request::from_parts(parts, body));
    }
    // What is no form carries no token either.
    let form = Request::from_parts(parts.clone(), body);
    let fields = Form::<Params>::from_request(form, app).await;
    let Form(fields) = fields.map_err(|_| ui::foreign(Some(&reader)))?;
    let token = fields.iter().find(|(name, _)| name == Reader::CSRF);
    if !token.is_some_and(|(_, token)| reader.has_sent(token)) {
        return Err(ui::foreign(Some(&reader)));
    }
    parts.extensions.insert(Sent { reader, fields });
    Ok(Request::from_parts(parts, axum::body::Body::empty()))
}

/// Refuses what a page of another site makes a browser send, also where nobody is signed in yet. Other clients tell
/// neither header.
pub(crate) async fn same_origin(request: Request, next: Next) -> Response {
    if is_own(request.method(), request.headers()) {
        next.run(request).await
    } else {
        ui::foreign(None)
    }
}

fn is_own(method: &Method, headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if method.is_safe() {
        return true;
    }
    if let Some(site) = text("sec-fetch-site") {
        return matches!(site, "same-origin" | "none");
    }
    if !headers.contains_key(header::ORIGIN) {
        return true;
    }
    let origin = text("origin").and_then(|origin| origin.split_once("://"));
    origin.is_some_and(|(_, host)| text("host") == Some(host))
}

/// The token of a request of the API.
fn bearer(headers: &HeaderMap) -> Option<&str> {
    let credentials = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = credentials.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// Whose session's cookie the request has.
pub(crate) fn reader(app: &Shared, client: Client, headers: &HeaderMap) -> Option<Reader> {
    let name = cookie_name(client);
    let cookies = headers.get_all(header::COOKIE).iter();
    let pairs = cookies
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'));
    let mut values = pairs.filter_map(|pair| pair.trim().strip_prefix(name)?.strip_prefix('='));
    values.find_map(|value| app.people.reader(value, client))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_pages_change_something() {
        for (headers, own) in [
            (&[][..], true),
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "none")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site")], false),
            (
                &[("origin", "https://a.example"), ("host", "a.example")],
                true,
            ),
            (
                &[("origin", "https://b.example"), ("host", "a.example")],
                false,
            ),
            (
                &[("origin", "https://a.example:8443"), ("host", "a.example")],
                false,
            ),
            (&[("origin", "null"), ("host", "a.example")], false),
            (&[("origin", "https://a.example")], false),
        ] {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.insert(*name, value.parse().unwrap());
            }
            assert_eq!(is_own(&Method::POST, &map), own, "{headers:?}");
            assert!(is_own(&Method::GET, &map), "{headers:?}");
        }
    }
}
