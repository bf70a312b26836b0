//! The histogram as inline SVG.

use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use crate::store::Histogram;

const HEIGHT: u64 = 80;
const BAR: usize = 10;

pub(super) fn bars(histogram: &Histogram) -> Markup {
    let counts = &histogram.counts;
    let most = counts.iter().copied().max().unwrap_or_default().max(1);
    let total: u64 = counts.iter().sum();
    let time = |place: usize| {
        let offset = i64::try_from(place)
            .unwrap_or(i64::MAX)
            .saturating_mul(histogram.bucket);
        Timestamp::from_micros(histogram.from.saturating_add(offset)).to_string()
    };
    let text = format!(
        "{total} events from {} to {}; at most {} in one of {} bars",
        time(0),
        time(counts.len()),
        counts.iter().max().copied().unwrap_or_default(),
        counts.len(),
    );
    let width = counts.len().max(1) * BAR;
    html! {
        figure {
            svg role="img" aria-label=(text) viewBox={ "0 0 " (width) " " (HEIGHT) } preserveAspectRatio="none" {
                @for (place, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
                    @let height = (u128::from(*count) * u128::from(HEIGHT) / u128::from(most)).max(2);
                    rect x=(place * BAR + 1) y=(u128::from(HEIGHT) - height) width=(BAR - 2) height=(height) {
                        title { (time(place)) ": " (count) }
                    }
                }
            }
            figcaption { (text) }
        }
    }
}
