//! The pages: the Event Explorer, actors, the security responses, delivery and applications. They are rendered here and
//! can be read and used without script; what HTML cannot do is in the modules under `assets`.

mod access;
mod actions;
mod actor;
mod apps;
mod assets;
mod delivery;
mod event;
mod explorer;
mod page;
mod text;
mod views;

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use axum::routing::{get, post};

pub(crate) use self::access::Explorer;
use crate::server::App;

const CSP: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn router() -> Router<App> {
    Router::new()
        .route("/", get(explorer::show))
        .route("/event/{id}", get(event::show))
        .route("/export", get(explorer::export))
        .route("/live", get(explorer::live))
        .route("/complete", get(explorer::complete))
        .route("/views", post(views::save_view))
        .route("/views/{id}/remove", post(views::remove_view))
        .route("/delivery", get(delivery::show))
        .route("/apps", get(apps::show))
        .route("/actor", get(actor::show))
        .route("/actions", get(actions::show).post(actions::create))
        .route("/actions/{id}/lift", post(actions::lift))
        .route("/actions/settings", post(actions::set))
        .route("/actions/allowlist", post(actions::allow))
        .route("/actions/allowlist/{id}/remove", post(actions::disallow))
        .route("/signin", get(access::by_link).post(access::by_form))
        .route("/assets/{name}", get(assets::get))
        .layer(axum::middleware::map_response(harden))
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
