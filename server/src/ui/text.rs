//! Texts, numbers and times as people read them.

use maud::{Markup, html};
use sqreen::protocol::Timestamp;

/// The most bytes of one text in a table. Whoever sends requests chooses their length, and browsers take seconds to
/// break a long one into lines.
pub(crate) const SHOWN: usize = 256;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The text, or the start of a long one.
pub(crate) fn short(text: &str) -> Markup {
    let start = start(text, SHOWN);
    html! { (start) @if start.len() < text.len() { "…" } }
}

/// The start of the text that has at most this many bytes.
pub(crate) fn start(text: &str, bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(bytes)).unwrap_or(text)
}

/// A number and what it counts: `1 event`, `2 events`.
pub(crate) fn counted(number: u64, one: &str) -> String {
    let s = if number == 1 { "" } else { "s" };
    format!("{} {one}{s}", grouped(number))
}

/// A number with narrow spaces between its thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.char_indices() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('\u{202f}');
        }
        grouped.push(digit);
    }
    grouped
}

/// A part of a whole, in percent.
pub(crate) fn share(part: u64, whole: u64) -> String {
    let tenths = (u128::from(part) * 1_000).checked_div(u128::from(whole));
    let tenths = tenths.unwrap_or_default();
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// A time in microseconds since the Unix epoch: short, and in full where someone points at it.
pub(crate) fn time(micros: i64) -> Markup {
    let full = Timestamp::from_micros(micros).to_string();
    html! { time datetime=(full) title=(full) { (moment(micros)) } }
}

/// A time for people, in UTC: of today without its date, of this year without the year.
pub(crate) fn moment(micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_string();
    let now = Timestamp::now().to_string();
    let clock = text.get(11..19).unwrap_or_default();
    if text.get(..10) == now.get(..10) {
        return clock.to_owned();
    }
    let year = text.get(..4).unwrap_or_default();
    let year = if now.starts_with(year) {
        String::new()
    } else {
        format!("{year} ")
    };
    format!("{} {year}{clock}", day(micros))
}

/// A range of time for people, in UTC: both its ends with their days, unless all of it is today.
pub(crate) fn range(from: i64, to: i64) -> String {
    let text = |micros| Timestamp::from_micros(micros).to_string();
    let (from_text, to_text, now) = (text(from), text(to), Timestamp::now().to_string());
    let date = |text: &str| text.get(..10).map(str::to_owned);
    if date(&from_text) == date(&to_text) && date(&to_text) == date(&now) {
        return format!("{} – {}", moment(from), moment(to));
    }
    let dated = |micros, text: &str| {
        let year = text.get(..4).unwrap_or_default();
        let year = if now.starts_with(year) { "" } else { year };
        let clock = text.get(11..19).unwrap_or_default();
        format!(
            "{} {year}{}{clock}",
            day(micros),
            if year.is_empty() { "" } else { " " }
        )
    };
    format!("{} – {}", dated(from, &from_text), dated(to, &to_text))
}

/// Day and month.
pub(crate) fn day(micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_string();
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<usize>().ok();
    let month = number(5..7).and_then(|month| MONTHS.get(month.checked_sub(1)?));
    match (number(8..10), month) {
        (Some(day), Some(month)) => format!("{day} {month}"),
        _ => text,
    }
}

/// A time as URLs have it: in full, without a fraction of zeros.
pub(crate) fn stamp(micros: i64) -> String {
    let text = Timestamp::from_micros(micros).to_string();
    match text.strip_suffix(".000000Z") {
        Some(whole) => format!("{whole}Z"),
        None => text,
    }
}

/// How long something took or is ago, in its largest unit.
pub(crate) fn duration(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_and_counted() {
        assert_eq!(counted(1, "event"), "1 event");
        assert_eq!(counted(0, "event"), "0 events");
        assert_eq!(grouped(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(grouped(123), "123");
        assert_eq!(
            (share(1, 3), share(0, 0)),
            ("33.3 %".to_owned(), "0.0 %".to_owned())
        );
    }

    #[test]
    fn times_are_short_for_people_and_whole_in_links() {
        let time: Timestamp = "2001-02-03T04:05:06.000000Z".parse().unwrap();
        assert_eq!(moment(time.as_micros()), "3 Feb 2001 04:05:06");
        assert_eq!(stamp(time.as_micros()), "2001-02-03T04:05:06Z");
        assert_eq!(stamp(time.as_micros() + 1), "2001-02-03T04:05:06.000001Z");
        let now = Timestamp::now();
        assert!(now.to_string().contains(&moment(now.as_micros())));
    }
}
