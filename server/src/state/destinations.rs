//! The table of destinations: where notifications go.

use std::fmt;

use rusqlite::{Row, params};

use super::error::StateError;
use super::model::Id;
use super::sqlite::SqliteState;
use super::views::NotSaved;

/// How a destination is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Channel {
    Webhook,
    Slack,
    Email,
}

impl Channel {
    pub(crate) const ALL: [Self; 3] = [Self::Webhook, Self::Slack, Self::Email];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Slack => "slack",
            Self::Email => "email",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.name() == name)
    }
}

/// Where notifications go.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) id: Id,
    pub(crate) name: String,
    pub(crate) channel: Channel,
    /// The URL, or the addresses of e-mail, separated by commas. Whoever has a URL of Slack can write there.
    pub(crate) target: String,
    /// What a webhook's requests are signed with, in clear: signing takes it.
    pub(crate) secret: Option<String>,
    /// The one before, which requests are signed with, too, until receivers have the new one.
    pub(crate) former_secret: Option<String>,
    /// The playbooks whose notices it takes, by their slugs; `None` for all.
    pub(crate) playbooks: Option<Vec<String>>,
    /// Whether its notices are told once a day.
    pub(crate) digest: bool,
    pub(crate) enabled: bool,
    /// Microseconds since the Unix epoch.
    pub(crate) created_at: i64,
    pub(crate) created_by: String,
}

impl fmt::Debug for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Destination")
            .field("id", &self.id)
            .field("name", &self.name)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}

/// Where notifications go.
pub(crate) trait DestinationStore {
    /// All destinations, by name.
    fn destinations(&self) -> Result<Vec<Destination>, StateError>;

    /// Stores a destination under a new name, `most` in all.
    fn add_destination(
        &self,
        destination: &Destination,
        most: usize,
    ) -> Result<Result<(), NotSaved>, StateError>;

    /// Stores all that may change of a destination: name, target, playbooks, digest, enabled. What waits for a digest
    /// that is none any more is due `now`. Answers false if there is none of this id.
    fn change_destination(
        &self,
        destination: &Destination,
        now: i64,
    ) -> Result<Result<bool, NotSaved>, StateError>;

    /// Gives a destination that has a secret another. The one before becomes the former, unless there is one: that is
    /// what receivers have. Answers false if there is no such destination.
    fn change_secret(&self, id: Id, secret: &str) -> Result<bool, StateError>;

    /// Forgets the former secret; answers false if there is none.
    fn forget_former_secret(&self, id: Id) -> Result<bool, StateError>;

    /// Forgets a destination with its deliveries, and says whether there was one of this id.
    fn remove_destination(&self, id: Id) -> Result<bool, StateError>;
}

impl DestinationStore for SqliteState {
    fn destinations(&self) -> Result<Vec<Destination>, StateError> {
        self.with(|connection| {
            let failed = || StateError::sqlite("reading the destinations");
            let sql = "SELECT row, id, name, channel, target, secret, playbooks, digest, enabled, created_at, created_by,
                              former_secret
                       FROM destinations ORDER BY name";
            let mut statement = connection.prepare(sql).map_err(failed())?;
            let mut rows = statement.query([]).map_err(failed())?;
            let mut destinations = Vec::new();
            while let Some(row) = rows.next().map_err(failed())? {
                destinations.push(destination(row).map_err(failed())??);
            }
            Ok(destinations)
        })
    }

    fn add_destination(
        &self,
        destination: &Destination,
        most: usize,
    ) -> Result<Result<(), NotSaved>, StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let count = "SELECT count(*) FROM destinations";
                let count: i64 = transaction.query_row(count, [], |row| row.get(0))?;
                if usize::try_from(count).is_ok_and(|count| count >= most) {
                    return Ok(Err(NotSaved::Full));
                }
                let sql = "INSERT INTO destinations
                               (id, name, channel, target, secret, playbooks, digest, enabled, created_at, created_by)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT (name) DO NOTHING";
                let values = params![
                    destination.id.to_sql(),
                    destination.name,
                    destination.channel.name(),
                    destination.target,
                    destination.secret,
                    destination.playbooks.as_deref().map(list),
                    destination.digest,
                    destination.enabled,
                    destination.created_at,
                    destination.created_by,
                ];
                let added = transaction.execute(sql, values)?;
                transaction.commit()?;
                Ok(if added == 0 {
                    Err(NotSaved::Taken)
                } else {
                    Ok(())
                })
            };
            write().map_err(StateError::sqlite("storing a destination"))
        })
    }

    fn change_destination(
        &self,
        destination: &Destination,
        now: i64,
    ) -> Result<Result<bool, NotSaved>, StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let id = destination.id.to_sql();
                let sql = "SELECT count(*) FROM destinations WHERE name = ?2 AND id <> ?1";
                let namesakes: i64 =
                    transaction.query_row(sql, params![id, destination.name], |row| row.get(0))?;
                if namesakes > 0 {
                    return Ok(Err(NotSaved::Taken));
                }
                let sql =
                    "UPDATE destinations SET name = ?2, target = ?3, playbooks = ?4, digest = ?5, enabled = ?6
                           WHERE id = ?1";
                let values = params![
                    id,
                    destination.name,
                    destination.target,
                    destination.playbooks.as_deref().map(list),
                    destination.digest,
                    destination.enabled,
                ];
                let changed = transaction.execute(sql, values)?;
                if !destination.digest {
                    let sql = "UPDATE deliveries SET due_at = ?2, since_at = ?2
                               WHERE destination = ?1 AND playbook IS NULL AND status = 'pending' AND attempts = 0";
                    transaction.execute(sql, params![id, now])?;
                }
                transaction.commit()?;
                Ok(Ok(changed > 0))
            };
            write().map_err(StateError::sqlite("changing a destination"))
        })
    }

    fn change_secret(&self, id: Id, secret: &str) -> Result<bool, StateError> {
        self.with(|connection| {
            let sql = "UPDATE destinations SET former_secret = coalesce(former_secret, secret), secret = ?2
                       WHERE id = ?1 AND secret IS NOT NULL";
            let changed = connection.execute(sql, params![id.to_sql(), secret]);
            Ok(changed.map_err(StateError::sqlite("changing a secret"))? > 0)
        })
    }

    fn forget_former_secret(&self, id: Id) -> Result<bool, StateError> {
        self.with(|connection| {
            let sql = "UPDATE destinations SET former_secret = NULL
                       WHERE id = ?1 AND former_secret IS NOT NULL";
            let forgotten = connection.execute(sql, [id.to_sql()]);
            Ok(forgotten.map_err(StateError::sqlite("forgetting a secret"))? > 0)
        })
    }

    fn remove_destination(&self, id: Id) -> Result<bool, StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                let id = id.to_sql();
                transaction.execute("DELETE FROM notices WHERE destination = ?1", [id])?;
                transaction.execute("DELETE FROM deliveries WHERE destination = ?1", [id])?;
                let removed =
                    transaction.execute("DELETE FROM destinations WHERE id = ?1", [id])?;
                transaction.commit()?;
                Ok(removed > 0)
            };
            write().map_err(StateError::sqlite("forgetting a destination"))
        })
    }
}

/// Slugs are of lower-case letters, digits and hyphens.
fn list(playbooks: &[String]) -> String {
    playbooks.join(",")
}

fn destination(row: &Row<'_>) -> rusqlite::Result<Result<Destination, StateError>> {
    let number = row.get(0)?;
    let Some(channel) = Channel::of_name(&row.get::<_, String>(3)?) else {
        return Ok(Err(StateError::Damaged {
            table: "destinations",
            row: number,
            column: "channel",
        }));
    };
    let playbooks: Option<String> = row.get(6)?;
    Ok(Ok(Destination {
        id: Id::from_sql(row.get(1)?),
        name: row.get(2)?,
        channel,
        target: row.get(4)?,
        secret: row.get(5)?,
        playbooks: playbooks.map(|list| list.split(',').map(str::to_owned).collect()),
        digest: row.get(7)?,
        enabled: row.get(8)?,
        created_at: row.get(9)?,
        created_by: row.get(10)?,
        former_secret: row.get(11)?,
    }))
}
