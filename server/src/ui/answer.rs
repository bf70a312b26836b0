//! What every answer of the pages has: the headers that tell browsers what not to do, and a page where there was but a
//! status, or a text of the framework's own.

use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::page;
use crate::server::App;

const CSP: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; img-src 'self' data:; \
                   form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
/// A year, in seconds.
const HSTS: &str = "max-age=31536000";
/// The most bytes of a text that becomes a page.
const MAX_TEXT: usize = 4_096;

/// Finishes an answer of the pages.
pub(crate) async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let client = app.client(request.extensions(), request.headers());
    let mut response = readable(next.run(request).await).await;
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_SECURITY_POLICY, CSP),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    // Browsers are to believe it over TLS alone.
    let secure = client
        .secure
        .then_some((header::STRICT_TRANSPORT_SECURITY, HSTS));
    for (name, value) in fixed.into_iter().chain(secure) {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

/// The answer; as a page, if it is an error without one.
async fn readable(response: Response) -> Response {
    let kind = response.headers().get(header::CONTENT_TYPE);
    let plain = kind.is_none_or(|kind| kind.as_bytes().starts_with(b"text/plain"));
    let status = response.status();
    if !plain || !(status.is_client_error() || status.is_server_error()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let told = to_bytes(body, MAX_TEXT).await.unwrap_or_default();
    let told = String::from_utf8_lossy(&told);
    let reason = match status {
        _ if !told.trim().is_empty() => told.trim(),
        StatusCode::NOT_FOUND => "There is no page here.",
        StatusCode::METHOD_NOT_ALLOWED => "This cannot be done here.",
        _ => "The request cannot be answered.",
    };
    let title = status.canonical_reason().unwrap_or("Error");
    let page = page::refusal(title, None, reason, &[("/", "Events")]).into_response();
    let (of_page, body) = page.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(of_page.headers);
    Response::from_parts(parts, body)
}
