//! Signing in: by name and password, and by the links that the start prints.

use std::time::Duration;

use sqreen::protocol::Timestamp;

use super::passwords::{self, HashError, Passwords};
use super::people::{People, PersonError};
use super::throttle::Throttle;
use super::{Caller, Client, Secret, TokenHash, random_hex};
use crate::config::ServerConfig;
use crate::fields::FieldError;
use crate::state::{Event, Id, PersonRecord, StateError, StateStore};

/// Why nobody is signed in.
#[derive(Debug)]
pub(crate) enum SignInError {
    /// No such name, another password, or someone who may not: which of them is not told.
    Wrong,
    /// Too many attempts; the next may come after this time.
    Wait(Duration),
    /// Too many sign in at this moment.
    Busy,
}

/// What a link is for.
#[derive(Debug)]
pub(crate) enum Link {
    /// Signs in, as often as it is asked.
    Demo(Id),
    /// Makes the first admin.
    First,
    /// Sets the password of this person.
    Password(PersonRecord),
}

/// What it takes to sign in.
#[derive(Debug)]
pub(crate) struct SignIn {
    pub(crate) passwords: Passwords,
    pub(crate) throttle: Throttle,
    /// Of the link that makes the first admin; it works until there is one.
    first: Secret,
    /// Of the link of a demo, and whom it signs in.
    demo: Option<(Secret, Id)>,
}

impl SignIn {
    /// Adds the admin of the settings, where there is none who can sign in. Blocks.
    pub(crate) fn open(config: &ServerConfig, people: &People) -> Result<Self, PersonError> {
        let by = Caller::configuration();
        let code = || random_hex().map(Secret).map_err(|_| StateError::Random);
        if let Some((name, password)) = &config.admin {
            passwords::check(password, name).map_err(PersonError::Field)?;
            if !people.has_admin() {
                let hash = passwords::hash(password).map_err(unhashed)?;
                people.add_first(name, hash, &by)?;
            }
        }
        let demo = people.demo(config.demo_explorer_link, &by)?;
        Ok(Self {
            passwords: Passwords::new(),
            throttle: Throttle::default(),
            first: code()?,
            demo: demo
                .map(|person| Ok::<_, StateError>((code()?, person)))
                .transpose()?,
        })
    }

    /// Path and query of the link that the start prints.
    pub(crate) fn link(&self, people: &People) -> String {
        match &self.demo {
            Some((code, _)) => link(code),
            None if people.has_admin() => "/".to_owned(),
            None => link(&self.first),
        }
    }

    /// What a link of this code is for, if it works. Blocks.
    pub(crate) fn of_code(&self, code: &str, people: &People) -> Result<Option<Link>, StateError> {
        let hash = TokenHash::of(code);
        if let Some((demo, person)) = &self.demo
            && hash.matches(&demo.0)
        {
            return Ok(Some(Link::Demo(*person)));
        }
        if hash.matches(&self.first.0) {
            return Ok((!people.has_admin()).then_some(Link::First));
        }
        Ok(people.of_link(code)?.map(Link::Password))
    }

    /// Who has this name and password.
    pub(crate) async fn person(
        &self,
        people: &People,
        name: &str,
        password: Secret,
        client: Client,
    ) -> Result<PersonRecord, SignInError> {
        let now = Timestamp::now().as_micros();
        self.throttle
            .admit(name, client.ip, now)
            .map_err(SignInError::Wait)?;
        let person = people.named(name);
        let person = person.filter(|person| person.disabled_at.is_none());
        let hash = person.as_ref().and_then(|person| person.password.clone());
        let verified = self.passwords.verify(password, hash).await;
        match (verified, person) {
            (Ok(true), Some(person)) => {
                self.throttle.succeed(name, client.ip);
                Ok(person)
            }
            (Ok(_), _) => Err(SignInError::Wrong),
            (Err(HashError::Busy), _) => Err(SignInError::Busy),
            (Err(HashError::Failed(error)), _) => {
                tracing::error!(error, "password not compared");
                Err(SignInError::Wrong)
            }
        }
    }
}

/// Path and query of a link that sets a password.
pub(crate) fn link(code: &Secret) -> String {
    format!("/signin/link?code={}", code.0)
}

/// Writes down that someone failed to sign in by this name, or what they took for one. Blocks.
pub(crate) fn note_failure(state: &dyn StateStore, name: &str, client: Client) {
    const MOST: usize = 128;
    let name = name.replace(char::is_control, " ");
    let name = name.get(..name.floor_char_boundary(MOST));
    Caller::stranger(client).note(state, Event::SignInFailed, name, None);
}

fn unhashed(_: HashError) -> PersonError {
    PersonError::Field(FieldError::new("password", "it could not be hashed"))
}
