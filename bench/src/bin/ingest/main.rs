//! Ingest: what it costs the server to take events in durably, and how long a batch waits for its
//! answer. The server is `sqreen-server` as released, in a process of its own.
//! `--playbooks N` tells instead by how much that many enforced playbooks slow it.

mod batches;
mod client;
mod playbooks;
mod report;
mod resident;
mod run;
mod server;

use std::path::PathBuf;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

fn main() -> Result<(), Error> {
    let mut args = std::env::args().skip(1);
    match args.next().as_deref() {
        None => run::measure(),
        Some("--data-dir") => {
            let dir = args.next().ok_or("--data-dir: needs a directory")?;
            resident::measure(&PathBuf::from(dir))
        }
        Some("--playbooks") => {
            let count = args.next().ok_or("--playbooks: needs a number")?;
            playbooks::measure(count.parse()?)
        }
        Some(other) => {
            Err(format!("{other}: the only arguments are --data-dir and --playbooks").into())
        }
    }
}
