//! Decoding a text column: codes into its dictionary, or a span for each value.

use bytes::Bytes;
use parquet::basic::Encoding;

use super::error::SegmentError;
use super::hybrid;
use super::pages::{Chunk, DataPage};
use crate::store::embedded::texts::{ABSENT, Texts, Values};

/// The values of a column's dictionary.
#[derive(Debug, Default)]
pub(super) struct Dictionary {
    bytes: Bytes,
    spans: Vec<(usize, usize)>,
}

impl Dictionary {
    /// Reads the values, which stand one after the other, each behind its length.
    pub(super) fn read(bytes: Bytes) -> Result<Self, SegmentError> {
        let mut spans = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let (start, end) = span(&bytes, at).ok_or_else(cut)?;
            spans.push((start, end));
            at = end;
        }
        Ok(Self { bytes, spans })
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .filter_map(|(start, end)| self.bytes.get(*start..*end))
    }
}

fn cut() -> SegmentError {
    SegmentError::Damaged("a text column is cut short".to_owned())
}

/// Where the value lies whose length stands at `at`.
fn span(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let length = bytes.get(at..)?.first_chunk::<4>()?;
    let start = at + 4;
    let end = start.checked_add(u32::from_le_bytes(*length) as usize)?;
    (end <= bytes.len()).then_some((start, end))
}

/// The values of the rows, which ascend.
pub(super) fn texts(
    chunk: &Chunk<'_>,
    dictionary: Option<&Dictionary>,
    rows: &[u32],
) -> Result<Texts, SegmentError> {
    let mut texts = Texts {
        codes: Vec::with_capacity(rows.len()),
        values: Values::default(),
    };
    let mut in_dictionary = 0;
    if let Some(dictionary) = dictionary {
        texts.values.buffer(dictionary.bytes.clone());
        for (start, end) in &dictionary.spans {
            texts.values.push(*start, *end);
        }
        in_dictionary = dictionary.spans.len();
    }
    let mut indices = Vec::new();
    chunk.each_page(rows, |page, rows| {
        match page.encoding {
            Encoding::PLAIN => plain(&page, rows, &mut texts),
            Encoding::RLE_DICTIONARY => {
                indices.clear();
                coded(&page, rows, in_dictionary, &mut indices, &mut texts.codes)
            }
            _ => None,
        }
        .ok_or_else(cut)
    })?;
    Ok(texts)
}

fn coded(
    page: &DataPage,
    rows: &[u32],
    in_dictionary: usize,
    indices: &mut Vec<u32>,
    codes: &mut Vec<u32>,
) -> Option<()> {
    let present = page.present();
    if present > 0 {
        let (width, packed) = page.values.split_first()?;
        hybrid::decode(packed, *width, present, indices)?;
        if indices.iter().any(|index| *index as usize >= in_dictionary) {
            return None;
        }
    }
    let places = rows.iter().map(|row| *row as usize - page.first);
    if page.levels.is_empty() {
        if rows.len() == page.rows {
            codes.extend_from_slice(indices);
        } else {
            codes.extend(places.map(|place| indices.get(place).copied().unwrap_or(ABSENT)));
        }
        return Some(());
    }
    let (mut at, mut before) = (0, 0);
    for place in places {
        before += present_in(page, at, place);
        at = place;
        codes.push(match page.levels.get(place) {
            Some(1) => *indices.get(before)?,
            _ => ABSENT,
        });
    }
    Some(())
}

/// How many of the rows from one place to another have a value.
fn present_in(page: &DataPage, from: usize, to: usize) -> usize {
    let levels = page.levels.get(from..to).unwrap_or_default();
    levels.iter().filter(|level| **level > 0).count()
}

fn plain(page: &DataPage, rows: &[u32], texts: &mut Texts) -> Option<()> {
    texts.values.buffer(page.values.clone());
    let mut wanted = rows.iter().map(|row| *row as usize - page.first).peekable();
    let mut at = 0;
    for place in 0..page.rows {
        let is_wanted = match wanted.peek() {
            Some(next) => *next == place,
            None => break,
        };
        let present = page.levels.get(place).is_none_or(|level| *level > 0);
        let mut code = ABSENT;
        if present {
            let (start, end) = span(&page.values, at)?;
            at = end;
            if is_wanted {
                code = texts.values.push(start, end);
            }
        }
        if is_wanted {
            wanted.next();
            texts.codes.push(code);
        }
    }
    Some(())
}
