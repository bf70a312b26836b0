//! A process with an agent and little else, for its resident memory.

use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::IpAddr;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::Error;
use crate::served::Served;

/// The first argument of such a process; the backend's URL follows.
pub(crate) const NAME: &str = "resident";
/// The agent publishes a pack before it frees what it was read from.
const SETTLE: Duration = Duration::from_secs(1);

/// Bytes of memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    pub(crate) resident: u64,
    /// The most that was resident so far.
    pub(crate) peak: u64,
}

fn memory() -> Result<Memory, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let field = |name| -> Result<u64, Error> {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        let value = line.and_then(|line| line.split_whitespace().next());
        Ok(value.ok_or(name)?.parse::<u64>()? * 1_024)
    };
    Ok(Memory {
        resident: field("VmRSS:")?,
        peak: field("VmHWM:")?,
    })
}

fn tell(memory: Memory) -> Result<(), Error> {
    println!("{} {}", memory.resident, memory.peak);
    Ok(std::io::stdout().flush()?)
}

/// Tells its memory without an agent, then, for each address that it is given by the line, its
/// memory once that is refused.
pub(crate) fn run(url: &str) -> Result<(), Error> {
    tell(memory()?)?;
    let mut served = Served::start(url)?;
    for line in std::io::stdin().lines() {
        served.wait_for(line?.parse()?)?;
        std::thread::sleep(SETTLE);
        tell(memory()?)?;
    }
    Ok(())
}

/// The parent's side.
pub(crate) struct Resident {
    child: Child,
    asks: Option<ChildStdin>,
    tells: Lines<BufReader<ChildStdout>>,
    /// Without an agent.
    pub(crate) bare: Memory,
}

impl Resident {
    pub(crate) fn start(url: &str) -> Result<Self, Error> {
        let mut child = Command::new(std::env::current_exe()?)
            .args([NAME, url])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let asks = child.stdin.take();
        let tells = child.stdout.take().ok_or("no output")?;
        let mut tells = BufReader::new(tells).lines();
        let bare = read(&mut tells)?;
        Ok(Self {
            child,
            asks,
            tells,
            bare,
        })
    }

    /// The memory once this address is refused.
    pub(crate) fn after(&mut self, ip: IpAddr) -> Result<Memory, Error> {
        writeln!(self.asks.as_ref().ok_or("no input")?, "{ip}")?;
        read(&mut self.tells)
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        drop(self.asks.take());
        let status = self.child.wait()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| format!("the process with the agent ended with {status}").into())
    }
}

fn read(tells: &mut Lines<BufReader<ChildStdout>>) -> Result<Memory, Error> {
    let line = tells.next().ok_or("the process with the agent ended")??;
    let (resident, peak) = line.split_once(' ').ok_or("no two figures")?;
    Ok(Memory {
        resident: resident.parse()?,
        peak: peak.parse()?,
    })
}
