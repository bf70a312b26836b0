//! What is to be stored of the recorded traffic, event by event.

use serde_json::{Value, json};

/// A recorded run of the app: where it listened, and the requests it had, in order.
#[derive(Debug)]
pub(crate) struct Capture {
    pub(crate) name: &'static str,
    host: &'static str,
    requests: &'static [Request],
}

#[derive(Clone, Copy, Debug)]
enum Request {
    /// A product view with a secret in the query.
    Viewed(&'static str, &'static str),
    /// An event of another user than the one identified.
    Profile(&'static str, &'static str),
    /// Secrets in the body and in properties; the event says when it happened. Absent where records were sent, since
    /// the agent failed at `collect_body` then.
    Payment(&'static str),
    Many(&'static str, &'static str),
    /// The report of an applied block.
    Blocked(&'static str, &'static str),
}

use Request::{Blocked, Many, Payment, Profile, Viewed};

pub(crate) const CAPTURES: [Capture; 4] = [
    Capture {
        name: "node-legacy",
        host: "127.0.0.1:9931",
        requests: &[
            Viewed(
                "386ad46e-e270-4cc1-b7e5-729318e928ff",
                "2026-11-23T05:18:09.173000Z",
            ),
            Profile(
                "cd848a16-6790-43c4-8a95-05817d37e2f2",
                "2026-11-23T05:18:09.289000Z",
            ),
            Many(
                "27108f73-74cb-472e-9c35-2e3aedef1f3a",
                "2026-11-23T05:18:09.333000Z",
            ),
            Viewed(
                "6ef5bcf1-09d2-4e2e-b53e-b4b9e68ce77e",
                "2026-11-23T05:19:24.402000Z",
            ),
            Profile(
                "28f54d11-b640-4272-b6f0-a5acd62e6b74",
                "2026-11-23T05:19:24.473000Z",
            ),
            Many(
                "ae5e1210-5674-4795-8eb3-2b4daacd8ef6",
                "2026-11-23T05:19:24.506000Z",
            ),
        ],
    },
    Capture {
        name: "node-legacy-blocking",
        host: "127.0.0.1:9911",
        requests: &[
            Viewed(
                "691dca33-a967-4845-9d14-70a37fb50da6",
                "2026-11-23T05:15:00.107000Z",
            ),
            Profile(
                "fcdcb22f-966f-41a8-b00c-3db156810c4e",
                "2026-11-23T05:15:00.226000Z",
            ),
            Many(
                "21c2f129-3f29-4c59-a9a3-8331dbd9031c",
                "2026-11-23T05:15:00.250000Z",
            ),
        ],
    },
    Capture {
        name: "node-signals",
        host: "127.0.0.1:9932",
        requests: &[
            Viewed(
                "cdd9a0e5-07c6-46c1-abc0-4d6dbb86519b",
                "2026-11-23T05:18:09.174000Z",
            ),
            Profile(
                "1e9b65d9-441c-4cb6-b410-76e8d4cea1d7",
                "2026-11-23T05:18:09.312000Z",
            ),
            Payment("d6523cc6-1ad3-4e72-a073-d320c0f4552a"),
            Many(
                "9d5d6bb2-593a-40d8-890e-c1ddaed3e88e",
                "2026-11-23T05:18:09.361000Z",
            ),
            Viewed(
                "91d7622b-156f-4d8c-bec3-c183983da376",
                "2026-11-23T05:19:24.404000Z",
            ),
            Profile(
                "014d222e-ccd0-4b6a-8364-0a4af51e2793",
                "2026-11-23T05:19:24.473000Z",
            ),
            Payment("2b26f54d-885c-4aeb-a9f8-246d86d0dd1f"),
            Many(
                "d6b33f48-d995-48b5-90c6-4b1e8b8b89c4",
                "2026-11-23T05:19:24.503000Z",
            ),
        ],
    },
    Capture {
        name: "node-signals-blocking",
        host: "127.0.0.1:9911",
        requests: &[
            Viewed(
                "ce3b48f4-c802-4052-bbc1-14356a31dac5",
                "2026-11-23T05:16:12.386000Z",
            ),
            Profile(
                "02024494-0e65-4651-9020-0924522237df",
                "2026-11-23T05:16:12.483000Z",
            ),
            Payment("7e05da51-452b-49dc-84b9-a8c9f27242e0"),
            Many(
                "3a077bb6-f8a6-4d7d-9253-9950dc6dfafa",
                "2026-11-23T05:16:12.523000Z",
            ),
            Blocked(
                "8a16b0d8-b816-49af-bb79-7f2931ba5ba3",
                "2026-11-23T05:16:24.576000Z",
            ),
        ],
    },
];

impl Capture {
    /// The events without `id` and `received`, by their text.
    pub(crate) fn events(&self) -> Vec<Value> {
        let mut events: Vec<_> = self.requests.iter().map(|r| r.event(self.host)).collect();
        events.sort_by_key(Value::to_string);
        events
    }
}

impl Request {
    fn event(self, host: &str) -> Value {
        let redacted = "<Redacted by Sqreen>";
        match self {
            Viewed(rid, time) => json!({
                "time": time, "app": "shop", "name": "order.viewed", "ip": "198.51.100.7", "user": null,
                "method": "GET", "path": "/hello/77", "route": "/hello/:id", "host": host, "scheme": "http",
                "user_agent": "UA/1.0 test", "referer": null, "request_id": rid,
                "params": {"query": {"color": "red", "token": redacted, "a": ["1", "2"]}}, "body": null,
                "properties": {"order_id": "77", "amount": 42.5, "vip": true, "tags": ["a", "b"], "nested": {"x": 1}},
                "traits": null,
                "headers": [["x-forwarded-for", "198.51.100.7"], ["user-agent", "UA/1.0 test"], ["host", host]],
                "status": 200, "agent": "nodejs/1.64.2", "hostname": "web-1", "environment": null,
                "aggregated": false, "country": null, "asn": null, "network": [],
            }),
            Profile(rid, time) => json!({
                "time": time, "app": "shop", "name": "profile.viewed", "ip": "8.8.8.8",
                "user": {"email": "other@example.com"}, "method": "GET", "path": "/me", "route": "/me", "host": host,
                "scheme": "http", "user_agent": "curl/7.88.1", "referer": null, "request_id": rid,
                "params": {"query": {}}, "body": null, "properties": {}, "traits": {"plan": "gold"},
                "headers": [["x-forwarded-for", "8.8.8.8"], ["user-agent", "curl/7.88.1"], ["host", host]],
                "status": 200, "agent": "nodejs/1.64.2", "hostname": "web-1", "environment": null,
                "aggregated": false, "country": null, "asn": null, "network": [],
            }),
            // The agent itself has blanked the path before the `?`, and left the properties.
            Payment(rid) => json!({
                "time": "2018-03-15T14:42:00.000000Z", "app": "shop", "name": "payment.sent", "ip": "127.0.0.1",
                "user": null, "method": "POST", "path": "/<Redacted by Sqreen>ay", "route": "/pay", "host": host,
                "scheme": "http", "user_agent": "curl/7.88.1", "referer": null, "request_id": rid,
                "params": {"query": {"api_key": redacted}},
                "body": {"amount": 12, "card": redacted, "password": redacted},
                "properties": {"card": redacted, "password": redacted, "note": "x"}, "traits": null,
                "headers": [["user-agent", "curl/7.88.1"], ["content-type", "application/json"],
                    ["content-length", "57"], ["host", host]],
                "status": 200, "agent": "nodejs/1.64.2", "hostname": "web-1", "environment": null,
                "aggregated": false, "country": null, "asn": null, "network": [],
            }),
            Many(rid, time) => json!({
                "time": time, "app": "shop", "name": "many.props", "ip": "127.0.0.1", "user": null, "method": "GET",
                "path": "/many", "route": "/many", "host": host, "scheme": "http", "user_agent": "curl/7.88.1",
                "referer": null, "request_id": rid, "params": {"query": {}}, "body": null,
                "properties": {"k00": 0, "k01": 1, "k02": 2, "k03": 3, "k04": 4, "k05": 5, "k06": 6, "k07": 7,
                    "k08": 8, "k09": 9, "k10": 10, "k11": 11, "k12": 12, "k13": 13, "k14": 14, "k15": 15},
                "traits": null, "headers": [["user-agent", "curl/7.88.1"], ["host", host]],
                "status": 200, "agent": "nodejs/1.64.2", "hostname": "web-1", "environment": null,
                "aggregated": false, "country": null, "asn": null, "network": [],
            }),
            Blocked(rid, time) => json!({
                "time": time, "app": "shop", "name": "sq.action.block_ip", "ip": "203.0.113.77", "user": null,
                "method": "GET", "path": "/quiet", "route": null, "host": host, "scheme": "http",
                "user_agent": "curl/7.88.1", "referer": null, "request_id": rid, "params": {"query": {}},
                "body": null,
                "properties": {"action_id": "act-block-ip", "output": {"ip_address": "203.0.113.77"}},
                "traits": null,
                "headers": [["x-forwarded-for", "203.0.113.77"], ["user-agent", "curl/7.88.1"], ["host", host]],
                "status": 500, "agent": "nodejs/1.64.2", "hostname": "web-1", "environment": null,
                "aggregated": false, "country": null, "asn": null, "network": [],
            }),
        }
    }
}
