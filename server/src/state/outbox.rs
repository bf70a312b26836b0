//! The tables of the outbox: deliveries, and the notices in each.
//!
//! A delivery is one request or one mail to one destination. Deliveries of a destination go out one after another, in
//! the order in which they were made: the head of the line holds up the others until it ends.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::delivery::{
    Delivery, DeliveryQuery, DeliveryStatus, Ended, Place, Queued, StoredNotice,
};
use super::destinations::Channel;
use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;

/// The most notices of one delivery.
pub(crate) const MOST_NOTICES: u32 = 1_000;
/// The most deliveries of one destination that wait.
pub(crate) const MOST_PENDING: i64 = 10_000;

/// The outbox.
pub(crate) trait OutboxStore {
    /// Puts a notice into all these places, in one write. It joins an open delivery of the same destination and
    /// playbook with less than [`MOST_NOTICES`]; another is made while fewer than [`MOST_PENDING`] wait. A notice whose
    /// id the destination had before changes nothing. Answers what became of it in each place.
    fn queue(
        &self,
        notice: &StoredNotice,
        places: &[Place<'_>],
        now: i64,
    ) -> Result<Vec<Queued>, StateError>;

    /// The heads of the lines of enabled destinations that are due.
    fn due(&self, now: i64) -> Result<Vec<Delivery>, StateError>;

    /// When the next head of a line is due.
    fn next_due(&self) -> Result<Option<i64>, StateError>;

    /// Counts a try, and answers the delivery's notices in their order; `None` if it is not pending any more.
    fn begin(&self, row: i64) -> Result<Option<Vec<StoredNotice>>, StateError>;

    /// Notes how a try ended.
    fn end(&self, row: i64, ended: Ended<'_>) -> Result<(), StateError>;

    /// Adds a delivery that has ended, with its one notice.
    fn add_ended(&self, delivery: &Delivery, notice: &StoredNotice) -> Result<(), StateError>;

    /// Deliveries, the newest first.
    fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StateError>;

    /// The delivery of this id.
    fn delivery(&self, id: Id) -> Result<Option<Delivery>, StateError>;

    /// The notices of the delivery in this place, in their order.
    fn notices(&self, row: i64) -> Result<Vec<StoredNotice>, StateError>;

    /// Lets a dead delivery be tried again from now on, and says whether it was one.
    fn replay(&self, id: Id, now: i64) -> Result<bool, StateError>;

    /// Forgets what was delivered or died before these times.
    fn forget_ended(&self, delivered: i64, dead: i64) -> Result<(), StateError>;

    /// How many deliveries of this kind of destination wait.
    fn pending(&self, channel: Channel) -> Result<u64, StateError>;
}

const COLUMNS: &str = "row, id, destination, playbook, notices, status, attempts, opened_at, due_at, since_at, \
                       ended_at, answer";
/// The first of each line of a destination that is enabled.
const HEADS: &str = "FROM deliveries WHERE row IN (SELECT (SELECT min(row) FROM deliveries \
                     WHERE destination = destinations.id AND status = 'pending') FROM destinations WHERE enabled)";

impl OutboxStore for SqliteState {
    fn queue(
        &self,
        notice: &StoredNotice,
        places: &[Place<'_>],
        now: i64,
    ) -> Result<Vec<Queued>, StateError> {
        let ids = new_ids(places)?;
        self.with(|connection| {
            let write = || {
                let transaction = connection.transaction()?;
                let queued = put_all(&transaction, notice, places, ids, now)?;
                transaction.commit()?;
                Ok(queued)
            };
            write().map_err(StateError::sqlite("queueing a notice"))
        })
    }

    fn due(&self, now: i64) -> Result<Vec<Delivery>, StateError> {
        let sql = format!("SELECT {COLUMNS} {HEADS} AND due_at <= ?1 ORDER BY row");
        self.with(|connection| read(connection, &sql, params![now]))
    }

    fn next_due(&self) -> Result<Option<i64>, StateError> {
        self.with(|connection| {
            let sql = format!("SELECT min(due_at) {HEADS}");
            let next = connection.query_row(&sql, [], |row| row.get(0));
            next.map_err(StateError::sqlite("looking for due deliveries"))
        })
    }

    fn begin(&self, row: i64) -> Result<Option<Vec<StoredNotice>>, StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let sql = "UPDATE deliveries SET attempts = attempts + 1 WHERE row = ?1 AND status = 'pending'";
                let notices = if transaction.execute(sql, [row])? > 0 {
                    Some(notices(&transaction, row)?)
                } else {
                    None
                };
                transaction.commit()?;
                Ok(notices)
            };
            write().map_err(StateError::sqlite("beginning a delivery"))
        })
    }

    fn end(&self, row: i64, ended: Ended<'_>) -> Result<(), StateError> {
        let ended_at = (ended.status != DeliveryStatus::Pending).then_some(ended.at);
        self.with(|connection| {
            let sql = "UPDATE deliveries SET status = ?2, due_at = ?3, ended_at = ?4, answer = ?5 WHERE row = ?1";
            let values = params![row, ended.status.name(), ended.due_at, ended_at, ended.answer];
            let noted = connection.execute(sql, values);
            noted.map_err(StateError::sqlite("noting how a delivery ended"))?;
            Ok(())
        })
    }

    fn add_ended(&self, delivery: &Delivery, notice: &StoredNotice) -> Result<(), StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let sql = "INSERT INTO deliveries (id, destination, playbook, notices, status, attempts, opened_at,
                                                   due_at, since_at, ended_at, answer)
                           VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
                let values = params![
                    delivery.id.to_sql(),
                    delivery.destination.to_sql(),
                    delivery.playbook,
                    delivery.status.name(),
                    delivery.attempts,
                    delivery.opened_at,
                    delivery.due_at,
                    delivery.since_at,
                    delivery.ended_at,
                    delivery.answer,
                ];
                transaction.execute(sql, values)?;
                let row = transaction.last_insert_rowid();
                add_notice(&transaction, row, delivery.destination, notice)?;
                transaction.commit()
            };
            write().map_err(StateError::sqlite("adding a delivery"))
        })
    }

    fn deliveries(&self, query: DeliveryQuery) -> Result<Vec<Delivery>, StateError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM deliveries WHERE row < ?1 AND (?2 IS NULL OR destination = ?2)
             AND (?3 IS NULL OR status = ?3) ORDER BY row DESC LIMIT ?4"
        );
        let values = params![
            query.before.unwrap_or(i64::MAX),
            query.destination.map(Id::to_sql),
            query.status.map(DeliveryStatus::name),
            i64::try_from(query.limit).unwrap_or(i64::MAX),
        ];
        self.with(|connection| read(connection, &sql, values))
    }

    fn delivery(&self, id: Id) -> Result<Option<Delivery>, StateError> {
        let sql = format!("SELECT {COLUMNS} FROM deliveries WHERE id = ?1");
        let found = self.with(|connection| read(connection, &sql, params![id.to_sql()]));
        Ok(found?.pop())
    }

    fn notices(&self, row: i64) -> Result<Vec<StoredNotice>, StateError> {
        self.with(|connection| {
            let read = notices(connection, row);
            read.map_err(StateError::sqlite("reading the notices"))
        })
    }

    fn replay(&self, id: Id, now: i64) -> Result<bool, StateError> {
        self.with(|connection| {
            let sql = "UPDATE deliveries SET status = 'pending', due_at = ?2, since_at = ?2, ended_at = NULL
                       WHERE id = ?1 AND status = 'dead'";
            let replayed = connection.execute(sql, params![id.to_sql(), now]);
            Ok(replayed.map_err(StateError::sqlite("replaying a delivery"))? > 0)
        })
    }

    fn forget_ended(&self, delivered: i64, dead: i64) -> Result<(), StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let old =
                    "(status = 'delivered' AND ended_at < ?1 OR status = 'dead' AND ended_at < ?2)";
                let sql = format!(
                    "DELETE FROM notices WHERE delivery IN (SELECT row FROM deliveries WHERE {old})"
                );
                transaction.execute(&sql, [delivered, dead])?;
                let sql = format!("DELETE FROM deliveries WHERE {old}");
                transaction.execute(&sql, [delivered, dead])?;
                transaction.commit()
            };
            write().map_err(StateError::sqlite("forgetting old deliveries"))
        })
    }

    fn pending(&self, channel: Channel) -> Result<u64, StateError> {
        self.with(|connection| {
            let sql = "SELECT count(*) FROM deliveries WHERE status = 'pending'
                       AND destination IN (SELECT id FROM destinations WHERE channel = ?1)";
            let count = connection.query_row(sql, [channel.name()], |row| row.get::<_, i64>(0));
            let count = count.map_err(StateError::sqlite("counting deliveries"))?;
            Ok(count.cast_unsigned())
        })
    }
}

/// An id for each delivery that may be made.
pub(super) fn new_ids(places: &[Place<'_>]) -> Result<Vec<Id>, StateError> {
    places.iter().map(|_| Id::random()).collect()
}

/// Puts a notice into all these places, within a transaction.
pub(super) fn put_all(
    connection: &Connection,
    notice: &StoredNotice,
    places: &[Place<'_>],
    ids: Vec<Id>,
    now: i64,
) -> rusqlite::Result<Vec<Queued>> {
    let places = places.iter().zip(ids);
    let queued = places.map(|(place, id)| put(connection, notice, *place, id, now));
    queued.collect()
}

fn put(
    connection: &Connection,
    notice: &StoredNotice,
    place: Place<'_>,
    id: Id,
    now: i64,
) -> rusqlite::Result<Queued> {
    let destination = place.destination.to_sql();
    let sql = "SELECT count(*) FROM notices WHERE destination = ?1 AND notice = ?2";
    let known: i64 =
        connection.query_row(sql, params![destination, notice.id], |row| row.get(0))?;
    if known > 0 {
        return Ok(Queued::Known);
    }
    let sql = "SELECT row FROM deliveries WHERE destination = ?1 AND playbook IS ?2 AND status = 'pending'
               AND attempts = 0 AND due_at > ?3 AND notices < ?4 ORDER BY row DESC LIMIT 1";
    let values = params![destination, place.playbook, now, MOST_NOTICES];
    let open: Option<i64> = connection
        .query_row(sql, values, |row| row.get(0))
        .optional()?;
    let row = match open {
        Some(row) => row,
        None => {
            let sql =
                "SELECT count(*) FROM deliveries WHERE destination = ?1 AND status = 'pending'";
            let waiting: i64 = connection.query_row(sql, [destination], |row| row.get(0))?;
            if waiting >= MOST_PENDING {
                return Ok(Queued::Full);
            }
            let sql = "INSERT INTO deliveries (id, destination, playbook, notices, status, attempts, opened_at, due_at,
                                               since_at)
                       VALUES (?1, ?2, ?3, 0, 'pending', 0, ?4, ?5, ?5)";
            let values = params![id.to_sql(), destination, place.playbook, now, place.due_at];
            connection.execute(sql, values)?;
            connection.last_insert_rowid()
        }
    };
    add_notice(connection, row, place.destination, notice)?;
    Ok(Queued::Added)
}

fn add_notice(
    connection: &Connection,
    delivery: i64,
    destination: Id,
    notice: &StoredNotice,
) -> rusqlite::Result<()> {
    let sql = "INSERT INTO notices (delivery, destination, notice, body) VALUES (?1, ?2, ?3, ?4)";
    let values = params![delivery, destination.to_sql(), notice.id, notice.body];
    connection.execute(sql, values)?;
    let sql = "UPDATE deliveries SET notices = notices + 1 WHERE row = ?1";
    connection.execute(sql, [delivery])?;
    Ok(())
}

fn notices(connection: &Connection, delivery: i64) -> rusqlite::Result<Vec<StoredNotice>> {
    let sql = "SELECT notice, body FROM notices WHERE delivery = ?1 ORDER BY row";
    let mut statement = connection.prepare(sql)?;
    let notices = statement.query_map([delivery], |row| {
        Ok(StoredNotice {
            id: row.get(0)?,
            body: row.get(1)?,
        })
    })?;
    notices.collect()
}

fn read(
    connection: &Connection,
    sql: &str,
    values: impl rusqlite::Params,
) -> Result<Vec<Delivery>, StateError> {
    let failed = || StateError::sqlite("reading the deliveries");
    let mut statement = connection.prepare(sql).map_err(failed())?;
    let mut rows = statement.query(values).map_err(failed())?;
    let mut deliveries = Vec::new();
    while let Some(row) = rows.next().map_err(failed())? {
        deliveries.push(delivery(row).map_err(failed())??);
    }
    Ok(deliveries)
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Result<Delivery, StateError>> {
    let number = row.get(0)?;
    let Some(status) = DeliveryStatus::of_name(&row.get::<_, String>(5)?) else {
        return Ok(Err(StateError::Damaged {
            table: "deliveries",
            row: number,
            column: "status",
        }));
    };
    Ok(Ok(Delivery {
        row: number,
        id: Id::from_sql(row.get(1)?),
        destination: Id::from_sql(row.get(2)?),
        playbook: row.get(3)?,
        notices: row.get(4)?,
        status,
        attempts: row.get(6)?,
        opened_at: row.get(7)?,
        due_at: row.get(8)?,
        since_at: row.get(9)?,
        ended_at: row.get(10)?,
        answer: row.get(11)?,
    }))
}
