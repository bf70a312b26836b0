//! Ingest: what it costs the server to take events in durably, and how long a batch waits for its
//! answer. The server is `sqreen-server` as released, in a process of its own. With `--playbooks N` it
//! runs with so many enforced playbooks and without, in turns.

mod batches;
mod client;
mod playbooks;
mod report;
mod resident;
mod run;

use std::path::PathBuf;

pub(crate) use sqreen_bench::{Error, server};

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
        Some(other) => Err(format!("{other}: expected --data-dir or --playbooks").into()),
    }
}
