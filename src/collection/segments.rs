//! The vectors of a name from their files, and what the files lack from the truth.

use std::ops::ControlFlow;

use vitrail_domain::{Seq, Slot, SlotSet, VectorName};
use vitrail_store::{CollectionStore, VectorSpec};
use vitrail_vector_index::{Opened, VectorIndex, VectorView};

use crate::error::CollectionError;

/// Rows handed to a vector index at once while it is filled.
const ROWS_AT_ONCE: usize = 4_096;

/// Opens the segments of a vector and makes them equal to the truth: only what changed after their
/// Seq is read from there, or every vector where files are missing or damaged or the change log no
/// longer reaches back so far. What was found wrong is told by name in the log.
///
/// # Errors
/// A damaged record, by name, or a folder that can't be made or read.
pub fn open(
    store: &CollectionStore,
    name: &VectorName,
    spec: &VectorSpec,
) -> Result<VectorIndex, CollectionError> {
    let folder = store.segments_folder().join(name.to_string());
    let opened = VectorIndex::open(&folder, spec.dim, spec.metric)?;
    for problem in &opened.problems {
        tracing::warn!(vector = %name, problem, "a segment is made again from the store");
    }
    let last = store.last_seq();
    let changed = changed_since(store, &opened, last)?;
    let mut filling = Filling::new(&opened.index);
    match changed {
        Some(slots) => filling.catch_up(store, name, &slots)?,
        None => filling.compare_all(store, name)?,
    }
    filling.flush()?;
    let (rows, whole) = (filling.rows_taken, opened.index.view().len());
    tracing::info!(vector = %name, rows, whole, "vectors read from the store");
    opened.index.apply_at(last, &[], &[])?;
    Ok(opened.index)
}

/// Takes damaged segments out and reads their vectors from the truth. The caller sees to it that
/// nothing is written meanwhile.
///
/// # Errors
/// A damaged record: its slots stay without a vector, and no file says so.
pub fn mend(
    store: &CollectionStore,
    name: &VectorName,
    index: &VectorIndex,
) -> Result<(), CollectionError> {
    let lost = index.drop_damaged();
    let mut filling = Filling::new(index);
    filling.catch_up(store, name, &lost)?;
    filling.flush()?;
    index.refilled();
    Ok(())
}

/// The slots to look at; `None` for all of them.
fn changed_since(
    store: &CollectionStore,
    opened: &Opened,
    last: Seq,
) -> Result<Option<SlotSet>, CollectionError> {
    let trusted = !opened.incomplete && store.lost().is_none();
    let Some(seq) = opened.seq.filter(|&seq| trusted && seq <= last) else { return Ok(None) };
    let Some(mut slots) = store.slots_changed_since(seq)? else { return Ok(None) };
    slots.extend_with(opened.pending.iter());
    Ok(Some(slots))
}

/// An index that is being made equal to the truth.
struct Filling<'a> {
    index: &'a VectorIndex,
    /// What it held at first.
    view: std::sync::Arc<VectorView>,
    rows: Vec<(Slot, Vec<f32>)>,
    removed: Vec<Slot>,
    rows_taken: usize,
}

impl<'a> Filling<'a> {
    fn new(index: &'a VectorIndex) -> Self {
        Self { index, view: index.view(), rows: Vec::new(), removed: Vec::new(), rows_taken: 0 }
    }

    /// Looks at these slots.
    fn catch_up(
        &mut self,
        store: &CollectionStore,
        name: &VectorName,
        slots: &SlotSet,
    ) -> Result<(), CollectionError> {
        for slot in slots.iter() {
            match store.vector(slot, name)? {
                Some(row) => self.take(slot, &row)?,
                None => self.removed.push(slot),
            }
        }
        Ok(())
    }

    /// Looks at every vector of the truth, and at every slot that has one here.
    fn compare_all(
        &mut self,
        store: &CollectionStore,
        name: &VectorName,
    ) -> Result<(), CollectionError> {
        let mut there = SlotSet::new();
        let mut failed = None;
        store.for_each_vector(name, |slot, row| {
            there.insert(slot);
            failed = self.take(slot, row).err();
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        let view = self.view.clone();
        self.removed.extend(view.slots().iter().filter(|&slot| !there.contains(slot)));
        failed.map_or(Ok(()), Err)
    }

    fn take(&mut self, slot: Slot, row: &[f32]) -> Result<(), CollectionError> {
        if !self.view.holds(slot, row) {
            self.rows.push((slot, row.to_vec()));
        }
        if self.rows.len() >= ROWS_AT_ONCE { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), CollectionError> {
        let borrowed: Vec<(Slot, &[f32])> =
            self.rows.iter().map(|(slot, row)| (*slot, row.as_slice())).collect();
        self.index.apply(&borrowed, &self.removed)?;
        self.rows_taken += borrowed.len();
        self.rows.clear();
        self.removed.clear();
        Ok(())
    }
}
