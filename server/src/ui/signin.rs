//! `/signin`, `/signin/link` and `/signout`: how sessions begin and end.

use std::sync::Arc;

use axum::extract::{Form, FromRequestParts, Query, State};
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use maud::{Markup, html};

use super::access::{Sent, value};
use super::{explorer, page};
use crate::api::Params;
use crate::auth::{
    Caller, Client, HashError, Link, PersonError, Secret, SignInError, check_name, check_password,
    cookie_name, note_failure, reader,
};
use crate::server::{App, blocking};
use crate::state::{Id, PersonRecord, StateError};

/// Where a request comes from, of whoever it is.
#[derive(Debug)]
pub(super) struct From {
    client: Client,
    headers: HeaderMap,
}

impl From {
    pub(super) fn client(&self) -> Client {
        self.client
    }

    /// Where the client reaches this server, as it told itself.
    pub(super) fn url(&self) -> Option<String> {
        let host = self.headers.get(header::HOST)?.to_str().ok()?;
        let host: Authority = host.parse().ok()?;
        let scheme = if self.client.secure { "https" } else { "http" };
        Some(format!("{scheme}://{host}"))
    }
}

impl FromRequestParts<App> for From {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Self::Rejection> {
        Ok(Self {
            client: app.client(&parts.extensions, &parts.headers),
            headers: parts.headers.clone(),
        })
    }
}

/// The most bytes of the page to go to.
const MAX_NEXT: usize = 8 * 1024;

/// The form to sign in with, why it is shown, the name that was sent, and the page to go to then.
pub(super) fn form(reason: Option<&str>, name: &str, next: Option<&str>) -> Markup {
    let content = html! {
        form.signin method="post" action="/signin" {
            h2 { "Sign in" }
            @if let Some(reason) = reason { p role="alert" { (reason) } }
            @if let Some(next) = next.filter(|next| next.len() <= MAX_NEXT) { input type="hidden" name="next" value=(next); }
            label { "Name" input name="name" value=(name) autocomplete="username" autocapitalize="none" required; }
            label { "Password" input type="password" name="password" autocomplete="current-password" required; }
            button { "Sign in" }
        }
    };
    page::document("Sign in", None, &content)
}

/// `GET /signin`.
pub(super) async fn show(State(app): State<App>, from: From) -> Response {
    match reader(&app, from.client, &from.headers) {
        Some(_) => Redirect::to("/").into_response(),
        None => form(None, "", None).into_response(),
    }
}

/// `POST /signin`.
pub(super) async fn by_password(
    State(app): State<App>,
    from: From,
    Form(fields): Form<Params>,
) -> Response {
    let field = |name| value(&fields, name).unwrap_or_default();
    let name = field("name").trim();
    let next = local(field("next"));
    let password = Secret(field("password").to_owned());
    let signed_in = app.signin.person(&app.people, name, password, from.client);
    let (status, reason, wait) = match signed_in.await {
        Ok(person) => return begin(&app, &person, &from, Redirect::to(next.unwrap_or("/"))).await,
        Err(SignInError::Wrong) => {
            let (shared, client, name) = (Arc::clone(&app), from.client, name.to_owned());
            let note = move || note_failure(&*shared.state, &name, client);
            if let Err(error) = blocking(note).await {
                return unavailable(&error);
            }
            let reason = "The name or the password is wrong.".to_owned();
            (StatusCode::UNAUTHORIZED, reason, None)
        }
        Err(SignInError::Wait(wait)) => {
            let seconds = wait.as_secs() + 1;
            let reason = format!("Too many attempts. Try again in {seconds} s.");
            (StatusCode::TOO_MANY_REQUESTS, reason, Some(seconds))
        }
        Err(SignInError::Busy) => {
            let reason = "Too many people sign in at this moment. Try again.".to_owned();
            (StatusCode::SERVICE_UNAVAILABLE, reason, Some(1))
        }
    };
    let page = form(Some(&reason), name, next);
    let mut response = (status, page).into_response();
    if let Some(seconds) = wait {
        let seconds = HeaderValue::from(seconds);
        response.headers_mut().insert(header::RETRY_AFTER, seconds);
    }
    response
}

/// `GET /signin/link?code=…`. That of a demo answers the events, also to clients that keep no cookies; others ask for a
/// password. Whatever follows links on its own uses none up.
pub(super) async fn by_link(
    State(app): State<App>,
    from: From,
    Query(params): Query<Params>,
) -> Response {
    let code = value(&params, "code").unwrap_or_default();
    match link(&app, code).await {
        Ok(Some(Link::Demo(person))) => demo(&app, person, &from).await,
        Ok(Some(Link::First)) => password_form(code, None, "", None).into_response(),
        Ok(Some(Link::Password(person))) => {
            password_form(code, Some(&person), "", None).into_response()
        }
        Ok(None) => used(),
        Err(response) => response,
    }
}

async fn demo(app: &App, person: Id, from: &From) -> Response {
    let Some(person) = app.people.with_id(person) else {
        return used();
    };
    match session(app, &person, from).await {
        Ok((cookie, header)) => match app.people.reader(&cookie.0, from.client) {
            Some(reader) => {
                let page = explorer::page(app, &reader, from, &Params::new()).await;
                with_cookie(page, header)
            }
            None => used(),
        },
        Err(response) => response,
    }
}

/// `POST /signin/link`: sets the password of whom the link is for, or makes the first admin, and signs in.
pub(super) async fn set_password(
    State(app): State<App>,
    from: From,
    Form(fields): Form<Params>,
) -> Response {
    let field = |name| value(&fields, name).unwrap_or_default();
    let (code, password) = (field("code").to_owned(), field("password").to_owned());
    let person = match link(&app, &code).await {
        Ok(Some(Link::First)) => None,
        Ok(Some(Link::Password(person))) => Some(person),
        Ok(Some(Link::Demo(_)) | None) => return used(),
        Err(response) => return response,
    };
    let name = person
        .as_ref()
        .map_or(field("name").trim(), |person| &person.name);
    let checked = check_name(name).and_then(|()| check_password(&password, name));
    if let Err(error) = checked {
        let page = password_form(&code, person.as_ref(), name, Some(&error.to_string()));
        return (StatusCode::BAD_REQUEST, page).into_response();
    }
    let hash = match app.signin.passwords.hash(Secret(password)).await {
        Ok(hash) => hash,
        Err(error) => return unhashed(&error),
    };
    let (shared, client) = (Arc::clone(&app), from.client);
    let (is_first, new) = (person.is_none(), name.to_owned());
    let set = move || {
        if is_first {
            let by = Caller::first_link(client);
            shared.people.add_first(&new, hash, &by)
        } else {
            let set = shared.people.use_link(&code, &hash, client);
            set.map_err(PersonError::State)
        }
    };
    match blocking(set).await {
        Ok(Ok(Some(person))) => begin(&app, &person, &from, Redirect::to("/")).await,
        Ok(Ok(None)) => used(),
        Ok(Err(PersonError::State(error))) => unavailable(&error),
        Ok(Err(error)) => {
            let code = field("code");
            let page = password_form(code, person.as_ref(), name, Some(&error.to_string()));
            (StatusCode::CONFLICT, page).into_response()
        }
        Err(error) => unavailable(&error),
    }
}

/// `POST /signout`.
pub(super) async fn sign_out(State(app): State<App>, from: From, sent: Sent) -> Response {
    let shared = Arc::clone(&app);
    let end = move || shared.people.end(sent.reader.session, &sent.reader);
    match blocking(end).await {
        Ok(Ok(())) => {
            let answer = form(Some("You have signed out."), "", None).into_response();
            match cookie(from.client, "", 0) {
                Some(header) => with_cookie(answer, header),
                None => answer,
            }
        }
        Ok(Err(error)) => unavailable(&error),
        Err(error) => unavailable(&error),
    }
}

/// What the link is for.
async fn link(app: &App, code: &str) -> Result<Option<Link>, Response> {
    let (shared, code) = (Arc::clone(app), code.to_owned());
    let found = blocking(move || shared.signin.of_code(&code, &shared.people)).await;
    match found {
        Ok(Ok(link)) => Ok(link),
        Ok(Err(error)) => Err(unavailable(&error)),
        Err(error) => Err(unavailable(&error)),
    }
}

/// Signs a person in, with a session of its own each time, and leads on.
pub(super) async fn begin(app: &App, person: &PersonRecord, from: &From, to: Redirect) -> Response {
    match session(app, person, from).await {
        Ok((_, header)) => with_cookie(to.into_response(), header),
        Err(response) => response,
    }
}

async fn session(
    app: &App,
    person: &PersonRecord,
    from: &From,
) -> Result<(Secret, HeaderValue), Response> {
    let browser = from.headers.get(header::USER_AGENT);
    let browser = browser.and_then(|value| value.to_str().ok());
    let browser = browser.unwrap_or_default().to_owned();
    let (shared, person, client) = (Arc::clone(app), person.clone(), from.client);
    let begin = move || shared.people.begin(&person, client, &browser);
    let secret = match blocking(begin).await {
        Ok(Ok(Some(secret))) => secret,
        Ok(Ok(None)) => {
            let form = form(Some("Your access has changed. Sign in again."), "", None);
            return Err((StatusCode::UNAUTHORIZED, form).into_response());
        }
        Ok(Err(error)) => return Err(unavailable(&error)),
        Err(error) => return Err(unavailable(&error)),
    };
    // As long as any session lasts; the server ends it before.
    const WEEK: u32 = 7 * 24 * 60 * 60;
    match cookie(client, &secret.0, WEEK) {
        Some(header) => Ok((secret, header)),
        None => Err(unavailable(&StateError::Random)),
    }
}

/// A `Set-Cookie`. Links from elsewhere lead to the pages, so it is not `Strict`; nothing is changed by them.
fn cookie(client: Client, secret: &str, seconds: u32) -> Option<HeaderValue> {
    let name = cookie_name(client);
    let secure = if client.secure { "; Secure" } else { "" };
    let cookie =
        format!("{name}={secret}; Path=/; HttpOnly; SameSite=Lax; Max-Age={seconds}{secure}");
    let mut value = HeaderValue::try_from(cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// The link, if it is one to a page of this server.
fn local(link: &str) -> Option<&str> {
    let rest = link.strip_prefix('/')?;
    let plain = link.bytes().all(|byte| byte.is_ascii_graphic());
    (plain && !rest.starts_with(['/', '\\'])).then_some(link)
}

fn password_form(
    code: &str,
    person: Option<&PersonRecord>,
    name: &str,
    wrong: Option<&str>,
) -> Markup {
    let title = if person.is_some() {
        "Choose your password"
    } else {
        "Make the first admin"
    };
    let content = html! {
        form.signin method="post" action="/signin/link" {
            h2 { (title) }
            @if let Some(wrong) = wrong { p role="alert" { (wrong) } }
            input type="hidden" name="code" value=(code);
            @match person {
                Some(person) => label { "Name" input value=(person.name) autocomplete="username" readonly; },
                None => label { "Name" input name="name" value=(name) autocomplete="username" autocapitalize="none" required; },
            }
            label { "Password, 12 characters or more"
                input type="password" name="password" autocomplete="new-password" minlength="12" required; }
            button { "Sign in" }
        }
    };
    page::document(title, None, &content)
}

fn used() -> Response {
    let reason = "This link has been used, or is too old. Sign in, or ask an admin for another.";
    (StatusCode::UNAUTHORIZED, form(Some(reason), "", None)).into_response()
}

pub(super) fn unhashed(error: &HashError) -> Response {
    let reason = match error {
        HashError::Busy => "Too many people sign in at this moment. Try again.",
        HashError::Failed(error) => {
            tracing::error!(error, "password not hashed");
            "The password cannot be taken now."
        }
    };
    (
        StatusCode::SERVICE_UNAVAILABLE,
        form(Some(reason), "", None),
    )
        .into_response()
}

/// For a state store that cannot be used.
pub(super) fn unavailable(error: &dyn std::error::Error) -> Response {
    tracing::error!(%error, "state store not usable");
    let reason = "The state store cannot be used now. The server's log says why. Try again once that is mended; \
                  events can be looked at meanwhile.";
    let page = page::refusal("Not available", None, reason, &[("/", "Events")]);
    (StatusCode::SERVICE_UNAVAILABLE, page).into_response()
}

#[cfg(test)]
mod tests {
    use super::local;

    #[test]
    fn only_our_own_pages_are_gone_to() {
        for own in ["/", "/actor?ip=192.0.2.1", "/?filter=a%3Ab"] {
            assert_eq!(local(own), Some(own));
        }
        for other in [
            "",
            "//b.example",
            "/\\b.example",
            "https://b.example/",
            "/a\n",
            "/é",
        ] {
            assert_eq!(local(other), None, "{other:?}");
        }
    }
}
