//! Sqreen's webhook, version 2, with the signature of Standard Webhooks beside its own.
//!
//! The envelope and `X-Sqreen-Integrity` are those of Sqreen's documentation of webhooks and of receivers that were
//! written for it; the headers `webhook-*` those of <https://www.standardwebhooks.com>. Fields of a message that Sqreen
//! did not have stand beside its own.
//!
//! Of Sqreen's types, `http_scan` is not sent. It was an incident: a thread with a status and related addresses, told of
//! again whenever these changed. Nothing here has a thread. A scan is what a playbook finds in `sq.http.not_found`, and told
//! as any other is.

use axum::http::{HeaderName, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use sqreen::protocol::Timestamp;

use super::failure::Failure;
use super::limits::SECOND;
use super::notice::{Actor, Counted, Fired, Notice, Response, Tripped};
use crate::config::PublicUrl;
use crate::enrich::three_letters;
use crate::playbooks::Outcome;

/// What a secret begins with; base64 follows.
const PREFIX: &str = "whsec_";

/// The fields that tell whether an address is on the list of a name.
const LISTS: [(&str, &str); 4] = [
    ("is_tor", "tor"),
    ("vpn", "vpn"),
    ("proxy", "proxy"),
    ("datacenter", "datacenter"),
];

/// A new secret of 32 random bytes.
pub(super) fn new_secret() -> Option<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{PREFIX}{}", STANDARD.encode(bytes)))
}

/// The body: an array of messages, each with the number of tries that went before. Links begin with `base`.
pub(super) fn body(
    notices: &[(String, Notice)],
    retries: u32,
    base: Option<&PublicUrl>,
) -> Vec<u8> {
    let messages: Vec<_> = notices
        .iter()
        .map(|(id, notice)| {
            let (kind, message) = message(id, notice, base);
            json!({
                "message_id": id,
                "api_version": "2",
                "date_created": Timestamp::from_micros(notice.at()),
                "message_type": kind,
                "retry_count": retries,
                "message": message,
            })
        })
        .collect();
    Value::from(messages).to_string().into_bytes()
}

/// The headers that prove where a body comes from. `X-Sqreen-Integrity` is keyed with the text of the secret, as
/// Sqreen's receivers expect, `webhook-signature` with the bytes that its base64 stands for. `now` is in microseconds.
///
/// As long as there is a former secret, `webhook-signature` has a signature by each, and `X-Sqreen-Integrity`, which has
/// room for one alone, is by the former: receivers of either get along with what they have.
pub(super) fn signatures(
    secret: &str,
    former: Option<&str>,
    id: &str,
    now: i64,
    body: &[u8],
) -> Result<[(HeaderName, HeaderValue); 4], Failure> {
    let wrong = || Failure::new("the secret cannot be read");
    let seconds = (now / SECOND).to_string();
    let signed = [id.as_bytes(), b".", seconds.as_bytes(), b".", body];
    let mut standard = Vec::new();
    for secret in [Some(secret), former].into_iter().flatten() {
        let encoded = secret.strip_prefix(PREFIX).ok_or_else(wrong)?;
        let key = STANDARD.decode(encoded).map_err(|_| wrong())?;
        let signature = sign(&key, &signed).ok_or_else(wrong)?;
        standard.push(format!("v1,{}", STANDARD.encode(signature)));
    }
    let sqreen = former.unwrap_or(secret).as_bytes();
    let sqreen = sign(sqreen, &[body]).ok_or_else(wrong)?;
    let sqreen: String = sqreen.iter().map(|byte| format!("{byte:02x}")).collect();
    let header = |name, value: String| {
        let value = HeaderValue::try_from(value).map_err(|_| wrong())?;
        Ok((HeaderName::from_static(name), value))
    };
    Ok([
        header("x-sqreen-integrity", sqreen)?,
        header("webhook-id", id.to_owned())?,
        header("webhook-timestamp", seconds)?,
        header("webhook-signature", standard.join(" "))?,
    ])
}

fn sign(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac.finalize().into_bytes().into())
}

fn message(id: &str, notice: &Notice, base: Option<&PublicUrl>) -> (&'static str, Value) {
    let (kind, mut message) = match notice {
        // Receivers act on a response; of what was not done they only hear.
        Notice::Fired(fired) => match event_kind(fired.outcome) {
            None => ("security_response", response(fired)),
            Some(kind) => ("security_event", undone(id, notice, fired, kind)),
        },
        Notice::Tripped(tripped) => ("security_event", trip(id, notice, tripped)),
        Notice::Test(test) => ("test", json!({"triggered_by": test.by})),
    };
    if let (Some(base), Some((_, path))) = (base, notice.links(id).first()) {
        message["event_url"] = json!(format!("{base}{path}"));
    }
    (kind, message)
}

/// The kind of event that an outcome is, unless it is a response.
fn event_kind(outcome: Outcome) -> Option<&'static str> {
    match outcome {
        Outcome::Enforced => None,
        Outcome::Shadowed => Some("playbook_shadow"),
        Outcome::Recorded => Some("playbook_recorded"),
        Outcome::Held => Some("playbook_held"),
        Outcome::Failed => Some("playbook_failed"),
    }
}

fn response(fired: &Fired) -> Value {
    let app = app(fired);
    let mut message = firing(fired);
    message["application"] = json!({"id": app, "name": app, "environment": environment(fired)});
    message["properties"] =
        json!({"ips": ips(&fired.actor), "user_identifiers": users(&fired.actor)});
    message
}

/// The application of the newest of the events.
fn app(fired: &Fired) -> Option<&String> {
    let origin = fired.origin.as_ref().map(|origin| &origin.app);
    origin.or(fired.apps.first())
}

fn environment(fired: &Fired) -> Option<&String> {
    fired.origin.as_ref()?.environment.as_ref()
}

/// What was not done.
fn undone(id: &str, notice: &Notice, fired: &Fired, kind: &str) -> Value {
    let mut message = event(id, notice, kind);
    if let (Some(message), Value::Object(firing)) = (message.as_object_mut(), firing(fired)) {
        message.extend(firing);
        let app = app(fired);
        for (name, value) in [
            ("application_id", json!(app)),
            ("application_name", json!(app)),
            ("environment", json!(environment(fired))),
            ("ips", addresses(fired)),
            ("user_identifiers", users(&fired.actor)),
            ("reason", json!(fired.reason)),
        ] {
            message.insert(name.to_owned(), value);
        }
    }
    message
}

fn trip(id: &str, notice: &Notice, tripped: &Tripped) -> Value {
    let mut message = event(id, notice, "playbook_tripped");
    let playbook = &tripped.playbook;
    message["playbook"] =
        json!({"id": playbook.slug, "name": playbook.name, "version": playbook.version});
    message["reason"] = json!(tripped.reason);
    message
}

/// What every `security_event` has.
fn event(id: &str, notice: &Notice, kind: &str) -> Value {
    json!({
        "event_category": "playbook",
        "event_kind": kind,
        "event_id": id,
        "date_occurred": Timestamp::from_micros(notice.at()),
        "humanized_description": notice.title(),
        "environment": null,
    })
}

/// What is told of a playbook that fired.
fn firing(fired: &Fired) -> Value {
    let playbook = &fired.playbook;
    let identifiers = match &fired.actor {
        Actor::User(identifiers) => Some(identifiers),
        _ => None,
    };
    let actions = fired.responses.iter().flat_map(|done| &done.actions);
    let mut message = json!({
        "playbook": {"id": playbook.slug, "name": playbook.name, "version": playbook.version},
        "stage": fired.stage,
        "applications": fired.apps,
        "user": identifiers,
        "actions": actions.collect::<Vec<_>>(),
        "responses": fired.responses.iter().map(done).collect::<Vec<_>>(),
        "count": fired.count,
        "window_s": fired.window_s,
        "events": fired.events,
    });
    match &fired.counted {
        Counted::Events => {}
        Counted::Values { of, values } => {
            message["of"] = json!(of);
            message["values"] = json!(values);
        }
        Counted::Others(others) => message["others"] = json!(others),
        Counted::New { of, value } => {
            message["of"] = json!(of);
            message["value"] = json!(value);
        }
    }
    if let Some(group) = &fired.group {
        message["group"] = json!({"by": group.by, "value": group.value});
    }
    message
}

/// A response, as it is in force or would have been.
fn done(response: &Response) -> Value {
    json!({
        "action": response.action,
        "url": response.url,
        "duration_s": response.duration_s,
        "until": response.until.map(Timestamp::from_micros),
        "actions": response.actions,
    })
}

/// The address or range of the actor, as responses name it.
fn network(actor: &Actor) -> Option<String> {
    match actor {
        Actor::Ip(ip) => Some(ip.to_string()),
        Actor::Range(range) => Some(range.to_string()),
        Actor::User(_) => None,
    }
}

fn ips(actor: &Actor) -> Value {
    network(actor)
        .map(|ip| json!({"ip_cidr": ip}))
        .into_iter()
        .collect()
}

/// The same, as events name it, with what is known of it. Sqreen's codes of countries have three letters.
fn addresses(fired: &Fired) -> Value {
    let Some(address) = network(&fired.actor) else {
        return json!([]);
    };
    let mut known = Map::from_iter([("address".to_owned(), json!(address))]);
    let mut put = |name: &str, value: Value| drop(known.insert(name.to_owned(), value));
    if let Some(critical) = fired.critical {
        put("critical", json!(critical));
    }
    if let Some(origin) = &fired.origin {
        if let Some(code) = origin.country.as_deref().and_then(three_letters) {
            put("geo", json!({"code": code}));
        }
        for (field, list) in LISTS {
            if let Some(is_on) = origin.lists.get(list) {
                put(field, json!(is_on));
            }
        }
    }
    json!([known])
}

/// The identifiers' values; their names are in `user`.
fn users(actor: &Actor) -> Value {
    match actor {
        Actor::User(identifiers) => identifiers.values().map(|value| json!(value)).collect(),
        _ => json!([]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_are_those_of_the_standards() {
        // RFC 4231, test case 2.
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let signed = sign(b"Jefe", &[b"what do ya want ", b"for nothing?"]).unwrap();
        let signed: String = signed.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(signed, expected);
        // The example of the specification of Standard Webhooks.
        let body = br#"{"test": 2432232314}"#;
        let secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
        let id = "msg_p5jXN8AQM9LWM0D4loKWxJek";
        let headers = signatures(secret, None, id, 1_614_265_330 * SECOND, body).unwrap();
        assert_eq!(
            headers[3].1,
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        for wrong in ["", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!"] {
            let refused = signatures(wrong, None, id, 0, body);
            assert_eq!(refused.is_err(), wrong != "whsec_", "{wrong}");
        }
        let secret = new_secret().unwrap();
        assert_eq!(
            STANDARD
                .decode(secret.strip_prefix(PREFIX).unwrap())
                .unwrap()
                .len(),
            32
        );
    }
}
