//! Clients that send slowly or not at all.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::process::{Process, command};

fn start(dir: &std::path::Path, args: &[&str]) -> Process {
    let mut command = command();
    command
        .args(["--addr", "127.0.0.1:0", "--data-dir"])
        .arg(dir);
    command.args(args);
    Process::run(command)
}

#[test]
fn headers_that_do_not_end_are_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(dir.path(), &["--header-timeout", "1s"]);
    for sent in ["", "GET /healthz HTTP/1.1\r\nhost: a\r\nx-slow: "] {
        let mut stream = TcpStream::connect(&process.addr).unwrap();
        stream.write_all(sent.as_bytes()).unwrap();
        let mut answer = Vec::new();
        // Ends when the server closes the connection.
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 408"),
            "{answer}"
        );
    }
}

#[test]
fn a_body_that_does_not_end_is_answered_408() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(dir.path(), &["--body-timeout", "1s"]);
    for path in ["/signin", "/sqreen/v1/app-login"] {
        let mut stream = TcpStream::connect(&process.addr).unwrap();
        let key = "x-api-key: ingest-token-of-the-tests";
        let kind = "content-type: application/x-www-form-urlencoded";
        let head = format!("POST {path} HTTP/1.1\r\nhost: a\r\n{key}\r\n{kind}");
        write!(stream, "{head}\r\ncontent-length: 100\r\n\r\ntok").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 408"), "{path}: {answer}");
    }
}

#[test]
fn connections_beyond_the_limit_wait_for_their_turn() {
    let dir = tempfile::tempdir().unwrap();
    let process = start(dir.path(), &["--max-connections", "2"]);
    let ask = || {
        let mut stream = TcpStream::connect(&process.addr).unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n";
        stream.write_all(request).unwrap();
        stream
    };
    // An answer on each proves that they are taken in, not only waiting.
    let held = [ask(), ask()].map(|mut stream| {
        stream.read_exact(&mut [0]).unwrap();
        stream
    });
    let mut waiting = ask();
    let while_held = Some(Duration::from_millis(300));
    waiting.set_read_timeout(while_held).unwrap();
    assert!(waiting.read(&mut [0]).is_err(), "served beyond the limit");
    drop(held);
    waiting.set_read_timeout(None).unwrap();
    let mut status = [0; 12];
    waiting.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}
