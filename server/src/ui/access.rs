//! Who may see the Event Explorer: signing in by token or by link, and the session cookie.

use std::collections::HashMap;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::extract::{Form, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::{explorer, page};
use crate::api::Params;
use crate::auth::{Revocation, Secret, TokenHash, digest, random_hex};
use crate::server::App;

const COOKIE: &str = "sqreen_explorer";

/// The Event Explorer's readers.
#[derive(Debug)]
pub(crate) struct Explorer {
    code: Secret,
    /// Whether the link works more than once.
    lasting: bool,
    /// Whether browsers send the cookie by HTTPS alone.
    https: bool,
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    code_used: bool,
    /// By their cookies.
    sessions: HashMap<String, Session>,
}

#[derive(Debug)]
struct Session {
    began: Instant,
    /// Of the token that it began with.
    revocation: Revocation,
}

impl Session {
    fn is_live(&self) -> bool {
        self.began.elapsed() < Explorer::LIFETIME && !self.revocation.is_revoked()
    }
}

impl Explorer {
    const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
    /// The most sessions; the oldest makes room for another.
    const LIMIT: usize = 1_000;

    pub(crate) fn new(lasting: bool, https: bool) -> io::Result<Self> {
        Ok(Self {
            code: Secret(random_hex()?),
            lasting,
            https,
            readers: Mutex::default(),
        })
    }

    pub(crate) fn link(&self) -> String {
        format!("/signin?code={}", self.code.0)
    }

    /// The reader whose session's cookie the request has.
    pub(super) fn reader(&self, headers: &HeaderMap) -> Option<Reader> {
        let cookies = headers.get_all(header::COOKIE).iter();
        let pairs = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'));
        let mut values =
            pairs.filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        let readers = self.lock();
        let live = values.find(|value| readers.sessions.get(*value).is_some_and(Session::is_live));
        live.map(Reader::of)
    }

    fn takes_code(&self, code: &str) -> bool {
        if !TokenHash::of(&self.code.0).matches(code) {
            return false;
        }
        let used = std::mem::replace(&mut self.lock().code_used, true);
        self.lasting || !used
    }

    /// Begins a session and returns its reader and its `Set-Cookie`.
    fn begin(&self, revocation: Revocation) -> Option<(Reader, HeaderValue)> {
        let id = random_hex().ok()?;
        let reader = Reader::of(&id);
        let seconds = Self::LIFETIME.as_secs();
        let secure = if self.https { "; Secure" } else { "" };
        let cookie =
            format!("{COOKIE}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}{secure}");
        let mut readers = self.lock();
        readers.sessions.retain(|_, session| session.is_live());
        if readers.sessions.len() >= Self::LIMIT {
            let oldest = readers
                .sessions
                .iter()
                .min_by_key(|(_, session)| session.began);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                readers.sessions.remove(&id);
            }
        }
        let began = Instant::now();
        readers.sessions.insert(id, Session { began, revocation });
        Some((reader, HeaderValue::try_from(cookie).ok()?))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who looks at the pages.
#[derive(Debug)]
pub(super) struct Reader {
    /// Every form that changes something carries it. Another site can make a browser send the session's cookie, but
    /// cannot know this: it follows from the cookie, and the cookie does not follow from it.
    pub(super) csrf: Secret,
}

impl Reader {
    /// The form's field for [`csrf`](Self::csrf).
    pub(super) const CSRF: &str = "csrf";

    fn of(session: &str) -> Self {
        Self {
            csrf: Secret(digest(&["csrf", session])),
        }
    }

    /// Whether the form comes from one of this reader's pages.
    pub(super) fn sent(&self, form: &Params) -> bool {
        let token = value(form, Self::CSRF).unwrap_or_default();
        TokenHash::of(&self.csrf.0).matches(token)
    }
}

/// `GET /signin?token=…` or `?code=…`. A code answers the page itself, for clients that keep no cookies.
pub(super) async fn by_link(State(app): State<App>, Query(params): Query<Params>) -> Response {
    if let Some(code) = value(&params, "code") {
        if !app.explorer.takes_code(code) {
            return refuse("This link has been used. Sign in with the API token.");
        }
        let Some((reader, cookie)) = app.explorer.begin(Revocation::default()) else {
            return refuse("No session can begin now. Try again.");
        };
        return with_cookie(explorer::page(&app, &reader, &Params::new()).await, cookie);
    }
    by_token(&app, &params)
}

/// `POST /signin` with the form of the page.
pub(super) async fn by_form(State(app): State<App>, Form(params): Form<Params>) -> Response {
    by_token(&app, &params)
}

fn by_token(app: &App, params: &Params) -> Response {
    match value(params, "token") {
        Some(token) => match app.tokens.api(token.trim()) {
            Some(grant) => match app.explorer.begin(grant.revocation) {
                Some((_, cookie)) => with_cookie(Redirect::to("/").into_response(), cookie),
                None => refuse("No session can begin now. Try again."),
            },
            None => refuse("This is not the API token."),
        },
        None => refuse("This is not the API token."),
    }
}

/// The form to sign in with, and why it is shown.
pub(super) fn refuse(reason: &str) -> Response {
    (StatusCode::UNAUTHORIZED, page::sign_in(reason)).into_response()
}

fn with_cookie(mut response: Response, cookie: HeaderValue) -> Response {
    response.headers_mut().insert(header::SET_COOKIE, cookie);
    response
}

/// The first value of this name.
pub(super) fn value<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
