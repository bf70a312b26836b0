//! The sessions of people: how they begin, who has one, how they end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use super::{HOUR, Known, People, SECOND, caller, now};
use crate::auth::{Client, Reader, Secret, TokenHash, random_hex};
use crate::state::{Event, Id, PersonRecord, SessionRecord, StateError};

/// A session that nobody used for so long has ended, in microseconds.
const IDLE: i64 = 12 * HOUR;
/// A session that began so long ago has ended, in microseconds.
const LONGEST: i64 = 7 * 24 * HOUR;
/// The last use of a session is kept to this many microseconds.
const USE_STEP: i64 = 5 * 60 * SECOND;
/// The most sessions of one person; the oldest makes room for another.
const MOST_SESSIONS: usize = 50;
/// The most bytes of what a browser calls itself that are kept.
const MOST_BROWSER: usize = 256;

/// A session, and what changes of it without a change of the store.
#[derive(Debug)]
pub(super) struct Live {
    record: SessionRecord,
    used_at: AtomicI64,
    noted_at: AtomicI64,
}

impl Live {
    pub(super) fn new(record: SessionRecord) -> Self {
        Self {
            used_at: AtomicI64::new(record.used_at),
            noted_at: AtomicI64::new(record.used_at),
            record,
        }
    }

    fn is_live(&self, now: i64) -> bool {
        self.record.created_at > now - LONGEST && self.used_at.load(Ordering::Relaxed) > now - IDLE
    }
}

impl Known {
    /// Whose session it is, if it lets them in.
    fn admits(&self, session: &Live, now: i64) -> Option<&PersonRecord> {
        let mut people = self.people.iter();
        let person = people.find(|person| person.id == session.record.person)?;
        (session.is_live(now) && person.disabled_at.is_none()).then_some(person)
    }
}

impl People {
    /// Begins a session, and answers what its cookie is to hold; nothing if the person was disabled, or has another
    /// password, since they proved who they are. Blocks.
    pub(crate) fn begin(
        &self,
        person: &PersonRecord,
        client: Client,
        browser: &str,
    ) -> Result<Option<Secret>, StateError> {
        let _writer = self.write();
        let same =
            |now: &PersonRecord| now.password == person.password && now.disabled_at.is_none();
        if !self.with_id(person.id).as_ref().is_some_and(same) {
            return Ok(None);
        }
        let cookie = Secret(random_hex().map_err(|_| StateError::Random)?);
        let now = now();
        let end = browser.floor_char_boundary(MOST_BROWSER);
        let session = SessionRecord {
            id: Id::random()?,
            hash: TokenHash::of(&cookie.0).0,
            person: person.id,
            created_at: now,
            used_at: now,
            ip: client.ip.map(|ip| ip.to_string()),
            browser: browser.get(..end).unwrap_or_default().to_owned(),
        };
        self.state.expire_sessions(now - LONGEST, now - IDLE)?;
        self.state.add_session(&session, MOST_SESSIONS)?;
        self.state.note_sign_in(person.id, now)?;
        self.note(&caller(person, client), Event::SignIn, person, None);
        self.read()?;
        Ok(Some(cookie))
    }

    /// Who has this cookie.
    pub(crate) fn reader(&self, cookie: &str, client: Client) -> Option<Reader> {
        let now = now();
        let known = self.known();
        let session = known.sessions.get(&TokenHash::of(cookie).0)?;
        let person = known.admits(session, now)?;
        session.used_at.store(now, Ordering::Relaxed);
        Some(Reader {
            caller: caller(person, client),
            person: person.id,
            session: session.record.id,
            csrf: Reader::csrf_of(cookie),
        })
    }

    /// Whether there is such a session, of someone who may have it. This is no use of it.
    pub(crate) fn is_live(&self, session: Id) -> bool {
        let known = self.known();
        let mut sessions = known.sessions.values();
        let found = sessions.find(|live| live.record.id == session);
        found.is_some_and(|live| known.admits(live, now()).is_some())
    }

    /// The sessions of a person, the last used first.
    pub(crate) fn sessions(&self, person: Id) -> Vec<SessionRecord> {
        let now = now();
        let known = self.known();
        let live = known
            .sessions
            .values()
            .filter(|session| session.record.person == person && session.is_live(now));
        let mut sessions: Vec<_> = live
            .map(|session| SessionRecord {
                used_at: session.used_at.load(Ordering::Relaxed),
                ..session.record.clone()
            })
            .collect();
        sessions.sort_by_key(|session| std::cmp::Reverse(session.used_at));
        sessions
    }

    /// Ends a session of the reader's own. Blocks.
    pub(crate) fn end(&self, session: Id, reader: &Reader) -> Result<(), StateError> {
        let _writer = self.write();
        self.state.end_session(session, reader.person)?;
        let event = if session == reader.session {
            Event::SignOut
        } else {
            Event::SessionEnded
        };
        reader
            .caller
            .note(&*self.state, event, Some(&session.to_string()), None);
        self.read()
    }

    /// Notes the last uses of sessions. Blocks.
    pub(crate) fn note_uses(&self) -> Result<(), StateError> {
        let sessions: Vec<_> = self.known().sessions.values().map(Arc::clone).collect();
        for session in sessions {
            let used = session.used_at.load(Ordering::Relaxed);
            if used >= session.noted_at.load(Ordering::Relaxed) + USE_STEP {
                self.state.note_session_use(session.record.id, used)?;
                session.noted_at.store(used, Ordering::Relaxed);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
