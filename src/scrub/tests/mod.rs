//! What is redacted and what is not: examples, then properties.

mod examples;
mod properties;

use super::*;

/// As the configuration builds it when nothing is set.
fn scrubber() -> Scrubber {
    Scrubber::new(
        DEFAULT_KEYS.map(str::to_owned),
        [CARD_NUMBER_PATTERN.to_owned()],
    )
    .unwrap()
}

/// Text with the marker written as `█`, for examples that are easy to read.
fn with_marker(text: &str) -> String {
    text.replace('█', REDACTED)
}
