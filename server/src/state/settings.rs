//! Settings of the security responses.

use rusqlite::params;

use super::error::StateError;
use super::sqlite::SqliteState;

/// What holds for all applications.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Settings {
    /// Whether all actions are reported only, and nothing is stopped.
    pub(crate) dry_run: bool,
    /// Whether critical addresses may be the target of actions.
    pub(crate) allow_critical_ips: bool,
}

const DRY_RUN: &str = "actions.dry_run";
const ALLOW_CRITICAL_IPS: &str = "actions.allow_critical_ips";

/// Settings that are changed while the server runs.
pub(crate) trait SettingStore {
    /// The settings as stored; defaults where nothing is.
    fn settings(&self) -> Result<Settings, StateError>;

    /// Writes the settings that differ from those stored.
    fn set_settings(&self, settings: Settings, at: i64, by: &str) -> Result<(), StateError>;
}

impl SettingStore for SqliteState {
    fn settings(&self) -> Result<Settings, StateError> {
        self.with(|connection| {
            let read = || {
                let mut statement = connection.prepare("SELECT name, value FROM settings")?;
                let mut rows = statement.query([])?;
                let mut settings = Settings::default();
                while let Some(row) = rows.next()? {
                    let on = row.get::<_, i64>(1)? != 0;
                    match row.get::<_, String>(0)?.as_str() {
                        DRY_RUN => settings.dry_run = on,
                        ALLOW_CRITICAL_IPS => settings.allow_critical_ips = on,
                        _ => {}
                    }
                }
                Ok(settings)
            };
            read().map_err(StateError::sqlite("reading the settings"))
        })
    }

    fn set_settings(&self, settings: Settings, at: i64, by: &str) -> Result<(), StateError> {
        self.with(|connection| {
            let mut write = || {
                let transaction = connection.transaction()?;
                for (name, on) in [
                    (DRY_RUN, settings.dry_run),
                    (ALLOW_CRITICAL_IPS, settings.allow_critical_ips),
                ] {
                    transaction.execute(
                        "INSERT INTO settings (name, value, changed_at, changed_by) VALUES (?1, ?2, ?3, ?4)
                         ON CONFLICT (name) DO UPDATE SET value = ?2, changed_at = ?3, changed_by = ?4
                         WHERE value <> ?2",
                        params![name, i64::from(on), at, by],
                    )?;
                }
                transaction.commit()
            };
            write().map_err(StateError::sqlite("writing the settings"))
        })
    }
}
