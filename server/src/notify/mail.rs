//! Mail by SMTP.

use std::fmt::Write as _;

use lettre::message::{Mailbox, header::ContentType};
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use sqreen::protocol::Timestamp;

use super::failure::Failure;
use super::limits::TRY;
use super::notice::Notice;
use super::words::by_playbook;
use crate::config::{PublicUrl, Smtp};

/// The most notices that a mail tells one by one.
const MOST_TOLD: usize = 200;
/// The most characters of a subject.
const MOST_SUBJECT: usize = 150;

type Transport = AsyncSmtpTransport<Tokio1Executor>;

/// Sends mail.
#[derive(Debug)]
pub(super) struct Mail {
    transport: Transport,
    from: Mailbox,
}

impl Mail {
    /// Answers what is wrong with settings that cannot be used.
    pub(super) fn new(smtp: &Smtp) -> Result<Self, &'static str> {
        Ok(Self {
            transport: transport(&smtp.url.0).ok_or("smtp_url: not the URL of an SMTP server")?,
            from: smtp.from.parse().map_err(|_| "smtp_from: not an address")?,
        })
    }

    /// Sends one mail to all of the addresses, which are separated by commas. A further try of the same delivery has
    /// the same id. Links begin with `base`.
    pub(super) async fn send(
        &self,
        to: &str,
        id: &str,
        headline: &str,
        notices: &[(String, Notice)],
        base: Option<&PublicUrl>,
    ) -> Result<u16, Failure> {
        let failed = |error: String| Failure::new(format!("SMTP: {error}"));
        let domain = self.from.email.domain();
        let subject: String = headline
            .chars()
            .filter(|c| !c.is_control())
            .take(MOST_SUBJECT)
            .collect();
        let mut message = Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .message_id(Some(format!("<{id}@{domain}>")))
            .header(ContentType::TEXT_PLAIN);
        for address in addresses(to).map_err(|address| failed(format!("{address}: no address")))? {
            message = message.to(address);
        }
        let message = message
            .body(text(notices, base))
            .map_err(|error| failed(error.to_string()))?;
        let answer = self.transport.send(message).await;
        let answer = answer.map_err(|error| failed(error.to_string()))?;
        Ok(answer.code().into())
    }
}

fn transport(url: &str) -> Option<Transport> {
    let builder = Transport::from_url(url).ok()?;
    Some(builder.timeout(Some(TRY)).build())
}

/// Whether this is the URL of an SMTP server.
pub(crate) fn is_smtp_url(url: &str) -> bool {
    transport(url).is_some()
}

/// Whether this is an address to send mail from or to, with or without a name.
pub(crate) fn is_address(text: &str) -> bool {
    text.parse::<Mailbox>().is_ok()
}

/// The addresses of a list; answers the first that is none.
pub(super) fn addresses(list: &str) -> Result<Vec<Mailbox>, &str> {
    let addresses = list.split(',').map(str::trim);
    addresses
        .map(|address| address.parse().map_err(|_| address))
        .collect()
}

fn text(notices: &[(String, Notice)], base: Option<&PublicUrl>) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if notices.len() > 1 {
        for (name, count) in by_playbook(notices) {
            let _ = writeln!(text, "{count:>5}  {name}");
        }
        text.push('\n');
    }
    for (id, notice) in notices.iter().take(MOST_TOLD) {
        let _ = writeln!(
            text,
            "{}  {}",
            Timestamp::from_micros(notice.at()),
            notice.title()
        );
        for line in notice.details() {
            let _ = writeln!(text, "    {line}");
        }
        if let Some(base) = base {
            for (name, path) in notice.links(id) {
                let _ = writeln!(text, "    {name}: {base}{path}");
            }
        }
    }
    if let Some(more) = notices
        .len()
        .checked_sub(MOST_TOLD)
        .filter(|more| *more > 0)
    {
        let _ = writeln!(text, "And {more} more.");
    }
    text
}
