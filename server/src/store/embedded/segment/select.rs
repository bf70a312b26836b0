//! Finding rows of a segment, and reading them back as events.

use std::net::IpAddr;
use std::ops::Range;

use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, FixedLenByteArrayType, Int32Type, Int64Type,
};
use serde::de::DeserializeOwned;

use super::read::{GroupReader, Segment, SegmentError};
use super::schema::Column;
use crate::store::embedded::filter::Filter;
use crate::store::event::{EventId, StoredEvent};
use crate::store::query::Cursor;

/// Rows that are filtered at once when only the last few are wanted.
const BLOCK_ROWS: usize = 8_192;

/// A row that was found.
#[derive(Clone, Copy, Debug)]
pub(in crate::store::embedded) struct Found {
    pub(in crate::store::embedded) time: i64,
    pub(in crate::store::embedded) id: EventId,
    /// Its place in the group.
    pub(in crate::store::embedded) row: usize,
}

impl Segment {
    /// The last `most` rows of the group that the filter takes and that come before the cursor.
    pub(in crate::store::embedded) fn find_last(
        &self,
        group: usize,
        filter: &Filter,
        before: Option<Cursor>,
        most: usize,
    ) -> Result<Vec<Found>, SegmentError> {
        let reader = self.group(group)?;
        let conditions = conditions(filter);
        if lacks_one(&reader, &conditions)? {
            return Ok(Vec::new());
        }
        let Range { start, mut end } = range(&reader, filter, before)?;
        let mut rows = Vec::new();
        while start < end && rows.len() < most {
            let block = end.saturating_sub(BLOCK_ROWS.max(most)).max(start);
            let mut found = select(&reader, &conditions, block..end)?;
            found.append(&mut rows);
            rows = found;
            end = block;
        }
        rows.drain(..rows.len().saturating_sub(most));
        let ids = ids(&reader, &rows)?;
        let times = times(&reader, &rows)?;
        let found = rows.into_iter().zip(ids).zip(times);
        Ok(found
            .map(|((row, id), time)| Found { time, id, row })
            .collect())
    }

    /// The time of each row of the group that the filter takes.
    pub(in crate::store::embedded) fn times_of(
        &self,
        group: usize,
        filter: &Filter,
    ) -> Result<Vec<i64>, SegmentError> {
        let reader = self.group(group)?;
        let conditions = conditions(filter);
        if lacks_one(&reader, &conditions)? {
            return Ok(Vec::new());
        }
        let rows = select(&reader, &conditions, range(&reader, filter, None)?)?;
        times(&reader, &rows)
    }

    /// The id and the time of receipt of every row of the group.
    pub(in crate::store::embedded) fn ids(
        &self,
        group: usize,
    ) -> Result<Vec<(EventId, i64)>, SegmentError> {
        let reader = self.group(group)?;
        let rows: Vec<usize> = (0..reader.rows).collect();
        let received = reader.read::<Int64Type>(Column::Received, &rows)?;
        Ok(ids(&reader, &rows)?
            .into_iter()
            .zip(received.into_iter().flatten())
            .collect())
    }

    /// The events of a range of rows of the group.
    pub(in crate::store::embedded) fn events_within(
        &self,
        group: usize,
        rows: Range<usize>,
    ) -> Result<Vec<StoredEvent>, SegmentError> {
        self.events(group, &rows.collect::<Vec<_>>())
    }

    /// The events of the rows, which ascend.
    pub(in crate::store::embedded) fn events(
        &self,
        group: usize,
        rows: &[usize],
    ) -> Result<Vec<StoredEvent>, SegmentError> {
        let reader = self.group(group)?;
        let mut events: Vec<StoredEvent> = ids(&reader, rows)?
            .into_iter()
            .map(|id| StoredEvent::new(id, 0, 0, String::new(), String::new()))
            .collect();
        for column in Column::ALL {
            read_into(&reader, column, rows, &mut events)?;
        }
        Ok(events)
    }
}

/// A condition on the bytes of one column.
type Condition<'a> = (Column, Box<dyn Fn(&[u8]) -> bool + 'a>);

/// The filter's conditions other than time, those that leave the fewest rows first.
fn conditions(filter: &Filter) -> Vec<Condition<'_>> {
    let ip = filter.wanted.ip.map(|ip| ip.to_string());
    let texts = [
        (Column::Ip, ip),
        (Column::Name, filter.wanted.name.clone()),
        (Column::App, filter.wanted.app.clone()),
    ];
    let mut conditions: Vec<Condition<'_>> = Vec::new();
    if let Some(user) = &filter.user {
        conditions.push((Column::User, Box::new(|json| user.matches_json(json))));
    }
    for (column, wanted) in texts {
        if let Some(wanted) = wanted {
            conditions.push((column, Box::new(move |text| text == wanted.as_bytes())));
        }
    }
    conditions
}

/// Says whether no row of the group can meet all conditions, by its dictionaries alone.
fn lacks_one(reader: &GroupReader<'_>, conditions: &[Condition<'_>]) -> Result<bool, SegmentError> {
    for (column, matches) in conditions {
        if reader.lacks(*column, matches)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The rows that lie within the filter's times, and before the cursor.
fn range(
    reader: &GroupReader<'_>,
    filter: &Filter,
    before: Option<Cursor>,
) -> Result<Range<usize>, SegmentError> {
    let whole = reader.info().is_some_and(|group| {
        filter.wanted.time_matches(group.min_time)
            && filter.wanted.time_matches(group.max_time)
            && before.is_none_or(|cursor| group.max_time < cursor.time)
    });
    if whole {
        return Ok(0..reader.rows);
    }
    let all: Vec<usize> = (0..reader.rows).collect();
    let times = times(reader, &all)?;
    let place = |bound: i64| times.partition_point(|time| *time < bound);
    let start = filter.wanted.from.map_or(0, place);
    let mut end = filter.wanted.to.map_or(times.len(), place);
    if let Some(cursor) = before {
        // Rows of one time stand in the order of their ids.
        let same = place(cursor.time);
        let after = times.partition_point(|time| *time <= cursor.time);
        let rows: Vec<usize> = (same..after).collect();
        end = end.min(same + ids(reader, &rows)?.partition_point(|id| *id < cursor.id));
    }
    Ok(start..end.max(start))
}

/// The rows of the range that meet every condition. A column is read only where those before it
/// left rows.
fn select(
    reader: &GroupReader<'_>,
    conditions: &[Condition<'_>],
    range: Range<usize>,
) -> Result<Vec<usize>, SegmentError> {
    let mut rows: Vec<usize> = range.collect();
    for (column, matches) in conditions {
        if rows.is_empty() {
            break;
        }
        let mut values = reader.read::<ByteArrayType>(*column, &rows)?.into_iter();
        rows.retain(|_| {
            let value = values.next().flatten();
            value.is_some_and(|value| matches(value.data()))
        });
    }
    Ok(rows)
}

fn times(reader: &GroupReader<'_>, rows: &[usize]) -> Result<Vec<i64>, SegmentError> {
    let times = reader.read::<Int64Type>(Column::Time, rows)?;
    Ok(times.into_iter().flatten().collect())
}

fn ids(reader: &GroupReader<'_>, rows: &[usize]) -> Result<Vec<EventId>, SegmentError> {
    reader
        .read::<FixedLenByteArrayType>(Column::Id, rows)?
        .into_iter()
        .flatten()
        .map(|id| {
            id.data()
                .try_into()
                .map(EventId::from_bytes)
                .map_err(|_| unreadable(Column::Id))
        })
        .collect()
}

/// Sets the column's field in each of the events, which are those of the rows.
fn read_into(
    reader: &GroupReader<'_>,
    column: Column,
    rows: &[usize],
    events: &mut [StoredEvent],
) -> Result<(), SegmentError> {
    match column {
        Column::Id => return Ok(()),
        Column::Time => {
            for (event, time) in events
                .iter_mut()
                .zip(reader.read::<Int64Type>(column, rows)?)
            {
                event.time = time.unwrap_or_default();
            }
        }
        Column::Received => {
            for (event, time) in events
                .iter_mut()
                .zip(reader.read::<Int64Type>(column, rows)?)
            {
                event.received = time.unwrap_or_default();
            }
        }
        Column::Status => {
            for (event, status) in events
                .iter_mut()
                .zip(reader.read::<Int32Type>(column, rows)?)
            {
                event.status = status.and_then(|status| u16::try_from(status).ok());
            }
        }
        Column::Aggregated => {
            for (event, aggregated) in events
                .iter_mut()
                .zip(reader.read::<BoolType>(column, rows)?)
            {
                event.aggregated = aggregated.unwrap_or_default();
            }
        }
        _ => {
            for (event, value) in events
                .iter_mut()
                .zip(reader.read::<ByteArrayType>(column, rows)?)
            {
                if let Some(value) = value {
                    set_text(event, column, &value)?;
                }
            }
        }
    }
    Ok(())
}

fn set_text(
    event: &mut StoredEvent,
    column: Column,
    value: &ByteArray,
) -> Result<(), SegmentError> {
    let text = || {
        value
            .as_utf8()
            .map(str::to_owned)
            .map_err(SegmentError::from)
    };
    match column {
        Column::App => event.app = text()?,
        Column::Name => event.name = text()?,
        Column::Ip => event.ip = Some(text()?.parse::<IpAddr>().map_err(|_| unreadable(column))?),
        Column::User => event.user = Some(json(column, value)?),
        Column::Method => event.method = Some(text()?),
        Column::Path => event.path = Some(text()?),
        Column::Route => event.route = Some(text()?),
        Column::Host => event.host = Some(text()?),
        Column::Scheme => event.scheme = Some(text()?),
        Column::UserAgent => event.user_agent = Some(text()?),
        Column::Referer => event.referer = Some(text()?),
        Column::RequestId => event.request_id = Some(text()?),
        Column::Params => event.params = Some(json(column, value)?),
        Column::Body => event.body = Some(json(column, value)?),
        Column::Properties => event.properties = Some(json(column, value)?),
        Column::Traits => event.traits = Some(json(column, value)?),
        Column::Headers => event.headers = Some(json(column, value)?),
        Column::Agent => event.agent = Some(text()?),
        Column::Hostname => event.hostname = Some(text()?),
        Column::Environment => event.environment = Some(text()?),
        Column::Id | Column::Time | Column::Received | Column::Status | Column::Aggregated => {}
    }
    Ok(())
}

fn json<T: DeserializeOwned>(column: Column, value: &ByteArray) -> Result<T, SegmentError> {
    serde_json::from_slice(value.data()).map_err(|_| unreadable(column))
}

fn unreadable(column: Column) -> SegmentError {
    SegmentError::Damaged(format!("column {column:?} holds a value that is none"))
}
