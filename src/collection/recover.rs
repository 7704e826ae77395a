//! Rebuilds what is derived from the truth: vectors in memory, the field index where it is missing,
//! damaged or behind. The same code takes a fresh batch in.

use std::collections::BTreeMap;
use std::sync::Arc;

use vitrail_domain::{RecordSource, Slot};
use vitrail_field_index::FieldIndex;
use vitrail_store::{CollectionSpec, CollectionStore, Written};
use vitrail_vector_index::VectorIndex;

use crate::collection::Derived;
use crate::error::CollectionError;

/// A collection's derived state, equal to the truth.
pub struct Recovered {
    /// Vectors and live slots.
    pub derived: Derived,
    /// The field index, replayed to the last Seq.
    pub fields: FieldIndex,
}

/// Rows handed to a vector index at once while it is filled.
const ROWS_AT_ONCE: usize = 4_096;

/// Reads vectors into memory and brings the field index up to the last Seq.
///
/// Cost: every vector is read once; records only where the field index is behind.
///
/// # Errors
/// A damaged record, by name.
pub fn from_truth(
    store: &Arc<CollectionStore>,
    spec: &CollectionSpec,
) -> Result<Recovered, CollectionError> {
    let mut vectors = BTreeMap::new();
    for (name, vector) in &spec.vectors {
        let index = VectorIndex::new(vector.dim, vector.metric);
        let mut rows: Vec<(Slot, Vec<f32>)> = Vec::with_capacity(ROWS_AT_ONCE);
        store.for_each_vector(name, &mut |slot, row| {
            rows.push((slot, row.to_vec()));
            if rows.len() == ROWS_AT_ONCE {
                fill(&index, &mut rows);
            }
        })?;
        fill(&index, &mut rows);
        vectors.insert(name.clone(), Arc::new(index));
    }
    let live = store.slots();
    let fields = FieldIndex::open(&store.fields_dir())?;
    replay(store, &fields)?;
    let roles = spec.roles.clone();
    Ok(Recovered { derived: Derived { vectors, live, roles }, fields })
}

/// Takes one durable batch into vectors, live slots and fields.
pub fn absorb(derived: &mut Derived, fields: &FieldIndex, written: &Written) {
    for (name, index) in &derived.vectors {
        let mut rows: Vec<(Slot, &[f32])> = Vec::new();
        let mut removed = Vec::new();
        for effect in &written.effects {
            match effect.vectors.get(name) {
                _ if effect.deleted => removed.push(effect.slot),
                Some(row) => rows.push((effect.slot, row)),
                None => {}
            }
        }
        if !rows.is_empty() || !removed.is_empty() {
            index.apply(&rows, &removed);
        }
    }
    let mut changed = Vec::new();
    for effect in &written.effects {
        if effect.deleted {
            derived.live.remove(effect.slot);
            changed.push((effect.slot, effect.id, None));
        } else {
            derived.live.insert(effect.slot);
            if let Some(payload) = &effect.payload {
                changed.push((effect.slot, effect.id, Some(payload.clone())));
            }
        }
    }
    fields.apply(written.seq, &changed);
}

fn fill(index: &VectorIndex, rows: &mut Vec<(Slot, Vec<f32>)>) {
    let borrowed: Vec<(Slot, &[f32])> =
        rows.iter().map(|(slot, row)| (*slot, row.as_slice())).collect();
    if !borrowed.is_empty() {
        index.apply(&borrowed, &[]);
    }
    rows.clear();
}

/// Slots changed since the index's last commit are applied again, as they are now.
fn replay(store: &CollectionStore, fields: &FieldIndex) -> Result<(), CollectionError> {
    let (from, last) = (fields.indexed_seq(), store.last_seq());
    if from >= last {
        return Ok(());
    }
    let slots = store.slots_changed_since(from)?;
    let mut batch = Vec::with_capacity(ROWS_AT_ONCE);
    for slot in slots.iter() {
        let (id, payload) = match store.record(slot) {
            Some(record) => (record.id, Some(record.payload)),
            None => (vitrail_domain::PointId::Number(0), None),
        };
        batch.push((slot, id, payload));
        if batch.len() == ROWS_AT_ONCE {
            fields.apply(from, &batch);
            batch.clear();
        }
    }
    fields.apply(last, &batch);
    fields.commit()?;
    Ok(())
}
