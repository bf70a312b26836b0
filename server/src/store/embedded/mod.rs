//! The embedded store: one data directory, no other process.
//!
//! # How it works
//!
//! ```text
//! append ──▶ writer thread ──▶ journal/00000007.journal ──▶ hot rows ──▶ verdicts
//!                                     (fsync)                  │
//!                                     sealer thread ◀── full ──┘
//!                                           │
//!                              segments/00000007-1c291ca3.parquet
//! ```
//!
//! - **Append.** One thread takes all the appends that wait, leaves out the ids it knows, writes the rest as one
//!   frame with its checksum to the journal, syncs once, shows the rows to readers, and answers. If the disk refuses,
//!   the appends answer an error, the journal is cut back to its last good frame, and the next append tries anew.
//! - **Read.** A reader takes a copy of the list of parts and holds no lock: it waits for no write. Rows in memory
//!   and in segments are scanned by the same code, newest part first; see `scan`.
//! - **Seal.** When enough rows are hot, the journal is finished and the next one started; a second thread writes its
//!   rows, sorted by time and id, to a Parquet file of the same number, syncs it, gives it its name, and removes the
//!   journal. If sealing stays behind, hot rows grow to twice their number and then appends wait, or answer
//!   [`StoreError::Overloaded`] where sealing fails. So the rows in memory are at most four times
//!   [`StoreOptions::seal_rows`] or [`StoreOptions::seal_bytes`], whichever is reached first.
//!   Rows that stay in memory for [`StoreOptions::seal_age`] are sealed however few they are.
//! - **Consume.** One consumer is handed every accepted event once, in the order of the journal, from a position that
//!   it names. The writer passes it the rows that it has just committed; if it is behind, it reads the journals. Once
//!   there was a consumer, a journal that is sealed is renamed `00000007.kept` instead of being removed, until the
//!   consumer releases it. Beyond [`StoreOptions::kept_bytes`] the oldest is dropped, and the consumer told how many
//!   events it missed. Rows that are imported are marked in the journal, and not handed out. See `kept` and `tail`.
//! - **Look after.** Every second the same thread deletes the segments that [`StoreOptions::retention_age`] and
//!   [`StoreOptions::retention_bytes`] leave no room for, and makes small neighbours one, which is named by the first
//!   and the last number that it stands for: `segments/00000003-00000010-9d2b70aa.parquet`. A file that readers still
//!   use goes when the last of them is done. See `maintain`.
//! - **Duplicates.** The ids of the last 24 hours are recognised without fail; prints of them are in memory, and read
//!   back from the journal and the segments at the start. A new id is taken for a known one with a chance of one in
//!   10^15. See [`StoreOptions::dedupe_window`] and [`StoreOptions::dedupe_ids`] for the bounds.
//! - **Damage.** A journal's end that was never finished is cut off; a damaged frame is skipped, those behind it are
//!   kept, and a copy of the file is left as `….journal.damaged`. A damaged segment is renamed `….parquet.damaged`,
//!   and the rest serves. [`StoreStats`] counts all of it. The checksum of a segment, part of its name, is compared
//!   when the segment is first read.
//!
//! # Durability
//!
//! The points at which something is synced, in order: the folders when they are made, and those above them that are
//! made with them; a new journal's folder before its first frame; the journal after each frame, before the answer; a
//! segment's file before it is named; its folder before the journal, or the segments that it takes the place of, are
//! removed, or the journal is kept; the journal's folder after that; the position that the consumer released, as a
//! file of its own, before the journals before it are removed. All of it goes through `disk`, whose tests record this order, and open
//! what each loss of power would leave.
//!
//! # Beside a server
//!
//! `backup`, `check` and `export` of the program read the directory while a server works on it; see `snapshot` for
//! why nothing is missed. A backup has what is kept for the consumer, too. `import` opens the store itself, and so needs the directory for itself.
//!
//! # Segments
//!
//! Any Parquet reader reads `segments/*.parquet`; since the columns of members differ from file to file, `DuckDB` is
//! told `union_by_name = true`. Rows are sorted by `time`, then by `id`; row groups hold at most 32,768 rows;
//! columns whose values differ are compressed with zstd; pages have an offset index. The file's key-value metadata holds `sqreen.schema_version` (`3`), and as decimal
//! microseconds since the Unix epoch `sqreen.min_time`, `sqreen.max_time` and `sqreen.max_received`.
//!
//! | column | type | |
//! |---|---|---|
//! | `id` | UUID (16 bytes) | |
//! | `time`, `received` | timestamp, µs, UTC | |
//! | `app`, `name` | UTF-8 | |
//! | `ip` | UTF-8, nullable | the address as text |
//! | `user` | UTF-8, nullable | JSON object of the identifiers |
//! | `method`, `path`, `route`, `host`, `scheme`, `user_agent`, `referer`, `request_id` | UTF-8, nullable | |
//! | `status` | unsigned 16 bits, nullable | |
//! | `params`, `body`, `properties`, `traits`, `headers` | UTF-8, nullable | JSON |
//! | `agent`, `hostname`, `environment` | UTF-8, nullable | |
//! | `aggregated` | boolean | |
//! | `country` | UTF-8, nullable | ISO 3166-1 alpha-2 |
//! | `asn` | unsigned 32 bits, nullable | |
//! | `network` | UTF-8, nullable | JSON list of names |
//! | `properties.<member>`, `user.<member>` | UTF-8, nullable | JSON of the member, for those that recur |
//!
//! Segments of version 2, which lack the columns from `country` to `network`, are read as well.
//!
//! Members get a column if one of a hundred of the rows (of a sample of some 4,096) has them with a value that is no
//! object and no array, of 256 bytes on average at most, under a name of 64 bytes at most: the 32 most frequent ones of
//! properties, and 8 of users. The JSON stays whole beside them. Where most values of a column differ it is coded
//! plainly, in pages of 1,024 rows, otherwise by a dictionary.
//!
//! Between the row groups and the footer lie two indexes, where other readers pass over them: in which rows an address
//! stands, and in which an identifier of a user, whatever its name. `sqreen.index.ip` and `sqreen.index.user` say
//! where, as `offset:length:bits`.
//!
//! # Queries
//!
//! A query takes the row groups and the batches in memory, newest first, by one code. It passes over what the range of
//! time leaves out, over rows that an index of actors leaves out, and over row groups whose dictionary has no value
//! that is looked for. Columns are decoded only where the filter or the answer needs them, filters and groups look at
//! each value of a dictionary once, and of the rows that are shown only the pages that hold them are decompressed. Two
//! threads count for a histogram or for groups, one searches; ingest has its own.

mod backup;
mod check;
mod dedupe;
mod disk;
mod export;
mod files;
mod filter;
mod frame;
mod hot;
mod hot_fields;
mod hot_reader;
mod import;
mod journal;
mod journal_consumer;
mod json_path;
mod kept;
mod maintain;
mod options;
mod queue;
mod reader;
mod recent;
mod recover;
mod row;
mod scan;
mod sealer;
mod segment;
mod snapshot;
mod store;
mod tail;
mod texts;
mod transfer;
mod view;
mod writer;

pub(crate) use self::backup::copy;
pub(crate) use self::check::{CheckReport, bytes, check};
pub(crate) use self::export::export;
pub(super) use self::hot::{BatchBuilder, HotBatch, HotRow};
pub(super) use self::hot_fields::HotFields;
pub(crate) use self::import::read;
pub use self::options::StoreOptions;
pub(crate) use self::snapshot::scan_rows;
pub use self::store::EmbeddedStore;
pub(crate) use self::transfer::{Format, Sum};

#[cfg(doc)]
use super::{StoreError, StoreStats};
