//! What is stored of a request beside its events.

use serde_json::{Map, Value};
use sqreen::protocol::{Parameters, RequestInfo};

use crate::store::StoredEvent;

/// Puts the facts of the request into an event of it.
pub(super) fn describe(event: &mut StoredEvent, request: RequestInfo) {
    event.path = request.path.map(without_query);
    event.method = request.verb;
    event.route = request.endpoint;
    event.host = request.host;
    event.scheme = request.scheme;
    event.referer = request.referer;
    event.request_id = request.rid;
    if !request.headers.is_empty() {
        let pair = |(name, value)| Value::Array(vec![Value::String(name), Value::String(value)]);
        event.headers = Some(request.headers.into_iter().map(pair).collect());
    }
    let Parameters {
        query,
        form,
        path,
        json,
        rawbody,
        rest,
    } = request.parameters;
    event.params = Some(params(rest, query, [("path", path), ("form", form)]));
    event.body = json.or(rawbody.map(Value::String));
}

/// Node leaves the query string on the path, secrets included.
fn without_query(mut path: String) -> String {
    if let Some(end) = path.find('?') {
        path.truncate(end);
    }
    path
}

fn params(
    mut params: Map<String, Value>,
    query: Map<String, Value>,
    others: [(&str, Map<String, Value>); 2],
) -> Value {
    params.insert("query".to_owned(), Value::Object(query));
    for (name, values) in others {
        if !values.is_empty() {
            params.insert(name.to_owned(), Value::Object(values));
        }
    }
    Value::Object(params)
}
