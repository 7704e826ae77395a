//! Brings what is derived up to the truth: segments and the field index where they are missing,
//! damaged or behind. The same code takes a fresh batch in.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use vitrail_domain::{PointId, RecordSource, Seq, Slot, SlotSet, VectorName};
use vitrail_field_index::{FieldError, FieldIndex};
use vitrail_store::{CollectionSpec, CollectionStore, StoreError, VectorSpec, Written};
use vitrail_vector_index::{Truth, VectorIndex};

use crate::collection::Derived;
use crate::error::CollectionError;

/// A collection's derived state, equal to the truth.
pub struct Recovered {
    /// Vectors and live slots.
    pub derived: Derived,
    /// The field index, replayed to the last Seq.
    pub fields: FieldIndex,
}

/// Opens what is derived and brings it up to the last Seq.
///
/// Cost: of vectors, 4 bytes a row and those that changed since the last checkpoint or lie in no
/// frozen segment; all of them only where segments are missing or damaged. Records only where the
/// field index is behind.
///
/// # Errors
/// A damaged record, by name.
pub fn from_truth(
    store: &Arc<CollectionStore>,
    spec: &CollectionSpec,
) -> Result<Recovered, CollectionError> {
    let mut vectors = BTreeMap::new();
    for (name, vector) in &spec.vectors {
        vectors.insert(name.clone(), Arc::new(open_vector(store, name, vector)?));
    }
    let live = store.slots()?;
    let fields = FieldIndex::open(&store.fields_folder())?;
    replay(store, &fields)?;
    let roles = spec.roles.clone();
    Ok(Recovered { derived: Derived { vectors, live, roles }, fields })
}

/// Opens the index of one vector and reads from the truth what it lacks.
///
/// # Errors
/// A damaged record, by name, or a folder that can't be made.
pub fn open_vector(
    store: &CollectionStore,
    name: &VectorName,
    spec: &VectorSpec,
) -> Result<VectorIndex, CollectionError> {
    let folder = store.segments_folder().join(name.as_str());
    let opened = VectorIndex::open(&folder, spec.dim, spec.metric)?;
    for problem in &opened.problems {
        tracing::error!(vector = %name, %problem, "a segment is made again from the truth");
    }
    let changed = match opened.seq {
        Some(since) => vectors_changed_since(store, since)?,
        None => None,
    };
    let last = store.last_seq();
    let (index, took) =
        with_truth(store, name, |truth| opened.catch_up(changed.as_ref(), last, truth))?;
    tracing::debug!(vector = %name, ?took, points = index.view().len(), "vector opened");
    Ok(index)
}

/// Reads again from the truth what was found damaged.
///
/// # Errors
/// A damaged record, by name.
pub fn mend(
    store: &CollectionStore,
    name: &VectorName,
    index: &VectorIndex,
) -> Result<(), CollectionError> {
    with_truth(store, name, |truth| index.mend(truth))?;
    Ok(())
}

fn with_truth<T>(
    store: &CollectionStore,
    name: &VectorName,
    use_it: impl FnOnce(&Truth<'_, StoreError>) -> Result<T, StoreError>,
) -> Result<T, CollectionError> {
    let vector = |slot: Slot| store.vector(slot, name);
    let each = |take: &mut dyn FnMut(Slot, &[f32])| {
        store.for_each_vector(name, |slot, row| {
            take(slot, row);
            ControlFlow::Continue(())
        })
    };
    Ok(use_it(&Truth { vector: &vector, each: &each })?)
}

/// Slots with a vector written, or deleted, after `since`; `None` where the log doesn't reach.
fn vectors_changed_since(
    store: &CollectionStore,
    since: Seq,
) -> Result<Option<SlotSet>, CollectionError> {
    let mut slots = SlotSet::new();
    let reached = store.changes_since(since, |_, changes| {
        let touched = changes.iter().filter(|change| change.vectors || change.deleted);
        slots.extend_with(touched.map(|change| change.slot));
        ControlFlow::Continue(())
    })?;
    Ok(reached.then_some(slots))
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
        // Every index notes the Seq, so that its next checkpoint covers this batch.
        index.take(written.seq, &rows, &removed);
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
    tell(fields.apply(written.seq, changed));
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
        tell(fields.apply(from, [changed]));
    }
    tell(fields.apply(last, []));
    tell(fields.commit().map(drop));
    Ok(())
}

/// A commit that fails takes nothing from what is seen, and is tried again: no reason not to open.
fn tell(committed: Result<(), FieldError>) {
    if let Err(error) = committed {
        tracing::error!(%error, "the field index can't commit; it will be tried again");
    }
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
