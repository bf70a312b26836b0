//! The stylesheet and the modules of script, from this server alone.

use axum::extract::Path;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};

const FILES: &[(&str, &str)] = &[
    ("explorer.css", include_str!("explorer.css")),
    ("explorer.js", include_str!("explorer.js")),
    ("complete.js", include_str!("complete.js")),
    ("first.js", include_str!("first.js")),
    ("keys.js", include_str!("keys.js")),
    ("live.js", include_str!("live.js")),
    ("paging.js", include_str!("paging.js")),
    ("pick.js", include_str!("pick.js")),
    ("preview.js", include_str!("preview.js")),
    ("waiting.js", include_str!("waiting.js")),
    ("zoom.js", include_str!("zoom.js")),
];

pub(super) async fn get(Path(name): Path<String>) -> Response {
    let Some((name, text)) = FILES.iter().find(|(known, _)| *known == name) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let kind = if name.ends_with(".css") {
        "text/css; charset=utf-8"
    } else {
        "text/javascript; charset=utf-8"
    };
    ([(header::CONTENT_TYPE, kind)], *text).into_response()
}
