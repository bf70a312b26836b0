//! What to call that which is counted and not kept.

use std::borrow::Cow;

use serde_json::Value;
use sqreen::protocol::{BatchElement, Observed, Point};

use super::normalise::Normaliser;

pub(super) const AGENT_MESSAGE: &str = "agent_message";
pub(super) const ATTACK: &str = "attack";
pub(super) const BUNDLE: &str = "bundle";
pub(super) const COMMANDS: &str = "commands";
pub(super) const DATA_POINT: &str = "data_point";
pub(super) const EXCEPTION: &str = "exception";

impl Normaliser<'_> {
    /// An element of a batch that is no request record, or none that can be read.
    pub(super) fn other(&mut self, element: &BatchElement) {
        let kind = match element.event_type() {
            Some("sqreen_exception" | "error") => EXCEPTION.into(),
            Some(known @ (ATTACK | AGENT_MESSAGE | DATA_POINT)) => known.into(),
            Some(other) => Cow::from(format!("batch:{other}")),
            None => "batch".into(),
        };
        self.ignore(&kind, 1);
    }

    /// What the engine of an old agent observed during a request.
    pub(super) fn observed(&mut self, observed: &Observed) {
        for (name, kind) in [
            ("attacks", ATTACK),
            ("sqreen_exceptions", EXCEPTION),
            ("observations", "observation"),
            ("data_points", DATA_POINT),
        ] {
            let many = observed.rest.get(name).and_then(Value::as_array);
            self.ignore(kind, many.map_or(0, Vec::len) as u64);
        }
    }
}

/// The kind of a point that is no event of an application.
pub(super) fn of_point(point: &Point) -> Cow<'static, str> {
    let name = point.signal_name.as_str();
    // Node has name and source of its messages the wrong way round.
    let source = point.source.as_deref().unwrap_or_default();
    let message = |text: &str| text.starts_with("sq.agent.message");
    if name.starts_with("sq.agent.attack") {
        ATTACK.into()
    } else if name.starts_with("sq.agent.exception") {
        EXCEPTION.into()
    } else if message(name) || message(source) {
        AGENT_MESSAGE.into()
    } else {
        format!("signal:{name}").into()
    }
}
