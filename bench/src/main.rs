//! The cost of sqreen's layer and of `track` beside their peers', in one process and one run; with
//! the argument `lookup` that of looking up a security response, and with `logins` how soon a login
//! is at the backend, which have no peers.

mod backend;
mod layers;
mod logins;
mod lookup;
mod measure;
mod track;

// Under the names that the source of the lookups has for them.
use sqreen::{UserIdentifiers, limits, protocol};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    match std::env::args().nth(1).as_deref() {
        None => peers(),
        Some("lookup") => lookup::measure(),
        Some("logins") => logins::measure(),
        Some(other) => Err(format!("`{other}` is none of: lookup, logins").into()),
    }
}

fn peers() -> Result<(), Box<dyn std::error::Error>> {
    let url = backend::start()?;
    // Subscribers leave traces in the process: the layers, which end with one, come last.
    let tracks = track::measure(&url)?;
    let not_found = layers::measure_not_found(&url)?;
    layers::measure(&url)?.print();
    not_found.print();
    tracks.print();
    Ok(())
}
