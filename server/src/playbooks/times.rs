//! Lengths of time as playbooks write them: `90s`, `5min`, `24h`, `30d`.

use std::time::Duration;

pub(crate) use crate::config::duration as read;

/// What stands for a response without an end.
pub(crate) const PERMANENT: &str = "permanent";

/// The length in the greatest unit that leaves nothing over; whole seconds alone.
pub(crate) fn show(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let units = [(86_400, "d"), (3_600, "h"), (60, "min")];
    let even = |(unit, _): &(u64, &str)| seconds > 0 && seconds.is_multiple_of(*unit);
    match units.into_iter().find(even) {
        // A day is a length that people know in hours.
        Some((86_400, _)) if seconds == 86_400 => "24h".to_owned(),
        Some((unit, name)) => format!("{}{name}", seconds / unit),
        None => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_as_the_same() {
        for text in ["0s", "90s", "1min", "5min", "1h", "24h", "25h", "2d", "30d"] {
            assert_eq!(show(read(text).unwrap()), text);
        }
        assert_eq!(show(read("120s").unwrap()), "2min");
    }
}
