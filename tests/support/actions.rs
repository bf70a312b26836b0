//! The backend's security responses, as a test scripts them.

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use serde_json::Value;
use tokio::sync::mpsc;

#[derive(Default)]
pub struct Actions {
    /// What stands in the login's `actions`, instead of what [`LoginResponse`] says.
    ///
    /// [`LoginResponse`]: sqreen::protocol::LoginResponse
    pub in_login: Option<Value>,
    /// The pack, and its `ETag`.
    pub pack: Option<(String, Vec<u8>)>,
    /// What each call for the pack had in `If-None-Match`, and the status of its answer.
    pub packs: Vec<(Option<String>, u16)>,
    /// The query of each call for the stream.
    pub streams: Vec<String>,
    /// Into the stream that was opened last. Without it the stream ends.
    pub stream: Option<mpsc::UnboundedSender<Bytes>>,
}

impl Actions {
    pub(super) fn answer_pack(&mut self, headers: &HeaderMap) -> Response {
        let has = headers.get(header::IF_NONE_MATCH);
        let has = has.map(|tag| tag.to_str().unwrap().to_owned());
        let response = match &self.pack {
            None => StatusCode::NOT_FOUND.into_response(),
            Some((tag, _)) if has.as_ref() == Some(tag) => StatusCode::NOT_MODIFIED.into_response(),
            Some((tag, pack)) => ([(header::ETAG, tag.clone())], pack.clone()).into_response(),
        };
        self.packs.push((has, response.status().as_u16()));
        response
    }

    pub(super) fn open(&mut self, query: Option<&str>) -> Response {
        let (sender, lines) = mpsc::unbounded_channel();
        self.stream = Some(sender);
        self.streams.push(query.unwrap_or_default().to_owned());
        let lines = stream::unfold(lines, |mut lines| async {
            let line = lines.recv().await?;
            Some((Ok::<_, std::io::Error>(line), lines))
        });
        Response::new(Body::from_stream(lines))
    }
}
