//! What is stored of a request beside its events.

use serde_json::Value;
use sqreen::protocol::{Parameters, RequestInfo};

use crate::store::StoredEvent;

/// Puts the facts of the request into an event of it.
pub(super) fn describe(event: &mut StoredEvent, request: &RequestInfo) {
    // Node leaves the query string on the path, secrets included.
    let path = request.path.as_deref();
    event.path = path.map(|path| path.split('?').next().unwrap_or(path).to_owned());
    event.method.clone_from(&request.verb);
    event.route.clone_from(&request.endpoint);
    event.host.clone_from(&request.host);
    event.scheme.clone_from(&request.scheme);
    event.referer.clone_from(&request.referer);
    event.request_id.clone_from(&request.rid);
    event.params = Some(params(&request.parameters));
    if !request.headers.is_empty() {
        event.headers = serde_json::to_value(&request.headers).ok();
    }
}

fn params(parameters: &Parameters) -> Value {
    let mut params = parameters.rest.clone();
    params.insert("query".to_owned(), Value::Object(parameters.query.clone()));
    for (name, values) in [("path", &parameters.path), ("form", &parameters.form)] {
        if !values.is_empty() {
            params.insert(name.to_owned(), Value::Object(values.clone()));
        }
    }
    Value::Object(params)
}

/// The body, where it was collected.
pub(super) fn body(parameters: &Parameters) -> Option<Value> {
    let raw = || parameters.rawbody.clone().map(Value::String);
    parameters.json.clone().or_else(raw)
}
