//! The index of actors: in which rows of a segment an address or an identifier of a user stands.
//!
//! It lies in the segment's file, between the row groups and the footer, where other readers of Parquet pass over it.
//! Keys are 64-bit hashes. The upper bits choose a bucket; buckets stand one after the other, behind a table of where
//! each begins (4 bytes, little-endian, from the end of the table; the last entry is the end). In a bucket, each key
//! is its lowest 16 bits, the number of its rows, and the rows in ascending order, each as its distance from the one
//! before; these numbers are LEB128. Two keys may look the same, so what is found has to be looked at.

use std::borrow::Cow;
use std::fs::File;
use std::net::IpAddr;

use bytes::Bytes;
use serde_json::Number;

use super::error::SegmentError;
use super::pages::read_at;

/// Keys of one bucket, about: what a lookup reads.
const BUCKET_KEYS: usize = 16;

/// Where an index lies in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ActorIndex {
    pub(super) offset: u64,
    pub(super) length: u32,
    /// How many bits choose a bucket.
    pub(super) bits: u8,
}

impl ActorIndex {
    /// As it stands in the file's metadata.
    pub(super) fn to_text(self) -> String {
        format!("{}:{}:{}", self.offset, self.length, self.bits)
    }

    pub(super) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let index = Self {
            offset: parts.next()?.parse().ok()?,
            length: parts.next()?.parse().ok()?,
            bits: parts.next()?.parse().ok()?,
        };
        (index.bits <= 32 && parts.next().is_none()).then_some(index)
    }

    /// The rows of the keys, in ascending order, and possibly rows of others.
    pub(super) fn rows(self, file: &File, keys: &[u64]) -> Result<Vec<u32>, SegmentError> {
        let mut rows = Vec::new();
        for key in keys {
            let bucket = bucket(*key, self.bits);
            let table = 4 * ((1_u64 << self.bits) + 1);
            let entry = read_at(file, self.offset + 4 * bucket, 8)?;
            let [start, end] = [0, 4].map(|at| number(&entry, at));
            let fits = start <= end && table + u64::from(end) <= u64::from(self.length);
            let bytes = match fits {
                true => read_at(
                    file,
                    self.offset + table + u64::from(start),
                    (end - start) as usize,
                )?,
                false => return Err(wrong()),
            };
            rows_in(&bytes, *key as u16, &mut rows).ok_or_else(wrong)?;
        }
        rows.sort_unstable();
        rows.dedup();
        Ok(rows)
    }
}

fn wrong() -> SegmentError {
    SegmentError::Damaged("the index of actors is not as it was written".to_owned())
}

fn bucket(key: u64, bits: u8) -> u64 {
    key.checked_shr(64 - u32::from(bits)).unwrap_or_default()
}

fn number(bytes: &Bytes, at: usize) -> u32 {
    let bytes = bytes.get(at..).and_then(|bytes| bytes.first_chunk());
    bytes.map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

/// The rows of a key in its bucket.
fn rows_in(mut bytes: &[u8], wanted: u16, rows: &mut Vec<u32>) -> Option<()> {
    while let Some((key, rest)) = bytes.split_first_chunk() {
        bytes = rest;
        let mut row = 0_u32;
        for _ in 0..leb(&mut bytes)? {
            row = row.checked_add(leb(&mut bytes)?)?;
            if u16::from_le_bytes(*key) == wanted {
                rows.push(row);
            }
        }
    }
    Some(())
}

fn leb(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0_u32;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn put_leb(mut value: u32, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Makes the index of keys and their rows, and says how many bits choose a bucket.
pub(super) fn build(mut entries: Vec<(u64, u32)>) -> (Vec<u8>, u8) {
    entries.sort_unstable();
    entries.dedup();
    let keys = entries.chunk_by(|one, next| one.0 == next.0).count();
    let bits = (keys / BUCKET_KEYS + 1).ilog2() as u8;
    let mut table = Vec::new();
    let mut buckets = Vec::new();
    let mut next = 0;
    for rows in entries.chunk_by(|one, next| one.0 == next.0) {
        let key = rows.first().map_or(0, |(key, _)| *key);
        while next <= bucket(key, bits) {
            table.extend((buckets.len() as u32).to_le_bytes());
            next += 1;
        }
        buckets.extend((key as u16).to_le_bytes());
        put_leb(rows.len() as u32, &mut buckets);
        let mut before = 0;
        for (_, row) in rows {
            put_leb(row - before, &mut buckets);
            before = *row;
        }
    }
    while next <= 1 << bits {
        table.extend((buckets.len() as u32).to_le_bytes());
        next += 1;
    }
    table.extend(buckets);
    (table, bits)
}

/// The key of an address, as text.
pub(super) fn ip_key(text: &str) -> u64 {
    // An IPv4 address in IPv6 is the same address.
    let canonical = text.parse().map(|ip: IpAddr| ip.to_canonical().to_string());
    text_key(canonical.as_deref().unwrap_or(text).as_bytes())
}

/// The key of an identifier, as JSON.
pub(super) fn json_key(json: &str) -> u64 {
    if json.starts_with('"') {
        let text = serde_json::from_str::<Cow<'_, str>>(json);
        text_key(text.as_deref().unwrap_or(json).as_bytes())
    } else if let Ok(number) = json.parse() {
        number_key(number)
    } else {
        text_key(json.as_bytes())
    }
}

/// The keys of all the identifiers that equal the text.
pub(super) fn keys_of_identifier(text: &str) -> Vec<u64> {
    let number = serde_json::from_str::<Number>(text).ok();
    let number = number.and_then(|number| number.as_f64()).map(number_key);
    [text_key(text.as_bytes())]
        .into_iter()
        .chain(number)
        .collect()
}

/// The key of a text: an address, or an identifier that is a string or, as JSON, anything but a number.
fn text_key(text: &[u8]) -> u64 {
    mixed(text.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    }))
}

/// The key of a number, however it is written.
fn number_key(number: f64) -> u64 {
    // Zero has two forms that are equal.
    let number = if number == 0.0 { 0.0 } else { number };
    mixed(number.to_bits())
}

/// Spreads what differs in few bits over all of them: the last step of `MurmurHash3`.
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn every_key_is_found_with_its_rows() {
        for keys in [0, 1, 2, 100, 5000_u32] {
            let of = |row: u32| text_key(format!("192.0.2.{}", row % keys).as_bytes());
            let rows = if keys == 0 { 0..0 } else { 0..20_000 };
            let (bytes, bits) = build(rows.clone().map(|row| (of(row), row)).collect());
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"PAR1").unwrap();
            file.write_all(&bytes).unwrap();
            let index = ActorIndex {
                offset: 4,
                length: bytes.len() as u32,
                bits,
            };
            assert_eq!(ActorIndex::from_text(&index.to_text()), Some(index));
            for key in 0..keys.min(200) {
                let expected: Vec<u32> = rows.clone().filter(|row| row % keys == key).collect();
                let found = index.rows(&file, &[of(key)]).unwrap();
                assert_eq!(found, expected, "{keys} keys");
            }
            let absent = index.rows(&file, &[text_key(b"absent")]).unwrap();
            assert!(absent.is_empty(), "{keys} keys");
        }
    }

    #[test]
    fn what_is_cut_is_damaged() {
        let (bytes, bits) = build(vec![(u64::MAX, 70_000), (u64::MAX, 5)]);
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&bytes).unwrap();
        let index = |length| ActorIndex {
            offset: 0,
            length,
            bits,
        };
        let whole = bytes.len() as u32;
        assert_eq!(index(whole).rows(&file, &[u64::MAX]).unwrap(), [5, 70_000]);
        index(whole - 1).rows(&file, &[u64::MAX]).unwrap_err();
        file.set_len(u64::from(whole) - 1).unwrap();
        index(whole).rows(&file, &[u64::MAX]).unwrap_err();
    }

    #[test]
    fn numbers_are_the_same_however_they_are_written() {
        assert_eq!(number_key(42.0), number_key("4.2e1".parse().unwrap()));
        assert_eq!(number_key(0.0), number_key(-0.0));
        assert_ne!(number_key(42.0), number_key(43.0));
        assert_ne!(number_key(42.0), text_key(b"42"));
    }
}
