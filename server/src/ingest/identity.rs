//! Ids for events of agents that give none.

use sha2::{Digest, Sha256};

use crate::store::EventId;

/// Derives the id from the event's content, so that an event that is sent again is known again: a UUID of version 8
/// made of the SHA-256 of the parts.
///
/// `ordinal` tells equal events of one request apart: 0 for the first.
pub(super) fn derive(parts: &[&str], ordinal: u32) -> EventId {
    let mut hash = Sha256::new();
    for part in parts {
        // With its length before it, no part can pass for the end of the one before.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hash.update(ordinal.to_be_bytes());
    let digest: [u8; 32] = hash.finalize().into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = (bytes[6] & 0x0f) | 0x80;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    EventId::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_has_one_id_and_other_content_another() {
        let id = derive(&["shop", "a"], 0);
        assert_eq!(derive(&["shop", "a"], 0), id);
        assert_eq!(&id.to_string()[14..15], "8");
        for other in [
            derive(&["shop", "a"], 1),
            derive(&["shopa", ""], 0),
            derive(&["shop"], 0),
        ] {
            assert_ne!(other, id);
        }
    }
}
