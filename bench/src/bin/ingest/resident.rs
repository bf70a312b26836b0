//! The memory of a server at rest.

use std::path::Path;
use std::time::Duration;

use crate::Error;
use crate::report::met;
use crate::server::Server;

/// A server that used no CPU for so long is at rest.
const REST: Duration = Duration::from_secs(3);
/// Bytes.
const BAR: u64 = 150_000_000;

/// Starts a server on a data directory that is there already, and reads its memory once it rests.
pub(crate) fn measure(data_dir: &Path) -> Result<(), Error> {
    if !data_dir.join("events").is_dir() {
        return Err(format!("{}: no data directory of a server", data_dir.display()).into());
    }
    let server = Server::start(data_dir)?;
    let mut cpu = f64::NAN;
    while cpu != server.cpu()? {
        cpu = server.cpu()?;
        std::thread::sleep(REST);
    }
    let (resident, peak) = (server.memory("VmRSS")?, server.memory("VmHWM")?);
    println!(
        "| resident MB | bar {} | peak MB |\n|---:|---|---:|",
        BAR / 1_000_000
    );
    println!(
        "| {:.0} | {} | {:.0} |",
        resident as f64 / 1e6,
        met(resident <= BAR),
        peak as f64 / 1e6
    );
    server.end().map(drop)
}
