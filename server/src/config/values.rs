//! Reading values that people write.

use std::time::Duration;

/// Units of time, in seconds.
const TIMES: [(&str, u64); 5] = [
    ("s", 1),
    ("min", 60),
    ("h", 60 * 60),
    ("d", 24 * 60 * 60),
    ("y", 365 * 24 * 60 * 60),
];

/// Units of size, in bytes.
const SIZES: [(&str, u64); 5] = [
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// A number with its unit, such as `90d`.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    of_unit(text, &TIMES).map(Duration::from_secs)
}

/// A number above 0 with its unit, such as `64MiB`.
pub(super) fn size(text: &str) -> Option<u64> {
    of_unit(text, &SIZES).filter(|size| *size > 0)
}

fn of_unit(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit.trim_start())?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_needs_its_unit() {
        assert_eq!(duration("90d"), Some(Duration::from_secs(90 * 86_400)));
        assert_eq!(duration("5 min"), Some(Duration::from_secs(300)));
        assert_eq!(size("64MiB"), Some(64 << 20));
        for text in ["", "d", "90", "-1d", "1.5h", "1m", "1 x", "99999999999999y"] {
            assert_eq!(duration(text), None, "{text:?}");
        }
        assert_eq!((size("64MB"), size("0B")), (None, None));
    }
}
