//! The pages: the Event Explorer, actors and the security responses, rendered here, without script.

mod access;
mod actions;
mod actor;
mod chart;
mod explorer;
mod page;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

pub(crate) use self::access::Explorer;
use crate::server::App;

const CSP: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                   base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(explorer::show))
        .route("/actor", get(actor::show))
        .route("/actions", get(actions::show).post(actions::create))
        .route("/actions/{id}/lift", post(actions::lift))
        .route("/actions/settings", post(actions::set))
        .route("/actions/allowlist", post(actions::allow))
        .route("/actions/allowlist/{id}/remove", post(actions::disallow))
        .route("/signin", get(access::by_link).post(access::by_form))
        .route("/assets/explorer.css", get(stylesheet))
        .layer(axum::middleware::map_response(harden))
}

async fn stylesheet() -> impl IntoResponse {
    let css = [(header::CONTENT_TYPE, "text/css; charset=utf-8")];
    (css, include_str!("explorer.css"))
}

async fn harden(mut response: Response) -> Response {
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    for (name, value) in fixed {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}
