//! Sealed segments: Parquet files that are written once and never changed.
//!
//! A file is named `NUMBER-CRC.parquet`: the number is that of the journal whose rows it holds, the checksum the
//! CRC-32 of the whole file. One that took the place of several is named `FIRST-LAST-CRC.parquet`. The checksum is
//! compared when the file is first read, so that damage is found before it is decoded.

mod actors;
mod column;
mod columns;
mod crc;
mod error;
mod events;
mod group;
mod header;
mod hybrid;
mod pages;
mod read;
mod row;
mod schema;
mod shred;
mod write;

pub(super) use self::crc::file_crc;
pub(super) use self::error::SegmentError;
pub(super) use self::group::GroupReader;
pub(super) use self::read::Segment;
pub(super) use self::write::{FileWriter, GROUP_ROWS, write};
