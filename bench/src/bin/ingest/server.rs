//! The server's process.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Error;
use crate::client::Client;

pub(crate) const TOKEN: &str = "ingest-secret";
const API_TOKEN: &str = "api-secret";
/// How long a metric is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// `sysconf(_SC_CLK_TCK)`, which Linux has the same everywhere.
const TICKS_PER_SECOND: f64 = 100.0;

/// The program that `cargo build --release -p sqreen-server` made.
fn program() -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    root.join("target/release/sqreen-server")
}

/// Stores the playbooks of a file of this text.
pub(crate) fn apply(text: &str, data_dir: &Path) -> Result<(), Error> {
    let file = data_dir.join("playbooks.toml");
    std::fs::write(&file, text)?;
    let mut command = Command::new(program());
    command.args(["playbooks", "apply"]).arg(file);
    let applied = command.arg("--data-dir").arg(data_dir).output()?;
    if applied.status.success() {
        return Ok(());
    }
    Err(String::from_utf8_lossy(&applied.stderr).into())
}

pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    pub(crate) fn start(data_dir: &Path) -> Result<Self, Error> {
        let program = program();
        let mut child = Command::new(&program)
            .args(["--addr", "127.0.0.1:0", "--data-dir"])
            .arg(data_dir)
            .env("SQREEN_SERVER_INGEST_TOKEN", TOKEN)
            .env("SQREEN_SERVER_API_TOKEN", API_TOKEN)
            .env("SQREEN_SERVER_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; was it built?", program.display()))?;
        let lines = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        for line in lines {
            if let Some(link) = line?.strip_prefix("explorer=http://") {
                let address = link.split('/').next().unwrap_or_default().parse()?;
                return Ok(Self { child, address });
            }
        }
        Err("the server ended at its start".into())
    }

    /// A field of `/proc/PID/status`, in bytes.
    pub(crate) fn memory(&self, field: &str) -> Result<u64, Error> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix(field));
        let value = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(value.ok_or("no such field")?.parse::<u64>()? * 1_024)
    }

    /// Waits until a metric is no less than that.
    pub(crate) fn await_metric(&self, name: &str, value: u64) -> Result<(), Error> {
        let mut client = Client::connect(self.address)?;
        let start = Instant::now();
        loop {
            let page = client.get("/metrics", API_TOKEN)?;
            let text = std::str::from_utf8(page)?;
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            let now: f64 = line.ok_or("no such metric")?.trim().parse()?;
            if now >= value as f64 {
                return Ok(());
            }
            if start.elapsed() > PATIENCE {
                return Err(format!("{name} is {now}, and not {value}").into());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Seconds of CPU so far, of all its threads.
    pub(crate) fn cpu(&self) -> Result<f64, Error> {
        Ok(Stat::read(&self.child.id().to_string())?.cpu)
    }

    /// SIGTERM; returns the seconds of CPU of its whole life.
    pub(crate) fn end(mut self) -> Result<f64, Error> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status()?;
        // Once it has ended, and until it is waited for, its figures are still there.
        let mut stat = Stat::read(&id)?;
        while stat.state != "Z" {
            std::thread::sleep(Duration::from_millis(10));
            stat = Stat::read(&id)?;
        }
        let status = self.child.wait()?;
        if !status.success() {
            return Err(format!("the server ended with {status}").into());
        }
        Ok(stat.cpu)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Errors say that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// What `/proc/PID/stat` says.
pub(crate) struct Stat {
    state: String,
    /// Seconds of CPU, of all threads.
    pub(crate) cpu: f64,
}

impl Stat {
    pub(crate) fn read(id: &str) -> Result<Self, Error> {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat"))?;
        // The program's name, in brackets, may hold spaces.
        let (_, rest) = stat.rsplit_once(") ").ok_or("no stat")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let ticks = |at: usize| {
            fields
                .get(at)
                .ok_or("no ticks")?
                .parse::<f64>()
                .map_err(Error::from)
        };
        Ok(Self {
            state: (*fields.first().ok_or("no state")?).to_owned(),
            cpu: (ticks(11)? + ticks(12)?) / TICKS_PER_SECOND,
        })
    }
}
