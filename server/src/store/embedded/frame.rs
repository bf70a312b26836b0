//! Frames: the unit that the journal writes, checks and recovers.
//!
//! A frame is a header of 16 bytes, integers little-endian, and a payload:
//!
//! | bytes | |
//! |---|---|
//! | 4 | `F5 'S' 'J' '2'`; `F5` occurs in no UTF-8 text |
//! | 4 | length of the payload |
//! | 4 | length of the payload decompressed; bit 31 is set where the rows were imported |
//! | 4 | CRC-32 of the journal's number (8 bytes), the frame's offset (8 bytes), the two lengths and the payload |
//! | … | the rows, each with its length (4 bytes) before it, compressed by zstd |
//!
//! The number and the offset are part of the checksum so that no frame is taken for another: neither one left over
//! on disk from an older file, nor one that an event carries in its text.

use memchr::memmem;
use zstd::bulk::{Compressor, Decompressor};

const MAGIC: [u8; 4] = [0xf5, b'S', b'J', b'2'];
const HEADER: usize = 16;

/// The most bytes that a frame may claim to hold decompressed: what it makes a reader allocate.
pub(super) const MAX_RAW: usize = 64 << 20;

/// The bit beside the length that tells rows that were imported: no consumer is handed them.
const IMPORTED: u32 = 1 << 31;

/// The format of a journal without good frames, if it is another than the one that this module reads: that must not
/// pass for damage, which is cut off.
pub(super) fn other_version(data: &[u8]) -> Option<char> {
    let [.., this] = MAGIC;
    match *data {
        [0xf5, b'S', b'J', version, ..] if version != this => Some(char::from(version)),
        _ => None,
    }
}

/// Writes a frame of the raw rows into the buffer, which is cleared first.
pub(super) fn encode(
    number: u64,
    offset: u64,
    raw: &[u8],
    imported: bool,
    compressor: &mut Compressor<'_>,
    buffer: &mut Vec<u8>,
) -> std::io::Result<()> {
    let payload = compressor.compress(raw)?;
    let too_long =
        |_| std::io::Error::new(std::io::ErrorKind::InvalidInput, "journal frame too long");
    let lengths = [
        u32::try_from(payload.len()).map_err(too_long)?,
        u32::try_from(raw.len()).map_err(too_long)? | if imported { IMPORTED } else { 0 },
    ];
    buffer.clear();
    buffer.reserve(HEADER + payload.len());
    buffer.extend_from_slice(&MAGIC);
    for length in lengths {
        buffer.extend_from_slice(&length.to_le_bytes());
    }
    buffer.extend_from_slice(&checksum(number, offset, lengths, &payload).to_le_bytes());
    buffer.extend_from_slice(&payload);
    Ok(())
}

fn checksum(number: u64, offset: u64, lengths: [u32; 2], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&number.to_le_bytes());
    hasher.update(&offset.to_le_bytes());
    for length in lengths {
        hasher.update(&length.to_le_bytes());
    }
    hasher.update(payload);
    hasher.finalize()
}

/// What a scan of a journal came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ScanReport {
    /// Where the last good frame ends.
    pub(super) good_len: u64,
    /// Bytes behind it.
    pub(super) torn_bytes: u64,
    /// Damaged stretches: what lies between two good frames and is none, and a complete frame at the end that is not
    /// good.
    pub(super) damaged_frames: u64,
    /// Whether any rows were not imported.
    pub(super) has_accepted: bool,
}

/// Reads every good frame of a journal, in order, and hands its rows to `visit`, which answers whether it could read
/// them.
pub(super) fn scan(
    number: u64,
    data: &[u8],
    mut visit: impl FnMut(&[u8]) -> bool,
) -> std::io::Result<ScanReport> {
    let mut decompressor = Decompressor::new()?;
    let mut report = ScanReport::default();
    let mut offset = 0;
    while offset < data.len() {
        match Frame::at(number, 0, data, offset) {
            Check::Good(frame) => {
                report.has_accepted |= !frame.imported;
                let raw = frame.raw(&mut decompressor);
                if !raw.is_ok_and(|raw| visit(&raw)) {
                    report.damaged_frames += 1;
                }
                offset = frame.end;
                report.good_len = frame.end as u64;
            }
            bad => match next_good(number, 0, data, offset + 1) {
                Some(next) => {
                    report.damaged_frames += 1;
                    offset = next;
                }
                None => {
                    report.damaged_frames += u64::from(matches!(bad, Check::Bad));
                    break;
                }
            },
        }
    }
    report.torn_bytes = data.len() as u64 - report.good_len;
    Ok(report)
}

/// The first good frame from `offset` on, and where it starts, in data that begins `base` bytes into the journal.
pub(super) fn first_good(
    number: u64,
    base: u64,
    data: &[u8],
    offset: usize,
) -> Option<(usize, Frame<'_>)> {
    let found = |offset| match Frame::at(number, base, data, offset) {
        Check::Good(frame) => Some((offset, frame)),
        _ => None,
    };
    found(offset).or_else(|| found(next_good(number, base, data, offset + 1)?))
}

/// The offset of the first good frame from `offset` on.
fn next_good(number: u64, base: u64, data: &[u8], offset: usize) -> Option<usize> {
    memmem::find_iter(data.get(offset..)?, &MAGIC)
        .map(|found| offset + found)
        .find(|found| matches!(Frame::at(number, base, data, *found), Check::Good(_)))
}

/// A frame that is what was written.
pub(super) struct Frame<'a> {
    payload: &'a [u8],
    raw_len: usize,
    /// Whether its rows were imported.
    pub(super) imported: bool,
    /// Where it ends in the data.
    pub(super) end: usize,
}

enum Check<'a> {
    Good(Frame<'a>),
    /// Complete, but not what was written.
    Bad,
    /// Not there, or not to its end.
    Torn,
}

impl<'a> Frame<'a> {
    /// The frame at `offset` in data that begins `base` bytes into the journal.
    fn at(number: u64, base: u64, data: &'a [u8], offset: usize) -> Check<'a> {
        let Some((header, rest)) = data
            .get(offset..)
            .and_then(|data| data.split_first_chunk::<HEADER>())
        else {
            return Check::Torn;
        };
        let [
            m0,
            m1,
            m2,
            m3,
            s0,
            s1,
            s2,
            s3,
            r0,
            r1,
            r2,
            r3,
            c0,
            c1,
            c2,
            c3,
        ] = *header;
        if [m0, m1, m2, m3] != MAGIC {
            return Check::Torn;
        }
        let lengths = [
            u32::from_le_bytes([s0, s1, s2, s3]),
            u32::from_le_bytes([r0, r1, r2, r3]),
        ];
        let [stored_len, raw_len] = lengths;
        let (stored_len, imported) = (stored_len as usize, raw_len & IMPORTED != 0);
        let raw_len = (raw_len & !IMPORTED) as usize;
        let Some(payload) = rest.get(..stored_len) else {
            return Check::Torn;
        };
        let crc = u32::from_le_bytes([c0, c1, c2, c3]);
        if raw_len > MAX_RAW || crc != checksum(number, base + offset as u64, lengths, payload) {
            return Check::Bad;
        }
        Check::Good(Frame {
            payload,
            raw_len,
            imported,
            end: offset + HEADER + stored_len,
        })
    }

    /// Its rows.
    pub(super) fn raw(&self, decompressor: &mut Decompressor<'_>) -> std::io::Result<Vec<u8>> {
        let raw = decompressor.decompress(self.payload, self.raw_len)?;
        match raw.len() == self.raw_len {
            true => Ok(raw),
            false => Err(std::io::ErrorKind::InvalidData.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A journal of the texts, and where each frame starts.
    fn journal(number: u64, texts: &[&str]) -> (Vec<u8>, Vec<usize>) {
        let mut compressor = Compressor::new(1).unwrap();
        let (mut data, mut starts, mut frame) = (Vec::new(), Vec::new(), Vec::new());
        for text in texts {
            starts.push(data.len());
            encode(
                number,
                data.len() as u64,
                text.as_bytes(),
                false,
                &mut compressor,
                &mut frame,
            )
            .unwrap();
            data.extend_from_slice(&frame);
        }
        (data, starts)
    }

    fn read(number: u64, data: &[u8]) -> (Vec<String>, ScanReport) {
        let mut texts = Vec::new();
        let report = scan(number, data, |raw| {
            texts.push(String::from_utf8(raw.to_vec()).unwrap());
            true
        })
        .unwrap();
        (texts, report)
    }

    #[test]
    fn frames_come_back_in_order() {
        let (data, _) = journal(7, &["one", "two", "three"]);
        let (texts, report) = read(7, &data);
        assert_eq!(texts, ["one", "two", "three"]);
        assert_eq!(
            report,
            ScanReport {
                good_len: data.len() as u64,
                torn_bytes: 0,
                damaged_frames: 0,
                has_accepted: true,
            }
        );
    }

    #[test]
    fn every_cut_keeps_the_whole_frames_before_it() {
        let (data, starts) = journal(1, &["one", "two", "three"]);
        for cut in 0..data.len() {
            let (texts, report) = read(1, &data[..cut]);
            let whole = starts.iter().skip(1).filter(|start| **start <= cut).count();
            assert_eq!(texts.len(), whole, "cut at {cut}");
            assert_eq!(report.good_len, starts[whole] as u64);
            assert_eq!(report.torn_bytes, (cut - starts[whole]) as u64);
            assert_eq!(report.damaged_frames, 0, "cut at {cut}");
        }
    }

    #[test]
    fn every_flipped_byte_costs_its_own_frame_alone() {
        let (data, starts) = journal(1, &["one", "two", "three"]);
        for at in 0..data.len() {
            let mut damaged = data.clone();
            damaged[at] ^= 0x20;
            let hit = starts.iter().rposition(|start| *start <= at).unwrap();
            let (texts, report) = read(1, &damaged);
            let expected: Vec<&str> = ["one", "two", "three"]
                .into_iter()
                .enumerate()
                .filter(|(n, _)| *n != hit)
                .map(|(_, t)| t)
                .collect();
            assert_eq!(texts, expected, "flip at {at}");
            // A last frame whose length or magic is hit is not to be told from one that was never finished.
            assert!(
                report.damaged_frames == 1 || (hit == 2 && report.torn_bytes > 0),
                "flip at {at}"
            );
        }
    }

    #[test]
    fn a_frame_of_another_file_or_place_is_none() {
        let (data, starts) = journal(1, &["one", "two"]);
        assert_eq!(read(2, &data).0, Vec::<String>::new());
        assert_eq!(read(1, &data[starts[1]..]).0, Vec::<String>::new());
    }

    #[test]
    fn a_length_from_hell_allocates_nothing() {
        let mut data = MAGIC.to_vec();
        data.extend_from_slice(&4_u32.to_le_bytes());
        data.extend_from_slice(&u32::MAX.to_le_bytes());
        data.extend_from_slice(&checksum(1, 0, [4, u32::MAX], b"abcd").to_le_bytes());
        data.extend_from_slice(b"abcd");
        assert_eq!(read(1, &data).1.damaged_frames, 1);
    }
}
