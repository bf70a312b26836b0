//! Taking back what playbooks did.

use sqreen::protocol::Timestamp;

use super::model::Stage;
use super::respond::Responder;
use crate::auth::Caller;
use crate::state::{Event, Id, RunRecord, StateError};

impl Responder<'_> {
    /// Lifts what a run put in force, and notes that it was undone; `None` if there is no such run. Blocks.
    pub(crate) fn undo(&self, id: Id, by: &Caller) -> Result<Option<RunRecord>, StateError> {
        let Some(run) = self.state.run(id)? else {
            return Ok(None);
        };
        // First: whoever decides the run meanwhile sees that it was undone, or is seen.
        let at = Timestamp::now().as_micros();
        self.state.undo_run(id, at, &by.name)?;
        self.lift(&run, by)?;
        if run.undone_at.is_none() {
            let run = id.to_string();
            by.note(self.state, Event::PlaybookUndone, Some(&run), None);
        }
        self.state.run(id)
    }

    /// Lifts what a run put in force.
    pub(super) fn lift(&self, run: &RunRecord, by: &Caller) -> Result<(), StateError> {
        let now = Timestamp::now().as_micros();
        let live = self.state.live_actions_of(&run.slug, now)?;
        for (action, _) in live.iter().filter(|(_, of)| *of == run.id) {
            self.actions.lift(*action, by)?;
        }
        Ok(())
    }

    /// Stops a playbook and lifts all that it put in force: what is enforced goes back to shadow. Answers how many actions
    /// that were. Blocks.
    pub(crate) fn undo_all(&self, slug: &str, by: &Caller) -> Result<usize, StateError> {
        // First: whoever decides a run from now on reads this stage.
        let current = self.playbooks.get(slug);
        if current.is_some_and(|current| current.stage == Stage::Enforce) {
            self.playbooks.set_stage(slug, Stage::Shadow, None, by)?;
        }
        let at = Timestamp::now().as_micros();
        // Whoever is deciding a run sees that it was undone, and lifts what they did.
        let open = self.state.open_runs()?;
        for run in open.iter().filter(|run| run.slug == slug) {
            self.state.undo_run(run.id, at, &by.name)?;
        }
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
