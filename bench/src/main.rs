//! The cost of sqreen's layer and of `track`, beside their peers', in one process and one run.

mod backend;
mod layers;
mod measure;
mod track;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let url = backend::start()?;
    // Subscribers leave traces in the process: the layers, which end with one, come last.
    let tracks = track::measure(&url)?;
    layers::measure(&url)?.print();
    tracks.print();
    Ok(())
}
