//! How often someone may try to sign in.
//!
//! Failures are counted by name, whether there is anyone of that name or not, and by the client's network. A few are
//! free; each further one doubles the wait. An attempt counts as failed until it has succeeded, so that attempts at the
//! same time are no way around.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use super::TokenHash;

const SECOND: i64 = 1_000_000;
/// After so long without an attempt, all is forgotten; in microseconds.
const MEMORY: i64 = 60 * 60 * SECOND;
/// The most names, and the most networks, that are counted; who tried longest ago makes room for another.
const MOST: usize = 10_000;

/// What one kind of key is allowed.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// Failures without a wait.
    free: u32,
    /// The longest wait, in microseconds.
    longest: i64,
}

/// A wait of a minute at most: whoever fails in another's name must not keep them out.
const BY_NAME: Rule = Rule {
    free: 5,
    longest: 60 * SECOND,
};
const BY_NETWORK: Rule = Rule {
    free: 10,
    longest: 15 * 60 * SECOND,
};

#[derive(Clone, Copy, Debug)]
struct Failures {
    count: u32,
    last: i64,
}

impl Failures {
    /// When the next attempt may come.
    fn until(self, rule: Rule) -> i64 {
        if self.count < rule.free {
            return self.last;
        }
        let doublings = (self.count - rule.free).min(30);
        self.last + (SECOND << doublings).min(rule.longest)
    }
}

/// A name as its hash, so that a long one takes no more memory.
type Names = HashMap<[u8; 32], Failures>;
/// An address, or the first 64 bits of one of version 6; none where it is not known.
type Networks = HashMap<Option<IpAddr>, Failures>;

/// Counts failures to sign in.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    counts: Mutex<(Names, Networks)>,
    refused: AtomicU64,
    failed: AtomicU64,
    succeeded: AtomicU64,
}

impl Throttle {
    /// Takes an attempt at this time, in microseconds since the Unix epoch, or says how long to wait.
    pub(crate) fn admit(&self, name: &str, ip: Option<IpAddr>, now: i64) -> Result<(), Duration> {
        let (name, network) = (key(name), network(ip));
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (names, networks) = &mut *counts;
        let wait = wait(names, &name, BY_NAME, now).max(wait(networks, &network, BY_NETWORK, now));
        if wait > 0 {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return Err(Duration::from_micros(wait.unsigned_abs()));
        }
        fail(names, name, now);
        fail(networks, network, now);
        self.failed.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// The attempt that was taken has succeeded. The name starts anew; the network has one failure less, since others
    /// may be behind it.
    pub(crate) fn succeed(&self, name: &str, ip: Option<IpAddr>) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let (names, networks) = &mut *counts;
        names.remove(&key(name));
        if let Some(failures) = networks.get_mut(&network(ip)) {
            failures.count = failures.count.saturating_sub(1);
        }
        self.failed.fetch_sub(1, Ordering::Relaxed);
        self.succeeded.fetch_add(1, Ordering::Relaxed);
    }

    /// How many attempts succeeded, failed and were refused.
    pub(crate) fn outcomes(&self) -> [(&'static str, u64); 3] {
        [
            ("succeeded", &self.succeeded),
            ("failed", &self.failed),
            ("refused", &self.refused),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}

fn key(name: &str) -> [u8; 32] {
    TokenHash::of(&name.to_ascii_lowercase()).0
}

fn network(ip: Option<IpAddr>) -> Option<IpAddr> {
    ip.map(|ip| match ip {
        IpAddr::V6(ip) => {
            let bits = ip.to_bits() & (u128::MAX << 64);
            IpAddr::V6(bits.into())
        }
        v4 @ IpAddr::V4(_) => v4,
    })
}

/// How long the key has to wait, in microseconds.
fn wait<K: std::hash::Hash + Eq>(
    counts: &HashMap<K, Failures>,
    key: &K,
    rule: Rule,
    now: i64,
) -> i64 {
    let failures = counts.get(key);
    failures.map_or(0, |failures| {
        failures.until(rule).saturating_sub(now).max(0)
    })
}

fn fail<K: std::hash::Hash + Eq + Copy>(counts: &mut HashMap<K, Failures>, key: K, now: i64) {
    if counts.len() >= MOST && !counts.contains_key(&key) {
        counts.retain(|_, failures| failures.last > now - MEMORY);
        let oldest = counts.iter().min_by_key(|(_, failures)| failures.last);
        if counts.len() >= MOST
            && let Some(oldest) = oldest.map(|(key, _)| *key)
        {
            counts.remove(&oldest);
        }
    }
    let failures = counts.entry(key).or_insert(Failures {
        count: 0,
        last: now,
    });
    if failures.last <= now - MEMORY {
        failures.count = 0;
    }
    failures.count = failures.count.saturating_add(1);
    failures.last = now;
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_000_000 * SECOND;

    fn ip(n: u32) -> Option<IpAddr> {
        Some(IpAddr::from(n.to_be_bytes()))
    }

    #[test]
    fn waits_double_up_to_a_limit_and_end() {
        let throttle = Throttle::default();
        let mut now = START;
        let mut waits = Vec::new();
        for attempt in 0..20 {
            if let Err(wait) = throttle.admit("Ann", ip(attempt), now) {
                waits.push(wait.as_secs());
                now += i64::try_from(wait.as_micros()).unwrap();
                throttle.admit("ann", ip(attempt), now).unwrap();
            }
        }
        assert_eq!(waits[..8], [1, 2, 4, 8, 16, 32, 60, 60]);
        assert!(throttle.admit("ann", ip(99), now).is_err());
        assert!(
            throttle.admit("bob", ip(99), now).is_ok(),
            "each name by itself"
        );
        throttle.admit("ann", ip(98), now + MEMORY).unwrap();
        throttle.admit("ann", ip(98), now + MEMORY).unwrap();
    }

    #[test]
    fn success_frees_the_name_and_not_the_network() {
        let throttle = Throttle::default();
        for attempt in 0..10 {
            throttle
                .admit(&format!("n{attempt}"), ip(7), START)
                .unwrap();
        }
        assert!(throttle.admit("ann", ip(7), START).is_err());
        let later = START + SECOND;
        throttle.admit("ann", ip(7), later).unwrap();
        throttle.succeed("ann", ip(7));
        throttle.admit("ann", ip(7), later + SECOND).unwrap();
        assert!(throttle.admit("ann", ip(7), later + SECOND).is_err());
        assert_eq!(
            throttle.outcomes(),
            [("succeeded", 1), ("failed", 11), ("refused", 2)]
        );
    }

    #[test]
    fn a_network_of_version_6_is_its_first_64_bits() {
        let throttle = Throttle::default();
        for host in 0..10_u128 {
            let address = IpAddr::V6(((0x2001_0db8 << 96) + host).into());
            throttle
                .admit(&host.to_string(), Some(address), START)
                .unwrap();
        }
        let same = "2001:db8::ffff".parse().ok();
        assert!(throttle.admit("ann", same, START).is_err());
        let other = "2001:db8:0:1::1".parse().ok();
        assert!(throttle.admit("ann", other, START).is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let throttle = Throttle::default();
        let most = u32::try_from(MOST).unwrap();
        for n in 0..most + 10 {
            throttle
                .admit(&n.to_string(), ip(n), START + i64::from(n))
                .unwrap();
        }
        let counts = throttle.counts.lock().unwrap();
        assert_eq!((counts.0.len(), counts.1.len()), (MOST, MOST));
        assert!(!counts.1.contains_key(&ip(0)) && counts.1.contains_key(&ip(most)));
    }
}
