//! Agents that are refused for their token: counted by where they come from, so that someone sees them who can give
//! them another.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use super::session::cut;

/// The most addresses that are told apart; the one that was refused longest ago makes room for another.
const MAX_ADDRESSES: usize = 100;
/// The most bytes of the application's name that is kept.
const MAX_APP: usize = 256;

/// Counts since the start of the server, in memory alone. No token is kept.
#[derive(Debug, Default)]
pub(crate) struct Refused(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: u64,
    by_address: HashMap<Option<IpAddr>, RefusedFrom>,
}

/// The refused requests of one address.
#[derive(Clone, Debug)]
pub(crate) struct RefusedFrom {
    /// None where the server was not told of its connections.
    pub(crate) ip: Option<IpAddr>,
    /// The application that the last request named, if it did. Anybody may name any.
    pub(crate) app: Option<String>,
    pub(crate) requests: u64,
    /// When the last one came, in microseconds since the Unix epoch.
    pub(crate) last: i64,
}

impl Refused {
    pub(super) fn add(&self, ip: Option<IpAddr>, app: Option<&str>, now: i64) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.requests += 1;
        if counts.by_address.len() >= MAX_ADDRESSES && !counts.by_address.contains_key(&ip) {
            let addresses = counts.by_address.values();
            if let Some(ip) = addresses.min_by_key(|from| from.last).map(|from| from.ip) {
                counts.by_address.remove(&ip);
            }
        }
        let known = counts.by_address.remove(&ip);
        let from = RefusedFrom {
            ip,
            app: app.map(|app| cut(app, MAX_APP).to_owned()),
            requests: known.map_or(0, |known| known.requests) + 1,
            last: now,
        };
        counts.by_address.insert(ip, from);
    }

    /// How many requests were refused in all.
    pub(crate) fn total(&self) -> u64 {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.requests
    }

    /// Where they came from, the last first.
    pub(crate) fn rows(&self) -> Vec<RefusedFrom> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut rows: Vec<_> = counts.by_address.values().cloned().collect();
        drop(counts);
        rows.sort_by_key(|from| std::cmp::Reverse((from.last, from.ip)));
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_bounded_and_all_requests_are_counted() {
        let refused = Refused::default();
        for n in 0..1_000_u32 {
            let ip = IpAddr::from(n.to_be_bytes());
            refused.add(Some(ip), Some(&"x".repeat(1_000)), i64::from(n));
            refused.add(None, None, i64::from(n));
        }
        let rows = refused.rows();
        assert_eq!((refused.total(), rows.len()), (2_000, MAX_ADDRESSES));
        assert_eq!(rows[0].ip, Some(IpAddr::from(999_u32.to_be_bytes())));
        assert_eq!(rows[0].app.as_ref().map(String::len), Some(MAX_APP));
        assert_eq!((rows[1].ip, rows[1].requests), (None, 1_000));
    }
}
