//! The cost of sqreen's layer and of `track` beside their peers', in one process and one run; and
//! with the argument `lookup` that of looking up a security response, which has no peers.

mod backend;
mod layers;
mod lookup;
mod measure;
mod track;

// Under the names that the source of the lookups has for them.
use sqreen::{UserIdentifiers, limits, protocol};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        None => peers(),
        Some("lookup") => lookup::measure(),
        Some(other) => Err(format!("`{other}` is none of: lookup").into()),
    }
}

fn peers() -> Result<(), Box<dyn std::error::Error>> {
    let url = backend::start()?;
    // Subscribers leave traces in the process: the layers, which end with one, come last.
    let tracks = track::measure(&url)?;
    layers::measure(&url)?.print();
    tracks.print();
    Ok(())
}
