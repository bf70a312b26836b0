//! Passwords, and the time and memory that they take.

use argon2::password_hash::{self, PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use super::Secret;
use crate::fields::FieldError;
use crate::server::blocking;

/// The least characters of a password.
const LEAST: usize = 12;
/// The most bytes of a password.
const MOST: usize = 1_024;

/// How many passwords are hashed at a time, at 19 MiB each.
const AT_A_TIME: usize = 2;
/// How many may wait for that.
const WAITING: usize = 64;

/// Why a password was neither hashed nor compared.
#[derive(Debug)]
pub(crate) enum HashError {
    /// Too many wait already.
    Busy,
    /// The hash could not be made.
    Failed(String),
}

/// Hashes passwords with argon2id at the parameters that OWASP recommends: 19 MiB, two passes, one lane.
#[derive(Debug)]
pub(crate) struct Passwords {
    running: Semaphore,
    waiting: Semaphore,
}

/// The form of a hash, of no password: compared where there is none, so that it takes as long.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdA$\
                      AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

impl Passwords {
    pub(crate) fn new() -> Self {
        Self {
            running: Semaphore::new(AT_A_TIME),
            waiting: Semaphore::new(WAITING),
        }
    }

    /// The hash, with its salt and parameters.
    pub(crate) async fn hash(&self, password: Secret) -> Result<String, HashError> {
        self.run(move || hash(&password.0)).await?
    }

    /// Whether the hash is of the password; without a hash it takes as long, and is not.
    pub(crate) async fn verify(
        &self,
        password: Secret,
        known: Option<String>,
    ) -> Result<bool, HashError> {
        let verify = move || {
            let text = known.as_deref().unwrap_or(NOBODY);
            let parsed = PasswordHash::new(text).map_err(failed)?;
            let verified = argon2()?.verify_password(password.0.as_bytes(), &parsed);
            match verified {
                Ok(()) => Ok(known.is_some()),
                Err(password_hash::Error::Password) => Ok(false),
                Err(error) => Err(failed(error)),
            }
        };
        self.run(verify).await?
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let _place = self.waiting.try_acquire().map_err(|_| HashError::Busy)?;
        let _permit = self.running.acquire().await.map_err(|_| HashError::Busy)?;
        let done = blocking(work).await;
        done.map_err(|error| HashError::Failed(error.to_string()))
    }
}

/// Says what is wrong with a new password for the person of this name.
pub(crate) fn check(password: &str, name: &str) -> Result<(), FieldError> {
    let wrong = if password.chars().count() < LEAST {
        format!("shorter than {LEAST} characters")
    } else if password.len() > MOST {
        format!("longer than {MOST} bytes")
    } else if password.eq_ignore_ascii_case(name) {
        "the same as the name".to_owned()
    } else {
        return Ok(());
    };
    Err(FieldError::new("password", wrong))
}

/// As [`Passwords::hash`], where nothing else hashes. Blocks.
pub(crate) fn hash(password: &str) -> Result<String, HashError> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| HashError::Failed(error.to_string()))?;
    let salt = SaltString::encode_b64(&salt).map_err(failed)?;
    let hash = argon2()?.hash_password(password.as_bytes(), &salt);
    Ok(hash.map_err(failed)?.to_string())
}

fn argon2() -> Result<Argon2<'static>, HashError> {
    let params = Params::new(19 * 1_024, 2, 1, None);
    let params = params.map_err(|error| HashError::Failed(error.to_string()))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn failed(error: password_hash::Error) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hash_is_of_one_password_and_says_how_it_was_made() {
        let passwords = Passwords::new();
        let secret = |text: &str| Secret(text.to_owned());
        let known = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(
            known.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"),
            "{known}"
        );
        let again = passwords.hash(secret("correct horse")).await.unwrap();
        assert_ne!(known, again, "each has a salt of its own");
        for (password, known, is) in [
            ("correct horse", Some(known.clone()), true),
            ("correct hors", Some(known), false),
            ("correct horse", None, false),
        ] {
            assert_eq!(passwords.verify(secret(password), known).await.unwrap(), is);
        }
        assert!(
            passwords
                .verify(secret("x"), Some("x".to_owned()))
                .await
                .is_err()
        );
    }

    #[test]
    fn new_passwords_are_long_and_not_the_name() {
        assert!(check("twelve chars", "ann").is_ok());
        assert!(check("eleven char", "ann").is_err());
        assert!(check(&"x".repeat(MOST + 1), "ann").is_err());
        assert!(check("Ann@example.com", "ann@example.com").is_err());
    }
}
