//! People and their sessions, in memory, so that no request asks the state store.
//!
//! Each change goes to the store first, and memory is then read anew: there are few people, and changes are rare.

mod sessions;

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

use sqreen::protocol::Timestamp;

use self::sessions::Live;
use super::{Caller, Client, Secret, TokenHash, random_hex};
use crate::fields::FieldError;
use crate::state::{Event, Id, PersonRecord, Role, StateError, StateStore};

const SECOND: i64 = 1_000_000;
const HOUR: i64 = 60 * 60 * SECOND;
/// How long a link that sets a password works, in microseconds.
const LINK: i64 = 24 * HOUR;

/// The most people.
const MOST_PEOPLE: usize = 1_000;
/// The most bytes of a name.
pub(crate) const MAX_NAME: usize = 128;

/// Why people are not changed.
#[derive(Debug)]
pub(crate) enum PersonError {
    Field(FieldError),
    /// It would contradict what is there.
    Conflict(FieldError),
    /// There is nobody of that id or name.
    Unknown,
    State(StateError),
}

impl From<StateError> for PersonError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl fmt::Display for PersonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) | Self::Conflict(error) => error.fmt(f),
            Self::Unknown => f.write_str("there is no such person"),
            Self::State(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for PersonError {}

/// What is to become of a person; what is `None` stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct PersonChange {
    pub(crate) role: Option<Role>,
    pub(crate) disabled: Option<bool>,
}

#[derive(Debug, Default)]
struct Known {
    people: Vec<PersonRecord>,
    /// By the hash of their cookie: whoever guesses cannot choose it, so the time of the lookup tells nothing.
    sessions: HashMap<[u8; 32], Arc<Live>>,
}

/// All people and their sessions.
#[derive(Debug)]
pub(crate) struct People {
    state: Arc<dyn StateStore>,
    known: RwLock<Known>,
    /// Held from the look at what is there until the change is made.
    writer: Mutex<()>,
}

impl People {
    /// Reads them.
    pub(crate) fn open(state: Arc<dyn StateStore>) -> Result<Self, StateError> {
        let people = Self {
            state,
            known: RwLock::default(),
            writer: Mutex::default(),
        };
        people.read()?;
        Ok(people)
    }

    pub(crate) fn all(&self) -> Vec<PersonRecord> {
        self.known().people.clone()
    }

    pub(crate) fn with_id(&self, id: Id) -> Option<PersonRecord> {
        let known = self.known();
        known.people.iter().find(|person| person.id == id).cloned()
    }

    pub(crate) fn named(&self, name: &str) -> Option<PersonRecord> {
        let known = self.known();
        let mut people = known.people.iter();
        people
            .find(|person| person.name.eq_ignore_ascii_case(name))
            .cloned()
    }

    /// Whether anyone could manage the others.
    pub(crate) fn has_admin(&self) -> bool {
        self.known().people.iter().any(is_admin)
    }

    /// Adds a person who has this password, or who gets a link to set one. Blocks.
    pub(crate) fn add(
        &self,
        name: &str,
        role: Role,
        password: Option<String>,
        by: &Caller,
    ) -> Result<PersonRecord, PersonError> {
        check_name(name).map_err(PersonError::Field)?;
        let _writer = self.write();
        self.store(name, role, password, by)
    }

    /// Adds the first admin; answers nobody if there is one who can sign in. Blocks.
    pub(crate) fn add_first(
        &self,
        name: &str,
        password: String,
        by: &Caller,
    ) -> Result<Option<PersonRecord>, PersonError> {
        check_name(name).map_err(PersonError::Field)?;
        let _writer = self.write();
        if self.has_admin() {
            return Ok(None);
        }
        self.store(name, Role::Admin, Some(password), by).map(Some)
    }

    /// Whom the link of a demo signs in: an admin without a password, who is disabled in a server that is no demo.
    /// Blocks.
    pub(super) fn demo(&self, on: bool, by: &Caller) -> Result<Option<Id>, PersonError> {
        const NAME: &str = "demo link";
        let person = match self.named(NAME) {
            Some(person) => person,
            None if on => self.store(NAME, Role::Admin, None, by)?,
            None => return Ok(None),
        };
        let change = PersonChange {
            disabled: Some(!on),
            ..PersonChange::default()
        };
        self.change(person.id, change, by)?;
        Ok(on.then_some(person.id))
    }

    fn store(
        &self,
        name: &str,
        role: Role,
        password: Option<String>,
        by: &Caller,
    ) -> Result<PersonRecord, PersonError> {
        if self.known().people.len() >= MOST_PEOPLE {
            let wrong = format!("there are {MOST_PEOPLE} people, the limit");
            return Err(PersonError::Conflict(FieldError::new("name", wrong)));
        }
        let person = PersonRecord {
            id: Id::random()?,
            name: name.to_owned(),
            role,
            password,
            created_at: now(),
            signed_in_at: None,
            disabled_at: None,
        };
        if !self.state.add_person(&person)? {
            let wrong = "there is someone of this name";
            return Err(PersonError::Conflict(FieldError::new("name", wrong)));
        }
        self.note(by, Event::PersonAdded, &person, Some(role.name()));
        self.read()?;
        Ok(person)
    }

    /// Changes what a person may do. Blocks.
    pub(crate) fn change(
        &self,
        id: Id,
        change: PersonChange,
        by: &Caller,
    ) -> Result<PersonRecord, PersonError> {
        let _writer = self.write();
        let before = self.with_id(id).ok_or(PersonError::Unknown)?;
        let mut after = before.clone();
        after.role = change.role.unwrap_or(before.role);
        if let Some(disabled) = change.disabled
            && disabled != before.disabled_at.is_some()
        {
            after.disabled_at = disabled.then(now);
        }
        let others = self.all();
        let mut others = others.iter().filter(|person| person.id != id);
        if is_admin(&before) && !is_admin(&after) && !others.any(is_admin) {
            let field = if after.role == before.role {
                "disabled"
            } else {
                "role"
            };
            let wrong = "this is the only admin who can sign in";
            return Err(PersonError::Conflict(FieldError::new(field, wrong)));
        }
        if after.role != before.role {
            self.state.set_role(id, after.role)?;
            self.note(by, Event::PersonRole, &after, Some(after.role.name()));
        }
        if after.disabled_at.is_some() != before.disabled_at.is_some() {
            self.state.set_disabled(id, after.disabled_at)?;
            let event = match after.disabled_at {
                Some(_) => Event::PersonDisabled,
                None => Event::PersonEnabled,
            };
            self.note(by, event, &after, None);
        }
        self.read()?;
        Ok(after)
    }

    /// Makes a link with which the person sets a password, once, within a day; an earlier one ends. Answers its code.
    /// Blocks.
    pub(crate) fn make_link(&self, id: Id, by: &Caller) -> Result<Secret, PersonError> {
        let _writer = self.write();
        let person = self.with_id(id).ok_or(PersonError::Unknown)?;
        if person.disabled_at.is_some() {
            let wrong = "the person is disabled";
            return Err(PersonError::Conflict(FieldError::new("id", wrong)));
        }
        let code = Secret(random_hex().map_err(|_| StateError::Random)?);
        self.state
            .add_link(&TokenHash::of(&code.0).0, id, now() + LINK)?;
        self.note(by, Event::PersonLink, &person, None);
        Ok(code)
    }

    /// Whose link it is, if it still works. Blocks.
    pub(crate) fn of_link(&self, code: &str) -> Result<Option<PersonRecord>, StateError> {
        let person = self.state.link(&TokenHash::of(code).0, now())?;
        Ok(person.and_then(|person| self.with_id(person)))
    }

    /// Sets the password of whom the link is for, if it still works. Blocks.
    pub(crate) fn use_link(
        &self,
        code: &str,
        password: &str,
        client: Client,
    ) -> Result<Option<PersonRecord>, StateError> {
        let _writer = self.write();
        let hash = TokenHash::of(code).0;
        let Some(id) = self.state.use_link(&hash, now(), password)? else {
            return Ok(None);
        };
        self.read()?;
        let person = self.with_id(id);
        if let Some(person) = &person {
            let by = caller(person, client);
            self.note(&by, Event::PasswordSet, person, Some("by link"));
        }
        Ok(person)
    }

    /// Changes a person's password, which ends all their sessions. Blocks.
    pub(crate) fn set_password(
        &self,
        id: Id,
        password: &str,
        by: &Caller,
    ) -> Result<PersonRecord, PersonError> {
        let _writer = self.write();
        let person = self.with_id(id).ok_or(PersonError::Unknown)?;
        self.state.set_password(id, password)?;
        self.note(by, Event::PasswordSet, &person, None);
        self.read()?;
        self.with_id(id).ok_or(PersonError::Unknown)
    }

    /// Reads what the store has. Blocks.
    pub(crate) fn read(&self) -> Result<(), StateError> {
        let people = self.state.people()?;
        let sessions = self.state.sessions()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *known);
        let sessions = sessions.into_iter().map(|record| {
            let hash = record.hash;
            let kept = before.sessions.get(&hash).map(Arc::clone);
            let live = kept.unwrap_or_else(|| Arc::new(Live::new(record)));
            (hash, live)
        });
        *known = Known {
            sessions: sessions.collect(),
            people,
        };
        Ok(())
    }

    fn note(&self, by: &Caller, event: Event, person: &PersonRecord, detail: Option<&str>) {
        tracing::info!(
            by = &*by.name,
            event = event.name(),
            person = person.name,
            detail,
            "access"
        );
        by.note(&*self.state, event, Some(&person.name), detail);
    }

    fn known(&self) -> RwLockReadGuard<'_, Known> {
        self.known.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the person can sign in and manage the others.
fn is_admin(person: &PersonRecord) -> bool {
    person.role == Role::Admin && person.disabled_at.is_none() && person.password.is_some()
}

fn caller(person: &PersonRecord, client: Client) -> Caller {
    Caller {
        name: person.name.as_str().into(),
        role: person.role,
        ip: client.ip,
    }
}

/// Says what is wrong with a name.
pub(crate) fn check_name(name: &str) -> Result<(), FieldError> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"._%+@-".contains(&byte);
    if (1..=MAX_NAME).contains(&name.len()) && name.bytes().all(fits) {
        return Ok(());
    }
    let wrong = format!("not 1 to {MAX_NAME} letters, digits and ._%+@-");
    Err(FieldError::new("name", wrong))
}

fn now() -> i64 {
    Timestamp::now().as_micros()
}
