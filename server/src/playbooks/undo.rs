//! Taking back what playbooks did.

use sqreen::protocol::Timestamp;

use super::respond::{Responder, responses};
use crate::auth::Caller;
use crate::state::{Event, Id, RunRecord, StateError};

impl Responder<'_> {
    /// Lifts what a run put in force, and notes that it was undone; `None` if there is no such run. Blocks.
    pub(crate) fn undo(&self, id: Id, by: &Caller) -> Result<Option<RunRecord>, StateError> {
        let Some(run) = self.state.run(id)? else {
            return Ok(None);
        };
        for response in responses(&run) {
            for id in response.ids.iter().filter_map(|id| id.parse().ok()) {
                self.actions.lift(id, by)?;
            }
        }
        if run.undone_at.is_none() {
            let at = Timestamp::now().as_micros();
            self.state.undo_run(id, at, &by.name)?;
            let run = id.to_string();
            by.note(self.state, Event::PlaybookUndone, Some(&run), None);
        }
        self.state.run(id)
    }

    /// Lifts all that a playbook put in force; answers how many actions that were. Blocks.
    pub(crate) fn undo_all(&self, slug: &str, by: &Caller) -> Result<usize, StateError> {
        let at = Timestamp::now().as_micros();
        let live = self.state.live_actions_of(slug, at)?;
        for (action, run) in &live {
            self.actions.lift(*action, by)?;
            self.state.undo_run(*run, at, &by.name)?;
        }
        if !live.is_empty() {
            let lifted = format!("{} actions", live.len());
            by.note(self.state, Event::PlaybookUndone, Some(slug), Some(&lifted));
        }
        Ok(live.len())
    }
}
