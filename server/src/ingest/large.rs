//! The thread that reads large bodies, one after the other.
//!
//! It is always the same one: the allocator keeps what was freed for the thread that had it, so that threads that
//! take turns would each come to hold as much as the largest body took.

use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

use tokio::sync::oneshot;

use super::answer::Refusal;

type Job = Box<dyn FnOnce() + Send>;

/// Ends its thread when it is dropped.
pub(super) struct LargeReader {
    jobs: Sender<Job>,
}

impl LargeReader {
    pub(super) fn start() -> io::Result<Self> {
        let (jobs, queue) = channel();
        thread::Builder::new()
            .name("large bodies".to_owned())
            .spawn(move || work_off(&queue))?;
        Ok(Self { jobs })
    }

    /// Does the work there, unless nobody waits for it any more.
    pub(super) async fn run<R: Send + 'static>(
        &self,
        work: impl FnOnce() -> R + Send + 'static,
    ) -> Result<R, Refusal> {
        let (answer, wait) = oneshot::channel();
        let job = move || {
            if !answer.is_closed() {
                // Nobody may wait for it by now.
                let _ = answer.send(work());
            }
        };
        let failed = || Refusal::Unavailable("the body cannot be read now".to_owned());
        self.jobs.send(Box::new(job)).map_err(|_| failed())?;
        wait.await.map_err(|_| failed())
    }
}

fn work_off(queue: &Receiver<Job>) {
    while let Ok(job) = queue.recv() {
        if catch_unwind(AssertUnwindSafe(job)).is_err() {
            tracing::error!("a body could not be read");
        }
    }
}

impl fmt::Debug for LargeReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LargeReader")
    }
}
