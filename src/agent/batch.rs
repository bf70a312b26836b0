//! Batches: built once, sent until the backend has answered for them.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::Arc;
use std::time::Instant;

use uuid::Uuid;

use super::entry::Entry;
use super::handle::Agent;
use super::ledger::{DropReason, Ledger};
use super::record::{self, Clock};
use super::session::{Session, Settings, payload};
use super::transport::{CallError, Payload, Transport};
use crate::context::RequestContext;
use crate::protocol::{BATCH, BatchElement, BatchRequest, BatchResponse, Status, VerdictKind};

/// The encodings of bodies, best first.
#[cfg(feature = "zstd")]
pub(super) const ENCODINGS: [&str; 2] = ["zstd", "gzip"];
/// The encodings of bodies.
#[cfg(not(feature = "zstd"))]
pub(super) const ENCODINGS: [&str; 1] = ["gzip"];

/// Below this, compression costs more than it saves.
const MIN_COMPRESSED: usize = 1_024;

#[derive(Debug)]
pub(super) struct Batch {
    payload: Payload,
    pub(super) ids: Vec<String>,
    /// What its events hold of the queue's bound in bytes.
    pub(super) size: usize,
    pub(super) newest: Instant,
}

impl Batch {
    /// Builds a batch; `None` when none of its events can be sent, which is then booked.
    pub(super) fn build(agent: &Agent, settings: &Settings, entries: Vec<Entry>) -> Option<Self> {
        let total = entries.len();
        let size = entries.iter().map(|entry| entry.size).sum();
        let newest = entries.iter().map(|entry| entry.queued).max()?;
        let clock = Clock::now();
        let mut ids = Vec::with_capacity(total);
        let mut batch = Vec::new();
        let mut spares = Vec::with_capacity(total);
        for mut group in by_request(entries) {
            let built = record::build(&agent.config, clock, &mut group);
            spares.extend(group.into_iter().map(|entry| entry.event.emptied()));
            if !built.ids.is_empty() {
                ids.extend(built.ids);
                batch.push(BatchElement::RequestRecord(Box::new(built.record)));
            }
        }
        agent.queue.recycle(spares);
        let request = BatchRequest {
            batch_id: Some(Uuid::now_v7().to_string()),
            verdicts: settings.verdicts,
            batch,
        };
        let payload = payload(&request).map(|plain| compress(plain, settings.encoding));
        let sent = if payload.is_ok() { ids.len() } else { 0 };
        let failed = total - sent;
        if failed > 0 {
            let bytes = if sent == 0 { size } else { 0 };
            agent.queue.settle(failed, bytes, |ledger| {
                ledger.drop_events(DropReason::ScrubFailed, failed as u64);
            });
        }
        let payload = payload.ok().filter(|_| sent > 0)?;
        Some(Self {
            payload,
            ids,
            size,
            newest,
        })
    }

    pub(super) async fn send(
        &self,
        transport: &Transport,
        session: &Session,
    ) -> Result<BatchResponse, CallError> {
        let payload = self.payload.clone();
        transport
            .call(BATCH, session.headers(), Some(payload))
            .await
    }

    /// Books the backend's answer: one outcome for each event.
    pub(super) fn book(&self, answer: &BatchResponse, ledger: &mut Ledger) {
        if answer.status != Status::OK {
            return ledger.reject("refused", self.ids.len() as u64);
        }
        let verdicts = answer
            .verdicts
            .iter()
            .map(|verdict| (&verdict.id, &verdict.kind));
        let verdicts: HashMap<_, _> = verdicts.collect();
        for id in &self.ids {
            match verdicts.get(id) {
                None => ledger.accepted += 1,
                Some(VerdictKind::Duplicate) => ledger.duplicate += 1,
                Some(VerdictKind::Rejected(reason)) => ledger.reject(reason, 1),
            }
        }
    }
}

/// Groups events by request, in order of the first of each; those without are groups of one.
fn by_request(entries: Vec<Entry>) -> Vec<Vec<Entry>> {
    let mut groups: Vec<Vec<Entry>> = Vec::new();
    let mut places: HashMap<*const RequestContext, usize> = HashMap::new();
    for entry in entries {
        let place = entry
            .context
            .as_ref()
            .map(|context| *places.entry(Arc::as_ptr(context)).or_insert(groups.len()));
        match place.and_then(|place| groups.get_mut(place)) {
            Some(group) => group.push(entry),
            None => groups.push(vec![entry]),
        }
    }
    groups
}

fn compress(plain: Payload, encoding: Option<&'static str>) -> Payload {
    let Some(encoding) = encoding.filter(|_| plain.bytes.len() >= MIN_COMPRESSED) else {
        return plain;
    };
    let compressed = match encoding {
        #[cfg(feature = "zstd")]
        "zstd" => zstd::bulk::compress(&plain.bytes, 1).ok(),
        _ => gzip(&plain.bytes).ok(),
    };
    match compressed {
        Some(bytes) => Payload {
            bytes: bytes.into(),
            encoding: Some(encoding),
        },
        None => plain,
    }
}

fn gzip(plain: &[u8]) -> std::io::Result<Vec<u8>> {
    let compressed = Vec::with_capacity(plain.len() / 4);
    let mut encoder = flate2::write::GzEncoder::new(compressed, flate2::Compression::fast());
    encoder.write_all(plain)?;
    encoder.finish()
}
