//! Opens what is derived and makes it equal to the truth: vectors and the field index, where they
//! are missing, damaged or behind. The same code takes a fresh batch in.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use vitrail_domain::{PointId, RecordSource, Seq, Slot};
use vitrail_field_index::FieldIndex;
use vitrail_store::{CollectionSpec, CollectionStore, Written};

use crate::collection::Derived;
use crate::error::CollectionError;
use crate::segments;

/// A collection's derived state, equal to the truth.
pub struct Recovered {
    /// Vectors and live slots.
    pub derived: Derived,
    /// The field index, replayed to the last Seq.
    pub fields: FieldIndex,
}

/// Opens vectors and the field index and brings both up to the last Seq.
///
/// Cost: what changed after they were last written down, and 4 bytes for each vector.
///
/// # Errors
/// A damaged record, by name.
pub fn from_truth(
    store: &Arc<CollectionStore>,
    spec: &CollectionSpec,
) -> Result<Recovered, CollectionError> {
    let mut vectors = BTreeMap::new();
    for (name, vector) in &spec.vectors {
        let index = segments::open(store, name, vector)?;
        vectors.insert(name.clone(), Arc::new(index));
    }
    let live = store.slots()?;
    let fields = FieldIndex::open(&store.fields_folder())?;
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
        // The store has checked every vector by the same rules; what fails here is a fault of ours,
        // and the vector is still in the truth for the next opening.
        if let Err(error) = index.apply_at(written.seq, &rows, &removed) {
            tracing::error!(vector = %name, %error, "a stored vector can't be indexed");
        }
    }
    let mut changed = Vec::new();
    for effect in &written.effects {
        if effect.deleted {
            derived.live.remove(effect.slot);
            changed.push((effect.slot, effect.id, None));
        } else {
            derived.live.insert(effect.slot);
            if let Some(payload) = &effect.payload_changed {
                changed.push((effect.slot, effect.id, Some(payload.clone())));
            }
        }
    }
    if let Err(error) = fields.apply(written.seq, changed) {
        tracing::error!(%error, "the field index can't commit; it will be tried again");
    }
}

/// Slots changed since the index's last commit are applied again, as they are now; where the change
/// log no longer reaches back that far the index is made anew.
fn replay(store: &CollectionStore, fields: &FieldIndex) -> Result<(), CollectionError> {
    let (from, last) = (fields.indexed_seq(), store.last_seq());
    if from >= last {
        return Ok(());
    }
    let Some(slots) = store.slots_changed_since(from)? else { return rebuild(store, fields, last) };
    for slot in slots.iter() {
        let changed = match store.record(slot) {
            Some(record) => (slot, record.id, Some(record.payload)),
            None => (slot, PointId::Number(0), None),
        };
        fields.apply(from, [changed])?;
    }
    fields.apply(last, [])?;
    fields.commit()?;
    Ok(())
}

fn rebuild(store: &CollectionStore, fields: &FieldIndex, seq: Seq) -> Result<(), CollectionError> {
    fields.rebuild(seq, |rebuild| {
        let mut failed = None;
        store.for_each_record(Slot(0), |slot, record| {
            match rebuild.push(slot, record.id, &record.payload) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), |error| Err(error.into()))
    })
}
