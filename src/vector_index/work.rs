//! Freezing and merging: what `policy` chooses is done here, on threads of its own, beside
//! searching and writing, and published at the end.

use std::sync::Arc;

use vitrail_domain::Cancel;

use crate::error::SegmentError;
use crate::index::{Turn, VectorIndex};
use crate::policy::{Choice, Task, choose, choose_for};
use crate::segment::builder::GraphOptions;
use crate::segment::codes::Coded;
use crate::segment::links::{Links, Source, made, made_of_lists};
use crate::segment::pages::NONE;
use crate::segment::rows::Rows;
use crate::segment::store::RowStore;
use crate::segment::{Segment, Slots};
use crate::shelf::Shelf;
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

    /// What is due of one kind of work.
    #[must_use]
    pub fn due_for(&self, task: Task) -> Choice {
        choose_for(task, &self.view().segment_counts())
    }

    /// Does what is due, the more urgent first ([`Self::work_on`]).
    ///
    /// # Errors
    /// As [`Self::work_on`].
    pub fn work(
        &self,
        options: &GraphOptions,
        cancel: &Cancel,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Built, SegmentError> {
        let due = Task::ALL.into_iter().find(|&task| self.due_for(task) != Choice::Nothing);
        due.map_or(Ok(Built::Nothing), |task| self.work_on(task, options, cancel, progress))
    }

    /// Does what is due of one kind of work, and publishes it; searching, writing and the other
    /// kind go on meanwhile. `progress(done, all)` is called from this thread, a few times a
    /// second.
    ///
    /// About 0.5 ms of CPU a row at 384 components and 100,000 rows, growing with the logarithm of
    /// the rows; 2 KB of memory a row meanwhile.
    ///
    /// # Errors
    /// The disk refuses, or a file is damaged; the view is as it was.
    pub fn work_on(
        &self,
        task: Task,
        options: &GraphOptions,
        cancel: &Cancel,
        progress: &(dyn Fn(usize, usize) + Sync),
    ) -> Result<Built, SegmentError> {
        let turn = &self.works[task as usize];
        let Some(_turn) = turn.turn.try_lock() else { return Ok(Built::Busy) };
        let view = self.view();
        let (which, keep_base) = match choose_for(task, &view.segment_counts()) {
            Choice::Nothing => return Ok(Built::Nothing),
            Choice::Freeze(which) => (which, false),
            Choice::Merge { which, from_scratch } => (which, !from_scratch),
        };
        let segments = which.iter().filter_map(|&at| view.segments.get(at)).cloned().collect();
        let work = Work { options, cancel, progress, keep_base };
        self.condense(&view, segments, &work, turn)
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
        let [freezing, merging] = &self.works;
        let turns = (freezing.turn.try_lock(), merging.turn.try_lock());
        let (Some(_freezing), Some(_merging)) = turns else { return Ok(Built::Busy) };
        self.seal();
        let view = self.view();
        if view.is_empty() {
            return Ok(Built::Nothing);
        }
        let segments = view.segments.clone();
        let work = Work { options, cancel, progress, keep_base: false };
        self.condense(&view, segments, &work, merging)
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
        turn: &Turn,
    ) -> Result<Built, SegmentError> {
        let _under_way = UnderWay::begin(turn, segments.iter().map(rows_of).sum());
        for damage in segments.iter().filter_map(|placed| placed.segment.graph.as_ref()?.damage()) {
            tracing::error!(%damage, "a graph is damaged; it is made again");
        }
        let progress = |done: usize, all: usize| {
            *turn.progress.lock() = Some((done, all));
            (work.progress)(done, all);
        };
        let number = self.shelf.as_ref().map(Shelf::begin);
        let made = self.make(view, &segments, number, &Work { progress: &progress, ..*work });
        let replaced: Vec<Arc<Segment>> =
            segments.into_iter().map(|placed| placed.segment).collect();
        let damaged = replaced.iter().any(|segment| segment.damage().is_some());
        let ended = match made {
            Ok(Some((segment, origin))) if !damaged => {
                self.publish(&Replacement { segment, origin, replaced })
            }
            other => other.map(|_| Built::Cancelled),
        };
        if let Some((shelf, number)) = self.shelf.as_ref().zip(number) {
            shelf.ended(number, || self.view());
        }
        ended
    }

    /// A segment of the rows of these, and the places that they have now; `None` if cancelled.
    fn make(
        &self,
        view: &VectorView,
        segments: &[Placed],
        number: Option<u64>,
        work: &Work<'_>,
    ) -> Result<Option<(Segment, Vec<u32>)>, SegmentError> {
        let base = base_of(segments).filter(|_| work.keep_base);
        let mut rows = Gathered::of(view, segments, base.is_some());
        if rows.from.is_empty() {
            return Ok(Some((view.empty_segment(), Vec::new())));
        }
        if let Some(shelf) = &self.shelf {
            // Before the work, not after minutes of it.
            shelf.files.room_for(rows.from.len(), view.dim().get())?;
        }
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
        let _turn = self.writing.lock();
        let Some(next) = self.view().replaced_by(new) else { return Ok(Built::Cancelled) };
        self.current.store(Arc::new(next));
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

/// Notes on a turn that work goes on, until it is dropped.
struct UnderWay<'a>(&'a Turn);

impl<'a> UnderWay<'a> {
    fn begin(turn: &'a Turn, rows: usize) -> Self {
        *turn.progress.lock() = Some((0, rows));
        Self(turn)
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        *self.0.progress.lock() = None;
        self.0.ended.notify_all();
    }
}

fn rows_of(placed: &Placed) -> usize {
    placed.segment.len() as usize
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
