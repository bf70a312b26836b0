//! What the pages know of who looks at them, and what they say to those who may not.

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::{page, signin};
use crate::api::Params;
pub(super) use crate::auth::{Reader, Sent};
use crate::state::Role;

/// For a request without a session; `from` is the page that was asked for, to come back to.
pub(crate) fn signed_out(from: Option<&Uri>) -> Response {
    let reason = match from {
        Some(_) => "Sign in to see this page.",
        None => "Your session has ended. Sign in, then send the form again.",
    };
    let next = from.map(Uri::to_string);
    let form = signin::form(Some(reason), "", next.as_deref());
    (StatusCode::UNAUTHORIZED, form).into_response()
}

/// For someone who may not; whoever has this role may.
pub(crate) fn forbidden(role: Role) -> Response {
    let reason = format!(
        "Your role does not allow this: it takes the role {}.",
        role.name()
    );
    let page = page::refusal("Not allowed", "", &reason, &[("/", "Events")]);
    (StatusCode::FORBIDDEN, page).into_response()
}

/// For a form that comes from elsewhere.
pub(crate) fn foreign() -> Response {
    let reason = "This form was not sent from a page of your session. Nothing was changed. Open the page again, and \
                  try again there.";
    let page = page::refusal("Not sent from here", "", reason, &[("/", "Events")]);
    (StatusCode::FORBIDDEN, page).into_response()
}

/// The field without which a form of the reader's changes nothing.
pub(super) fn csrf(reader: &Reader) -> Markup {
    html! { input type="hidden" name=(Reader::CSRF) value=(reader.csrf.0); }
}

/// The first value of this name.
pub(super) fn value<'a>(params: &'a Params, name: &str) -> Option<&'a str> {
    params
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}
