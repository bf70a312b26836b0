//! The pages of a column within a row group.

use std::cell::RefCell;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use bytes::buf::Reader as BytesReader;
use bytes::{Buf, Bytes};
use parquet::basic::{Compression, Encoding};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::page_index::index_reader::decode_offset_index;
use parquet::file::page_index::offset_index::PageLocation;
use parquet::file::reader::{ChunkReader, Length};
use parquet::file::serialized_reader::SerializedPageReader;
use zstd::bulk::Decompressor;

use super::error::SegmentError;
use super::header::{Content, Header};
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
}

thread_local! {
    /// To set one up takes as long as decompressing a page.
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
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

    fn bytes(&self, offset: i64, length: i64) -> Result<Bytes, SegmentError> {
        let place = u64::try_from(offset).ok().zip(usize::try_from(length).ok());
        let (offset, length) = place.ok_or_else(wrong)?;
        Ok(read_at(self.file, offset, length)?)
    }

    /// The bytes of the dictionary, if there is one.
    pub(super) fn dictionary(&self) -> Result<Option<Bytes>, SegmentError> {
        let pages = self
            .meta
            .dictionary_page_offset()
            .zip(self.locations.first());
        let Some((start, first)) = pages else {
            return Ok(None);
        };
        let bytes = self.bytes(start, first.offset.saturating_sub(start))?;
        match self.page(bytes)? {
            (Content::Dictionary, bytes) => Ok(Some(bytes)),
            (Content::Data { .. }, _) => Err(wrong()),
        }
    }

    /// What a page holds, decompressed.
    fn page(&self, mut bytes: Bytes) -> Result<(Content, Bytes), SegmentError> {
        let mut rest: &[u8] = &bytes;
        let header = Header::read(&mut rest).ok_or_else(wrong)?;
        let at = bytes.len() - rest.len();
        bytes.advance(at);
        if bytes.len() != header.compressed {
            return Err(wrong());
        }
        let bytes = match self.meta.compression() {
            Compression::UNCOMPRESSED => bytes,
            Compression::ZSTD(_) => decompress(&bytes, header.decompressed)?,
            _ => return Err(wrong()),
        };
        match bytes.len() == header.decompressed {
            true => Ok((header.content, bytes)),
            false => Err(wrong()),
        }
    }

    /// Reads the pages that hold some of the rows, which ascend, and hands each out with its rows.
    pub(super) fn each_page(
        &self,
        mut rows: &[u32],
        mut take: impl FnMut(DataPage, &[u32]) -> Result<(), SegmentError>,
    ) -> Result<(), SegmentError> {
        // All at once, where most are wanted.
        let all = match (self.is_dense(rows), self.locations.as_slice()) {
            (true, [first, .., last]) => {
                let end = last.offset.saturating_add(last.compressed_page_size.into());
                self.bytes(first.offset, end.saturating_sub(first.offset))?
            }
            _ => Bytes::new(),
        };
        let begin = self.locations.first().map_or(0, |first| first.offset);
        let bounds = self.bounds();
        for (page, bounds) in self.locations.iter().zip(bounds.windows(2)) {
            let &[first, end] = bounds else { break };
            let (within, rest) = rows.split_at(rows.partition_point(|row| (*row as usize) < end));
            rows = rest;
            if within.is_empty() {
                continue;
            }
            let length = page.compressed_page_size.into();
            let bytes = match all.is_empty() {
                true => self.bytes(page.offset, length)?,
                false => {
                    within_all(&all, page.offset.saturating_sub(begin), length).ok_or_else(wrong)?
                }
            };
            let (content, bytes) = self.page(bytes)?;
            take(
                self.data_page(content, bytes, first, end.saturating_sub(first))?,
                within,
            )?;
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
        content: Content,
        mut buf: Bytes,
        first: usize,
        rows: usize,
    ) -> Result<DataPage, SegmentError> {
        let Content::Data { values, encoding } = content else {
            return Err(wrong());
        };
        if values != rows {
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

fn wrong() -> SegmentError {
    SegmentError::Damaged("a page is not as it was written".to_owned())
}

fn within_all(all: &Bytes, at: i64, length: i64) -> Option<Bytes> {
    let (at, length) = (usize::try_from(at).ok()?, usize::try_from(length).ok()?);
    let end = at.checked_add(length).filter(|end| *end <= all.len())?;
    Some(all.slice(at..end))
}

fn decompress(bytes: &[u8], length: usize) -> Result<Bytes, SegmentError> {
    DECOMPRESSOR.with_borrow_mut(|known| {
        let decompressor = match known {
            Some(known) => known,
            None => known.insert(Decompressor::new()?),
        };
        let bytes = decompressor.decompress(bytes, length);
        bytes.map(Bytes::from).map_err(|_| wrong())
    })
}
