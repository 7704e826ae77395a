//! One immutable state of an index, and the plain questions about it. Search is in `search`.

use std::sync::Arc;

use vitrail_domain::{Dim, Metric, Slot, SlotSet};
use vitrail_kernels::Scorer;

use crate::error::VectorError;
use crate::graph::Graph;
use crate::pages::{NONE, Pages};
use crate::policy::Counts;
use crate::rows::Rows;
use crate::vector::{check_vector, distance_of, prepare_query, prepared};

/// What a reader sees: it stays as it is while writers go on. A clone shares rows, pages and graph.
#[derive(Clone)]
pub struct VectorView {
    dim: Dim,
    metric: Metric,
    pub(crate) scorer: Scorer,
    pub(crate) rows: Rows,
    /// Offset -> slot; an offset without a slot is dead.
    pub(crate) slot_at: Pages,
    /// Slot -> current offset.
    pub(crate) offset_of: Pages,
    live: SlotSet,
    /// Over the offsets from 0 to its length, dead ones included.
    pub(crate) graph: Option<Arc<Graph>>,
}

impl VectorView {
    pub(crate) fn new(dim: Dim, metric: Metric) -> Self {
        Self {
            dim,
            metric,
            scorer: Scorer::new(distance_of(metric)),
            rows: Rows::new(dim.get()),
            slot_at: Pages::default(),
            offset_of: Pages::default(),
            live: SlotSet::new(),
            graph: None,
        }
    }

    /// How many slots have a vector.
    #[must_use]
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no slot has one.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// Components of each vector.
    #[must_use]
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// How vectors are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.metric
    }

    /// Whether `slot` has a vector. O(1).
    #[must_use]
    pub fn has(&self, slot: Slot) -> bool {
        self.offset_of.get(slot.0) != NONE
    }

    /// The slot's vector as it is kept, `[dim]` (of length 1 for cosine). O(1).
    #[must_use]
    pub fn vector(&self, slot: Slot) -> Option<&[f32]> {
        let offset = self.offset_of.get(slot.0);
        (offset != NONE).then(|| self.rows.row(offset))
    }

    /// The slots that have a vector.
    #[must_use]
    pub fn slots(&self) -> &SlotSet {
        &self.live
    }

    /// How many slots of `allowed` have a vector: what a planner chooses by, and how many hits an
    /// answer can have. Tens of microseconds at a million points.
    #[must_use]
    pub fn matching(&self, allowed: &SlotSet) -> usize {
        self.live.intersection_len(allowed)
    }

    /// Whether there is a graph to walk.
    #[must_use]
    pub fn has_graph(&self) -> bool {
        self.graph.is_some()
    }

    /// How many rows the graph covers, dead ones included; 0 without one.
    #[must_use]
    pub fn graph_len(&self) -> usize {
        self.graph.as_ref().map_or(0, |graph| graph.len() as usize)
    }

    /// What `policy` decides by.
    #[must_use]
    pub fn counts(&self) -> Counts {
        Counts {
            points: self.len(),
            rows: self.rows.len() as usize,
            graph_rows: self.graph.as_ref().map(|graph| graph.len() as usize),
        }
    }

    /// Bytes of memory: those of the rows' chunks and of the graph. Shared with other views.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let rows = self.rows.len() as usize * (self.rows.dim() * size_of::<f32>() + 8);
        (rows, self.graph.as_ref().map_or(0, |graph| graph.bytes()))
    }

    /// Checks a query and prepares it.
    ///
    /// # Errors
    /// As [`check_vector`], but all zeros pass: every point is as far then.
    pub fn check_query(&self, query: &[f32]) -> Result<Vec<f32>, VectorError> {
        match check_vector(self.dim, self.metric, query) {
            Ok(()) | Err(VectorError::Zero) => Ok(prepare_query(self.metric, query)),
            Err(refused) => Err(refused),
        }
    }

    /// Puts a checked vector at the end of the rows and points `slot` to it.
    pub(crate) fn put(&mut self, slot: Slot, vector: &[f32]) {
        self.take_out(slot);
        let offset = self.rows.len();
        self.rows.push(&prepared(self.metric, vector));
        self.point(slot, offset);
        self.live.insert(slot);
    }

    /// Leaves the slot without a vector; its row is dead.
    pub(crate) fn take_out(&mut self, slot: Slot) {
        let offset = self.offset_of.get(slot.0);
        if offset != NONE {
            self.slot_at.set(offset, NONE);
            self.offset_of.set(slot.0, NONE);
            self.live.remove(slot);
        }
    }

    /// The live rows moved together, and the offset that each had. O(rows * dim).
    pub(crate) fn compacted(&self) -> Compacted {
        let kept: Vec<u32> =
            (0..self.rows.len()).filter(|&offset| self.slot_at.get(offset) != NONE).collect();
        let mut rows = Rows::new(self.dim.get());
        kept.iter().for_each(|&offset| rows.push(self.rows.row(offset)));
        Compacted { rows, kept, seen: self.rows.len() }
    }

    /// This state on rows that an earlier state of it compacted: what came since is put behind
    /// them. The graph is dropped. O(rows), and O(dim) for each row that came since.
    pub(crate) fn moved_to(&self, compacted: Compacted) -> Self {
        let mut next = Self { rows: compacted.rows, ..Self::new(self.dim, self.metric) };
        next.live = self.live.clone();
        for (offset, &old) in (0_u32..).zip(&compacted.kept) {
            next.point(Slot(self.slot_at.get(old)), offset);
        }
        for old in compacted.seen..self.rows.len() {
            let slot = self.slot_at.get(old);
            if slot != NONE {
                next.point(Slot(slot), next.rows.len());
                next.rows.push(self.rows.row(old));
            }
        }
        next
    }

    fn point(&mut self, slot: Slot, offset: u32) {
        if slot.0 != NONE {
            self.slot_at.set(offset, slot.0);
            self.offset_of.set(slot.0, offset);
        }
    }
}

/// The live rows of a view, moved together.
pub(crate) struct Compacted {
    pub(crate) rows: Rows,
    /// New offset -> old offset, rising.
    kept: Vec<u32>,
    /// How many rows the view had.
    seen: u32,
}
