//! The agent's thread: its start, and its end.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use super::flusher::Flusher;
use super::follower::{Follower, SharedUpdater};
use super::handle::Agent;
use super::ledger::DropReason;
use super::transport::Transport;
use crate::actions::Updater;

/// Orders to the follower that may wait.
const ORDERS: usize = 4;

/// Starts the agent's thread.
pub(super) fn spawn(
    agent: Arc<Agent>,
    updater: Updater,
) -> std::io::Result<std::thread::JoinHandle<()>> {
    let transport = Arc::new(Transport::new(&agent.config)?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    std::thread::Builder::new()
        .name("sqreen-agent".to_owned())
        .spawn(move || {
            let stopped = Stopped(agent.clone());
            runtime.block_on(async move {
                let updater = SharedUpdater::new(updater);
                let lost = Arc::new(Notify::new());
                let (orders, obeyed) = mpsc::channel(ORDERS);
                let follower =
                    Follower::new(transport.clone(), updater.clone(), obeyed, lost.clone());
                tokio::spawn(follower.run());
                let flusher = Flusher::new(agent, transport, updater, orders, lost);
                flusher.run().await;
            });
            // A name look-up may hang in the system; it must not hold the process up.
            runtime.shutdown_background();
            drop(stopped);
        })
}

/// Books what is left and tells those who wait, however the thread ends.
struct Stopped(Arc<Agent>);

impl Drop for Stopped {
    fn drop(&mut self) {
        self.0.queue.close();
        self.0.queue.drop_all(DropReason::Shutdown);
        self.0.stopped.send_replace(true);
    }
}
