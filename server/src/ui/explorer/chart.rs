//! The histogram as inline SVG: bars of stacked values, an axis of times, and each bar the way into its own time.
//!
//! Bars are drawn on a canvas that is stretched to the page's width, one unit wide each; texts are laid over it by
//! percentages, so that nothing is distorted and no style is needed that a strict policy would refuse.

use maud::{Markup, html};
use sqreen::protocol::Timestamp;

use super::{Asked, Found, Place, Terms};
use crate::store::{Field, Histogram};
use crate::ui::text::{counted, day, grouped, range, short, stamp, start};

/// Of the bars, in pixels.
const HEIGHT: u64 = 120;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// The most bytes of a value beside its count in a bar.
const BRIEF: usize = 40;
/// The most labels of the axis.
const TICKS: i64 = 8;
const STEPS: [i64; 18] = [
    1, 2, 5, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 10_800, 21_600, 43_200, 86_400,
    604_800,
];

/// One colour of the chart.
struct Layer<'a> {
    class: String,
    /// The value; `None` for what has none of its own.
    value: Option<&'a str>,
    name: &'a str,
    counts: &'a [u64],
}

fn layers(histogram: &Histogram) -> Vec<Layer<'_>> {
    let layer = |class: String, value: Option<&'static str>, name, counts| Layer {
        class,
        value,
        name,
        counts,
    };
    let Some(breakdown) = &histogram.breakdown else {
        return vec![layer("c0".to_owned(), None, "events", &histogram.counts)];
    };
    let series = breakdown.series.iter().enumerate();
    let series = series.map(|(place, series)| Layer {
        class: format!("c{place}"),
        value: Some(&series.value),
        name: &series.value,
        counts: &series.counts,
    });
    let rest = [
        layer("other".to_owned(), None, "other values", &breakdown.other),
        layer("absent".to_owned(), None, "without it", &breakdown.absent),
    ];
    series
        .chain(rest)
        .filter(|layer| layer.counts.iter().any(|count| *count > 0))
        .collect()
}

/// The chart of the page's counts.
pub(super) fn chart(place: &Place, asked: &Asked, terms: &Terms, found: &Found) -> Markup {
    let histogram = &found.histogram;
    let (from, to) = found.span;
    let counts = &histogram.counts;
    let most = counts.iter().copied().max().unwrap_or_default();
    let total: u64 = counts.iter().sum();
    let layers = layers(histogram);
    let full = |micros| Timestamp::from_micros(micros).to_string();
    let label = format!(
        "{} from {} to {}; at most {} in one of {}",
        counted(total, "event"),
        full(from),
        full(to),
        grouped(most),
        counted(counts.len() as u64, "bar"),
    );
    html! {
        figure.chart aria-label=(label) {
            svg.plot aria-hidden="true" width="100%" height=(HEIGHT + 24) data-from=(from) data-bar=(histogram.bucket)
                data-bars=(counts.len()) data-to=(to) {
                svg viewBox={ "0 0 " (counts.len().max(1)) " " (HEIGHT) } preserveAspectRatio="none" width="100%"
                    height=(HEIGHT) {
                    (bars(&layers, most))
                    (ways(place, histogram, &layers, to))
                }
                line.base x1="0" x2="100%" y1=(HEIGHT) y2=(HEIGHT) {}
                @if most > 0 { text.most x="0" y="11" { (grouped(most)) } }
                (axis(from, to))
            }
            figcaption {
                span { (counted(total, "event")) ", " (range(from, to)) " UTC, " (width(histogram.bucket)) " a bar" }
                @if let Some(by) = &asked.by { (legend(by, &layers, terms)) }
            }
        }
    }
}

/// A path for each colour, stacked bar by bar.
fn bars(layers: &[Layer<'_>], most: u64) -> Markup {
    let scale = |count: u64| u128::from(count) * u128::from(HEIGHT) * 10 / u128::from(most.max(1));
    let mut below: Vec<u64> = Vec::new();
    let paths: Vec<_> = layers
        .iter()
        .map(|layer| {
            below.resize(layer.counts.len(), 0);
            let mut path = String::new();
            for ((place, count), below) in layer.counts.iter().enumerate().zip(&mut below) {
                if *count == 0 {
                    continue;
                }
                let bottom = scale(*below);
                *below = below.saturating_add(*count);
                // Whatever there is can be seen.
                let height = (scale(*below).saturating_sub(bottom)).max(15);
                let top = (u128::from(HEIGHT) * 10).saturating_sub(bottom + height);
                let (y, h) = (decimal(top), decimal(height));
                path.push_str(&format!("M{place}.08 {y}h.84v{h}h-.84z"));
            }
            (&layer.class, path)
        })
        .collect();
    html! { @for (class, path) in paths { path class=(class) d=(path) {} } }
}

fn decimal(tenths: u128) -> String {
    format!("{}.{}", tenths / 10, tenths % 10)
}

/// Each bar as the way to the events of its time.
fn ways(place: &Place, histogram: &Histogram, layers: &[Layer<'_>], end: i64) -> Markup {
    let many = histogram.breakdown.is_some();
    html! {
        @for (at, count) in histogram.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            @let from = start_of(histogram, at);
            @let to = from.saturating_add(histogram.bucket).min(end);
            a tabindex="-1" href=(place.with(&[("last", ""), ("from", &stamp(from)), ("to", &stamp(to))])) {
                rect.way x=(at) y="0" width="1" height=(HEIGHT) {
                    title {
                        (range(from, to)) ": " (counted(*count, "event"))
                        @if many { @for layer in layers {
                            @let count = layer.counts.get(at).copied().unwrap_or_default();
                            @if count > 0 { "\n" (brief(layer.name)) ": " (grouped(count)) }
                        } }
                    }
                }
            }
        }
    }
}

/// The name of a layer where each bar repeats it; the legend has more of it.
fn brief(name: &str) -> Markup {
    let start = start(name, BRIEF);
    html! { (start) @if start.len() < name.len() { "…" } }
}

fn start_of(histogram: &Histogram, bar: usize) -> i64 {
    let bar = i64::try_from(bar).unwrap_or(i64::MAX);
    histogram
        .from
        .saturating_add(bar.saturating_mul(histogram.bucket))
}

/// Times at round places.
fn axis(from: i64, to: i64) -> Markup {
    let span = to.saturating_sub(from).max(1);
    let fits = |step: &i64| span / (step * SECOND) <= TICKS;
    let step = STEPS.into_iter().find(fits).map(|step| step * SECOND);
    let step = step.unwrap_or_else(|| (span / TICKS).max(1));
    let first = from
        .saturating_sub(from.rem_euclid(step))
        .saturating_add(step);
    let ticks = (0..=TICKS).map(|tick| first.saturating_add(tick.saturating_mul(step)));
    let ticks = ticks.filter_map(|tick| {
        let place = i128::from(tick - from) * 1_000 / i128::from(span);
        // Nearer to an end, a label would be cut.
        (50..=950)
            .contains(&place)
            .then(|| (tick, format!("{}.{}%", place / 10, place % 10)))
    });
    html! {
        @for (tick, x) in ticks {
            line.tick x1=(x) x2=(x) y1=(HEIGHT) y2=(HEIGHT + 5) {}
            text.at x=(x) y=(HEIGHT + 18) { (label(tick, step)) }
        }
    }
}

fn label(tick: i64, step: i64) -> String {
    if step >= DAY || tick.rem_euclid(DAY) == 0 {
        return day(tick);
    }
    let text = Timestamp::from_micros(tick).to_string();
    let clock = if step < 60 * SECOND {
        text.get(11..19)
    } else {
        text.get(11..16)
    };
    clock.unwrap_or_default().to_owned()
}

fn width(micros: i64) -> String {
    let seconds = micros / SECOND;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        86_400 => "1 day".to_owned(),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn legend(by: &Field, layers: &[Layer<'_>], terms: &Terms) -> Markup {
    html! {
        ul.legend aria-label={ "Colours by " (short(&by.to_string())) } {
            @for layer in layers {
                @let total: u64 = layer.counts.iter().sum();
                li {
                    i class={ "key " (layer.class) } {}
                    @match layer.value {
                        Some("") => (terms.only(by, "", &html! { "(empty)" })),
                        Some(value) => (terms.only(by, value, &short(value))),
                        None if layer.class == "absent" => (terms.without(by, &html! { (layer.name) })),
                        None => (layer.name),
                    }
                    " " small { (grouped(total)) } " "
                    @if let Some(value) = layer.value { (terms.not(by, value)) }
                }
            }
        }
    }
}
