//! Where a request came from: the address of the client, as far as it can be believed.
//!
//! Anyone can write `X-Forwarded-For: 8.8.8.8`. A header is therefore read only when the
//! connection comes from a proxy that the application trusts, and then from the right, where that
//! proxy wrote, towards the left, where the client may have written. The walk goes on only as long
//! as each hop is itself trusted, so nothing a client sends can choose its address.
//!
//! # Rules
//!
//! - No peer address (a Unix socket, a test): the client is unknown, whatever the headers say.
//! - The peer is not trusted: the client is the peer, whatever the headers say. Trust comes from
//!   configuration alone; loopback and private addresses are not trusted by themselves.
//! - The peer is trusted: one header is walked from its last entry to its first, all its lines
//!   taken as one list. Trusted addresses are skipped; the first other one is the client.
//! - An entry that is not an address (garbage, `unknown`, an obfuscated `_name`, a `Forwarded`
//!   element without `for`) ends the walk, since nothing to the left of it can be believed. The
//!   client is then the last good hop: the nearest trusted address to its right, or the peer.
//! - Every entry is trusted: the client is the left-most of them.
//! - Empty entries say nothing and are ignored, as RFC 9110 §5.6.1 asks.
//!
//! # Which header
//!
//! The configured header, when there is one, and no other: only the operator knows which header
//! the proxy writes. `Forwarded` is read as RFC 7239; any other name holds one address or a comma
//! separated list.
//!
//! Otherwise the first one present of `X-Forwarded-For`, `Forwarded` and `X-Real-IP`. They are not
//! mixed, and when they contradict each other `X-Forwarded-For` wins: nearly every proxy appends
//! to it, and most pass an unknown `Forwarded` or `X-Real-IP` through as the client sent it. An
//! operator whose proxy maintains only one of the other two should configure that one.
//! `X-Real-IP` names one address and is ignored when it holds several.
//!
//! # Limits
//!
//! At most [`MAX_ENTRIES`] entries are read, from the right, each of at most [`MAX_ENTRY_BYTES`]
//! bytes. Beyond them the walk ends as at an entry that is not an address.

use std::borrow::Cow;
use std::iter;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str;

use http::header::{FORWARDED, HeaderName};
use ipnet::{IpNet, Ipv4Net};
use smallvec::SmallVec;

/// The most entries of a forwarding header that are read, counted from the right.
pub(crate) const MAX_ENTRIES: usize = 64;

/// The longest entry of a forwarding header that is read, in bytes.
pub(crate) const MAX_ENTRY_BYTES: usize = 512;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// The lines of one header.
pub(crate) type Lines<'a> = SmallVec<[&'a [u8]; 2]>;

/// Whom to believe about the client's address. The default trusts nobody.
///
/// See the [module docs](self) for the rules.
#[derive(Debug, Clone, Default)]
pub(crate) struct ClientIpPolicy {
    trusted: Vec<IpNet>,
    header: Option<HeaderName>,
}

impl ClientIpPolicy {
    /// Trusts the proxies in `trusted`, and reads `header` alone if one is given.
    ///
    /// A network of v4-mapped addresses (`::ffff:10.0.0.0/104`) means the IPv4 one. An IPv6
    /// network such as `::/0` covers no IPv4 address: `0.0.0.0/0` does.
    pub(crate) fn new(trusted: Vec<IpNet>, header: Option<HeaderName>) -> Self {
        Self {
            trusted: trusted.into_iter().map(canonical_net).collect(),
            header,
        }
    }

    /// The header to read besides the well-known ones, if one is configured.
    ///
    /// The capture of a request has to keep it for [`resolve`](Self::resolve) to find it.
    pub(crate) fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// The client's address, given the peer of the connection and what tells the lines of a header
    /// in the order they arrived; `None` when the peer is unknown.
    ///
    /// The address is canonical: a v4-mapped IPv6 address comes out as IPv4.
    pub(crate) fn resolve<'a>(
        &self,
        peer: Option<IpAddr>,
        lines: impl Fn(&HeaderName) -> Lines<'a>,
    ) -> Option<IpAddr> {
        let peer = peer?.to_canonical();
        if !self.trusts(peer) {
            return Some(peer);
        }
        let claimed = match &self.header {
            Some(name) => self.walk(name, &lines(name)),
            None => self
                .walk(&X_FORWARDED_FOR, &lines(&X_FORWARDED_FOR))
                .or_else(|| self.walk(&FORWARDED, &lines(&FORWARDED)))
                .or_else(|| real_ip(&lines(&X_REAL_IP))),
        };
        match claimed {
            Some(Hop::Address(ip)) => Some(ip),
            Some(Hop::Nothing) | None => Some(peer),
        }
    }

    /// Whether this peer may say who the client is.
    pub(crate) fn trusts(&self, ip: IpAddr) -> bool {
        let ip = ip.to_canonical();
        self.trusted.iter().any(|net| net.contains(&ip))
    }

    /// Walks one header from the right; `None` when it is absent or blank.
    fn walk(&self, name: &HeaderName, lines: &[&[u8]]) -> Option<Hop> {
        let parse = if *name == FORWARDED {
            forwarded_for
        } else {
            address
        };
        let entries = lines
            .iter()
            .rev()
            .flat_map(|line| entries_from_right(line))
            .take(MAX_ENTRIES)
            .filter(|entry| *entry != Some(b""));

        let mut last = None;
        for entry in entries {
            let Some(ip) = entry.and_then(parse) else {
                return last.or(Some(Hop::Nothing));
            };
            last = Some(Hop::Address(ip));
            if !self.trusts(ip) {
                break;
            }
        }
        last
    }
}

/// What a header that is present says about the client.
#[derive(Debug, Clone, Copy)]
enum Hop {
    /// The farthest address that can be believed.
    Address(IpAddr),
    /// Nothing that can be believed, not even the nearest entry.
    Nothing,
}

fn canonical_net(net: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    if let IpNet::V6(v6) = net
        && let Some(v4) = v6.addr().to_ipv4_mapped()
        && let Some(bits) = v6.prefix_len().checked_sub(MAPPED_BITS)
        && let Ok(net) = Ipv4Net::new(v4, bits)
    {
        return IpNet::V4(net);
    }
    net
}

/// The address in `X-Real-IP`; nothing when it is given twice or is not one address.
fn real_ip(lines: &[&[u8]]) -> Option<Hop> {
    let (first, others) = lines.split_first()?;
    let ip = if others.is_empty() {
        address(trim(first))
    } else {
        None
    };
    Some(ip.map_or(Hop::Nothing, Hop::Address))
}

/// The entries of one header line, last first; `None` for one that is over-long.
///
/// Commas inside a quoted string do not separate. Reading backwards keeps what a proxy appended
/// apart from what came before it: an unclosed quote on the left cannot swallow the entry on the
/// right. It is unambiguous, as every quote inside a quoted string is escaped and the opening one
/// is not.
fn entries_from_right(line: &[u8]) -> impl Iterator<Item = Option<&[u8]>> {
    let mut rest = Some(line);
    iter::from_fn(move || {
        let line = rest.take()?;
        let mut in_quotes = false;
        for (read, (at, &byte)) in line.iter().enumerate().rev().enumerate() {
            if read > MAX_ENTRY_BYTES {
                return Some(None);
            }
            match byte {
                b'"' if in_quotes && is_escaped(line, at) => {}
                b'"' => in_quotes = !in_quotes,
                b',' if !in_quotes => {
                    rest = line.get(..at);
                    return Some(line.get(at + 1..).map(trim));
                }
                _ => {}
            }
        }
        Some((line.len() <= MAX_ENTRY_BYTES).then(|| trim(line)))
    })
}

/// Whether an odd number of backslashes stands before `at`.
fn is_escaped(text: &[u8], at: usize) -> bool {
    let before = text.get(..at).unwrap_or_default();
    before.iter().rev().take_while(|b| **b == b'\\').count() % 2 == 1
}

/// The `for` address of one element of a `Forwarded` header (RFC 7239 §4): parameters separated
/// by semicolons, names case-insensitive, values tokens or quoted strings.
fn forwarded_for(element: &[u8]) -> Option<IpAddr> {
    let mut found = None;
    let mut rest = element;
    loop {
        rest = trim(rest);
        if rest.is_empty() {
            // Each parameter occurs once at most, and `for` is not required: without it the hop
            // chose not to say whom it served.
            return found.flatten();
        }
        if let Some(after) = rest.strip_prefix(b";") {
            rest = after;
            continue;
        }
        let equals = rest.iter().position(|b| *b == b'=')?;
        let (name, value) = (rest.get(..equals)?, rest.get(equals + 1..)?);
        if !name.iter().all(|b| is_token(*b)) {
            return None;
        }
        let end = if value.first() == Some(&b'"') {
            let close = (1..value.len())
                .find(|at| value.get(*at) == Some(&b'"') && !is_escaped(value, *at))?;
            close + 1
        } else {
            let end = value.iter().position(|b| *b == b';');
            end.unwrap_or(value.len())
        };
        let (value, after) = value.split_at_checked(end)?;
        if name.eq_ignore_ascii_case(b"for") && found.replace(address(trim(value))).is_some() {
            return None;
        }
        rest = trim(after);
        if !rest.is_empty() && !rest.starts_with(b";") {
            return None;
        }
    }
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

/// One address, trimmed, in any spelling that proxies use: with or without port, brackets, zone
/// and quotes.
fn address(entry: &[u8]) -> Option<IpAddr> {
    let text = unquote(entry)?;
    let text = str::from_utf8(trim(&text)).ok()?;

    if let Some(bracketed) = text.strip_prefix('[') {
        let (host, port) = bracketed.split_once(']')?;
        if !port.is_empty() && !is_port(port.strip_prefix(':')?) {
            return None;
        }
        return ipv6(host);
    }
    match text.split_once(':') {
        None => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        // A second colon means an IPv6 address without brackets, which has no room for a port.
        Some((_, after)) if after.contains(':') => ipv6(text),
        Some((host, port)) if is_port(port) => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some(_) => None,
    }
}

/// An IPv6 address with or without zone; the zone means nothing outside the host that wrote it.
fn ipv6(text: &str) -> Option<IpAddr> {
    let host = match text.split_once('%') {
        Some((_, "")) => return None,
        Some((host, _)) => host,
        None => text,
    };
    let ip = host.parse::<Ipv6Addr>().ok()?;
    Some(IpAddr::V6(ip).to_canonical())
}

/// A port number, or an obfuscated one (`_` and letters, RFC 7239 §6.3).
fn is_port(text: &str) -> bool {
    match text.strip_prefix('_') {
        Some(name) => {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
        }
        None => text.bytes().all(|b| b.is_ascii_digit()) && text.parse::<u16>().is_ok(),
    }
}

/// The content of a quoted string with its escapes resolved, or the text as it is when it is not
/// quoted; `None` when the quotes do not pair.
fn unquote(text: &[u8]) -> Option<Cow<'_, [u8]>> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        return Some(Cow::Borrowed(text));
    };
    let content = quoted.strip_suffix(b"\"")?;
    if !content.contains(&b'\\') {
        return Some(Cow::Borrowed(content));
    }
    let mut plain = Vec::with_capacity(content.len());
    let mut bytes = content.iter().copied();
    while let Some(byte) = bytes.next() {
        plain.push(if byte == b'\\' { bytes.next()? } else { byte });
    }
    Some(Cow::Owned(plain))
}

/// Without the optional white space of RFC 9110: spaces and tabs.
fn trim(text: &[u8]) -> &[u8] {
    let blank = |b: &u8| matches!(b, b' ' | b'\t');
    let start = text.iter().position(|b| !blank(b)).unwrap_or(text.len());
    let end = text
        .iter()
        .rposition(|b| !blank(b))
        .map_or(start, |at| at + 1);
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests;
