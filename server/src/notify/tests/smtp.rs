//! A small SMTP server that notes the mails it is given. Whether a whole one takes them too is shown by the tests in a
//! browser.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

/// A mail as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Mail {
    pub(super) from: String,
    pub(super) to: Vec<String>,
    pub(super) text: String,
}

impl Mail {
    pub(super) fn header(&self, name: &str) -> &str {
        let start = format!("{name}: ");
        let line = self
            .text
            .lines()
            .find_map(|line| line.strip_prefix(start.as_str()));
        line.unwrap_or_else(|| panic!("{name}: {}", self.text))
    }
}

#[derive(Debug)]
pub(super) struct SmtpServer {
    pub(super) url: String,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug, Default)]
struct Shared {
    refusing: bool,
    mails: Vec<Mail>,
}

impl SmtpServer {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let shared = Arc::<Mutex<Shared>>::default();
        let server = Self {
            url,
            shared: Arc::clone(&shared),
        };
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(talk(stream, Arc::clone(&shared)));
            }
        });
        server
    }

    /// Whether it tells senders to come again.
    pub(super) fn refuse(&self, refusing: bool) {
        self.shared.lock().unwrap().refusing = refusing;
    }

    pub(super) fn mails(&self) -> Vec<Mail> {
        self.shared.lock().unwrap().mails.clone()
    }
}

async fn talk(stream: TcpStream, shared: Arc<Mutex<Shared>>) {
    let (read, mut write) = stream.into_split();
    let mut lines = BufReader::new(read).lines();
    write.write_all(b"220 test\r\n").await.unwrap();
    let mut mail = Mail::default();
    while let Ok(Some(line)) = lines.next_line().await {
        let verb = line.split([' ', ':']).next().unwrap().to_ascii_uppercase();
        let answer = match verb.as_str() {
            "EHLO" | "HELO" | "NOOP" => "250 test",
            "MAIL" if shared.lock().unwrap().refusing => "451 come again",
            "MAIL" => {
                mail = Mail {
                    from: line,
                    ..Mail::default()
                };
                "250 ok"
            }
            "RCPT" => {
                mail.to.push(line);
                "250 ok"
            }
            "DATA" => {
                write.write_all(b"354 go on\r\n").await.unwrap();
                while let Some(line) = lines.next_line().await.unwrap().filter(|line| line != ".") {
                    mail.text += line.strip_prefix('.').unwrap_or(&line);
                    mail.text.push('\n');
                }
                shared.lock().unwrap().mails.push(std::mem::take(&mut mail));
                "250 taken"
            }
            "QUIT" => "221 bye",
            _ => "500 unknown",
        };
        write
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .unwrap();
    }
}
