//! Reading bodies: limits, decompression, JSON.

use std::io::Read;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode, header};
use serde::de::DeserializeOwned;

use super::answer::Refusal;

/// The most bytes of a body as it is sent.
pub(super) const MAX_ENCODED: usize = 8 << 20;
/// The most bytes of a body decompressed.
const MAX_DECODED: usize = 64 << 20;
/// Larger zstd windows are refused, since they cost their size in memory; encoders use up to 8 MiB of themselves.
const MAX_ZSTD_WINDOW_LOG: u32 = 23;
/// Smaller bodies without compression are read where they are; others where blocking is allowed.
const INLINE: usize = 16 << 10;

/// `Content-Encoding`s that are understood, best first.
pub(super) const ENCODINGS: [&str; 2] = ["zstd", "gzip"];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Encoding {
    Identity,
    Gzip,
    Zstd,
}

/// A body within the limit, not decoded yet.
#[derive(Debug)]
pub(super) struct Body {
    bytes: Bytes,
    encoding: Encoding,
}

impl Body {
    pub(super) fn new(
        headers: &HeaderMap,
        bytes: Result<Bytes, BytesRejection>,
    ) -> Result<Self, Refusal> {
        let bytes = bytes.map_err(|rejection| {
            if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE {
                Refusal::TooLarge(format!("body: larger than {MAX_ENCODED} bytes"))
            } else {
                Refusal::Body(format!("body: {}", rejection.body_text()))
            }
        })?;
        let encoding = headers
            .get(header::CONTENT_ENCODING)
            .map(|value| value.as_bytes());
        let encoding = match encoding {
            None | Some(b"" | b"identity") => Encoding::Identity,
            Some(b"gzip" | b"x-gzip") => Encoding::Gzip,
            Some(b"zstd") => Encoding::Zstd,
            Some(_) => {
                let text = "content-encoding: expected zstd, gzip or identity";
                return Err(Refusal::Encoding(text.to_owned()));
            }
        };
        Ok(Self { bytes, encoding })
    }

    /// Whether reading it takes so little time that it need not be moved to where blocking is allowed.
    pub(super) fn is_small(&self) -> bool {
        self.encoding == Encoding::Identity && self.bytes.len() <= INLINE
    }

    /// Decodes and parses the body; an empty one reads as the default.
    pub(super) fn parse<T: DeserializeOwned + Default>(&self) -> Result<T, Refusal> {
        let decoded;
        let bytes: &[u8] = match self.encoding {
            Encoding::Identity => &self.bytes,
            Encoding::Gzip => {
                decoded = read("gzip", flate2::read::MultiGzDecoder::new(&self.bytes[..]))?;
                &decoded
            }
            Encoding::Zstd => {
                let broken = |error| Refusal::Body(format!("body: not zstd: {error}"));
                let mut decoder = zstd::Decoder::with_buffer(&self.bytes[..]).map_err(broken)?;
                decoder
                    .window_log_max(MAX_ZSTD_WINDOW_LOG)
                    .map_err(broken)?;
                decoded = read("zstd", decoder)?;
                &decoded
            }
        };
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return Ok(T::default());
        }
        serde_json::from_slice(bytes)
            .map_err(|error| Refusal::Body(format!("body: not the JSON expected: {error}")))
    }
}

fn read(encoding: &str, decoder: impl Read) -> Result<Vec<u8>, Refusal> {
    let mut decoded = Vec::new();
    decoder
        .take(MAX_DECODED as u64 + 1)
        .read_to_end(&mut decoded)
        .map_err(|error| Refusal::Body(format!("body: not {encoding}: {error}")))?;
    if decoded.len() > MAX_DECODED {
        return Err(Refusal::TooLarge(format!(
            "body: larger than {MAX_DECODED} bytes decompressed"
        )));
    }
    Ok(decoded)
}
