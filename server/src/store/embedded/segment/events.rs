//! Reading rows of a segment back: as events, and one field at a time.

use std::net::IpAddr;
use std::ops::Range;

use parquet::data_type::{BoolType, Int32Type, Int64Type};
use serde::de::DeserializeOwned;

use super::error::SegmentError;
use super::group::GroupReader;
use super::read::Segment;
use super::schema::Column;
use crate::store::embedded::texts::Texts;
use crate::store::event::{EventId, StoredEvent};
use crate::store::filter::{Dimension, Field, JsonField};

impl Segment {
    /// The id and the time of receipt of every row of the group.
    pub(in crate::store::embedded) fn ids(
        &self,
        group: usize,
    ) -> Result<Vec<(EventId, i64)>, SegmentError> {
        let reader = self.group(group)?;
        let rows: Vec<u32> = (0..reader.rows() as u32).collect();
        let received = reader.numbers::<Int64Type>(Column::Received, &rows)?;
        Ok(reader
            .ids(&rows)?
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
        let rows: Vec<u32> = rows.map(|row| row as u32).collect();
        self.group(group)?.events(&rows)
    }
}

impl GroupReader<'_> {
    /// The values of a dimension in the rows, which ascend, as text.
    pub(in crate::store::embedded) fn dimension(
        &self,
        dimension: Dimension,
        rows: &[u32],
    ) -> Result<Texts, SegmentError> {
        match (dimension, text_column(dimension)) {
            (_, Some(column)) => self.texts(self.segment.place(column), rows),
            (Dimension::Aggregated, None) => {
                let aggregated = self.numbers::<BoolType>(Column::Aggregated, rows)?;
                Ok(Texts::of_numbers(aggregated))
            }
            (Dimension::Asn, None) => Ok(Texts::of_numbers(self.asns(rows)?)),
            (_, None) => {
                let statuses = self.numbers::<Int32Type>(Column::Status, rows)?;
                Ok(Texts::of_numbers(statuses))
            }
        }
    }

    /// The JSON of a field in the rows, which ascend, and what of the path still leads into it: a member may have a
    /// column of its own.
    pub(in crate::store::embedded) fn json<'p>(
        &self,
        field: JsonField,
        path: &'p [String],
        rows: &[u32],
    ) -> Result<(Texts, &'p [String]), SegmentError> {
        let (place, rest) = self.json_column(field, path);
        Ok((self.texts(place, rows)?, rest))
    }

    /// Says whether certainly no row has a value that `matches` takes.
    pub(in crate::store::embedded) fn lacks(
        &self,
        field: &Field,
        matches: &dyn Fn(&[u8]) -> bool,
    ) -> Result<bool, SegmentError> {
        let place = match field {
            Field::Dimension(dimension) => match text_column(*dimension) {
                Some(column) => self.segment.place(column),
                None => return Ok(false),
            },
            Field::Json(field, path) => match self.json_column(*field, path) {
                (place, []) => place,
                _ => return Ok(false),
            },
        };
        place.map_or(Ok(true), |place| self.column_lacks(place, matches))
    }

    /// The values of a text column in the rows, none of which has one where there is no such column.
    fn texts(&self, place: Option<usize>, rows: &[u32]) -> Result<Texts, SegmentError> {
        match place {
            Some(place) => self.text_column(place, rows),
            None => Ok(Texts::absent(rows.len())),
        }
    }

    fn asns(&self, rows: &[u32]) -> Result<impl Iterator<Item = Option<u32>>, SegmentError> {
        let numbers = self.numbers::<Int32Type>(Column::Asn, rows)?.into_iter();
        Ok(numbers.map(|number| number.map(i32::cast_unsigned)))
    }

    fn json_column<'p>(
        &self,
        field: JsonField,
        path: &'p [String],
    ) -> (Option<usize>, &'p [String]) {
        let member = path.split_first().and_then(|(member, rest)| {
            let place = self.segment.shred(field, member)?;
            Some((Some(place), rest))
        });
        let column = match field {
            JsonField::User => Column::User,
            JsonField::Network => Column::Network,
            JsonField::Params => Column::Params,
            JsonField::Body => Column::Body,
            JsonField::Properties => Column::Properties,
            JsonField::Traits => Column::Traits,
            JsonField::Headers => Column::Headers,
        };
        member.unwrap_or((self.segment.place(column), path))
    }

    /// The events of the rows, which ascend.
    pub(in crate::store::embedded) fn events(
        &self,
        rows: &[u32],
    ) -> Result<Vec<StoredEvent>, SegmentError> {
        let mut events: Vec<StoredEvent> = self
            .ids(rows)?
            .into_iter()
            .map(|id| StoredEvent::new(id, 0, 0, String::new(), String::new()))
            .collect();
        if events.is_empty() {
            return Ok(events);
        }
        for column in Column::ALL {
            self.read_into(column, rows, &mut events)?;
        }
        Ok(events)
    }

    /// Sets the column's field in each of the events, which are those of the rows.
    fn read_into(
        &self,
        column: Column,
        rows: &[u32],
        events: &mut [StoredEvent],
    ) -> Result<(), SegmentError> {
        match column {
            Column::Id => {}
            Column::Time => {
                let times = self.numbers::<Int64Type>(column, rows)?;
                for (event, time) in events.iter_mut().zip(times) {
                    event.time = time.unwrap_or_default();
                }
            }
            Column::Received => {
                let times = self.numbers::<Int64Type>(column, rows)?;
                for (event, time) in events.iter_mut().zip(times) {
                    event.received = time.unwrap_or_default();
                }
            }
            Column::Status => {
                let statuses = self.numbers::<Int32Type>(column, rows)?;
                for (event, status) in events.iter_mut().zip(statuses) {
                    event.status = status.and_then(|status| u16::try_from(status).ok());
                }
            }
            Column::Aggregated => {
                let aggregated = self.numbers::<BoolType>(column, rows)?;
                for (event, aggregated) in events.iter_mut().zip(aggregated) {
                    event.aggregated = aggregated.unwrap_or_default();
                }
            }
            Column::Asn => {
                for (event, asn) in events.iter_mut().zip(self.asns(rows)?) {
                    event.asn = asn;
                }
            }
            _ => {
                let texts = self.texts(self.segment.place(column), rows)?;
                for (event, code) in events.iter_mut().zip(&texts.codes) {
                    if let Some(value) = texts.values.get(*code) {
                        set_text(event, column, value)?;
                    }
                }
            }
        }
        Ok(())
    }
}

/// The column of a dimension, if it is one of texts.
fn text_column(dimension: Dimension) -> Option<Column> {
    match dimension {
        Dimension::App => Some(Column::App),
        Dimension::Name => Some(Column::Name),
        Dimension::Ip => Some(Column::Ip),
        Dimension::Country => Some(Column::Country),
        Dimension::Method => Some(Column::Method),
        Dimension::Path => Some(Column::Path),
        Dimension::Route => Some(Column::Route),
        Dimension::Host => Some(Column::Host),
        Dimension::Scheme => Some(Column::Scheme),
        Dimension::UserAgent => Some(Column::UserAgent),
        Dimension::Referer => Some(Column::Referer),
        Dimension::RequestId => Some(Column::RequestId),
        Dimension::Agent => Some(Column::Agent),
        Dimension::Hostname => Some(Column::Hostname),
        Dimension::Environment => Some(Column::Environment),
        Dimension::Asn | Dimension::Status | Dimension::Aggregated => None,
    }
}

fn set_text(event: &mut StoredEvent, column: Column, value: &[u8]) -> Result<(), SegmentError> {
    let text = || {
        std::str::from_utf8(value)
            .map(str::to_owned)
            .map_err(|_| unreadable(column))
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
        Column::Country => event.country = Some(text()?),
        Column::Network => event.network = json(column, value)?,
        Column::Id
        | Column::Time
        | Column::Received
        | Column::Status
        | Column::Aggregated
        | Column::Asn => {}
    }
    Ok(())
}

fn json<T: DeserializeOwned>(column: Column, value: &[u8]) -> Result<T, SegmentError> {
    serde_json::from_slice(value).map_err(|_| unreadable(column))
}

fn unreadable(column: Column) -> SegmentError {
    SegmentError::Damaged(format!("column {column:?} holds a value that is none"))
}
