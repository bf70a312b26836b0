//! The hybrid of run lengths and packed bits that Parquet keeps levels and dictionary indices in.
//!
//! The format: `RLE = 3` in
//! [Encodings.md](https://github.com/apache/parquet-format/blob/master/Encodings.md#run-length-encoding--bit-packing-hybrid-rle--3).

/// A stretch of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run<'a> {
    /// One value, that often.
    Repeated(u32, usize),
    /// Values one after the other, each of the bit width, from the lowest bit up.
    Packed(&'a [u8], usize),
}

/// Decodes `count` values, each of `width` bits (at most 32), and appends them.
///
/// Returns `None` if the bytes end too early, or are none of this format.
pub(super) fn decode(mut bytes: &[u8], width: u8, count: usize, out: &mut Vec<u32>) -> Option<()> {
    if width > 32 {
        return None;
    }
    let end = out.len().checked_add(count)?;
    out.reserve(count);
    while out.len() < end {
        let left = end - out.len();
        match next_run(&mut bytes, width)? {
            Run::Repeated(value, times) => out.resize(out.len() + times.min(left), value),
            Run::Packed(packed, times) => unpack(packed, width, times.min(left), out),
        }
    }
    Some(())
}

/// Takes a run off the front. A run is never empty: that would not end.
fn next_run<'a>(bytes: &mut &'a [u8], width: u8) -> Option<Run<'a>> {
    let header = varint(bytes)?;
    let length = usize::try_from(header >> 1).ok().filter(|n| *n > 0)?;
    if header & 1 == 1 {
        // Groups of eight values; the last one may be cut where no value is left.
        let packed = length.checked_mul(usize::from(width))?.min(bytes.len());
        let (packed, rest) = bytes.split_at_checked(packed)?;
        *bytes = rest;
        let values = match width {
            0 => length.checked_mul(8)?,
            _ => packed.len().checked_mul(8)? / usize::from(width),
        };
        return (values > 0).then_some(Run::Packed(packed, values));
    }
    let (value, rest) = bytes.split_at_checked(usize::from(width).div_ceil(8))?;
    *bytes = rest;
    let value = value
        .iter()
        .rev()
        .fold(0_u32, |value, byte| (value << 8) | u32::from(*byte));
    Some(Run::Repeated(value, length))
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

fn unpack(packed: &[u8], width: u8, count: usize, out: &mut Vec<u32>) {
    if width == 0 {
        out.resize(out.len() + count, 0);
        return;
    }
    let mask = (1_u64 << width) - 1;
    let (mut buffer, mut bits) = (0_u64, 0_u32);
    let mut bytes = packed.chunks(4);
    for _ in 0..count {
        if bits < u32::from(width) {
            let chunk = bytes.next().unwrap_or_default();
            let mut word = [0; 4];
            word.iter_mut()
                .zip(chunk)
                .for_each(|(to, from)| *to = *from);
            buffer |= u64::from(u32::from_le_bytes(word)) << bits;
            bits += 32;
        }
        out.push((buffer & mask) as u32);
        buffer >>= width;
        bits -= u32::from(width);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8], width: u8, count: usize) -> Option<Vec<u32>> {
        let mut out = Vec::new();
        decode(bytes, width, count, &mut out).map(|()| out)
    }

    /// Packs the values as one run, and returns it with its header.
    fn packed(values: &[u32], width: u8) -> Vec<u8> {
        let groups = values.len().div_ceil(8);
        let mut bytes = vec![(groups << 1 | 1) as u8];
        let mut bits = vec![0_u8; groups * usize::from(width)];
        for (at, value) in values.iter().enumerate() {
            for bit in 0..usize::from(width) {
                let place = at * usize::from(width) + bit;
                bits[place / 8] |= ((value >> bit & 1) as u8) << (place % 8);
            }
        }
        bytes.extend(bits);
        bytes
    }

    #[test]
    fn the_example_of_the_format_is_read() {
        // Encodings.md: 0 to 7 in three bits each.
        let bytes = [0b11, 0b1000_1000, 0b1100_0110, 0b1111_1010];
        assert_eq!(decoded(&bytes, 3, 8), Some((0..8).collect()));
    }

    #[test]
    fn every_width_comes_back() {
        for width in 0..=32_u8 {
            let mask = ((1_u64 << width) - 1) as u32;
            let values: Vec<u32> = (0..100_u32)
                .map(|n| n.wrapping_mul(2_654_435_761) & mask)
                .collect();
            let bytes = packed(&values, width);
            assert_eq!(decoded(&bytes, width, 100), Some(values), "width {width}");
        }
    }

    #[test]
    fn runs_follow_each_other() {
        let mut bytes = vec![10 << 1, 7, 0xac, 0x02 << 1];
        bytes.truncate(2);
        bytes.extend(packed(&[1, 2, 3, 4, 5, 6, 7, 0], 3));
        // 300 times the value 2: the length takes two bytes.
        bytes.extend([0xd8, 0x04, 2]);
        let mut expected = vec![7; 10];
        expected.extend([1, 2, 3, 4, 5, 6, 7, 0]);
        expected.extend([2; 300]);
        assert_eq!(decoded(&bytes, 3, 318), Some(expected.clone()));
        // Fewer may be asked for than there are.
        assert_eq!(decoded(&bytes, 3, 13), Some(expected[..13].to_vec()));
    }

    #[test]
    fn what_is_cut_or_wrong_is_none() {
        let bytes = packed(&[1, 2, 3, 4, 5, 6, 7, 0], 3);
        assert_eq!(decoded(&bytes, 3, 9), None);
        assert_eq!(decoded(&bytes[..1], 3, 1), None);
        assert_eq!(decoded(&[], 3, 1), None);
        assert_eq!(decoded(&[0], 3, 1), None);
        assert_eq!(decoded(&[1], 3, 1), None);
        assert_eq!(decoded(&[10 << 1], 3, 1), None);
        assert_eq!(decoded(&[0xff; 12], 3, 1), None);
        assert_eq!(decoded(&[10 << 1, 7], 33, 1), None);
        assert_eq!(
            decoded(
                &[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 7],
                3,
                5
            ),
            Some(vec![7; 5])
        );
    }
}
