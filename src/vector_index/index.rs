//! The writer of an index: takes changes one after another and publishes views.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use vitrail_domain::limits::INDEX_ROWS_MAX;
use vitrail_domain::{Cancel, Dim, Metric, Slot};

use crate::builder::{GraphOptions, build};
use crate::error::VectorError;
use crate::pages::NONE;
use crate::vector::check_vector;
use crate::view::VectorView;

/// The vectors of one name of one collection. Share it in an `Arc`: every method takes `&self`.
pub struct VectorIndex {
    current: ArcSwap<VectorView>,
    writing: Mutex<()>,
    building: Mutex<()>,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Built {
    /// The graph is in the current view, over this many rows.
    Published(usize),
    /// Stopped by the caller; the view is as it was.
    Cancelled,
    /// There is no row to build over.
    Nothing,
    /// Another thread is building; this call did nothing.
    Busy,
}

impl VectorIndex {
    /// An empty index.
    #[must_use]
    pub fn new(dim: Dim, metric: Metric) -> Self {
        Self {
            current: ArcSwap::from_pointee(VectorView::new(dim, metric)),
            writing: Mutex::new(()),
            building: Mutex::new(()),
        }
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
        if writes.is_empty() && removed.is_empty() {
            return Ok(());
        }
        let _turn = self.writing.lock();
        let mut next = VectorView::clone(&self.view());
        for &(slot, vector) in writes {
            check_vector(next.dim(), next.metric(), vector)?;
            if slot.0 == NONE {
                return Err(VectorError::Slot { slot });
            }
        }
        if next.rows.len() as usize + writes.len() > INDEX_ROWS_MAX {
            return Err(VectorError::Full);
        }
        writes.iter().for_each(|&(slot, vector)| next.put(slot, vector));
        removed.iter().for_each(|&slot| next.take_out(slot));
        // Whoever moves rows holds `building`. Later will do if a build has it now.
        if next.counts().rewrite_due() && self.building.try_lock().is_some() {
            next = next.moved_to(next.compacted());
        }
        self.current.store(Arc::new(next));
        Ok(())
    }

    /// [`Self::build_graph_with`] the defaults.
    pub fn build_graph(&self, cancel: &Cancel, progress: &dyn Fn(usize, usize)) -> Built {
        self.build_graph_with(&GraphOptions::default(), cancel, progress)
    }

    /// Builds a graph over the rows of now, on threads of its own, and publishes it; searching and
    /// writing go on meanwhile. Dead rows are dropped on the way where `policy` says so.
    /// `progress(done, all)` is called from this thread, a few times a second.
    ///
    /// About 0.5 ms of CPU a row at 384 components and 100,000 rows, growing with the logarithm of
    /// the rows; 2 KB of memory a row meanwhile.
    pub fn build_graph_with(
        &self,
        options: &GraphOptions,
        cancel: &Cancel,
        progress: &dyn Fn(usize, usize),
    ) -> Built {
        let Some(_turn) = self.building.try_lock() else {
            return Built::Busy;
        };
        let view = self.view();
        if view.is_empty() {
            return Built::Nothing;
        }
        let compacted = view.counts().compaction_due().then(|| view.compacted());
        let rows = compacted.as_ref().map_or_else(|| view.rows.clone(), |moved| moved.rows.clone());
        drop(view);
        let Some(graph) = build(rows, self.view().metric(), options, cancel, progress) else {
            return Built::Cancelled;
        };
        let built = Built::Published(graph.len() as usize);
        let _turn = self.writing.lock();
        let now = self.view();
        // This call holds `building`, so nobody else moved rows: offsets below the graph's length
        // mean the same rows now as when it began.
        let mut next = match compacted {
            Some(moved) => now.moved_to(moved),
            None => VectorView::clone(&now),
        };
        next.graph = Some(Arc::new(graph));
        self.current.store(Arc::new(next));
        built
    }
}
