//! What the agents send: the shape is that of recorded traffic, the values are made up.

use std::io::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value, json};
use sqreen::protocol::{
    BATCH, BatchElement, BatchRequest, Observed, Parameters, RequestInfo, RequestRecord,
    ResponseInfo, SIGNAL_BATCHES, SdkEvent, Timestamp, TrackOptions,
};

use crate::Error;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// This project's SDK.
    Sdk,
    /// Node's agent with `use_signals` off.
    Legacy,
    /// Node's agent with `use_signals` on.
    Signals,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encoding {
    Plain,
    Gzip,
    Zstd,
}

/// One row of the report.
#[derive(Clone, Copy)]
pub(crate) struct Load {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) encoding: Encoding,
    /// Events of one batch.
    pub(crate) batch: usize,
}

impl Load {
    pub(crate) fn path(&self) -> &'static str {
        match self.kind {
            Kind::Sdk | Kind::Legacy => BATCH,
            Kind::Signals => SIGNAL_BATCHES,
        }
    }

    pub(crate) fn headers(&self, session: &str) -> String {
        let encoding = match self.encoding {
            Encoding::Plain => "",
            Encoding::Gzip => "content-encoding: gzip\r\n",
            Encoding::Zstd => "content-encoding: zstd\r\n",
        };
        format!("x-session-key: {session}\r\n{encoding}")
    }

    /// The bodies of that many batches; every event is another one.
    pub(crate) fn bodies(&self, batches: usize) -> Result<Vec<Vec<u8>>, Error> {
        let mut made = Made::new();
        (0..batches)
            .map(|_| {
                let plain = match self.kind {
                    Kind::Sdk => sdk(&mut made, self.batch),
                    Kind::Legacy => legacy(&mut made, self.batch),
                    Kind::Signals => signals(&mut made, self.batch),
                }?;
                self.encoding.encode(plain)
            })
            .collect()
    }
}

impl Encoding {
    /// As the SDK compresses.
    fn encode(self, plain: Vec<u8>) -> Result<Vec<u8>, Error> {
        match self {
            Self::Plain => Ok(plain),
            Self::Gzip => {
                let fast = flate2::Compression::fast();
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), fast);
                encoder.write_all(&plain)?;
                Ok(encoder.finish()?)
            }
            Self::Zstd => Ok(zstd::bulk::compress(&plain, 1)?),
        }
    }
}

/// Numbers that look random, and are others in each process.
struct Made {
    state: u64,
    micros: i64,
}

impl Made {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let micros = now.map_or(0, |now| now.as_micros() as i64);
        Self {
            state: (micros as u64) | 1,
            micros,
        }
    }

    fn next(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Small numbers far more often than large ones.
    fn skewed(&mut self, bound: u64) -> u64 {
        let bound = self.below(bound) + 1;
        let bound = self.below(bound) + 1;
        self.below(bound)
    }

    /// A UUID of version 7.
    fn id(&mut self) -> String {
        let (millis, random) = (self.micros / 1_000, self.next());
        format!(
            "{:08x}-{:04x}-7{:03x}-8{:03x}-{:012x}",
            millis >> 16,
            millis & 0xffff,
            random & 0xfff,
            random >> 52,
            self.next() >> 16
        )
    }

    fn time(&mut self) -> Timestamp {
        self.micros += 200 + self.below(400) as i64;
        Timestamp::from_micros(self.micros)
    }

    fn name(&mut self) -> String {
        const NAMES: [&str; 8] = [
            "product.viewed",
            "cart.updated",
            "search.performed",
            "cart.checkout",
            "order.paid",
            "coupon.applied",
            "profile.updated",
            "invoice.downloaded",
        ];
        let at = self.skewed(40) as usize;
        let name = NAMES.get(at % NAMES.len()).copied().unwrap_or_default();
        format!("{name}.{}", at / NAMES.len())
    }

    fn properties(&mut self) -> Map<String, Value> {
        Map::from_iter([
            (
                "amount".to_owned(),
                json!(self.below(100_000) as f64 / 100.0),
            ),
            (
                "currency".to_owned(),
                json!(["EUR", "USD", "GBP"][self.skewed(3) as usize]),
            ),
            (
                "sku".to_owned(),
                json!(format!("sku-{}", self.skewed(5_000))),
            ),
        ])
    }

    fn user(&mut self) -> Map<String, Value> {
        let email = format!("user{}@example.com", self.skewed(100_000));
        Map::from_iter([("email".to_owned(), json!(email))])
    }

    fn ip(&mut self) -> String {
        let n = self.skewed(50_000);
        format!("198.{}.{}.{}", 18 + n % 2, (n >> 8) & 0xff, n & 0xff)
    }

    fn user_agent(&mut self) -> String {
        let version = 100 + self.skewed(40);
        format!(
            "Mozilla/5.0 (X11; Linux x86_64; rv:{version}.0) Gecko/20100101 Firefox/{version}.0"
        )
    }
}

/// Two of three requests track one event, the third two; every other request has a user.
fn sdk(made: &mut Made, events: usize) -> Result<Vec<u8>, Error> {
    let mut batch = Vec::new();
    let mut left = events;
    while left > 0 {
        let here = if made.below(3) == 0 { 2.min(left) } else { 1 };
        left -= here;
        batch.push(BatchElement::RequestRecord(Box::new(record(made, here))));
    }
    let request = BatchRequest {
        batch_id: Some(made.id()),
        verdicts: true,
        batch,
    };
    Ok(serde_json::to_vec(&request)?)
}

fn record(made: &mut Made, events: usize) -> RequestRecord {
    let user = (made.below(2) == 0).then(|| made.user());
    let mut sdk = Vec::new();
    if let Some(user) = &user {
        sdk.push(SdkEvent {
            id: None,
            time: Some(made.time()),
            name: SdkEvent::IDENTIFY.to_owned(),
            args: vec![Value::Object(user.clone()), json!({"plan": "gold"})],
        });
    }
    for _ in 0..events {
        let options = TrackOptions {
            properties: made.properties(),
            user_identifiers: user.clone(),
            ..TrackOptions::default()
        };
        sdk.push(SdkEvent {
            id: Some(made.id()),
            time: Some(made.time()),
            name: SdkEvent::TRACK.to_owned(),
            args: vec![
                made.name().into(),
                serde_json::to_value(options).unwrap_or_default(),
            ],
        });
    }
    let (ip, user_agent, product) = (made.ip(), made.user_agent(), made.skewed(5_000));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    RequestRecord {
        version: RequestRecord::VERSION.to_owned(),
        client_ip: Some(ip.clone()),
        request: Some(RequestInfo {
            rid: Some(made.id()),
            headers: vec![
                header("host", "shop.example"),
                header("user-agent", &user_agent),
                header("x-forwarded-for", &ip),
                header("referer", "https://shop.example/"),
            ],
            user_agent: Some(user_agent),
            scheme: Some("https".to_owned()),
            verb: Some("GET".to_owned()),
            host: Some("shop.example".to_owned()),
            remote_ip: Some("10.0.0.2".to_owned()),
            remote_port: Some(40_000 + made.below(20_000) as u16),
            path: Some(format!("/products/{product}")),
            referer: Some("https://shop.example/".to_owned()),
            endpoint: Some("/products/{id}".to_owned()),
            parameters: Parameters {
                query: Map::from_iter([("page".to_owned(), made.below(9).to_string().into())]),
                path: Map::from_iter([("id".to_owned(), product.to_string().into())]),
                ..Parameters::default()
            },
            ..RequestInfo::default()
        }),
        response: Some(ResponseInfo {
            status: Some(200),
            ..ResponseInfo::default()
        }),
        observed: Observed {
            sdk,
            ..Observed::default()
        },
        ..RequestRecord::default()
    }
}

fn legacy(made: &mut Made, events: usize) -> Result<Vec<u8>, Error> {
    let batch: Vec<Value> = (0..events).map(|_| legacy_record(made)).collect();
    Ok(serde_json::to_vec(&json!({"batch": batch}))?)
}

fn legacy_record(made: &mut Made) -> Value {
    let (time, ip) = (made.time().to_string(), made.ip());
    let user = (made.below(2) == 0).then(|| made.user());
    let mut sdk = Vec::new();
    if let Some(user) = &user {
        sdk.push(json!({"time": time, "name": "identify", "args": [user, {"plan": "gold"}]}));
    }
    let options = json!({"properties": made.properties(), "timestamp": time});
    sdk.push(json!({"time": time, "name": "track", "args": [made.name(), options]}));
    json!({
        "version": "20171208", "rulespack_id": "", "client_ip": ip, "request": node_request(made, &ip),
        "observed": {
            "attacks": [], "sqreen_exceptions": [], "observations": [], "data_points": [], "sdk": sdk,
        },
        "identity": user,
        "response": {"status": 200, "content_length": "2", "content_type": "text/html; charset=utf-8"},
        "isClosed": true, "mustReport": true, "user": null, "reportPayload": false,
        "isRevealReplayed": false, "event_type": "request_record",
    })
}

fn node_request(made: &mut Made, ip: &str) -> Value {
    let (user_agent, product, page) = (made.user_agent(), made.skewed(5_000), made.below(9));
    json!({
        "rid": made.id(),
        "headers": [["x-forwarded-for", ip], ["user-agent", user_agent], ["host", "shop.example"]],
        "user_agent": user_agent, "scheme": "https", "verb": "GET", "host": "shop.example",
        "port": "443", "remote_ip": "10.0.0.2", "remote_port": 40_000 + made.below(20_000),
        "path": format!("/products/{product}?page={page}"),
        "parameters": {"query": {"page": page.to_string()}},
        "endpoint": "/products/:id", "isRevealReplayed": false,
    })
}

fn signals(made: &mut Made, events: usize) -> Result<Vec<u8>, Error> {
    let traces: Vec<Value> = (0..events).map(|_| trace(made)).collect();
    Ok(serde_json::to_vec(&traces)?)
}

fn trace(made: &mut Made) -> Value {
    let (time, ip, user_agent) = (made.time().to_string(), made.ip(), made.user_agent());
    let mut actor = json!({"ip_addresses": [ip], "user_agent": user_agent});
    if made.below(2) == 0 {
        actor["identifiers"] = Value::Object(made.user());
        actor["traits"] = json!({"plan": "gold"});
    }
    json!({
        "actor": actor,
        "location_infra": {"infra": {
            "agent_type": "nodejs", "agent_version": "1.64.2", "os_type": "x64-Linux",
            "hostname": "web-1", "runtime_type": "node", "runtime_version": "v20.20.2",
        }},
        "context_schema": "http/2020-01-01T00:00:00.000Z",
        "context": {
            "request": node_request(made, &ip),
            "response": {"status": 200, "content_length": "2", "content_type": "text/html; charset=utf-8"},
        },
        "time": time,
        "data": [{
            "type": "point", "signal_name": format!("sq.sdk.{}", made.name()),
            "source": "sqreen:sdk:track", "payload_schema": "track_event/2020-01-01T00:00:00.000Z",
            "payload": {"properties": made.properties()}, "time": time,
        }],
    })
}
