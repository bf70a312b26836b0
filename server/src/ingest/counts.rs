//! Logins and signups of agents that send counts alone: each count becomes an event.

use serde_json::{Map, Value};
use sqreen::protocol::{Metric, MetricSignal, Timestamp, names};

use super::facts::address;
use super::identity;
use super::normalise::Normaliser;

/// The most events that the counts of one body become; what is above is counted as ignored, as
/// `<metric>:above_limit`.
const MAX_COUNTED: u64 = 10_000;

/// A metric as either form has it.
#[derive(Debug)]
struct Bucket<'a> {
    name: &'a str,
    start: Option<Timestamp>,
    finish: Option<Timestamp>,
}

impl Normaliser<'_> {
    /// A metric of a heartbeat.
    pub(super) fn metric(&mut self, metric: &Metric) {
        let time = |text: &Option<String>| text.as_deref().and_then(|text| text.parse().ok());
        let bucket = Bucket {
            name: &metric.name,
            start: time(&metric.start),
            finish: time(&metric.finish),
        };
        let counts = metric.observation.as_object().into_iter().flatten();
        self.bucket(&bucket, counts.map(|(key, count)| (key.as_str(), count)));
    }

    /// A metric among signals.
    pub(super) fn metric_signal(&mut self, metric: &MetricSignal) {
        let time = |name| metric.payload.get(name)?.as_str()?.parse().ok();
        let name = metric.signal_name.as_str();
        let bucket = Bucket {
            name: name.strip_prefix(names::METRIC_PREFIX).unwrap_or(name),
            start: time("date_started").or(metric.time),
            finish: time("date_ended"),
        };
        let counts = metric.payload.get("values").and_then(Value::as_array);
        let counts = counts.into_iter().flatten();
        self.bucket(
            &bucket,
            counts.filter_map(|count| Some((count.get("key")?.as_str()?, count.get("value")?))),
        );
    }

    fn bucket<'b>(
        &mut self,
        bucket: &Bucket<'_>,
        counts: impl Iterator<Item = (&'b str, &'b Value)>,
    ) {
        let (name, success) = match bucket.name {
            names::LOGIN_SUCCESS_METRIC => (names::LOGIN, Some(true)),
            names::LOGIN_FAIL_METRIC => (names::LOGIN, Some(false)),
            names::SIGNUP_METRIC => (names::SIGNUP, None),
            other => return self.ignore(&format!("metric:{other}"), 1),
        };
        for (key, count) in counts {
            let count = whole(count);
            let room = MAX_COUNTED.saturating_sub(self.counted);
            self.ignore(
                &format!("{}:above_limit", bucket.name),
                count.saturating_sub(room),
            );
            for ordinal in 0..count.min(room) {
                self.counted += 1;
                self.count(bucket, key, (name, success), ordinal);
            }
        }
    }

    /// The event of one count. Its id is made of where and when it was counted, so that a metric that is sent again
    /// is stored once, whatever session it comes with.
    fn count(
        &mut self,
        bucket: &Bucket<'_>,
        key: &str,
        (name, success): (&str, Option<bool>),
        ordinal: u64,
    ) {
        let time = bucket.start.or(bucket.finish);
        let text = |time: Option<Timestamp>| time.map(|time| time.to_string()).unwrap_or_default();
        // Counts of no time are new whenever they come: to lose some is worse than to have some twice.
        let start = time.map_or_else(|| self.received.to_string(), |_| text(bucket.start));
        let process = self.agent.process.unwrap_or_default().to_string();
        let parts = [
            self.agent.app.as_str(),
            self.agent.hostname.as_deref().unwrap_or_default(),
            &process,
            bucket.name,
            &start,
            &text(bucket.finish),
            key,
        ];
        let ordinal = u32::try_from(ordinal).unwrap_or(u32::MAX);
        let id = identity::derive(&parts, ordinal);
        let time = time.map_or(self.received, Timestamp::as_micros);
        let mut event = self.blank(id, time, name.to_owned());
        let (user, ip) = whom(key);
        event.user = user.map(|user| user.into_iter().collect());
        event.ip = ip.as_deref().and_then(address);
        self.enrichment.describe(&mut event);
        event.properties =
            success.map(|success| Map::from_iter([("success".to_owned(), success.into())]));
        event.aggregated = true;
        self.take(id.to_string(), &event);
    }
}

/// Whom a count is about: its key is JSON itself, `{"keys":[["uid","7"]],"ip":"8.8.4.4"}`.
fn whom(key: &str) -> (Option<Map<String, Value>>, Option<String>) {
    let key: Value = serde_json::from_str(key).unwrap_or_default();
    let pairs = key.get("keys").and_then(Value::as_array);
    let user: Map<_, _> = pairs
        .into_iter()
        .flatten()
        .filter_map(|pair| match pair.as_array()?.as_slice() {
            [Value::String(name), identifier] => Some((name.clone(), identifier.clone())),
            _ => None,
        })
        .collect();
    let ip = key.get("ip").and_then(Value::as_str).map(str::to_owned);
    (Some(user).filter(|user| !user.is_empty()), ip)
}

/// A count as a whole number; what is none is 0.
fn whole(count: &Value) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count beyond the range becomes the nearest within it"
    )]
    let rounded = |count: f64| count.round() as u64;
    count
        .as_u64()
        .or_else(|| count.as_f64().map(rounded))
        .unwrap_or_default()
}
