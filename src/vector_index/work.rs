//! Freezing and merging: what `policy` chooses is done here, on threads of its own, beside
//! searching and writing, and published at the end.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vitrail_domain::Cancel;

use crate::builder::GraphOptions;
use crate::codes::Coded;
use crate::error::SegmentError;
use crate::index::VectorIndex;
use crate::links::{Links, Source, made, made_of_lists};
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
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Built, SegmentError> {
        let Some(_turn) = self.building.try_lock() else { return Ok(Built::Busy) };
        let view = self.view();
        let (which, keep_base) = match choose(&view.segment_counts()) {
            Choice::Nothing => return Ok(Built::Nothing),
            Choice::Freeze(which) => (which, false),
            Choice::Merge { which, from_scratch } => (which, !from_scratch),
        };
        let segments = which.iter().filter_map(|&at| view.segments.get(at)).cloned().collect();
        let work = Work { options, cancel, progress, keep_base };
        self.condense(&view, segments, &work)
    }

    /// [`Self::build_graph_with`] the defaults.
    ///
    /// # Errors
    /// As [`Self::work`].
    pub fn build_graph(
        &self,
        cancel: &Cancel,
        progress: &(dyn Fn(usize, usize) + Sync),
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
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Built, SegmentError> {
        let Some(_turn) = self.building.try_lock() else { return Ok(Built::Busy) };
        self.seal();
        let view = self.view();
        if view.is_empty() {
            return Ok(Built::Nothing);
        }
        let segments = view.segments.clone();
        let work = Work { options, cancel, progress, keep_base: false };
        self.condense(&view, segments, &work)
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

    /// A segment of the rows of these, and the places that they have now; `None` if cancelled.
    fn make(
        &self,
        view: &VectorView,
        segments: &[Placed],
        work: &Work<'_>,
    ) -> Result<Option<(Segment, Vec<u32>)>, SegmentError> {
        let base = base_of(segments).filter(|_| work.keep_base);
        let mut rows = Gathered::of(view, segments, base.is_some());
        if rows.from.is_empty() {
            return Ok(Some((view.empty_segment(), Vec::new())));
        }
        let number = self.shelf.as_ref().map(Shelf::begin);
        let place = self.shelf.as_ref().zip(number);
        let shape = (view.dim().get(), view.metric());
        let (stored, links) = if Links::are_coded(view.metric()) {
            let Some((links, order)) = rows.linked(view, base, work) else { return Ok(None) };
            rows.reorder(&order);
            (rows.store(place, shape.0)?, links)
        } else {
            let stored = rows.store(place, shape.0)?;
            let (options, cancel) = (work.options, work.cancel);
            let made = made_of_lists(stored.clone(), shape.1, options, cancel, work.progress);
            let Some(links) = made else { return Ok(None) };
            (stored, links)
        };
        let links = match place {
            Some((shelf, number)) => shelf.files.write_rest(number, &rows.slots, &links, shape)?,
            None => links,
        };
        let (slots, graph) = (Slots::List(rows.slots.into()), Some(Arc::new(links)));
        let segment = Segment { rows: stored, slots, graph, growing_bits: None, number };
        Ok(Some((segment, rows.origin)))
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
    progress: &'a (dyn Fn(usize, usize) + Sync),
    /// Whether rows are inserted into a copy of the first segment's graph.
    keep_base: bool,
}

/// The graph into a copy of which others' rows can be inserted.
fn base_of(segments: &[Placed]) -> Option<&Coded> {
    match segments.first().and_then(|placed| placed.segment.sound_graph()) {
        Some(Links::Coded(coded)) => Some(coded),
        _ => None,
    }
}

/// Rows of segments that become one.
struct Gathered<'a> {
    segments: &'a [Placed],
    /// Of which segment, at which offset.
    from: Vec<(u32, u32)>,
    slots: Vec<u32>,
    /// The place of each; [`NONE`] for a dead one.
    origin: Vec<u32>,
}

impl<'a> Gathered<'a> {
    /// The live rows in the segments' order; of the first one all rows, if its graph is kept.
    fn of(view: &VectorView, segments: &'a [Placed], keep_base: bool) -> Self {
        let (from, slots, origin) = (Vec::new(), Vec::new(), Vec::new());
        let mut rows = Self { segments, from, slots, origin };
        for (number, placed) in (0_u32..).zip(segments) {
            for offset in 0..placed.segment.len() {
                let slot = placed.segment.slot(offset);
                let live = view.is_live(slot, placed.base, offset);
                if live || (keep_base && number == 0) {
                    rows.from.push((number, offset));
                    rows.slots.push(slot);
                    rows.origin.push(if live { placed.base + offset } else { NONE });
                }
            }
        }
        rows
    }

    fn row(&self, offset: u32) -> &'a [f32] {
        let (segment, at) = self.from[offset as usize];
        self.segments[segment as usize].segment.rows.row(at)
    }

    /// A graph over them, and the order in which it wants them.
    fn linked(
        &self,
        view: &VectorView,
        base: Option<&Coded>,
        work: &Work<'_>,
    ) -> Option<(Links, Vec<u32>)> {
        let row = |offset: u32| self.row(offset);
        let (len, dim) = (self.from.len() as u32, view.dim().get());
        let source = Source { len, dim, metric: view.metric(), row: &row, base };
        made(&source, work.options, work.cancel, work.progress)
    }

    /// `order[new]` is an old offset.
    fn reorder(&mut self, order: &[u32]) {
        self.from = order.iter().map(|&old| self.from[old as usize]).collect();
        self.slots = order.iter().map(|&old| self.slots[old as usize]).collect();
        self.origin = order.iter().map(|&old| self.origin[old as usize]).collect();
    }

    /// Their full vectors in a file, or in memory.
    fn store(&self, place: Option<(&Shelf, u64)>, dim: usize) -> Result<RowStore, SegmentError> {
        let len = self.from.len() as u32;
        let row = |offset: u32| self.row(offset);
        match place {
            Some((shelf, number)) => shelf.files.write_rows(number, len, dim, &row),
            None => {
                let mut rows = Rows::new(dim);
                (0..len).for_each(|offset| rows.push(row(offset)));
                Ok(RowStore::Chunks(rows))
            }
        }
    }
}
