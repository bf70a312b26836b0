//! Who may do what: tokens of agents and of the API, people and their sessions, and the gate before every route.
//!
//! A token is 256 random bits, so a fast hash is enough to keep it by: there is nothing to guess that a slow one, such
//! as argon2, would make dearer. Each request with a token costs one SHA-256.

mod caller;
mod client;
mod gate;
mod pass;
mod passwords;
mod people;
mod signin;
mod throttle;
mod token_changes;
mod tokens;

use std::fmt;
use std::io;

use sha2::{Digest, Sha256};

pub(crate) use self::caller::{Caller, Reader};
pub(crate) use self::client::Client;
pub(crate) use self::gate::{Sent, check, cookie_name, reader, same_origin};
pub(crate) use self::pass::Pass;
pub(crate) use self::passwords::{HashError, check as check_password};
pub(crate) use self::people::{MAX_NAME, People, PersonChange, PersonError, check_name};
pub(crate) use self::signin::{Link, SignIn, SignInError, link, note_failure};
pub(crate) use self::token_changes::{
    MAX_TEXT as MAX_TOKEN_TEXT, NewToken, TokenError, revoke as revoke_token,
};
pub(crate) use self::tokens::{Revocation, Tokens};

/// The SHA-256 of a token.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct TokenHash(pub(crate) [u8; 32]);

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

/// Text that stays out of logs.
#[derive(Clone)]
pub(crate) struct Secret(pub(crate) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<hidden>")
    }
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
