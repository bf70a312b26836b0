//! The backend.

use std::collections::{HashSet, VecDeque};
use std::io::Read as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use axum::serve::Listener;
use axum::{Json, Router};
use futures_util::stream;
use http::StatusCode;
use http::request::Parts;
use http_body_util::BodyExt as _;
use sqreen::protocol::{
    self, BatchElement, BatchRequest, BatchResponse, BeatRequest, BeatResponse, Command, Features,
    LoginResponse, RequestRecord, SqreenRsFeatures, Status, Verdict, VerdictKind,
};
use tokio::sync::Notify;

use super::TOKEN;
use super::actions::Actions;
use super::stored::Stored;

/// What stands between the agent and an answer, for one call.
#[derive(Clone, Debug)]
pub enum Fault {
    /// A status and headers, without doing anything.
    Answer(u16, Vec<(&'static str, String)>),
    /// No answer, ever.
    Hang,
    /// A 200 that is no JSON.
    Garbage,
    /// A 200 whose body never ends.
    Endless,
    /// The request is read piece by piece, far too slowly.
    SlowRead,
    /// A 200 that comes byte by byte, far too slowly.
    Trickle,
    /// The connection is reset in the middle of the answer; nothing is stored.
    Cut,
    /// The batch is stored, then the connection is reset in the middle of the answer.
    StoreThenCut,
    /// Every event of the batch is refused by its verdict, for this reason.
    Reject(&'static str),
}

/// The calls that can be made to misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum On {
    Login,
    Beat,
    Batch,
    Pack,
    Stream,
}

#[derive(Default)]
pub struct Seen {
    /// The answer to a login, but for the session.
    pub login: LoginResponse,
    pub logins: usize,
    pub logouts: usize,
    pub beats: Vec<BeatRequest>,
    /// Commands for the next heartbeat.
    pub commands: Vec<Command>,
    pub actions: Actions,
    /// Records of the batches that were stored.
    pub records: Vec<RequestRecord>,
    /// The bodies of all batches, decoded.
    pub bodies: Vec<String>,
    pub encodings: Vec<Option<String>>,
    /// The ids stored, and those that came again.
    pub ids: HashSet<String>,
    pub duplicates: usize,
    faults: VecDeque<(On, Fault)>,
}

struct Shared {
    seen: Mutex<Seen>,
    changed: Notify,
}

pub struct Backend {
    shared: Arc<Shared>,
    pub address: SocketAddr,
    task: tokio::task::JoinHandle<()>,
}

impl Drop for Backend {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Backend {
    pub async fn start() -> Self {
        Self::with_faults([]).await
    }

    /// A backend that misbehaves so, each fault once and in this order for its kind of call.
    pub async fn with_faults(faults: impl IntoIterator<Item = (On, Fault)>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, faults)
    }

    /// A backend that can read these encodings.
    pub async fn offering(compression: &[&str]) -> Self {
        let backend = Self::start().await;
        let compression = compression.iter().copied().map(str::to_owned).collect();
        backend.seen().login.features.sqreen_rs = Some(SqreenRsFeatures {
            compression,
            action_stream: None,
            verdicts: true,
        });
        backend
    }

    pub fn on(
        listener: impl Listener<Addr = SocketAddr>,
        faults: impl IntoIterator<Item = (On, Fault)>,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let additions = SqreenRsFeatures {
            compression: vec!["gzip".into()],
            action_stream: None,
            verdicts: true,
        };
        let login = LoginResponse {
            status: Status::OK,
            features: Features {
                sqreen_rs: Some(additions),
                ..Features::default()
            },
            ..LoginResponse::default()
        };
        let shared = Arc::new(Shared {
            seen: Mutex::new(Seen {
                login,
                faults: faults.into_iter().collect(),
                ..Seen::default()
            }),
            changed: Notify::new(),
        });
        let app = Router::new().fallback(serve).with_state(shared.clone());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Self {
            shared,
            address,
            task,
        }
    }

    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.shared.seen.lock().unwrap()
    }

    /// Ends its misbehaviour.
    pub fn recover(&self) {
        self.seen().faults.clear();
    }

    /// Waits until what was seen meets a condition.
    pub async fn wait_for(&self, condition: impl Fn(&Seen) -> bool) {
        let waiting = async {
            loop {
                let changed = self.shared.changed.notified();
                if condition(&self.seen()) {
                    return;
                }
                changed.await;
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(20), waiting).await;
        waited.expect("the backend saw it in time");
    }

    /// The events stored, with their records.
    pub fn events(&self) -> Vec<Stored> {
        let records = self.seen().records.clone();
        let events = records.iter().flat_map(|record| {
            let sdk = record.observed.sdk.iter();
            sdk.filter(|event| event.id.is_some())
                .map(|event| Stored::new(record, event))
        });
        events.collect()
    }

    /// Sends a line to the agent, whose stream must be open.
    pub fn line(&self, line: &impl serde::Serialize) {
        self.raw_line(serde_json::to_vec(line).unwrap());
    }

    /// Sends bytes and the end of a line to the agent, whose stream must be open.
    pub fn raw_line(&self, mut line: Vec<u8>) {
        line.push(b'\n');
        let seen = self.seen();
        let stream = seen.actions.stream.as_ref().expect("a stream is open");
        stream.send(line.into()).expect("the agent reads");
    }

    /// The event of this name; there must be one.
    pub fn event(&self, name: &str) -> Stored {
        let mut events = self.events();
        events.retain(|event| event.name == name);
        assert_eq!(events.len(), 1, "one event {name}: {events:?}");
        events.remove(0)
    }
}

async fn serve(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let call = match parts.uri.path() {
        protocol::APP_LOGIN => On::Login,
        protocol::APP_BEAT => On::Beat,
        protocol::BATCH => On::Batch,
        protocol::ACTIONS_PACK => On::Pack,
        protocol::ACTION_STREAM => On::Stream,
        protocol::APP_LOGOUT => {
            shared.seen.lock().unwrap().logouts += 1;
            shared.changed.notify_waiters();
            return Json(serde_json::json!({"status": true})).into_response();
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let fault = {
        let mut seen = shared.seen.lock().unwrap();
        let next = seen.faults.iter().position(|(on, _)| *on == call);
        next.and_then(|next| seen.faults.remove(next))
    };
    let fault = fault.map(|(_, fault)| fault);
    if matches!(fault, Some(Fault::SlowRead)) {
        return read_slowly(body).await;
    }
    let Ok(body) = axum::body::to_bytes(body, usize::MAX).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let answer = match fault {
        None => shared.answer(call, &parts, &body, None),
        Some(Fault::Reject(reason)) => shared.answer(call, &parts, &body, Some(reason)),
        Some(Fault::StoreThenCut) => {
            shared.answer(call, &parts, &body, None);
            cut()
        }
        Some(Fault::Cut) => cut(),
        Some(Fault::Hang | Fault::SlowRead) => std::future::pending().await,
        Some(Fault::Garbage) => "<html>It works!</html>".into_response(),
        Some(Fault::Endless) => Response::new(Body::from_stream(stream::repeat_with(|| {
            Ok::<_, std::io::Error>(Bytes::from_static(&[b' '; 1_024]))
        }))),
        Some(Fault::Trickle) => Response::new(Body::from_stream(stream::unfold((), |()| async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Some((Ok::<_, std::io::Error>(Bytes::from_static(b" ")), ()))
        }))),
        Some(Fault::Answer(status, headers)) => {
            let mut response = StatusCode::from_u16(status).unwrap().into_response();
            for (name, value) in headers {
                response.headers_mut().insert(name, value.parse().unwrap());
            }
            response
        }
    };
    shared.changed.notify_waiters();
    answer
}

/// Takes a piece of a body now and then, and never answers.
async fn read_slowly(mut body: Body) -> Response {
    while let Some(Ok(_)) = body.frame().await {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    std::future::pending().await
}

/// A response whose body starts, and is then torn off with the connection.
fn cut() -> Response {
    let start = Ok(Bytes::from_static(b"{\"status\":"));
    let torn = Err(std::io::Error::other("torn"));
    Response::new(Body::from_stream(stream::iter([start, torn])))
}

impl Shared {
    fn answer(&self, call: On, parts: &Parts, body: &[u8], reject: Option<&str>) -> Response {
        let headers = &parts.headers;
        let mut seen = self.seen.lock().unwrap();
        match call {
            On::Login => {
                assert_eq!(headers[protocol::HEADER_API_KEY], TOKEN);
                seen.logins += 1;
                let session_id = format!("session-{}", seen.logins);
                let login = LoginResponse {
                    session_id,
                    ..seen.login.clone()
                };
                let mut login = serde_json::to_value(login).unwrap();
                if let Some(actions) = &seen.actions.in_login {
                    login["actions"] = actions.clone();
                }
                Json(login).into_response()
            }
            On::Beat => {
                seen.beats.push(serde_json::from_slice(body).unwrap());
                let commands = std::mem::take(&mut seen.commands);
                Json(BeatResponse {
                    status: Status::OK,
                    commands,
                })
                .into_response()
            }
            On::Batch => {
                assert!(headers.contains_key(protocol::HEADER_SESSION_KEY));
                let encoding = headers.get(http::header::CONTENT_ENCODING);
                let encoding = encoding.map(|encoding| encoding.to_str().unwrap().to_owned());
                let body = decode(body, encoding.as_deref());
                let answer = seen.store(&body, reject);
                seen.encodings.push(encoding);
                seen.bodies.push(body);
                Json(answer).into_response()
            }
            On::Pack => seen.actions.answer_pack(headers),
            On::Stream => seen.actions.open(parts.uri.query()),
        }
    }
}

fn decode(body: &[u8], encoding: Option<&str>) -> String {
    let mut text = String::new();
    match encoding {
        None => text = String::from_utf8(body.into()).unwrap(),
        Some("gzip") => {
            let mut decoder = flate2::read::GzDecoder::new(body);
            decoder.read_to_string(&mut text).unwrap();
        }
        #[cfg(feature = "zstd")]
        Some("zstd") => text = String::from_utf8(zstd::decode_all(body).unwrap()).unwrap(),
        Some(other) => panic!("{other} was not offered"),
    }
    text
}

impl Seen {
    /// Misbehaves once more, after what it was to do before.
    pub fn add_fault(&mut self, fault: (On, Fault)) {
        self.faults.push_back(fault);
    }

    fn store(&mut self, body: &str, reject: Option<&str>) -> BatchResponse {
        let batch: BatchRequest = serde_json::from_str(body).unwrap();
        assert!(batch.verdicts, "verdicts were offered");
        let mut verdicts = Vec::new();
        let mut accepted = 0;
        for element in batch.batch {
            let BatchElement::RequestRecord(mut record) = element else {
                panic!("{element:?} is no record");
            };
            record.observed.sdk.retain(|event| {
                let Some(id) = event.id.clone() else {
                    return true;
                };
                let kind = if let Some(reason) = reject {
                    VerdictKind::Rejected(reason.into())
                } else if self.ids.insert(id.clone()) {
                    accepted += 1;
                    return true;
                } else {
                    self.duplicates += 1;
                    VerdictKind::Duplicate
                };
                verdicts.push(Verdict { id, kind });
                false
            });
            self.records.push(*record);
        }
        BatchResponse {
            status: Status::OK,
            error: None,
            accepted: Some(accepted),
            verdicts,
        }
    }
}
