//! What the pages know of who looks at them, and what they say to those who may not.

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use maud::{Markup, html};

use super::page::{Here, refusal};
use super::signin;
use crate::api::Params;
pub(super) use crate::auth::{Reader, Sent};
use crate::state::Role;

/// Where whoever is refused can go on.
const EVENTS: &[(&str, &str)] = &[("/", "Events")];

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

/// For a reader who may not; whoever has this role may.
pub(crate) fn forbidden(role: Role, reader: &Reader) -> Response {
    let reason = format!(
        "This takes the role {}, and yours is {}. Nothing was changed; an admin can give you another role.",
        role.name(),
        reader.caller.role.name()
    );
    let page = refusal("Not allowed", Some(Here::new("", reader)), &reason, EVENTS);
    (StatusCode::FORBIDDEN, page).into_response()
}

/// For a form that comes from elsewhere; the reader's, if it is known whose session would send it.
pub(crate) fn foreign(reader: Option<&Reader>) -> Response {
    let reason = "This form was not sent from a page of your session. Nothing was changed. Open the page again, and \
                  try again there.";
    let here = reader.map(|reader| Here::new("", reader));
    let page = refusal("Not sent from here", here, reason, EVENTS);
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
