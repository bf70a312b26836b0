//! The bounds of notifications. Times are microseconds.

use std::time::Duration;

pub(super) const SECOND: i64 = 1_000_000;
const HOUR: i64 = 60 * 60 * SECOND;
pub(super) const DAY: i64 = 24 * HOUR;

/// How long notices of one playbook are gathered into one delivery.
pub(super) const GATHER: i64 = 60 * SECOND;
/// The hour of the day, in UTC, at which digests are due.
pub(super) const DIGEST_HOUR: i64 = 6 * HOUR;
/// The shortest time between two tries.
pub(super) const FIRST_WAIT: i64 = 5 * SECOND;
/// The longest time between two tries.
pub(super) const LONGEST_WAIT: i64 = HOUR;
/// How long a delivery is tried from when it is due.
pub(super) const PATIENCE: i64 = DAY;
/// How long what was delivered stays in the log.
pub(super) const KEEP_DELIVERED: i64 = 7 * DAY;
/// How often what is older is forgotten.
pub(super) const TIDY: i64 = HOUR;
/// How long dead deliveries can be replayed.
pub(super) const KEEP_DEAD: i64 = 30 * DAY;

/// How long one try may take.
pub(super) const TRY: Duration = Duration::from_secs(15);
/// How long a stop waits for tries under way.
pub(super) const STOP: Duration = Duration::from_secs(5);

/// The most destinations.
pub(crate) const MAX_DESTINATIONS: usize = 100;
/// The most characters of a destination's name.
pub(crate) const MAX_NAME: usize = 100;
/// The most bytes of a URL.
pub(crate) const MAX_URL: usize = 2048;
/// The most addresses of a mail.
pub(super) const MAX_ADDRESSES: usize = 20;
/// The most playbooks that a destination names.
pub(super) const MAX_PLAYBOOKS: usize = 100;
/// The most events that a notice names.
pub(crate) const MAX_EVENTS: usize = 20;
/// The most bytes of an answer that the log keeps.
pub(super) const MAX_ANSWER: usize = 200;
