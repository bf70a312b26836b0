//! Reading bodies: limits, decompression, JSON.

use std::borrow::Cow;
use std::io::Read;

use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::sync::{OwnedSemaphorePermit, SemaphorePermit};

use super::answer::Refusal;
use super::json::{self, FromJson};
use crate::server::{App, blocking};

/// The most bytes of a body as it is sent.
const MAX_ENCODED: usize = 8 << 20;
/// What is sent beyond it is read and forgotten up to here, so that the client hears why, and no broken connection.
const MAX_FORGOTTEN: usize = 32 << 20;
/// While fewer bytes of a body have come, it takes no share of the memory for bodies: whoever is slow to send holds
/// nothing that others need.
const UNCOUNTED: usize = 64 << 10;
/// Larger zstd windows are refused, since they cost their size in memory; encoders use up to 8 MiB of themselves.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;
/// Smaller bodies without compression are read where they are; others where blocking is allowed.
const INLINE: usize = 16 << 10;

/// How many times its size a body of the usual kind has decompressed.
const USUAL_RATIO: usize = 12;

/// `Content-Encoding`s that are understood, best first.
pub(super) const ENCODINGS: [&str; 2] = ["zstd", "gzip"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// Bounds of what is read at a time: many bodies of the usual size, or one large one besides.
#[derive(Clone, Copy, Debug)]
struct Lane {
    /// Bytes decompressed.
    decoded: usize,
    /// Bytes of memory that the JSON takes.
    weight: usize,
}

const USUAL: Lane = Lane {
    decoded: 4 << 20,
    weight: 16 << 20,
};
const LARGE: Lane = Lane {
    decoded: 64 << 20,
    weight: 256 << 20,
};

/// A body within the limit, not decoded yet.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    encoding: Encoding,
    /// The share of memory that it takes, if it is not small.
    _memory: Option<OwnedSemaphorePermit>,
}

/// What goes wrong in a lane.
enum Failure {
    /// It needs the larger one.
    Large,
    Refused(Refusal),
}

impl FromRequest<App> for Body {
    type Rejection = Refusal;

    async fn from_request(request: Request, app: &App) -> Result<Self, Refusal> {
        let encoding = encoding(request.headers())?;
        let time = app.intake.body_timeout;
        let (bytes, memory) = tokio::time::timeout(time, receive(request, app))
            .await
            .map_err(|_| Refusal::Slow(format!("body: took longer than {time:?} to arrive")))??;
        Ok(Self {
            bytes,
            encoding,
            _memory: memory,
        })
    }
}

fn encoding(headers: &HeaderMap) -> Result<Encoding, Refusal> {
    let encoding = headers.get(header::CONTENT_ENCODING);
    match encoding.map(|value| value.as_bytes()) {
        None | Some(b"" | b"identity") => Ok(Encoding::Identity),
        Some(b"gzip" | b"x-gzip") => Ok(Encoding::Gzip),
        Some(b"zstd") => Ok(Encoding::Zstd),
        Some(_) => {
            let text = "content-encoding: expected zstd, gzip or identity";
            Err(Refusal::Encoding(text.to_owned()))
        }
    }
}

async fn receive(
    request: Request,
    app: &App,
) -> Result<(Bytes, Option<OwnedSemaphorePermit>), Refusal> {
    let body = request.into_body();
    let announced = body
        .size_hint()
        .upper()
        .and_then(|n| usize::try_from(n).ok());
    let announced = announced.unwrap_or(MAX_ENCODED);
    let mut stream = body.into_data_stream();
    let mut next = async || match stream.next().await {
        Some(Ok(piece)) => Ok(Some(piece)),
        Some(Err(error)) => Err(Refusal::Body(format!("body: cut off: {error}"))),
        None => Ok(None),
    };
    let mut held = BytesMut::new();
    let mut memory = None;
    let mut forgotten = 0;
    while let Some(piece) = next().await? {
        if forgotten > 0 || announced > MAX_ENCODED || held.len() + piece.len() > MAX_ENCODED {
            held = BytesMut::new();
            memory = None;
            forgotten += piece.len();
            if forgotten > MAX_FORGOTTEN {
                break;
            }
            continue;
        }
        if memory.is_none() && held.len() + piece.len() > UNCOUNTED {
            // All at once: bodies that each have a part of what they need would wait for each other.
            let kib = u32::try_from(announced.div_ceil(1 << 10)).unwrap_or(u32::MAX);
            let permit = app.intake.arriving.clone().acquire_many_owned(kib).await;
            memory = Some(permit.map_err(closing)?);
            held.reserve(announced - held.len());
        }
        held.extend_from_slice(&piece);
    }
    if forgotten > 0 {
        let text = format!("body: larger than {MAX_ENCODED} bytes");
        return Err(Refusal::TooLarge(text));
    }
    Ok((held.freeze(), memory))
}

impl Body {
    /// Decodes and parses the body, and makes `use_of` it; an empty one reads as the default. Whoever holds the permit
    /// keeps others from being read.
    pub(super) async fn read<T, R, F>(
        self,
        app: &App,
        use_of: F,
    ) -> Result<(R, SemaphorePermit<'_>), Refusal>
    where
        T: FromJson,
        R: Send + 'static,
        F: FnOnce(T) -> R + Send + 'static,
    {
        let permit = app.intake.reading.acquire().await.map_err(closing)?;
        if self.encoding == Encoding::Identity && self.bytes.len() <= INLINE {
            return Ok((use_of(json::parse(&self.bytes)?), permit));
        }
        let parsed = |body: &Self, lane| Ok::<T, Failure>(json::parse(&body.decode(lane)?)?);
        let usual = blocking(move || match parsed(&self, USUAL) {
            Ok(body) => Ok(Ok(use_of(body))),
            Err(Failure::Large) => Ok(Err((self, use_of))),
            Err(Failure::Refused(refusal)) => Err(refusal),
        });
        let (body, use_of) = match usual.await?? {
            Ok(used) => return Ok((used, permit)),
            Err(larger) => larger,
        };
        drop(permit);
        let permit = app.intake.reading_large.acquire().await.map_err(closing)?;
        let large = app.intake.large.run(move || match parsed(&body, LARGE) {
            Ok(body) => Ok(use_of(body)),
            Err(Failure::Large) => Err(too_large()),
            Err(Failure::Refused(refusal)) => Err(refusal),
        });
        Ok((large.await??, permit))
    }

    fn decode(&self, lane: Lane) -> Result<Cow<'_, [u8]>, Failure> {
        let text = match self.encoding {
            Encoding::Identity => Cow::from(&self.bytes[..]),
            Encoding::Gzip => {
                let decoder = flate2::read::MultiGzDecoder::new(&self.bytes[..]);
                decompress("gzip", decoder, self.bytes.len(), lane)?.into()
            }
            Encoding::Zstd => {
                let broken =
                    |error| Failure::Refused(Refusal::Body(format!("body: not zstd: {error}")));
                let mut decoder = zstd::Decoder::with_buffer(&self.bytes[..]).map_err(broken)?;
                decoder
                    .window_log_max(MAX_ZSTD_WINDOW_LOG)
                    .map_err(broken)?;
                decompress("zstd", decoder, self.bytes.len(), lane)?.into()
            }
        };
        if json::weighs_more(&text, lane.weight) {
            return Err(Failure::Large);
        }
        Ok(text)
    }
}

fn decompress(
    encoding: &str,
    decoder: impl Read,
    encoded: usize,
    lane: Lane,
) -> Result<Vec<u8>, Failure> {
    // Most bodies fit, and are decompressed into one piece.
    let mut decoded = Vec::with_capacity((encoded * USUAL_RATIO).min(lane.decoded));
    decoder
        .take(lane.decoded as u64 + 1)
        .read_to_end(&mut decoded)
        .map_err(|error| Refusal::Body(format!("body: not {encoding}: {error}")))?;
    if decoded.len() > lane.decoded {
        return Err(Failure::Large);
    }
    Ok(decoded)
}

fn too_large() -> Refusal {
    Refusal::TooLarge(format!(
        "body: larger than {} bytes decompressed, or more than {} bytes of memory as JSON",
        LARGE.decoded, LARGE.weight
    ))
}

pub(super) fn closing<E>(_: E) -> Refusal {
    Refusal::Unavailable("the server is closing".to_owned())
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}
