//! The text form of Prometheus, version 0.0.4.
//!
//! A crate would bring a registry with labels made at run time; the few fixed series here need neither.

use std::fmt::{Display, Write};

use crate::histogram::Times;

/// A page that is being written.
#[derive(Debug, Default)]
pub(super) struct Page(String);

/// Labels such as `class="api"`; our own words, and names of lists, none of which needs escaping.
type Labels<'a> = &'a str;

impl Page {
    pub(super) fn counter(&mut self, name: &str, help: &str, values: &[(Labels<'_>, u64)]) {
        self.series(name, "counter", help, values);
    }

    pub(super) fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.gauges(name, help, &[("", value)]);
    }

    pub(super) fn gauges(&mut self, name: &str, help: &str, values: &[(Labels<'_>, u64)]) {
        self.series(name, "gauge", help, values);
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, series: &[(Labels<'_>, Times)]) {
        self.head(name, "histogram", help);
        for (labels, times) in series {
            let comma = if labels.is_empty() { "" } else { "," };
            let mut sum = 0;
            let bounds = Times::BOUNDS.iter().map(|bound| seconds(*bound));
            let bounds = bounds.chain(["+Inf".to_owned()]);
            for (bound, count) in bounds.zip(times.buckets) {
                sum += count;
                let labels = format!("{labels}{comma}le=\"{bound}\"");
                self.line(&format!("{name}_bucket"), &labels, sum);
            }
            self.line(&format!("{name}_sum"), labels, seconds(times.micros));
            self.line(&format!("{name}_count"), labels, sum);
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn series(&mut self, name: &str, kind: &str, help: &str, values: &[(Labels<'_>, u64)]) {
        self.head(name, kind, help);
        for (labels, value) in values {
            self.line(name, labels, value);
        }
    }

    fn head(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a String cannot fail.
        let _ = write!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
    }

    fn line(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        let _ = if labels.is_empty() {
            writeln!(self.0, "{name} {value}")
        } else {
            writeln!(self.0, "{name}{{{labels}}} {value}")
        };
    }
}

/// Microseconds as seconds.
fn seconds(micros: u64) -> String {
    let text = format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let mut times = Times::default();
        times.buckets[0] = 2;
        times.buckets[12] = 1;
        times.micros = 12_000_050;
        let mut page = Page::default();
        page.histogram("t_seconds", "Times.", &[("class=\"api\"", times)]);
        let text = page.finish();
        assert!(text.starts_with("# HELP t_seconds Times.\n# TYPE t_seconds histogram\n"));
        for line in [
            "t_seconds_bucket{class=\"api\",le=\"0.0001\"} 2",
            "t_seconds_bucket{class=\"api\",le=\"10\"} 2",
            "t_seconds_bucket{class=\"api\",le=\"+Inf\"} 3",
            "t_seconds_sum{class=\"api\"} 12.00005",
            "t_seconds_count{class=\"api\"} 3",
        ] {
            assert!(text.lines().any(|other| other == line), "{line}: {text}");
        }
    }
}
