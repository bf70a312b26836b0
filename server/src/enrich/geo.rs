//! Databases in `MaxMind`'s format.

use std::net::IpAddr;

use maxminddb::{PathElement, Reader};
use serde::Deserialize;

const COUNTRY: [PathElement<'static>; 2] =
    [PathElement::Key("country"), PathElement::Key("iso_code")];
const ASN: [PathElement<'static>; 1] = [PathElement::Key("autonomous_system_number")];

/// How many networks are looked at to tell whether the database is of the wanted kind.
const PROBED: usize = 1_000;

/// A database in memory.
#[derive(Debug)]
pub(super) struct Geo(Reader<Vec<u8>>);

impl Geo {
    /// A database of countries.
    pub(super) fn of_countries(bytes: Vec<u8>) -> Result<Self, String> {
        let geo = Self::read(bytes)?;
        geo.probe::<&str>(&COUNTRY, "country.iso_code")?;
        Ok(geo)
    }

    /// A database of autonomous systems.
    pub(super) fn of_asns(bytes: Vec<u8>) -> Result<Self, String> {
        let geo = Self::read(bytes)?;
        geo.probe::<u32>(&ASN, "autonomous_system_number")?;
        Ok(geo)
    }

    fn read(bytes: Vec<u8>) -> Result<Self, String> {
        let wrong = |error| format!("not a MaxMind DB: {error}");
        Reader::from_source(bytes).map(Self).map_err(wrong)
    }

    fn probe<'a, T: Deserialize<'a>>(
        &'a self,
        path: &[PathElement<'_>],
        name: &str,
    ) -> Result<(), String> {
        let damaged = |error| format!("damaged: {error}");
        let networks = self.0.networks(maxminddb::WithinOptions::default());
        for network in networks.map_err(damaged)?.take(PROBED) {
            let value = network.and_then(|network| network.decode_path::<T>(path));
            if value.map_err(damaged)?.is_some() {
                return Ok(());
            }
        }
        Err(format!("none of its first {PROBED} networks has a {name}"))
    }

    /// The nodes of its search tree, which grow with its networks.
    pub(super) fn nodes(&self) -> u64 {
        u64::from(self.0.metadata().node_count)
    }

    /// The two letters of the address's country.
    pub(super) fn country(&self, ip: IpAddr) -> Option<String> {
        let code: &str = self.value(ip, &COUNTRY)?;
        let is_code = code.len() == 2 && code.bytes().all(|byte| byte.is_ascii_alphabetic());
        is_code.then(|| code.to_ascii_uppercase())
    }

    /// The number of the address's autonomous system.
    pub(super) fn asn(&self, ip: IpAddr) -> Option<u32> {
        self.value(ip, &ASN)
    }

    /// A database of IPv4 alone knows nothing of IPv6, and a damaged record is worth as much as none.
    fn value<'a, T: Deserialize<'a>>(&'a self, ip: IpAddr, path: &[PathElement<'_>]) -> Option<T> {
        self.0.lookup(ip).ok()?.decode_path(path).ok()?
    }
}
