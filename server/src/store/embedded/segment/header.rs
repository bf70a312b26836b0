//! The header of a page: a structure in Thrift's compact protocol, `PageHeader` in
//! [parquet.thrift](https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift).
//!
//! The library reads it, too, but with a decompressor of its own for each column, which takes longer than a page.

use parquet::basic::Encoding;

/// How deep what is skipped may be nested; the format has three levels.
const DEPTH: u32 = 8;

/// What a page holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Header {
    /// Bytes of the page behind its header, and what they are decompressed.
    pub(super) compressed: usize,
    pub(super) decompressed: usize,
    pub(super) content: Content,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Dictionary,
    Data { values: usize, encoding: Encoding },
}

impl Header {
    /// Takes the header off the front; `None` if it is none of a page as segments have them.
    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let (mut kind, mut decompressed, mut compressed, mut data) = (None, None, None, None);
        let mut before = 0;
        while let Some((field, wire)) = field(bytes, &mut before)? {
            match (field, wire) {
                (1, Wire::Number) => kind = Some(number(bytes)?),
                (2, Wire::Number) => decompressed = usize::try_from(number(bytes)?).ok(),
                (3, Wire::Number) => compressed = usize::try_from(number(bytes)?).ok(),
                (5, Wire::Struct) => data = Some(data_header(bytes)?),
                (_, wire) => skip(bytes, wire, DEPTH)?,
            }
        }
        let content = match kind? {
            0 => data?,
            2 => Content::Dictionary,
            _ => return None,
        };
        Some(Self {
            compressed: compressed?,
            decompressed: decompressed?,
            content,
        })
    }
}

fn data_header(bytes: &mut &[u8]) -> Option<Content> {
    let (mut values, mut encoding) = (None, None);
    let mut before = 0;
    while let Some((field, wire)) = field(bytes, &mut before)? {
        match (field, wire) {
            (1, Wire::Number) => values = usize::try_from(number(bytes)?).ok(),
            (2, Wire::Number) => encoding = Some(number(bytes)?),
            (_, wire) => skip(bytes, wire, DEPTH)?,
        }
    }
    let encoding = match encoding? {
        0 => Encoding::PLAIN,
        8 => Encoding::RLE_DICTIONARY,
        _ => return None,
    };
    let values = values?;
    Some(Content::Data { values, encoding })
}

/// How a value is written.
#[derive(Clone, Copy, Debug)]
enum Wire {
    /// Nothing: the value is in the type.
    Bool,
    Byte,
    Number,
    Double,
    Binary,
    List,
    Struct,
}

fn wire(code: u8) -> Option<Wire> {
    Some(match code {
        1 | 2 => Wire::Bool,
        3 => Wire::Byte,
        4..=6 => Wire::Number,
        7 => Wire::Double,
        8 => Wire::Binary,
        9 | 10 => Wire::List,
        12 => Wire::Struct,
        _ => return None,
    })
}

/// The number and type of the next field of a structure; `Some(None)` at its end.
fn field(bytes: &mut &[u8], before: &mut i64) -> Option<Option<(i64, Wire)>> {
    let head = *bytes.split_off_first()?;
    if head == 0 {
        return Some(None);
    }
    let number = match head >> 4 {
        0 => number(bytes)?,
        step => before.checked_add(i64::from(step))?,
    };
    *before = number;
    Some(Some((number, wire(head & 15)?)))
}

fn number(bytes: &mut &[u8]) -> Option<i64> {
    let value = length(bytes)?;
    Some((value >> 1) as i64 ^ -((value & 1) as i64))
}

fn length(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn skip(bytes: &mut &[u8], value: Wire, depth: u32) -> Option<()> {
    let depth = depth.checked_sub(1)?;
    match value {
        Wire::Bool => {}
        Wire::Byte => drop(bytes.split_off_first()?),
        Wire::Number => drop(number(bytes)?),
        Wire::Double => drop(bytes.split_off(..8)?),
        Wire::Binary => {
            let length = usize::try_from(length(bytes)?).ok()?;
            bytes.split_off(..length)?;
        }
        Wire::List => {
            let head = *bytes.split_off_first()?;
            let count = match head >> 4 {
                15 => length(bytes)?,
                count => u64::from(count),
            };
            let element = match wire(head & 15)? {
                // Within a list it takes a byte.
                Wire::Bool => Wire::Byte,
                element => element,
            };
            for _ in 0..count {
                skip(bytes, element, depth)?;
            }
        }
        Wire::Struct => {
            let mut before = 0;
            while let Some((_, wire)) = field(bytes, &mut before)? {
                skip(bytes, wire, depth)?;
            }
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A data page of 300 values in 40 bytes, 90 decompressed, with statistics and a checksum that are skipped.
    const DATA: [u8; 27] = [
        0x15, 0, // 1: DATA_PAGE
        0x15, 0xb4, 1, // 2: 90
        0x15, 80, // 3: 40
        0x15, 0x9, // 4: a checksum
        0x1c, 0x15, 0xd8, 4, 0x15, 16, 0x15, 6, 0x15, 6, // 5: 300, RLE_DICTIONARY, RLE, RLE
        0x1c, 0x18, 2, b'a', b'b', 0, 0, // 5.5: statistics
        0,
    ];

    #[test]
    fn headers_are_read_up_to_their_end() {
        let bytes = [DATA.as_slice(), b"rest"].concat();
        let mut left = bytes.as_slice();
        let data = Content::Data {
            values: 300,
            encoding: Encoding::RLE_DICTIONARY,
        };
        let expected = Header {
            compressed: 40,
            decompressed: 90,
            content: data,
        };
        assert_eq!(Header::read(&mut left), Some(expected));
        assert_eq!(left, b"rest");
        // A dictionary, with a list of flags that no version has yet.
        let mut dictionary: &[u8] = &[
            0x15, 4, 0x15, 20, 0x15, 20, 0x4c, 0x15, 2, 0x15, 0, 0x11, 0, 0x19, 0x21, 1, 0, 0,
        ];
        let header = Header::read(&mut dictionary).unwrap();
        assert_eq!(
            (header.content, header.compressed),
            (Content::Dictionary, 10)
        );
        assert!(dictionary.is_empty());
    }

    #[test]
    fn what_is_cut_or_unknown_is_none() {
        for end in 0..DATA.len() {
            assert_eq!(Header::read(&mut &DATA[..end]), None, "{end}");
        }
        // A kind, an encoding and a type that there are not.
        for (place, byte) in [(1, 8), (14, 4), (0, 0x1d)] {
            let mut bytes = DATA;
            bytes[place] = byte;
            assert_eq!(Header::read(&mut bytes.as_slice()), None, "{place}");
        }
        // Structures without an end, within each other.
        assert_eq!(Header::read(&mut [0x7c; 100].as_slice()), None);
    }
}
