//! Payloads changed since the last commit: read-your-writes.

use std::collections::BTreeMap;
use std::sync::Arc;

use roaring::RoaringBitmap;
use serde_json::Value;
use vitrail_domain::limits::{FIELD_COMMIT_BYTES, FIELD_COMMIT_POINTS, FIELD_WAITING_FACTOR};
use vitrail_domain::{Payload, PointId, Slot};

/// A point as it was last written; no payload: it is gone.
#[derive(Debug)]
pub(crate) struct Changed {
    pub(crate) id: PointId,
    pub(crate) payload: Option<Payload>,
    /// Counts the calls of `apply`: a commit drops what it has seen, not what came after.
    pub(crate) version: u64,
    bytes: usize,
}

/// Changed points by slot. A clone shares the payloads.
#[derive(Debug, Clone, Default)]
pub(crate) struct Overlay {
    changed: BTreeMap<u32, Arc<Changed>>,
    pub(crate) slots: RoaringBitmap,
    bytes: usize,
}

/// How much waits for a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Pending {
    /// Changed points.
    pub points: usize,
    /// Bytes of their payloads in memory, about.
    pub bytes: usize,
}

impl Pending {
    /// Whether a commit is worth its price (tens of milliseconds): every filter looks at each
    /// waiting point by itself.
    #[must_use]
    pub fn due(self) -> bool {
        self.points >= FIELD_COMMIT_POINTS || self.bytes >= FIELD_COMMIT_BYTES
    }

    /// Whether so much waits that the next write must make room.
    #[must_use]
    pub fn overdue(self) -> bool {
        self.points >= FIELD_COMMIT_POINTS * FIELD_WAITING_FACTOR
            || self.bytes >= FIELD_COMMIT_BYTES * FIELD_WAITING_FACTOR
    }
}

impl Overlay {
    pub(crate) fn put(&mut self, slot: Slot, id: PointId, payload: Option<Payload>, version: u64) {
        let bytes = size_of::<Changed>() + payload.as_ref().map_or(0, payload_bytes);
        let changed = Arc::new(Changed { id, payload, version, bytes });
        self.bytes += bytes;
        self.slots.insert(slot.0);
        if let Some(before) = self.changed.insert(slot.0, changed) {
            self.bytes -= before.bytes;
        }
    }

    /// What was changed after `version`.
    pub(crate) fn since(&self, version: u64) -> Self {
        let newer = self.changed.iter().filter(|(_, changed)| changed.version > version);
        let changed: BTreeMap<_, _> =
            newer.map(|(&slot, changed)| (slot, Arc::clone(changed))).collect();
        Self {
            slots: changed.keys().copied().collect(),
            bytes: changed.values().map(|changed| changed.bytes).sum(),
            changed,
        }
    }

    pub(crate) fn pending(&self) -> Pending {
        Pending { points: self.changed.len(), bytes: self.bytes }
    }

    /// Changed points that are still there, in order of slots.
    pub(crate) fn present(&self) -> impl Iterator<Item = (Slot, PointId, &Payload)> {
        self.changed.iter().filter_map(|(&slot, changed)| {
            changed.payload.as_ref().map(|payload| (Slot(slot), changed.id, payload))
        })
    }
}

fn payload_bytes(payload: &Payload) -> usize {
    payload.fields().iter().map(|(key, value)| key.len() + ENTRY + value_bytes(value)).sum()
}

/// Bytes that a map needs for an entry beside its key's and value's own.
const ENTRY: usize = 48;

fn value_bytes(value: &Value) -> usize {
    size_of::<Value>()
        + match value {
            Value::String(text) => text.len(),
            Value::Array(items) => items.iter().map(value_bytes).sum(),
            Value::Object(fields) => {
                fields.iter().map(|(key, value)| key.len() + ENTRY + value_bytes(value)).sum()
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => 0,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn due_and_overdue_at_their_bounds() {
        let points = |points| Pending { points, bytes: 0 };
        assert!(!points(FIELD_COMMIT_POINTS - 1).due() && points(FIELD_COMMIT_POINTS).due());
        assert!(!points(FIELD_COMMIT_POINTS).overdue());
        assert!(Pending { points: 1, bytes: FIELD_COMMIT_BYTES }.due());
        assert!(points(FIELD_COMMIT_POINTS * FIELD_WAITING_FACTOR).overdue());
    }

    #[test]
    fn a_commit_drops_only_what_it_has_seen() {
        let mut overlay = Overlay::default();
        overlay.put(Slot(1), PointId::Number(1), Some(Payload::default()), 1);
        overlay.put(Slot(2), PointId::Number(2), Some(Payload::default()), 1);
        overlay.put(Slot(2), PointId::Number(2), None, 2);
        let left = overlay.since(1);
        assert_eq!(left.slots.iter().collect::<Vec<_>>(), [2]);
        assert_eq!((left.present().count(), overlay.pending().points), (0, 2));
    }
}
