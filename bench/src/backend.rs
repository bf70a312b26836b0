//! A backend on loopback that accepts whatever it is sent.

use std::io::{BufRead as _, BufReader, Read as _, Result, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::Instant;

const ANSWER: &str = r#"{"status":true,"session_id":"bench"}"#;

/// Starts it, and returns its URL.
pub(crate) fn start() -> Result<String> {
    Ok(start_telling()?.0)
}

/// As [`start`]; it tells when each batch has arrived.
pub(crate) fn start_telling() -> Result<(String, mpsc::Receiver<Instant>)> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let url = format!("http://{}", listener.local_addr()?);
    let (batches, arrived) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let batches = batches.clone();
            // A connection that ends is no failure of the backend.
            std::thread::spawn(move || serve(stream, &batches).ok());
        }
    });
    Ok((url, arrived))
}

fn serve(stream: TcpStream, batches: &mpsc::Sender<Instant>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    let mut length = 0;
    let mut line = String::new();
    let mut is_batch = false;
    while reader.read_line(&mut line)? > 0 {
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(std::io::Error::other)?;
        }
        is_batch |= line.starts_with("POST /sqreen/v0/batch ");
        if line == "\r\n" {
            let mut body = reader.by_ref().take(std::mem::take(&mut length));
            std::io::copy(&mut body, &mut std::io::sink())?;
            if std::mem::take(&mut is_batch) {
                // Who does not ask has not kept the other end.
                batches.send(Instant::now()).ok();
            }
            write!(
                writer,
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{ANSWER}",
                ANSWER.len()
            )?;
        }
        line.clear();
    }
    Ok(())
}
