//! Freezing and merging: what `policy` chooses is done here, on threads of its own, beside searching
//! and writing, and published at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vitrail_domain::Cancel;

use crate::builder::{GraphOptions, build};
use crate::error::SegmentError;
use crate::index::VectorIndex;
use crate::pages::NONE;
use crate::policy::{Choice, choose};
use crate::rows::Rows;
use crate::segment::{Segment, Slots};
use crate::shelf::Shelf;
use crate::store::RowStore;
use crate::view::{Placed, Replacement, VectorView};

/// How work on segments ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    /// A segment of this many rows is in the current view.
    Published(usize),
    /// Stopped by the caller, or a segment was found damaged meanwhile; the view is as it was.
    Cancelled,
    /// There is nothing to do.
    Nothing,
    /// Another thread is at it; this call did nothing.
    Busy,
}

impl VectorIndex {
    /// What is due on the segments. Nanoseconds: to be asked after every write.
    #[must_use]
    pub fn due(&self) -> Choice {
        choose(&self.view().segment_counts())
    }

    /// Does what is due, and publishes it; searching and writing go on meanwhile.
    /// `progress(done, all)` is called from this thread, a few times a second.
    ///
    /// About 0.5 ms of CPU a row at 384 components and 100,000 rows, growing with the logarithm of
    /// the rows; 2 KB of memory a row meanwhile.
    ///
    /// # Errors
    /// The disk refuses, or a file is damaged; the view is as it was.
    pub fn work(
        &self,
        options: &GraphOptions,
        cancel: &Cancel,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Built, SegmentError> {
        let Some(_turn) = self.building.try_lock() else { return Ok(Built::Busy) };
        let view = self.view();
        let which = match choose(&view.segment_counts()) {
            Choice::Nothing => return Ok(Built::Nothing),
            Choice::Freeze(which) | Choice::Merge { which, .. } => which,
        };
        let segments = which.iter().filter_map(|&at| view.segments.get(at)).cloned().collect();
        self.condense(&view, segments, &Work { options, cancel, progress })
    }

    /// [`Self::build_graph_with`] the defaults.
    ///
    /// # Errors
    /// As [`Self::work`].
    pub fn build_graph(
        &self,
        cancel: &Cancel,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Built, SegmentError> {
        self.build_graph_with(&GraphOptions::default(), cancel, progress)
    }

    /// Makes one frozen segment of everything that is there now, whatever is due: for a bulk load
    /// that has ended, and for measurements. Else as [`Self::work`].
    ///
    /// # Errors
    /// As [`Self::work`].
    pub fn build_graph_with(
        &self,
        options: &GraphOptions,
        cancel: &Cancel,
        progress: &dyn Fn(usize, usize),
    ) -> Result<Built, SegmentError> {
        let Some(_turn) = self.building.try_lock() else { return Ok(Built::Busy) };
        self.seal();
        let view = self.view();
        if view.is_empty() {
            return Ok(Built::Nothing);
        }
        let segments = view.segments.clone();
        self.condense(&view, segments, &Work { options, cancel, progress })
    }

    /// Makes the mutable segment immutable, however small it is.
    pub fn seal(&self) {
        let _turn = self.writing.lock();
        let mut next = VectorView::clone(&self.view());
        if next.seal() {
            self.current.store(Arc::new(next));
        }
    }

    /// One frozen segment in place of these.
    fn condense(
        &self,
        view: &VectorView,
        segments: Vec<Placed>,
        work: &Work<'_>,
    ) -> Result<Built, SegmentError> {
        let progress = |done: usize, all: usize| {
            self.note_progress(done, all);
            (work.progress)(done, all);
        };
        let made = self.make(view, &segments, &Work { progress: &progress, ..*work });
        let replaced: Vec<Arc<Segment>> =
            segments.into_iter().map(|placed| placed.segment).collect();
        let damaged = replaced.iter().any(|segment| segment.damage().is_some());
        let ended = match made {
            Ok(Some((segment, origin))) if !damaged => {
                self.publish(&Replacement { segment, origin, replaced })
            }
            other => other.map(|_| Built::Cancelled),
        };
        if let Some(shelf) =
            self.shelf.as_ref().filter(|_| !matches!(ended, Ok(Built::Published(_))))
        {
            shelf.give_up(&self.view());
        }
        self.note_progress(0, 0);
        ended
    }

    fn note_progress(&self, done: usize, all: usize) {
        self.progress[0].store(done, Ordering::Relaxed);
        self.progress[1].store(all, Ordering::Relaxed);
    }

    /// A segment of the live rows of these, and the places that they have now; `None` if cancelled.
    fn make(
        &self,
        view: &VectorView,
        segments: &[Placed],
        work: &Work<'_>,
    ) -> Result<Option<(Segment, Vec<u32>)>, SegmentError> {
        let (origin, slots) = live_rows(view, segments);
        let (len, dim) = (origin.len() as u32, view.dim().get());
        if len == 0 {
            return Ok(Some((Segment::growing(dim), origin)));
        }
        let row = |offset: u32| view.row_at(origin[offset as usize]);
        let number = self.shelf.as_ref().map(Shelf::begin);
        let rows = match self.shelf.as_ref().zip(number) {
            Some((shelf, number)) => shelf.files.write_rows(number, len, dim, &row)?,
            None => in_memory(len, dim, &row),
        };
        let built = build(rows.clone(), view.metric(), work.options, work.cancel, work.progress);
        let Some(graph) = built else { return Ok(None) };
        let graph = match self.shelf.as_ref().zip(number) {
            Some((shelf, number)) => shelf.files.write_rest(number, &slots, &graph)?,
            None => graph,
        };
        let (slots, graph) = (Slots::List(slots.into()), Some(Arc::new(graph)));
        Ok(Some((Segment { rows, slots, graph, number }, origin)))
    }

    /// Persists, then publishes: the manifest names the new segment before a reader sees it.
    fn publish(&self, new: &Replacement) -> Result<Built, SegmentError> {
        let mut state = self.shelf.as_ref().map(Shelf::state);
        if let Some((shelf, state)) = self.shelf.as_ref().zip(state.as_mut()) {
            let (view, seq) = self.moment();
            let Some(next) = view.replaced_by(new) else { return Ok(Built::Cancelled) };
            shelf.persist(state, &next, seq)?;
        }
        let turn = self.writing.lock();
        let Some(next) = self.view().replaced_by(new) else { return Ok(Built::Cancelled) };
        self.current.store(Arc::new(next));
        drop(turn);
        if let Some((shelf, state)) = self.shelf.as_ref().zip(state.as_mut()) {
            Shelf::finished(state);
            shelf.sweep(state, &self.view())?;
        }
        Ok(Built::Published(new.segment.len() as usize))
    }
}

/// How work is to be done.
struct Work<'a> {
    options: &'a GraphOptions,
    cancel: &'a Cancel,
    progress: &'a dyn Fn(usize, usize),
}

/// Places and slots of the live rows of these segments, in their order.
fn live_rows(view: &VectorView, segments: &[Placed]) -> (Vec<u32>, Vec<u32>) {
    let (mut places, mut slots) = (Vec::new(), Vec::new());
    for placed in segments {
        for offset in 0..placed.segment.len() {
            let slot = placed.segment.slot(offset);
            if slot != NONE && view.is_live(slot, placed.base, offset) {
                places.push(placed.base + offset);
                slots.push(slot);
            }
        }
    }
    (places, slots)
}

fn in_memory<'a>(len: u32, dim: usize, row: &dyn Fn(u32) -> &'a [f32]) -> RowStore {
    let mut rows = Rows::new(dim);
    (0..len).for_each(|offset| rows.push(row(offset)));
    RowStore::Chunks(rows)
}
