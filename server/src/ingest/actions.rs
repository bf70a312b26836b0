//! Security responses: the pack, and the stream of its changes.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use serde::Serialize;
use sqreen::protocol::{ActionsChange, ActionsPack, ActionsVersion, Status};
use tokio::sync::watch;
use tokio::time::Instant;

use super::answer::Refusal;
use super::session::Session;
use crate::actions::{Audience, News, OpenStream, Pack, etag, wire};
use crate::server::App;
use crate::sessions::Agent;

/// A stream that has nothing to say says so after this time.
const KEEPALIVE: Duration = Duration::from_secs(10);
/// The most actions that are written at a time; an answer with more of them is written as it is sent.
const PIECE: usize = 1_000;

/// `GET` [`ACTIONS_PACK`](sqreen::protocol::ACTIONS_PACK).
pub(super) async fn pack(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let audience = agent.audience();
    let pack = app.actions.pack(&agent.app, audience);
    agent.delivery.tell(pack.told);
    let tag = etag(&pack.version);
    let mut response = if asks_for_other_than(&headers, &tag) {
        let mut answer = ActionsPack {
            status: Status::OK,
            ..ActionsPack::default()
        };
        if audience == Audience::Sdk {
            answer.version = Some(pack.version.clone());
            answer.allowlist = pack.allowlist.clone();
            answer.dry_run = pack.dry_run;
        }
        with_actions(&answer, pack, audience)?
    } else {
        StatusCode::NOT_MODIFIED.into_response()
    };
    if let Ok(tag) = HeaderValue::try_from(tag) {
        response.headers_mut().insert(header::ETAG, tag);
    }
    Ok(response)
}

fn asks_for_other_than(headers: &HeaderMap, tag: &str) -> bool {
    let tags = headers.get_all(header::IF_NONE_MATCH).iter();
    let mut tags = tags
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','));
    !tags.any(|has| has.trim().trim_start_matches("W/") == tag)
}

/// Answers with the JSON of `answer`, whose `actions` are empty, and the actions of the pack in it.
pub(super) fn with_actions<T: Serialize>(
    answer: &T,
    pack: Pack,
    audience: Audience,
) -> Result<Response, Refusal> {
    const EMPTY: &str = "\"actions\":[]";
    let json = serde_json::to_string(answer).unwrap_or_default();
    // Within a JSON text the quotes would have backslashes, so this is the field itself.
    let Some((head, tail)) = json.split_once(EMPTY) else {
        return Err(Refusal::Unavailable(
            "the actions cannot be written".to_owned(),
        ));
    };
    let head = format!("{head}\"actions\":[").into_bytes();
    let tail = format!("]{tail}").into_bytes();
    let small = pack.actions.len() <= PIECE;
    let mut first = true;
    let pieces = pieces(pack.actions).map(move |piece| write(&piece, audience, &mut first));
    let parts = std::iter::once(head)
        .chain(pieces)
        .chain(std::iter::once(tail));
    let body = if small {
        Body::from(parts.flatten().collect::<Vec<u8>>())
    } else {
        let parts = parts.map(|part| Ok::<_, Infallible>(Bytes::from(part)));
        Body::from_stream(stream::iter(parts))
    };
    Ok(([(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn pieces<T>(mut all: Vec<T>) -> impl Iterator<Item = Vec<T>> {
    all.reverse();
    std::iter::from_fn(move || {
        let rest = all.len().saturating_sub(PIECE);
        let mut piece = all.split_off(rest);
        piece.reverse();
        (!piece.is_empty()).then_some(piece)
    })
}

fn write(actions: &[Arc<crate::state::Action>], audience: Audience, first: &mut bool) -> Vec<u8> {
    let mut text = Vec::new();
    for action in actions.iter().filter_map(|action| wire(action, audience)) {
        if !std::mem::replace(first, false) {
            text.push(b',');
        }
        // Texts and numbers: nothing of it can fail to be written.
        let _ = serde_json::to_writer(&mut text, &action);
    }
    text
}

/// `GET` [`ACTION_STREAM`](sqreen::protocol::ACTION_STREAM).
pub(super) async fn stream(
    State(app): State<App>,
    Session(agent): Session,
    headers: HeaderMap,
    Query(params): Query<Vec<(String, String)>>,
) -> Response {
    let value = |name: &str| {
        params
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    };
    // An agent that has nothing yet, or something unreadable, is told to reload.
    let has = value("epoch").zip(value("seq").and_then(|seq| seq.parse().ok()));
    let has = has.map(|(epoch, seq)| ActionsVersion {
        epoch: epoch.to_owned(),
        seq,
    });
    let news = app.actions.listen();
    let start = app.actions.resume(&agent.app, &has.unwrap_or_default());
    let follow = Follow {
        seq: start.seq,
        start: Some(start),
        news,
        _open: agent.delivery.open_stream(),
        session: super::session::key(&headers).map(str::to_owned),
        app,
        agent,
    };
    let lines = stream::unfold(follow, |mut follow| async {
        let lines = follow.next().await?;
        Some((Ok::<_, Infallible>(lines), follow))
    });
    let headers = [
        (header::CONTENT_TYPE, "application/x-ndjson"),
        (header::CACHE_CONTROL, "no-store"),
    ];
    // Proxies of the nginx kind would hold lines back.
    let unbuffered = [("x-accel-buffering", "no")];
    (headers, unbuffered, Body::from_stream(lines)).into_response()
}

/// A stream of an agent. What it has to send is not queued here: it follows the ring of changes at the pace of its
/// reader, and one that falls too far behind is told to reload.
struct Follow {
    app: App,
    agent: Arc<Agent>,
    session: Option<String>,
    /// The position that was told last.
    seq: u64,
    /// The first line, until it was sent.
    start: Option<ActionsChange>,
    news: watch::Receiver<News>,
    _open: OpenStream,
}

impl Follow {
    /// The next lines; `None` ends the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if let Some(start) = self.start.take() {
            return Some(lines(&[start]));
        }
        let silent = tokio::time::sleep_until(Instant::now() + KEEPALIVE);
        tokio::pin!(silent);
        loop {
            if self.news.borrow_and_update().closing {
                return None;
            }
            let changes = self.app.actions.follow(&self.agent.app, self.seq);
            if let Some(last) = changes.last() {
                self.seq = last.seq;
                return Some(lines(&changes));
            }
            tokio::select! {
                heard = self.news.changed() => heard.ok()?,
                () = &mut silent => {
                    // A session that ended takes its stream along; one that lives is kept by it.
                    if let Some(key) = &self.session {
                        self.app.sessions.keep(key)?;
                    }
                    return Some(lines(&[self.app.actions.line(self.seq)]));
                }
            }
        }
    }
}

fn lines(changes: &[ActionsChange]) -> Bytes {
    let mut text = Vec::new();
    for change in changes {
        // Texts and numbers: nothing of it can fail to be written.
        let _ = serde_json::to_writer(&mut text, change);
        text.push(b'\n');
    }
    text.into()
}
