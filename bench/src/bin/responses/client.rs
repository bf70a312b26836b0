//! A client that keeps its connection, and makes one request at a time.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::Error;

const TIMEOUT: Duration = Duration::from_secs(10);

pub(crate) struct Client {
    stream: BufReader<TcpStream>,
    line: String,
}

impl Client {
    pub(crate) fn connect(address: SocketAddr) -> Result<Self, Error> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        Ok(Self {
            stream: BufReader::new(stream),
            line: String::new(),
        })
    }

    /// Sends the request, reads its answer to the end, and returns the status.
    pub(crate) fn exchange(&mut self, request: &str) -> Result<u16, Error> {
        self.stream.get_mut().write_all(request.as_bytes())?;
        self.read_line()?;
        let status = self.line.split(' ').nth(1).ok_or("no status")?.parse()?;
        let mut length = None;
        while self.read_line()? > 2 {
            if let Some((name, value)) = self.line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = Some(value.trim().parse()?);
            }
        }
        let length = length.ok_or("an answer without a length")?;
        std::io::copy(&mut self.stream.by_ref().take(length), &mut std::io::sink())?;
        Ok(status)
    }

    fn read_line(&mut self) -> Result<usize, Error> {
        self.line.clear();
        Ok(self.stream.read_line(&mut self.line)?)
    }
}
