//! What no action touches.

use std::net::IpAddr;

use super::address::{self, Network, Prefix};
use super::error::{PackError, Problem};
use super::index::Key;
use super::{MAX_ALLOWED_IPS, MAX_ALLOWED_PATHS, MAX_PATH_BYTES};
use crate::protocol::Allowlist;

/// Networks and beginnings of paths, sorted, none of them within another.
#[derive(Debug, Default)]
pub(super) struct Allowed {
    v4: Vec<Prefix<u32>>,
    v6: Vec<Prefix<u128>>,
    paths: Vec<Box<str>>,
}

impl Allowed {
    pub(super) fn new(list: &Allowlist) -> Result<Self, PackError> {
        let mut allowed = Self::default();
        limit(&list.ips, "allowed addresses", MAX_ALLOWED_IPS)?;
        for text in &list.ips {
            match address::parse(text) {
                Some(Network::V4(prefix)) => allowed.v4.push(prefix),
                Some(Network::V6(prefix)) => allowed.v6.push(prefix),
                None => return Err(wrong("ips", Problem::address(text))),
            }
        }
        limit(&list.paths, "allowed paths", MAX_ALLOWED_PATHS)?;
        for path in &list.paths {
            if !path.starts_with('/') {
                return Err(wrong("paths", Problem::Path));
            }
            if path.len() > MAX_PATH_BYTES {
                return Err(wrong("paths", Problem::LONG_PATH));
            }
            allowed.paths.push(path.as_str().into());
        }
        keep_widest(&mut allowed.v4);
        keep_widest(&mut allowed.v6);
        allowed.paths.sort();
        // Sorted, whatever starts with a path stands right behind it.
        allowed
            .paths
            .dedup_by(|next, path| next.starts_with(&**path));
        Ok(allowed)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty() && self.paths.is_empty()
    }

    pub(super) fn ip(&self, ip: IpAddr) -> bool {
        match ip.to_canonical() {
            IpAddr::V4(v4) => holds(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => holds(&self.v6, v6.to_bits()),
        }
    }

    pub(super) fn path(&self, path: &str) -> bool {
        let after = self.paths.partition_point(|start| **start <= *path);
        let start = after.checked_sub(1).and_then(|at| self.paths.get(at));
        start.is_some_and(|start| path.starts_with(&**start))
    }
}

fn limit(list: &[String], what: &'static str, limit: usize) -> Result<(), PackError> {
    if list.len() > limit {
        return Err(PackError::TooMany { what, limit });
    }
    Ok(())
}

const fn wrong(field: &'static str, problem: Problem) -> PackError {
    PackError::Allowlist { field, problem }
}

fn keep_widest<K: Key>(prefixes: &mut Vec<Prefix<K>>) {
    prefixes.sort();
    prefixes.dedup_by(|next, prefix| prefix.holds(next.first));
}

fn holds<K: Key>(prefixes: &[Prefix<K>], address: K) -> bool {
    let after = prefixes.partition_point(|prefix| prefix.first <= address);
    let prefix = after.checked_sub(1).and_then(|at| prefixes.get(at));
    prefix.is_some_and(|prefix| prefix.holds(address))
}
