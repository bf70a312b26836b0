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
use crate::auth::{Secret, TokenHash, random_hex};
use crate::server::App;

const COOKIE: &str = "sqreen_explorer";

/// The Event Explorer's readers.
#[derive(Debug)]
pub(crate) struct Explorer {
    code: Secret,
    /// Whether the link works more than once.
    lasting: bool,
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    code_used: bool,
    /// When each session began, by its cookie.
    sessions: HashMap<String, Instant>,
}

impl Explorer {
    const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);
    /// The most sessions; the oldest makes room for another.
    const LIMIT: usize = 1_000;

    pub(crate) fn new(lasting: bool) -> io::Result<Self> {
        Ok(Self {
            code: Secret(random_hex()?),
            lasting,
            readers: Mutex::default(),
        })
    }

    pub(crate) fn link(&self) -> String {
        format!("/signin?code={}", self.code.0)
    }

    /// Whether the request has the cookie of a live session.
    pub(super) fn knows(&self, headers: &HeaderMap) -> bool {
        let cookies = headers.get_all(header::COOKIE).iter();
        let pairs = cookies
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(';'));
        let mut values =
            pairs.filter_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='));
        let readers = self.lock();
        values.any(|value| {
            readers
                .sessions
                .get(value)
                .is_some_and(|began| began.elapsed() < Self::LIFETIME)
        })
    }

    fn takes_code(&self, code: &str) -> bool {
        if !TokenHash::of(&self.code.0).matches(code) {
            return false;
        }
        let used = std::mem::replace(&mut self.lock().code_used, true);
        self.lasting || !used
    }

    /// Begins a session and returns its `Set-Cookie`.
    fn begin(&self) -> Option<HeaderValue> {
        let id = random_hex().ok()?;
        let seconds = Self::LIFETIME.as_secs();
        let cookie = format!("{COOKIE}={id}; HttpOnly; SameSite=Strict; Path=/; Max-Age={seconds}");
        let mut readers = self.lock();
        readers
            .sessions
            .retain(|_, began| began.elapsed() < Self::LIFETIME);
        if readers.sessions.len() >= Self::LIMIT {
            let oldest = readers.sessions.iter().min_by_key(|(_, began)| **began);
            if let Some(id) = oldest.map(|(id, _)| id.clone()) {
                readers.sessions.remove(&id);
            }
        }
        readers.sessions.insert(id, Instant::now());
        HeaderValue::try_from(cookie).ok()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Readers> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `GET /signin?token=…` or `?code=…`. A code answers the page itself, for clients that keep no cookies.
pub(super) async fn by_link(State(app): State<App>, Query(params): Query<Params>) -> Response {
    if let Some(code) = value(&params, "code") {
        if !app.explorer.takes_code(code) {
            return refuse("This link has been used. Sign in with the API token.");
        }
        let cookie = app.explorer.begin();
        return with_cookie(explorer::page(&app, &Params::new()).await, cookie);
    }
    by_token(&app, &params)
}

/// `POST /signin` with the form of the page.
pub(super) async fn by_form(State(app): State<App>, Form(params): Form<Params>) -> Response {
    by_token(&app, &params)
}

fn by_token(app: &App, params: &Params) -> Response {
    match value(params, "token") {
        Some(token) if app.tokens.api.matches(token.trim()) => {
            with_cookie(Redirect::to("/").into_response(), app.explorer.begin())
        }
        _ => refuse("This is not the API token."),
    }
}

/// The form to sign in with, and why it is shown.
pub(super) fn refuse(reason: &str) -> Response {
    (StatusCode::UNAUTHORIZED, page::sign_in(reason)).into_response()
}

fn with_cookie(mut response: Response, cookie: Option<HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}

fn value<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
