//! What the backend stored.

use sqreen::protocol::{self, RequestRecord, SdkCall, SdkEvent, TrackOptions};

/// An event with the record it came in.
#[derive(Clone, Debug)]
pub struct Stored {
    /// As on the wire.
    pub name: String,
    pub call: String,
    pub options: TrackOptions,
    pub record: RequestRecord,
}

impl Stored {
    pub fn new(record: &RequestRecord, event: &SdkEvent) -> Self {
        let SdkCall::Track { name, options } = event.clone().into_call().unwrap() else {
            panic!("{event:?} has an id but is no event");
        };
        Self {
            name,
            call: event.name.clone(),
            options,
            record: record.clone(),
        }
    }

    pub fn request(&self) -> &protocol::RequestInfo {
        self.record.request.as_ref().expect("a request")
    }

    pub fn status(&self) -> Option<u16> {
        self.record.response.as_ref()?.status
    }

    /// The value of a user identifier.
    pub fn user(&self, key: &str) -> Option<&str> {
        self.options.user_identifiers.as_ref()?.get(key)?.as_str()
    }
}
