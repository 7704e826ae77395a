//! The writer of an index: takes changes one after another and publishes views. Freezing and
//! merging are in `work`, files in `shelf`.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use parking_lot::{Condvar, Mutex};
use vitrail_domain::limits::INDEX_ROWS_MAX;
use vitrail_domain::{Cancel, Dim, Metric, Seq, Slot, SlotSet};

use crate::error::{SegmentError, VectorError};
use crate::policy::{Task, rewrite_due, seal_due};
use crate::segment::pages::NONE;
use crate::segment::store::RowStore;
use crate::shelf::Shelf;
use crate::vector::check_vector;
use crate::view::VectorView;

/// The vectors of one name of one collection. Share it in an `Arc`: every method takes `&self`.
///
/// Locks are taken in one order: those of `works` (freezing before merging), the shelf's,
/// `writing`. A turn is held for minutes, its progress for moments.
pub struct VectorIndex {
    pub(crate) current: ArcSwap<VectorView>,
    /// Up to which Seq the current view is complete.
    pub(crate) writing: Mutex<Seq>,
    /// Freezing and merging.
    pub(crate) works: [Turn; 2],
    pub(crate) shelf: Option<Shelf>,
}

/// One kind of work on segments: whose turn it is, and how far it is.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) turn: Mutex<()>,
    /// Rows done and rows in all of the work under way.
    pub(crate) progress: Mutex<Option<(usize, usize)>>,
    pub(crate) ended: Condvar,
}

/// How long a write waits at most for a freeze: a load slows down, and never fails by it. Beside
/// programs that take every core a freeze may hardly go on, and loads must.
const WAIT_MAX: Duration = Duration::from_secs(1);

/// An index as it was found on disk. It lacks what changed after `seq`, and `pending`.
pub struct Opened {
    /// The index.
    pub index: VectorIndex,
    /// Every change up to here is in, but for `pending`; `None` if nothing was found.
    pub seq: Option<Seq>,
    /// Slots that have a vector which no segment holds.
    pub pending: SlotSet,
    /// Whether a segment is missing or damaged: its slots are not known, and have no vector here.
    pub incomplete: bool,
    /// What was found missing or damaged, by name.
    pub problems: Vec<String>,
}

impl VectorIndex {
    /// An empty index that lies in memory alone.
    #[must_use]
    pub fn new(dim: Dim, metric: Metric) -> Self {
        Self {
            current: ArcSwap::from_pointee(VectorView::new(dim, metric)),
            writing: Mutex::new(Seq(0)),
            works: Default::default(),
            shelf: None,
        }
    }

    /// The index whose frozen segments lie in `folder`: what is whole there is mapped, what isn't
    /// is told and removed. O(rows): 4 bytes a row are read, links and vectors are not.
    ///
    /// # Errors
    /// The folder can't be made or read.
    pub fn open(folder: &Path, dim: Dim, metric: Metric) -> Result<Opened, SegmentError> {
        let (shelf, found) = Shelf::open(folder, VectorView::new(dim, metric))?;
        let seq = found.seq.unwrap_or(Seq(0));
        let index = Self {
            current: ArcSwap::from_pointee(found.view),
            writing: Mutex::new(seq),
            works: Default::default(),
            shelf: Some(shelf),
        };
        let (incomplete, problems) = (found.incomplete, found.problems);
        Ok(Opened { index, seq: found.seq, pending: found.pending, incomplete, problems })
    }

    /// The current state. Never waits.
    #[must_use]
    pub fn view(&self) -> Arc<VectorView> {
        self.current.load_full()
    }

    /// Gives each slot of `writes` its vector (the last one wins), then takes those of `removed`
    /// out, and publishes all of it at once. Writers take turns.
    ///
    /// O(writes * dim), and copies of the tail chunk (1 MB at most), of 16 KB for each page
    /// touched, and of 8 bytes for each chunk and page there is: write in batches.
    ///
    /// # Errors
    /// A vector that [`check_vector`] refuses, or no room: then nothing of the call is kept.
    pub fn apply(&self, writes: &[(Slot, &[f32])], removed: &[Slot]) -> Result<(), VectorError> {
        let _turn = self.writing.lock();
        self.apply_in_turn(writes, removed)
    }

    /// [`Self::apply`], and notes that every change up to `seq` is in: what a checkpoint says.
    ///
    /// # Errors
    /// As [`Self::apply`]; `seq` is not noted then.
    pub fn apply_at(
        &self,
        seq: Seq,
        writes: &[(Slot, &[f32])],
        removed: &[Slot],
    ) -> Result<(), VectorError> {
        let mut noted = self.writing.lock();
        self.apply_in_turn(writes, removed)?;
        *noted = seq.max(*noted);
        Ok(())
    }

    /// [`Self::apply_at`] for vectors that are durable already: one that is refused is told in the
    /// log and keeps no other out. How many were refused.
    pub fn take(&self, seq: Seq, writes: &[(Slot, &[f32])], removed: &[Slot]) -> usize {
        let mut noted = self.writing.lock();
        let mut refused = 0;
        if self.apply_in_turn(writes, removed).is_err() {
            for &(slot, row) in writes {
                if let Err(error) = self.apply_in_turn(&[(slot, row)], &[]) {
                    tracing::error!(slot = slot.0, %error, "a stored vector can't be searched");
                    refused += 1;
                }
            }
            // Removals are never refused.
            let _ = self.apply_in_turn(&[], removed);
        }
        *noted = seq.max(*noted);
        refused
    }

    /// Rows done and rows in all of the freeze and the merge under way; `None` when there is none.
    #[must_use]
    pub fn progress(&self) -> Option<(usize, usize)> {
        let under_way = self.works.iter().filter_map(|work| *work.progress.lock());
        under_way.reduce(|sum, work| (sum.0 + work.0, sum.1 + work.1))
    }

    /// Waits while a freeze goes on and more has no graph than should be scanned at every search;
    /// a second at most. To be called before a batch is written, without any lock.
    pub fn wait_for_freeze(&self) {
        let freezing = &self.works[Task::Freeze as usize];
        let until = Instant::now() + WAIT_MAX;
        let mut under_way = freezing.progress.lock();
        while under_way.is_some() && self.view().is_backlogged() {
            if freezing.ended.wait_until(&mut under_way, until).timed_out() {
                return;
            }
        }
    }

    fn apply_in_turn(
        &self,
        writes: &[(Slot, &[f32])],
        removed: &[Slot],
    ) -> Result<(), VectorError> {
        if writes.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let mut next = VectorView::clone(&self.view());
        for &(slot, vector) in writes {
            check_vector(next.dim(), next.metric(), vector)?;
            if slot.0 == NONE {
                return Err(VectorError::Slot { slot });
            }
        }
        if next.counts().rows + writes.len() > INDEX_ROWS_MAX {
            return Err(VectorError::Full);
        }
        writes.iter().for_each(|&(slot, vector)| next.put(slot, vector));
        removed.iter().for_each(|&slot| next.take_out(slot));
        let (rows, live) = next.mutable_rows();
        if rewrite_due(rows, live) {
            next.rewrite_mutable();
        } else if seal_due(rows, next.dim().get()) {
            next.seal();
        }
        self.current.store(Arc::new(next));
        Ok(())
    }

    /// Writes down which segments there are, which rows of them are dead and which slots no segment
    /// holds, so that the next start need not look at changes before the Seq that it gives: `None`
    /// while nothing is frozen, when a start reads everything anyhow. O(rows) if rows died since.
    ///
    /// # Errors
    /// The disk refuses; the old state stays good.
    pub fn checkpoint(&self) -> Result<Option<Seq>, SegmentError> {
        let Some(shelf) = &self.shelf else { return Ok(None) };
        let mut state = shelf.state();
        let (view, seq) = self.moment();
        let noted = shelf.persist(&mut state, &view, seq)?;
        shelf.sweep(&state, &view)?;
        Ok(noted)
    }

    /// The Seq of the last checkpoint; the change log must be kept from there on.
    #[must_use]
    pub fn checkpointed(&self) -> Option<Seq> {
        self.shelf.as_ref().and_then(|shelf| shelf.state().seq)
    }

    /// The current view and the Seq up to which it is complete.
    pub(crate) fn moment(&self) -> (Arc<VectorView>, Seq) {
        let noted = self.writing.lock();
        (self.view(), *noted)
    }

    /// Takes out the segments whose rows were found damaged ([`VectorView::damage`]), and gives the
    /// slots that have no vector now: the caller writes them again from the truth. O(rows of them).
    pub fn drop_damaged(&self) -> SlotSet {
        let _files = self.shelf.as_ref().map(Shelf::state);
        let _turn = self.writing.lock();
        let (next, lost) = self.view().without_damaged();
        self.current.store(Arc::new(next));
        lost
    }

    /// Files of graphs that were found damaged: they are not walked, and due to be made again.
    /// Empty when all is well.
    #[must_use]
    pub fn graph_damage(&self) -> Vec<String> {
        let view = self.view();
        let graphs = view.segments.iter().filter_map(|placed| placed.segment.graph.as_ref());
        graphs.filter_map(|graph| graph.damage()).map(str::to_owned).collect()
    }

    /// Verifies every block of every file that was not verified yet; what is damaged is in
    /// [`VectorView::damage`] then, or its graph is passed over. `pace` is called before each block
    /// of 64 KB, so that a caller can be slow. O(bytes of the files).
    pub fn scrub(&self, cancel: &Cancel, pace: &dyn Fn()) {
        for placed in &self.view().segments {
            let rows = match &placed.segment.rows {
                RowStore::Mapped(rows) => Some(rows),
                RowStore::Chunks(_) => None,
            };
            let verify =
                |rows: &Arc<crate::segment::store::MappedRows>| rows.file.touch_until(cancel, pace);
            rows.map(verify);
            if !cancel.is_cancelled() {
                placed.segment.sound_graph();
            }
        }
    }
}
