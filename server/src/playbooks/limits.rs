//! The bounds of what a playbook may say.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The most playbooks.
pub const MAX_PLAYBOOKS: usize = 500;
/// The most bytes of a slug.
pub const MAX_SLUG: usize = 64;
/// The most bytes of a name.
pub const MAX_NAME: usize = 128;
/// The most bytes of a description.
pub const MAX_DESCRIPTION: usize = 4096;
/// The most names of events in one matcher.
pub const MAX_EVENT_NAMES: usize = 32;
/// The most applications in one matcher.
pub const MAX_APPS: usize = 32;
/// The most events that a threshold counts.
pub const MAX_EVENTS: u64 = 10_000;
/// The most values that are told apart.
pub const MAX_VALUES: u64 = 1_000;
/// The greatest ratio.
pub const MAX_RATIO: f64 = 1_000_000.0;
/// The most responses.
pub const MAX_RESPONSES: usize = 4;
/// The most durations of one response.
pub const MAX_DURATIONS: usize = 8;
/// The most actors an hour.
pub const MAX_ACTORS_PER_HOUR: u32 = 100_000;

/// The shortest period.
pub const MIN_PERIOD: Duration = Duration::from_secs(MINUTE);
/// The longest period.
pub const MAX_PERIOD: Duration = Duration::from_secs(DAY);
/// The longest period in which a value counts as seen.
pub const MAX_SEEN: Duration = Duration::from_secs(30 * DAY);
/// The longest cooldown.
pub const MAX_COOLDOWN: Duration = Duration::from_secs(7 * DAY);
/// The shortest response that ends.
pub const MIN_RESPONSE: Duration = Duration::from_secs(5 * MINUTE);
/// The longest response that ends.
pub const MAX_RESPONSE: Duration = Duration::from_secs(DAY);

/// Where a playbook does not say how many actors an hour.
pub const USUAL_ACTORS_PER_HOUR: u32 = 100;
/// Where a playbook does not say how many users make an address a shared one.
pub const USUAL_SHARED_IP_USERS: u32 = 3;
/// The most bytes of any other text, such as the name of an event or a field.
pub const MAX_TEXT: usize = 512;
/// The most bytes of the address that a redirect leads to.
pub const MAX_URL: usize = 2_048;
