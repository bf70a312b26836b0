//! Saved views: pages of events under a name, which all who sign in share.

use std::fmt;

use sqreen::protocol::Timestamp;

use crate::auth::Caller;
use crate::fields::FieldError;
use crate::state::{Event, Id, NotSaved, SavedView, StateError, StateStore};

/// The most characters of a name.
pub(crate) const MAX_NAME: usize = 100;
/// The most bytes of a page's path and query.
pub(crate) const MAX_PLACE: usize = 8 * 1024;
/// The most views.
pub(crate) const MAX_VIEWS: usize = 200;

/// Why a view was not saved.
#[derive(Debug)]
pub(crate) enum ViewError {
    Field(FieldError),
    /// Another has the name.
    Taken,
    /// There are as many as there may be.
    Full,
    State(StateError),
}

impl From<StateError> for ViewError {
    fn from(error: StateError) -> Self {
        Self::State(error)
    }
}

impl fmt::Display for ViewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(error) => error.fmt(f),
            Self::Taken => {
                f.write_str("name: another view has it; replace that one, or choose another name")
            }
            Self::Full => write!(
                f,
                "there are {MAX_VIEWS} views, the limit; remove one first"
            ),
            Self::State(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ViewError {}

/// Saves a page of events, `place` being its path and query, under a name; with `replaces`, in place of the view that
/// has the name. Blocks.
pub(crate) fn save(
    state: &dyn StateStore,
    name: &str,
    place: &str,
    replaces: bool,
    by: &Caller,
) -> Result<SavedView, ViewError> {
    let name = name.trim();
    let fault = |field, wrong| Err(ViewError::Field(FieldError::new(field, wrong)));
    if name.is_empty() || name.chars().count() > MAX_NAME {
        return fault("name", format!("give 1 to {MAX_NAME} characters"));
    }
    if place.len() > MAX_PLACE || !is_page(place) {
        let wrong = format!(
            "not a page of events, such as /?filter=ip:203.0.113.7, of at most {MAX_PLACE} bytes"
        );
        return fault("place", wrong);
    }
    let now = Timestamp::now().as_micros();
    match state.add_view(name, place, replaces, MAX_VIEWS, now, &by.name)? {
        Ok(view) => {
            let id = view.id.to_string();
            by.note(state, Event::ViewSaved, Some(&id), Some(&view.name));
            Ok(view)
        }
        Err(NotSaved::Taken) => Err(ViewError::Taken),
        Err(NotSaved::Full) => Err(ViewError::Full),
    }
}

/// Removes a view, and answers it; `None` if there is none of this id. Blocks.
pub(crate) fn remove(
    state: &dyn StateStore,
    id: Id,
    by: &Caller,
) -> Result<Option<SavedView>, StateError> {
    let removed = state.remove_view(id)?;
    if let Some(view) = &removed {
        let id = id.to_string();
        by.note(state, Event::ViewRemoved, Some(&id), Some(&view.name));
    }
    Ok(removed)
}

/// Whether the link is one to a page of events of this server: it can be followed from any other.
pub(crate) fn is_page(link: &str) -> bool {
    let plain = link.bytes().all(|byte| byte.is_ascii_graphic());
    plain && (link == "/" || link.starts_with("/?") || link.starts_with("/actor?"))
}
