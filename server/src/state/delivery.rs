//! What the store keeps of a delivery.

use super::model::Id;

/// What became of a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DeliveryStatus {
    /// It is still to be made, or to be tried again.
    Pending,
    /// The receiver took it.
    Delivered,
    /// It is not tried any more, unless someone asks for it.
    Dead,
}

impl DeliveryStatus {
    pub(crate) const ALL: [Self; 3] = [Self::Pending, Self::Delivered, Self::Dead];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }

    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// A delivery as it is stored. Times are microseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Delivery {
    /// Its place in the line.
    pub(crate) row: i64,
    pub(crate) id: Id,
    pub(crate) destination: Id,
    /// The playbook of its notices; `None` for a digest, and for a test.
    pub(crate) playbook: Option<String>,
    /// How many notices it has.
    pub(crate) notices: u32,
    pub(crate) status: DeliveryStatus,
    /// How often it was tried, the present try included.
    pub(crate) attempts: u32,
    pub(crate) opened_at: i64,
    /// When it is to be tried; further notices join it until then, as long as it was not tried.
    pub(crate) due_at: i64,
    /// From when the time is counted after which it is given up.
    pub(crate) since_at: i64,
    pub(crate) ended_at: Option<i64>,
    /// What the last try met with.
    pub(crate) answer: Option<String>,
}

/// A notice that is to be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StoredNotice {
    pub(crate) id: String,
    pub(crate) body: String,
}

/// A delivery that a notice joins, or that is made for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) destination: Id,
    /// Deliveries hold notices of one playbook, or of all in a digest.
    pub(crate) playbook: Option<&'a str>,
    /// When a delivery that is made for it is due.
    pub(crate) due_at: i64,
}

/// What became of a notice in one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Queued {
    Added,
    /// It was there before.
    Known,
    /// The line is as long as it may be.
    Full,
}

/// How a try ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ended<'a> {
    pub(crate) status: DeliveryStatus,
    pub(crate) at: i64,
    /// When the next try is due, if there is one.
    pub(crate) due_at: i64,
    pub(crate) answer: &'a str,
}

/// Which deliveries are asked for.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct DeliveryQuery {
    pub(crate) destination: Option<Id>,
    pub(crate) status: Option<DeliveryStatus>,
    /// Only those made before the one in this place.
    pub(crate) before: Option<i64>,
    pub(crate) limit: usize,
}
