//! Writing events to a file.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::ops::Range;
use std::path::Path;

use parquet::errors::ParquetError;

use super::files::Layout;
use super::hot::BatchBuilder;
use super::segment::{FileWriter, GROUP_ROWS};
use super::snapshot::{Snapshot, anew, read_segment};
use super::transfer::{Format, Sum};
use crate::store::error::StoreError;
use crate::store::event::StoredEvent;

/// Writes the events of a range of times, in microseconds since the Unix epoch, to a file, which gets its name once it
/// is whole. A server may work on the directory. Events come segment by segment, by time within each, those of the
/// journal last.
pub(crate) fn export(
    dir: &Path,
    file: &Path,
    format: Format,
    times: &Range<i64>,
) -> Result<Sum, StoreError> {
    let draft = file.with_added_extension("partial");
    let written = anew(|| write(dir, &draft, format, times));
    if written.is_err() {
        // What is half done is of no use.
        drop(fs::remove_file(&draft));
    }
    let sum = written?;
    fs::rename(&draft, file).map_err(|error| StoreError::io("naming the export", file, error))?;
    Ok(sum)
}

fn write(dir: &Path, draft: &Path, format: Format, times: &Range<i64>) -> Result<Sum, StoreError> {
    let snapshot = Snapshot::open(&Layout::of(dir))?;
    let file =
        File::create(draft).map_err(|error| StoreError::io("creating the export", draft, error))?;
    let mut sum = Sum::default();
    let mut out = Out::new(file, format).map_err(|error| failed(draft, error))?;
    let mut take = |events: Vec<StoredEvent>| {
        for event in events.iter().filter(|event| times.contains(&event.time)) {
            sum.add(event)?;
            out.push(event).map_err(|error| failed(draft, error))?;
        }
        Ok(())
    };
    for segment in &snapshot.segments {
        let (earliest, latest) = segment.times();
        if latest >= times.start && earliest < times.end {
            read_segment(segment, &mut take).map_err(|error| error.of(segment.path()))?;
        }
    }
    for batch in &snapshot.batches {
        let events = batch.rows().iter().map(|row| batch.event(row));
        take(events.collect::<Result<_, _>>()?)?;
    }
    out.finish().map_err(|error| failed(draft, error))?;
    Ok(sum)
}

fn failed(path: &Path, error: ParquetError) -> StoreError {
    match error {
        ParquetError::External(source) => match source.downcast::<io::Error>() {
            Ok(source) => StoreError::io("writing the export", path, *source),
            Err(source) => StoreError::Internal(format!("{}: {source}", path.display())),
        },
        other => StoreError::Internal(format!("{}: {other}", path.display())),
    }
}

enum Out {
    Lines(BufWriter<File>),
    Parquet(Box<FileWriter>, BatchBuilder),
}

impl Out {
    fn new(file: File, format: Format) -> Result<Self, ParquetError> {
        Ok(match format {
            Format::Lines => Self::Lines(BufWriter::new(file)),
            Format::Parquet => {
                // Without columns for members of JSON, which rows that are yet to come would decide.
                let writer = FileWriter::new(file, &[])?;
                Self::Parquet(Box::new(writer), BatchBuilder::default())
            }
        })
    }

    fn push(&mut self, event: &StoredEvent) -> Result<(), ParquetError> {
        match self {
            Self::Lines(out) => {
                serde_json::to_writer(&mut *out, event).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Self::Parquet(writer, builder) => {
                builder
                    .push_event(event)
                    .map_err(|error| ParquetError::General(error.to_string()))?;
                if builder.rows() >= GROUP_ROWS {
                    group(writer, std::mem::take(builder))?;
                }
            }
        }
        Ok(())
    }

    /// Writes the rest, and makes all of it durable.
    fn finish(self) -> Result<(), ParquetError> {
        let file = match self {
            Self::Lines(out) => out.into_inner().map_err(io::IntoInnerError::into_error)?,
            Self::Parquet(mut writer, builder) => {
                group(&mut writer, builder)?;
                writer.finish()?.0
            }
        };
        Ok(file.sync_all()?)
    }
}

fn group(writer: &mut FileWriter, builder: BatchBuilder) -> Result<(), ParquetError> {
    let batch = builder.finish();
    if batch.is_empty() {
        return Ok(());
    }
    let rows: Vec<_> = batch.rows().iter().map(|row| (&batch, row)).collect();
    writer.group(&rows)
}
