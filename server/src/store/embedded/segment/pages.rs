//! The pages of a column within a row group.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::buf::Reader as BytesReader;
use bytes::{Buf, Bytes};
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::index_reader::decode_offset_index;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;

use super::error::SegmentError;
use super::hybrid;

/// The bytes of a column: read as a whole, or page by page where few pages are wanted.
pub(super) struct Window {
    file: Arc<File>,
    start: u64,
    bytes: Bytes,
    end: u64,
}

impl Length for Window {
    fn len(&self) -> u64 {
        self.end
    }
}

impl ChunkReader for Window {
    type T = BytesReader<Bytes>;

    fn get_read(&self, start: u64) -> Result<Self::T, ParquetError> {
        let rest = usize::try_from(self.end.saturating_sub(start))?;
        Ok(self.get_bytes(start, rest)?.reader())
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        if let Some(at) = start.checked_sub(self.start)
            && let Ok(at) = usize::try_from(at)
            && let Some(end) = at.checked_add(length)
            && end <= self.bytes.len()
        {
            return Ok(self.bytes.slice(at..end));
        }
        Ok(read_at(&self.file, start, length)?)
    }
}

/// Reads exactly that much. The file is not read by anybody else: its position is moved.
pub(super) fn read_at(mut file: &File, start: u64, length: usize) -> std::io::Result<Bytes> {
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::with_capacity(length);
    file.take(length as u64).read_to_end(&mut bytes)?;
    if bytes.len() < length {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(bytes.into())
}

/// A column within a row group: where its pages lie.
pub(super) struct Chunk<'a> {
    file: &'a Arc<File>,
    meta: &'a ColumnChunkMetaData,
    rows: usize,
    optional: bool,
    locations: Vec<PageLocation>,
    /// The reader that read the dictionary: it can go on, and to make another costs more than a page does.
    begun: RefCell<Option<SerializedPageReader<Window>>>,
}

/// A page of values, decompressed.
pub(super) struct DataPage {
    /// The place of its first row in the group.
    pub(super) first: usize,
    pub(super) rows: usize,
    /// For each row 1 if it has a value, otherwise 0; empty if all have.
    pub(super) levels: Vec<u32>,
    pub(super) encoding: Encoding,
    pub(super) values: Bytes,
}

impl DataPage {
    /// How many rows have a value.
    pub(super) fn present(&self) -> usize {
        match self.levels.is_empty() {
            true => self.rows,
            false => self.levels.iter().filter(|level| **level > 0).count(),
        }
    }
}

impl<'a> Chunk<'a> {
    /// Reads where the pages lie.
    pub(super) fn open(
        file: &'a Arc<File>,
        meta: &'a ColumnChunkMetaData,
        rows: usize,
        optional: bool,
    ) -> Result<Self, SegmentError> {
        let index = meta
            .offset_index_offset()
            .zip(meta.offset_index_length())
            .and_then(|(at, length)| Some((u64::try_from(at).ok()?, usize::try_from(length).ok()?)))
            .ok_or_else(|| SegmentError::Damaged("a column has no page index".to_owned()))?;
        let index = decode_offset_index(&read_at(file, index.0, index.1)?)?;
        Ok(Self {
            file,
            meta,
            rows,
            optional,
            locations: index.page_locations().clone(),
            begun: RefCell::default(),
        })
    }

    /// The place of the first row of each page, and the end of the last.
    fn bounds(&self) -> Vec<usize> {
        self.locations
            .iter()
            .map(|page| usize::try_from(page.first_row_index).unwrap_or(usize::MAX))
            .chain([self.rows])
            .collect()
    }

    /// A reader of the library, which skips pages without decompressing them; `dense` reads all bytes at once.
    pub(super) fn reader(&self, dense: bool) -> Result<SerializedPageReader<Window>, SegmentError> {
        let (start, length) = self.meta.byte_range();
        let bytes = match dense {
            true => read_at(
                self.file,
                start,
                usize::try_from(length).unwrap_or(usize::MAX),
            )?,
            false => Bytes::new(),
        };
        let window = Window {
            file: Arc::clone(self.file),
            start,
            bytes,
            end: start.saturating_add(length),
        };
        let locations = Some(self.locations.clone());
        Ok(SerializedPageReader::new(
            Arc::new(window),
            self.meta,
            self.rows,
            locations,
        )?)
    }

    /// Says whether at least half of the pages hold some of the rows, which ascend.
    pub(super) fn is_dense(&self, rows: &[u32]) -> bool {
        let (mut rows, mut wanted) = (rows, 0);
        for end in self.bounds().into_iter().skip(1) {
            let (within, rest) = rows.split_at(rows.partition_point(|row| (*row as usize) < end));
            rows = rest;
            wanted += usize::from(!within.is_empty());
        }
        wanted * 2 >= self.locations.len()
    }

    /// The bytes of the dictionary, if there is one.
    pub(super) fn dictionary(&self) -> Result<Option<Bytes>, SegmentError> {
        let mut pages = self.reader(false)?;
        let is_dictionary = pages.peek_next_page()?.is_some_and(|page| page.is_dict);
        let page = is_dictionary.then(|| pages.get_next_page()).transpose()?;
        self.begun.replace(Some(pages));
        match page {
            Some(Some(Page::DictionaryPage { buf, .. })) => Ok(Some(buf)),
            _ => Ok(None),
        }
    }

    /// Reads the pages that hold some of the rows, which ascend, and hands each out with its rows.
    pub(super) fn each_page(
        &self,
        mut rows: &[u32],
        mut take: impl FnMut(DataPage, &[u32]) -> Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        let dense = self.is_dense(rows);
        let mut pages = match self.begun.take().filter(|_| !dense) {
            Some(begun) => begun,
            None => self.reader(dense)?,
        };
        if pages.peek_next_page()?.is_some_and(|page| page.is_dict) {
            pages.skip_next_page()?;
        }
        for (first, end) in self.bounds().windows(2).filter_map(|pair| match pair {
            [first, end] => Some((*first, *end)),
            _ => None,
        }) {
            let (within, rest) = rows.split_at(rows.partition_point(|row| (*row as usize) < end));
            rows = rest;
            if within.is_empty() {
                pages.skip_next_page()?;
                continue;
            }
            let page = pages.get_next_page()?;
            take(self.data_page(page, first, end - first)?, within)?;
        }
        match rows.is_empty() {
            true => Ok(()),
            false => Err(SegmentError::Damaged(
                "a column has too few rows".to_owned(),
            )),
        }
    }

    fn data_page(
        &self,
        page: Option<Page>,
        first: usize,
        rows: usize,
    ) -> Result<DataPage, SegmentError> {
        let wrong = || SegmentError::Damaged("a page is not as it was written".to_owned());
        let Some(Page::DataPage {
            mut buf,
            num_values,
            encoding,
            ..
        }) = page
        else {
            return Err(wrong());
        };
        if usize::try_from(num_values) != Ok(rows) {
            return Err(wrong());
        }
        let mut levels = Vec::new();
        if self.optional {
            let (length, _) = buf.split_first_chunk::<4>().ok_or_else(wrong)?;
            let end = usize::try_from(u32::from_le_bytes(*length))
                .ok()
                .and_then(|length| length.checked_add(4))
                .filter(|end| *end <= buf.len())
                .ok_or_else(wrong)?;
            let packed = buf.get(4..end).unwrap_or_default();
            hybrid::decode(packed, 1, rows, &mut levels).ok_or_else(wrong)?;
            buf.advance(end);
            if levels.iter().all(|level| *level > 0) {
                levels.clear();
            }
        }
        Ok(DataPage {
            first,
            rows,
            levels,
            encoding,
            values: buf,
        })
    }
}
