//! The program `sqreen-server`, which outlives no test.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use super::client::{API, INGEST};

/// The program with these tokens, which does nothing of what the environment says.
pub(crate) fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sqreen-server"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("SQREEN_SERVER_") {
            command.env_remove(name);
        }
    }
    command
        .env("SQREEN_SERVER_INGEST_TOKEN", INGEST)
        .env("SQREEN_SERVER_API_TOKEN", API);
    command
}

/// The program, running; killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    /// Where it listens, as far as its link tells.
    pub(crate) addr: String,
    /// The link that it printed, without its scheme.
    pub(crate) link: String,
    /// The lines that it printed before the link.
    pub(crate) told: Vec<String>,
    log: tempfile::NamedTempFile,
}

impl Process {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(addr: &str, dir: &Path) -> Self {
        Self::start_with(addr, dir, "")
    }

    /// As [`start`](Self::start), with this `SQREEN_SERVER_LOG`.
    pub(crate) fn start_with(addr: &str, dir: &Path, log_level: &str) -> Self {
        let mut command = command();
        command.args(["--addr", addr, "--data-dir"]).arg(dir);
        command.env("SQREEN_SERVER_LOG", log_level);
        Self::run(command)
    }

    /// Starts this command, which listens.
    pub(crate) fn run(mut command: Command) -> Self {
        // A file, since a pipe that nobody reads would hold the program up.
        let log = tempfile::NamedTempFile::new().unwrap();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(log.reopen().unwrap())
            .spawn()
            .unwrap();
        let mut told = Vec::new();
        let logged = || std::fs::read_to_string(log.path()).unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let link = loop {
            let line = lines.next();
            let line = line.unwrap_or_else(|| panic!("did not start: {}", logged()));
            let line = line.unwrap();
            match line.strip_prefix("explorer=") {
                Some(link) => break link.split_once("://").unwrap().1.to_owned(),
                None => told.push(line),
            }
        };
        let addr = link.split('/').next().unwrap().to_owned();
        Self {
            child,
            addr,
            link,
            told,
            log,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addr)
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.log.path()).unwrap()
    }

    /// Where it listens, once its log tells that.
    pub(crate) fn listening(&self) -> Option<String> {
        let log = self.log();
        let (_, rest) = log.split_once("addr=")?;
        let (addr, _) = rest.split_once(' ')?;
        Some(addr.to_owned())
    }

    /// The most bytes of memory that it had at any time, as Linux tells.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = format!("/proc/{}/status", self.child.id());
        let status = std::fs::read_to_string(status).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib: u64 = peak
            .unwrap()
            .trim()
            .trim_end_matches(" kB")
            .parse()
            .unwrap();
        kib << 10
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// `kill -9`, and waits for the end.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM, and waits for the end.
    pub(crate) fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.wait()
    }

    pub(crate) fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status();
        assert!(sent.unwrap().success());
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().unwrap()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Errors say that it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
