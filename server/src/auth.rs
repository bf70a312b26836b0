//! Tokens: what agents and readers prove themselves with.

use std::fmt;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::config::ServerConfig;
use crate::files;

/// The SHA-256 of a token.
#[derive(Clone, Copy)]
pub(crate) struct TokenHash([u8; 32]);

impl TokenHash {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Compares in a time that does not depend on where the two differ.
    pub(crate) fn matches(&self, token: &str) -> bool {
        let other = Self::of(token);
        let difference = self.0.iter().zip(other.0).fold(0, |d, (a, b)| d | (a ^ b));
        std::hint::black_box(difference) == 0
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenHash(..)")
    }
}

/// The server's tokens, and in clear those that were made just now.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) ingest: TokenHash,
    pub(crate) api: TokenHash,
    pub(crate) new_ingest: Option<Secret>,
    pub(crate) new_api: Option<Secret>,
}

/// Text that stays out of logs.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
}

#[derive(Default, Serialize, Deserialize)]
struct TokenFile {
    ingest_sha256: Option<String>,
    api_sha256: Option<String>,
}

impl Tokens {
    /// Takes each token of the configuration, else of `tokens.json`, else makes it.
    pub(crate) fn load(config: &ServerConfig) -> io::Result<Self> {
        let path = config.data_dir.join("tokens.json");
        let mut file: TokenFile = files::read_json(&path)?.unwrap_or_default();
        let (ingest, new_ingest) = resolve(
            config.ingest_token.as_deref(),
            &mut file.ingest_sha256,
            &path,
        )?;
        let (api, new_api) = resolve(config.api_token.as_deref(), &mut file.api_sha256, &path)?;
        if new_ingest.is_some() || new_api.is_some() {
            files::write_json(&path, &file)?;
        }
        Ok(Self {
            ingest,
            api,
            new_ingest,
            new_api,
        })
    }
}

fn resolve(
    configured: Option<&str>,
    kept: &mut Option<String>,
    path: &Path,
) -> io::Result<(TokenHash, Option<Secret>)> {
    if let Some(token) = configured {
        return Ok((TokenHash::of(token), None));
    }
    if let Some(hex) = kept {
        let hash = parse_hex(hex).ok_or_else(|| {
            let text = format!("{}: not a SHA-256 in hexadecimal", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        })?;
        return Ok((TokenHash(hash), None));
    }
    let token = random_hex()?;
    let hash = TokenHash::of(&token);
    *kept = Some(hex(&hash.0));
    Ok((hash, Some(Secret(token))))
}

/// 32 random bytes in hexadecimal.
pub(crate) fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(hex(&bytes))
}

/// The SHA-256 of the parts, in hexadecimal.
pub(crate) fn digest(parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length before it, no part can pass for the end of the one before.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .chars()
        .map(|c| c.to_digit(16).and_then(|digit| u8::try_from(digit).ok()))
        .collect::<Option<_>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .filter_map(|pair| Some(pair.first()? << 4 | pair.get(1)?))
        .collect();
    if digits.len() == 64 {
        bytes.try_into().ok()
    } else {
        None
    }
}
