//! From the sixth wrong password to the first request that is refused: the demo, as `cargo run --example quickstart`
//! starts it, in a process of its own.

use std::io::{BufRead as _, BufReader, Lines};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::Error;
use crate::client::Client;
use crate::latency::Fresh;
use crate::report::{max, median, quantile};

/// The demo is started anew between so many trials: its playbook blocks 100 addresses an hour at most.
const TRIALS: usize = 50;
const STARTS: usize = 2;
/// Trials before those: the first waits for the SDK's login.
const WARM_UP: usize = 5;
const PASSWORDS: usize = 6;
/// The bar, for the 99th percentile.
const LIMIT_MS: f64 = 1_000.0;
const GIVE_UP: Duration = Duration::from_secs(30);

/// The demo's process.
struct Demo {
    child: Child,
    shop: Client,
    /// Held open, for it goes on to print.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Demo {
    /// Starts the program that `cargo build --release --example quickstart` made.
    fn start() -> Result<Self, Error> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        // Where the build lies is a disk; the system's folder for temporary files may be memory.
        let parent = root.join("bench/target");
        std::fs::create_dir_all(&parent)?;
        let program = root.join("target/release/examples/quickstart");
        let mut child = Command::new(&program)
            .args(["--app-addr", "127.0.0.1:0", "--server-addr", "127.0.0.1:0"])
            .env("TMPDIR", parent)
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{}: {error}; was it built?", program.display()))?;
        let mut output = BufReader::new(child.stdout.take().ok_or("no output")?).lines();
        while let Some(line) = output.next() {
            if let Some(address) = line?.strip_prefix("app=http://") {
                let shop = Client::connect(address.parse::<SocketAddr>()?)?;
                return Ok(Self {
                    child,
                    shop,
                    _output: output,
                });
            }
        }
        Err("the demo ended at its start".into())
    }

    fn sign_in(&mut self, ip: IpAddr) -> Result<(), Error> {
        let form = "email=ann%40example.com&password=a+guess";
        let request = format!(
            "POST /login HTTP/1.1\r\nhost: shop\r\nx-forwarded-for: {ip}\r\n\
             content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n\r\n{form}",
            form.len()
        );
        match self.shop.exchange(&request)? {
            401 => Ok(()),
            status => Err(format!("a wrong password was answered {status}").into()),
        }
    }

    fn refuses(&mut self, ip: IpAddr) -> Result<bool, Error> {
        let request = format!("GET / HTTP/1.1\r\nhost: shop\r\nx-forwarded-for: {ip}\r\n\r\n");
        match self.shop.exchange(&request)? {
            200 => Ok(false),
            403 => Ok(true),
            status => Err(format!("the demo answered {status}").into()),
        }
    }

    /// Milliseconds from the answer to the sixth wrong password to the first 403.
    fn trial(&mut self, ip: IpAddr) -> Result<f64, Error> {
        for _ in 0..PASSWORDS {
            self.sign_in(ip)?;
        }
        let answer = Instant::now();
        while !self.refuses(ip)? {
            if answer.elapsed() > GIVE_UP {
                return Err(format!("{ip} is not refused").into());
            }
        }
        Ok(answer.elapsed().as_secs_f64() * 1e3)
    }

    /// SIGTERM, so that it removes its data.
    fn end(mut self) -> Result<(), Error> {
        let id = self.child.id().to_string();
        Command::new("kill").args(["-s", "TERM", &id]).status()?;
        let status = self.child.wait()?;
        status
            .success()
            .then_some(())
            .ok_or_else(|| format!("the demo ended with {status}").into())
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        // Errors say that it has ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

pub(crate) fn measure() -> Result<(), Error> {
    let (mut fresh, mut times) = (Fresh(0), Vec::new());
    for _ in 0..STARTS {
        let mut demo = Demo::start()?;
        for _ in 0..WARM_UP {
            demo.trial(fresh.next())?;
        }
        for _ in 0..TRIALS {
            times.push(demo.trial(fresh.next())?);
        }
        demo.end()?;
    }
    let p99 = quantile(&mut times, 0.99);
    let verdict = if p99 <= LIMIT_MS { "met" } else { "missed" };
    println!("### From the sixth wrong password to the first 403\n");
    println!("| trials | p50 ms | p99 ms | worst ms | bar, p99 ms | |");
    println!("|---:|---:|---:|---:|---:|---|");
    println!(
        "| {} | {:.2} | {p99:.2} | {:.2} | {LIMIT_MS:.0} | {verdict} |",
        times.len(),
        median(&mut times),
        max(&times)
    );
    Ok(())
}
