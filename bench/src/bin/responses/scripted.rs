//! A backend whose pack is as large as wanted, and is written once: what it costs is left out.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use sqreen::protocol::{
    ACTIONS_PACK, APP_LOGIN, Action, ActionParameters, ActionsChange, Features, LoginResponse,
    SqreenRsFeatures, Status,
};

use crate::Error;

const EPOCH: &str = "bench";
const STREAM: &str = "/stream";
const KEEPALIVE: Duration = Duration::from_secs(5);

/// How a change is told: one address takes the place of another.
#[derive(Clone, Copy)]
pub(crate) enum Change {
    /// The action alone, on the stream.
    One,
    /// The whole pack.
    Reload,
}

pub(crate) struct Scripted {
    pub(crate) url: String,
    shared: Arc<Shared>,
}

struct Shared {
    /// The JSON of a pack after its first action.
    pack_end: Vec<u8>,
    state: Mutex<State>,
    /// Whether the next pack is announced as soon as one was sent.
    swapping: AtomicBool,
    packs: AtomicU64,
}

#[derive(Default)]
struct State {
    seq: u64,
    stream: Option<mpsc::Sender<ActionsChange>>,
}

/// The address that is blocked at this position, and at no other.
fn marker(seq: u64) -> IpAddr {
    let first = Ipv4Addr::new(198, 18, 0, 0).to_bits();
    Ipv4Addr::from_bits(first + (seq & 0x1_ffff) as u32).into()
}

fn action(id: u64, ip: IpAddr) -> Action {
    Action {
        action_id: format!("{id:016x}"),
        action: "block_ip".to_owned(),
        duration: Some(3_600.0),
        send_response: true,
        parameters: ActionParameters {
            ip_cidr: vec![ip.to_string()],
            ..ActionParameters::default()
        },
        ..Action::default()
    }
}

fn marker_action(seq: u64) -> Action {
    action(u64::MAX - seq, marker(seq))
}

impl Scripted {
    /// Starts it with so many actions, one at least: the one on the [marker](Self::marker), and
    /// others on addresses from 16.0.0.0 to 79.255.255.255.
    pub(crate) fn start(actions: u32) -> Result<Self, Error> {
        let mut text = Vec::new();
        for n in 1..actions {
            // Odd factors permute: no address comes twice, and they are in no order.
            let spread = n.wrapping_mul(0x9e37_79b1) & 0x3fff_ffff;
            text.push(b',');
            let ip = Ipv4Addr::from_bits(0x1000_0000 + spread).into();
            serde_json::to_writer(&mut text, &action(u64::from(n), ip))?;
        }
        text.extend_from_slice(b"]}");
        let shared = Arc::new(Shared {
            pack_end: text,
            state: Mutex::default(),
            swapping: AtomicBool::new(false),
            packs: AtomicU64::new(0),
        });
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let url = format!("http://{}", listener.local_addr()?);
        let all = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = all.clone();
                // A connection that ends is no failure of the backend.
                std::thread::spawn(move || shared.serve(&stream).ok());
            }
        });
        Ok(Self { url, shared })
    }

    /// The address that was blocked last.
    pub(crate) fn marker(&self) -> IpAddr {
        marker(self.shared.state().seq)
    }

    /// Blocks another address, and returns it.
    pub(crate) fn change(&self, change: Change) -> Result<IpAddr, Error> {
        self.shared.change(change).ok_or("no stream is open")?;
        Ok(self.marker())
    }

    /// Begins to replace the pack, again as soon as the agent has loaded it; or ends that.
    pub(crate) fn swap(&self, swapping: bool) -> Result<(), Error> {
        self.shared.swapping.store(swapping, Ordering::SeqCst);
        if swapping {
            self.change(Change::Reload)?;
        }
        Ok(())
    }

    /// How many packs were sent.
    pub(crate) fn packs(&self) -> u64 {
        self.shared.packs.load(Ordering::SeqCst)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> ActionsChange {
        ActionsChange {
            epoch: EPOCH.to_owned(),
            seq: self.state().seq,
            ..ActionsChange::default()
        }
    }

    fn change(&self, change: Change) -> Option<()> {
        let mut state = self.state();
        state.seq += 1;
        let mut line = ActionsChange {
            epoch: EPOCH.to_owned(),
            seq: state.seq,
            reload: matches!(change, Change::Reload),
            ..ActionsChange::default()
        };
        if matches!(change, Change::One) {
            line.lift = vec![marker_action(state.seq - 1).action_id];
            line.put = vec![marker_action(state.seq)];
        }
        state.stream.as_ref()?.send(line).ok()
    }

    fn serve(&self, stream: &TcpStream) -> Result<(), Error> {
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let (mut path, mut length, mut line) = (String::new(), 0, String::new());
        while reader.read_line(&mut line)? > 0 {
            if path.is_empty() {
                line.split(' ')
                    .nth(1)
                    .unwrap_or_default()
                    .clone_into(&mut path);
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
            if line == "\r\n" {
                let mut body = reader.by_ref().take(std::mem::take(&mut length));
                std::io::copy(&mut body, &mut std::io::sink())?;
                self.answer(&std::mem::take(&mut path), stream)?;
            }
            line.clear();
        }
        Ok(())
    }

    fn answer(&self, path: &str, mut stream: &TcpStream) -> Result<(), Error> {
        if path.starts_with(STREAM) {
            return self.follow(stream);
        }
        let (head, tail): (String, &[u8]) = match path {
            ACTIONS_PACK => self.pack()?,
            APP_LOGIN => (serde_json::to_string(&login())?, b""),
            _ => (r#"{"status":true}"#.to_owned(), b""),
        };
        let length = head.len() + tail.len();
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{head}"
        )?;
        stream.write_all(tail)?;
        if path == ACTIONS_PACK {
            self.packs.fetch_add(1, Ordering::SeqCst);
            if self.swapping.load(Ordering::SeqCst) {
                self.change(Change::Reload);
            }
        }
        Ok(())
    }

    /// The JSON of the pack, in two parts.
    fn pack(&self) -> Result<(String, &[u8]), Error> {
        let seq = self.state().seq;
        let marker = serde_json::to_string(&marker_action(seq))?;
        let version = format!(r#"{{"epoch":"{EPOCH}","seq":{seq}}}"#);
        let head = format!(r#"{{"status":true,"version":{version},"actions":[{marker}"#);
        Ok((head, &self.pack_end))
    }

    fn follow(&self, mut stream: &TcpStream) -> Result<(), Error> {
        let (sender, changes) = mpsc::channel();
        self.state().stream = Some(sender);
        write!(
            stream,
            "HTTP/1.1 200 OK\r\ncontent-type: application/x-ndjson\r\nconnection: close\r\n\r\n"
        )?;
        let mut line = self.line();
        loop {
            stream.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())?;
            line = match changes.recv_timeout(KEEPALIVE) {
                Ok(change) => change,
                Err(mpsc::RecvTimeoutError::Timeout) => self.line(),
                Err(mpsc::RecvTimeoutError::Disconnected) => return Ok(()),
            };
        }
    }
}

fn login() -> LoginResponse {
    LoginResponse {
        status: Status::OK,
        session_id: "bench".to_owned(),
        features: Features {
            sqreen_rs: Some(SqreenRsFeatures {
                action_stream: Some(STREAM.to_owned()),
                ..SqreenRsFeatures::default()
            }),
            ..Features::default()
        },
        ..LoginResponse::default()
    }
}
