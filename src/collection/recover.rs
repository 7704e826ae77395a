//! Brings what is derived up to the truth: segments and the field index where they are missing,
//! damaged or behind. The same code takes a fresh batch in.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use vitrail_domain::{PointId, RecordSource, RowsSource, Seq, Slot, SlotSet, Vector, VectorName};
use vitrail_field_index::{FieldError, FieldIndex};
use vitrail_store::{CollectionSpec, CollectionStore, StoreError, VectorSpec, Written};
use vitrail_vector_index::{Truth, VectorIndex, mean_row};

use crate::collection::Derived;
use crate::error::CollectionError;
use crate::rows::StoredRows;

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
    let (mut vectors, mut rows) = (BTreeMap::new(), BTreeMap::new());
    for (name, vector) in &spec.vectors {
        vectors.insert(name.clone(), Arc::new(open_vector(store, name, vector)?));
        rows.extend(rows_of(store, name, vector).map(|source| (name.clone(), source)));
    }
    let live = store.slots()?;
    let fields = FieldIndex::open(&store.fields_folder())?;
    replay(store, &fields)?;
    let roles = spec.roles.clone();
    Ok(Recovered { derived: Derived { vectors, rows, live, roles }, fields })
}

/// Where the rows of a multi-vector are read.
pub fn rows_of(
    store: &Arc<CollectionStore>,
    name: &VectorName,
    spec: &VectorSpec,
) -> Option<Arc<dyn RowsSource>> {
    spec.multi?;
    Some(Arc::new(StoredRows { store: store.clone(), name: name.clone() }))
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

/// The truth as an index takes it: of a multi-vector the mean row.
fn with_truth<T>(
    store: &CollectionStore,
    name: &VectorName,
    use_it: impl FnOnce(&Truth<'_, StoreError>) -> Result<T, StoreError>,
) -> Result<T, CollectionError> {
    let spec = store.spec().vectors.remove(name).filter(|spec| spec.multi.is_some());
    let vector = |slot: Slot| {
        let values = store.vector(slot, name)?;
        Ok(match &spec {
            Some(spec) => values.map(|values| mean_row(spec.metric, spec.dim, &values)),
            None => values,
        })
    };
    let each = |take: &mut dyn FnMut(Slot, &[f32])| {
        store.for_each_vector(name, |slot, values| {
            match &spec {
                Some(spec) => take(slot, &mean_row(spec.metric, spec.dim, values)),
                None => take(slot, values),
            }
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
        let view = index.view();
        let mut rows: Vec<(Slot, Cow<'_, [f32]>)> = Vec::new();
        let mut removed = Vec::new();
        for effect in &written.effects {
            match effect.vectors.get(name) {
                _ if effect.deleted => removed.push(effect.slot),
                Some(Vector::One(row)) => rows.push((effect.slot, Cow::Borrowed(row))),
                Some(Vector::Many(many)) => {
                    let mean = mean_row(view.metric(), view.dim(), many.values());
                    rows.push((effect.slot, Cow::Owned(mean)));
                }
                None => {}
            }
        }
        // Every index notes the Seq, so that its next checkpoint covers this batch.
        let rows: Vec<(Slot, &[f32])> = rows.iter().map(|(slot, row)| (*slot, &**row)).collect();
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
