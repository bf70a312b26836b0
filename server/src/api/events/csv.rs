//! Events, and groups of them, as rows of CSV: RFC 4180, JSON fields as their JSON.
//!
//! A cell that a spreadsheet would take for a formula gets an apostrophe in front, since agents send whatever their
//! users type. Who needs every byte takes NDJSON.

use std::fmt::Display;

use serde::Serialize;
use sqreen::protocol::Timestamp;

use crate::store::{Group, StoredEvent};

const COLUMNS: [&str; 28] = [
    "id",
    "time",
    "received",
    "app",
    "name",
    "ip",
    "user",
    "method",
    "path",
    "route",
    "host",
    "scheme",
    "user_agent",
    "referer",
    "request_id",
    "status",
    "params",
    "body",
    "properties",
    "traits",
    "headers",
    "agent",
    "hostname",
    "environment",
    "aggregated",
    "country",
    "asn",
    "network",
];

const GROUP_COLUMNS: [&str; 8] = [
    "value",
    "events",
    "ips",
    "ips_exact",
    "users",
    "users_exact",
    "first",
    "last",
];

/// Writes the names of the columns.
pub(super) fn head(into: &mut Vec<u8>) {
    line(COLUMNS.map(|name| Some(name.to_owned())), into);
}

/// Writes the names of the columns of groups.
pub(super) fn group_head(into: &mut Vec<u8>) {
    line(GROUP_COLUMNS.map(|name| Some(name.to_owned())), into);
}

/// Writes the group.
pub(super) fn group(group: &Group, into: &mut Vec<u8>) {
    let cells = [
        text(Some(&group.value)),
        text(Some(group.events)),
        text(Some(group.ips.count)),
        text(Some(group.ips.exact)),
        text(Some(group.users.count)),
        text(Some(group.users.exact)),
        text(Some(Timestamp::from_micros(group.first))),
        text(Some(Timestamp::from_micros(group.last))),
    ];
    line(cells, into);
}

/// Writes the event.
pub(super) fn row(event: &StoredEvent, into: &mut Vec<u8>) {
    let cells = [
        text(Some(event.id)),
        text(Some(Timestamp::from_micros(event.time))),
        text(Some(Timestamp::from_micros(event.received))),
        text(Some(&event.app)),
        text(Some(&event.name)),
        text(event.ip),
        json(event.user.as_ref()),
        text(event.method.as_ref()),
        text(event.path.as_ref()),
        text(event.route.as_ref()),
        text(event.host.as_ref()),
        text(event.scheme.as_ref()),
        text(event.user_agent.as_ref()),
        text(event.referer.as_ref()),
        text(event.request_id.as_ref()),
        text(event.status),
        json(event.params.as_ref()),
        json(event.body.as_ref()),
        json(event.properties.as_ref()),
        json(event.traits.as_ref()),
        json(event.headers.as_ref()),
        text(event.agent.as_ref()),
        text(event.hostname.as_ref()),
        text(event.environment.as_ref()),
        text(Some(event.aggregated)),
        text(event.country.as_ref()),
        text(event.asn),
        json((!event.network.is_empty()).then_some(&event.network)),
    ];
    line(cells, into);
}

fn text(value: Option<impl Display>) -> Option<String> {
    value.map(|value| value.to_string())
}

fn json(value: Option<impl Serialize>) -> Option<String> {
    // What was JSON can be written as JSON.
    value.and_then(|value| serde_json::to_string(&value).ok())
}

fn line<const N: usize>(cells: [Option<String>; N], into: &mut Vec<u8>) {
    for (place, text) in cells.into_iter().enumerate() {
        if place > 0 {
            into.push(b',');
        }
        cell(&text.unwrap_or_default(), into);
    }
    into.extend(b"\r\n");
}

fn cell(text: &str, into: &mut Vec<u8>) {
    // Some spreadsheets read the wide forms of the signs as the signs.
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let apostrophe = if formula { "'" } else { "" };
    if text.contains([',', '"', '\r', '\n']) {
        let quoted = text.replace('"', "\"\"");
        into.extend(format!("\"{apostrophe}{quoted}\"").bytes());
    } else {
        into.extend(apostrophe.bytes());
        into.extend(text.bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_no_formula_is_left() {
        for (text, written) in [
            ("", ""),
            ("a b", "a b"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"\r\n", "\"say \"\"hi\"\"\r\n\""),
            ("=1+1", "'=1+1"),
            ("@a", "'@a"),
            ("+1", "'+1"),
            ("-1,2", "\"'-1,2\""),
            ("\t=1", "'\t=1"),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "'＝1"),
            ("a=1", "a=1"),
        ] {
            let mut into = Vec::new();
            cell(text, &mut into);
            assert_eq!(String::from_utf8(into).unwrap(), written, "{text:?}");
        }
    }
}
