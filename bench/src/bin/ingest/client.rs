//! A client that keeps its connection, and makes one request at a time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};

use crate::Error;
use crate::batches::Kind;
use crate::server::TOKEN;

const TIMEOUT: Duration = Duration::from_secs(60);

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    request: Vec<u8>,
    line: String,
    body: Vec<u8>,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            request: Vec::new(),
            line: String::new(),
            body: Vec::new(),
        })
    }

    /// Logs in as agents of that kind do, and returns the session.
    pub(crate) fn login(&mut self, kind: Kind) -> Result<String, Error> {
        let body = match kind {
            Kind::Sdk => json!({
                "agent_type": "rust", "agent_version": "0.1.0", "hostname": "web-1", "instance": "bench",
                "capabilities": {"version": 1, "compression": ["gzip", "zstd"], "ids": true, "action_stream": true},
            }),
            Kind::Legacy | Kind::Signals => json!({
                "agent_type": "nodejs", "agent_version": "1.64.2", "hostname": "web-1",
            }),
        };
        let headers = format!("x-api-key: {TOKEN}\r\nx-app-name: shop\r\n");
        let answer = self.post(
            "/sqreen/v1/app-login",
            &headers,
            body.to_string().as_bytes(),
        )?;
        let answer: Value = serde_json::from_slice(answer)?;
        let session = answer.get("session_id").and_then(Value::as_str);
        Ok(session
            .ok_or_else(|| format!("no session: {answer}"))?
            .to_owned())
    }

    /// Gets, and returns the body of the answer, which is a 200.
    pub(crate) fn get(&mut self, path: &str, token: &str) -> Result<&[u8], Error> {
        self.request.clear();
        write!(
            self.request,
            "GET {path} HTTP/1.1\r\nhost: backend\r\nauthorization: Bearer {token}\r\n\r\n"
        )?;
        self.exchange(path)
    }

    /// Posts, and returns the body of the answer, which is a 200.
    pub(crate) fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> Result<&[u8], Error> {
        self.request.clear();
        write!(
            self.request,
            "POST {path} HTTP/1.1\r\nhost: backend\r\ncontent-type: application/json\r\n{headers}\
             content-length: {}\r\n\r\n",
            body.len()
        )?;
        self.request.extend_from_slice(body);
        self.exchange(path)
    }

    fn exchange(&mut self, path: &str) -> Result<&[u8], Error> {
        self.stream.get_mut().write_all(&self.request)?;
        self.read_line()?;
        let status: u16 = self.line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut length = None;
        while self.read_line()? > 2 {
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        self.body
            .resize(length.ok_or("an answer without a length")?, 0);
        self.stream.read_exact(&mut self.body)?;
        match status {
            200 => Ok(&self.body),
            status => Err(format!("{path} was answered {status}").into()),
        }
    }

    fn read_line(&mut self) -> Result<usize, Error> {
        self.line.clear();
        Ok(self.stream.read_line(&mut self.line)?)
    }
}
