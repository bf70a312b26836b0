//! Mail over TLS: from the beginning, and by STARTTLS.

use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufStream};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::super::client::Client;
use super::super::process::{Process, command};
use super::{DESTINATIONS, certificate, test, text};

/// How a server comes to TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tls {
    /// As soon as it is connected to.
    Implicit,
    /// When it is asked to.
    Upgrade,
    /// It does not know how.
    None,
}

/// An SMTP server that keeps the lines it is sent over TLS, and over nothing.
struct Server {
    port: u16,
    secret: Arc<Mutex<Vec<String>>>,
    plain: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(tls: Tls, acceptor: TlsAcceptor) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            secret: Arc::default(),
            plain: Arc::default(),
        };
        let (secret, plain) = (Arc::clone(&server.secret), Arc::clone(&server.plain));
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let (acceptor, secret, plain) =
                    (acceptor.clone(), Arc::clone(&secret), Arc::clone(&plain));
                tokio::spawn(async move {
                    let stream = match tls {
                        Tls::Implicit => stream,
                        Tls::Upgrade | Tls::None => {
                            match talk(stream, tls == Tls::Upgrade, true, &plain).await {
                                Some(stream) => stream,
                                None => return,
                            }
                        }
                    };
                    // A client that does not trust the certificate goes away.
                    if let Ok(stream) = acceptor.accept(stream).await {
                        talk(stream, false, tls == Tls::Implicit, &secret).await;
                    }
                });
            }
        });
        server
    }
}

/// Answers what is asked until the client goes away; gives the stream back where TLS is to begin.
async fn talk<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    starttls: bool,
    greet: bool,
    lines: &Mutex<Vec<String>>,
) -> Option<S> {
    let mut stream = BufStream::new(stream);
    if greet {
        stream.write_all(b"220 test\r\n").await.ok()?;
    }
    let mut in_data = false;
    loop {
        stream.flush().await.ok()?;
        let mut line = String::new();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        lines.lock().unwrap().push(line.clone());
        let verb = line.split([' ', ':']).next().unwrap();
        let answer = match verb {
            _ if in_data && line != "." => continue,
            "." => {
                in_data = false;
                "250 taken"
            }
            "EHLO" if starttls => "250-test\r\n250 STARTTLS",
            "STARTTLS" if starttls => {
                stream.write_all(b"220 go on\r\n").await.ok()?;
                stream.flush().await.ok()?;
                return Some(stream.into_inner());
            }
            "DATA" => {
                in_data = true;
                "354 go on"
            }
            "QUIT" => "221 bye",
            "STARTTLS" => "502 unknown",
            _ => "250 ok",
        };
        let answer = format!("{answer}\r\n");
        stream.write_all(answer.as_bytes()).await.ok()?;
    }
}

/// Has the program send a test by this server, and returns the delivery.
async fn deliver(url: &str, trusted: Option<&Path>) -> Value {
    let data = tempfile::tempdir().unwrap();
    let mut command = command();
    command.args(["--addr", "127.0.0.1:0", "--data-dir"]);
    command.arg(data.path());
    command.env("SQREEN_SERVER_SMTP_URL", url);
    command.env("SQREEN_SERVER_SMTP_FROM", "sqreen@example.com");
    command.env_remove("SSL_CERT_DIR");
    match trusted {
        Some(pem) => command.env("SSL_CERT_FILE", pem),
        None => command.env_remove("SSL_CERT_FILE"),
    };
    let process = Process::run(command);
    let client = Client::new(&process.url());
    let team = json!({"name": "team", "kind": "email", "addresses": ["ann@example.com"]});
    let (status, team) = client.call("POST", DESTINATIONS, &team).await;
    assert_eq!(status, 201, "{team}");
    test(&client, &team).await
}

#[tokio::test]
async fn mail_goes_over_tls_to_a_server_that_the_system_trusts_and_to_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (pem, config) = certificate(dir.path());
    let acceptor = TlsAcceptor::from(Arc::new(config));

    for (tls, scheme, query) in [
        (Tls::Implicit, "smtps", ""),
        (Tls::Upgrade, "smtp", "?tls=required"),
        (Tls::None, "smtp", "?tls=required"),
    ] {
        // Whether the system trusts the certificate, and whether it is for the server's name.
        for (trusts, host) in [
            (true, "localhost"),
            (false, "localhost"),
            (true, "127.0.0.1"),
        ] {
            let server = Server::start(tls, acceptor.clone()).await;
            let url = format!("{scheme}://{host}:{}{query}", server.port);
            let delivery = deliver(&url, trusts.then_some(&*pem)).await;
            let at = format!("{tls:?} {trusts} {host}: {delivery}");
            let taken = trusts && host == "localhost" && tls != Tls::None;
            let status = if taken { "delivered" } else { "dead" };
            assert_eq!(text(&delivery, "status"), status, "{at}");
            let answer = text(&delivery, "answer");
            if !taken {
                assert!(answer.starts_with("SMTP: "), "{at}");
                assert_eq!(answer.contains("certificate"), tls != Tls::None, "{at}");
            }
            let lines = server.secret.lock().unwrap().clone();
            assert_eq!(
                lines.iter().any(|line| line == "Subject: Test"),
                taken,
                "{at}"
            );
            let plain = server.plain.lock().unwrap().clone();
            let told = |line: &String| line.starts_with("MAIL") || line.starts_with("AUTH");
            assert!(!plain.iter().any(told), "{plain:?}");
        }
    }
}
