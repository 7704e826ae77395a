//! One immutable state of an index, and the plain questions about it. Search is in `search`.
//!
//! Every row has a **place**, unique in a view: the base of its segment plus its offset. A slot
//! maps to the place of its current row; a row whose slot maps elsewhere is dead. So tombstones
//! need no set of their own in memory, and a write touches no segment.

use std::sync::Arc;

use roaring::RoaringBitmap;
use vitrail_domain::{Dim, Metric, Slot, SlotSet};
use vitrail_kernels::Scorer;

use crate::error::VectorError;
use crate::policy::{Counts, SegmentCounts, writers_wait};
use crate::search::route::Part;
use crate::segment::Segment;
use crate::segment::pages::{NONE, Pages};
use crate::vector::{check_vector, distance_of, prepare_query, prepared};

/// Where the mutable segment's places begin; those of all others lie below.
pub(crate) const MUTABLE: u32 = 1 << 31;

/// A segment in a view.
#[derive(Clone)]
pub(crate) struct Placed {
    /// The place of its first row.
    pub(crate) base: u32,
    pub(crate) segment: Arc<Segment>,
    /// How many of its rows are current.
    pub(crate) live: u32,
}

/// What a reader sees: it stays as it is while writers go on. A clone shares the segments.
#[derive(Clone)]
pub struct VectorView {
    dim: Dim,
    metric: Metric,
    pub(crate) scorer: Scorer,
    /// Sealed and frozen segments by rising base.
    pub(crate) segments: Vec<Placed>,
    pub(crate) mutable: Segment,
    mutable_live: u32,
    /// Slot -> place of its current row.
    pub(crate) place_of: Pages,
    live: SlotSet,
}

/// A segment that takes the place of others.
pub(crate) struct Replacement {
    pub(crate) segment: Segment,
    /// Offset -> the place that its row had; [`NONE`] for one that was dead already.
    pub(crate) origin: Vec<u32>,
    pub(crate) replaced: Vec<Arc<Segment>>,
}

impl VectorView {
    pub(crate) fn new(dim: Dim, metric: Metric) -> Self {
        Self {
            dim,
            metric,
            scorer: Scorer::new(distance_of(metric)),
            segments: Vec::new(),
            mutable: Segment::growing(dim.get(), distance_of(metric)),
            mutable_live: 0,
            place_of: Pages::default(),
            live: SlotSet::new(),
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
        self.place_of.get(slot.0) != NONE
    }

    /// The slot's vector as it is kept, `[dim]` (of length 1 for cosine). O(1).
    #[must_use]
    pub fn vector(&self, slot: Slot) -> Option<&[f32]> {
        let place = self.place_of.get(slot.0);
        (place != NONE).then(|| self.row_at(place))
    }

    /// Whether the slot's vector is this one, as it was written. O(dim).
    #[must_use]
    pub fn holds(&self, slot: Slot, vector: &[f32]) -> bool {
        let same = |kept: &[f32]| {
            let given = prepared(self.metric, vector);
            kept.iter().map(|x| x.to_bits()).eq(given.iter().map(|x| x.to_bits()))
        };
        self.vector(slot).is_some_and(same)
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
        self.segments.iter().any(|placed| placed.segment.graph().is_some())
    }

    /// How many rows lie under a graph, dead ones included; 0 without one.
    #[must_use]
    pub fn graph_len(&self) -> usize {
        self.counts().graph_rows.unwrap_or(0)
    }

    /// What a planner decides by.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let rows = |graphs: bool| {
            let of = |placed: &&Placed| !graphs || placed.segment.graph().is_some();
            self.segments.iter().filter(of).map(|placed| placed.segment.len() as usize).sum()
        };
        let graph_rows: usize = rows(true);
        Counts {
            points: self.len(),
            rows: rows(false) + self.mutable.len() as usize,
            graph_rows: self.has_graph().then_some(graph_rows),
        }
    }

    /// What upkeep decides by: the sealed and frozen segments.
    #[must_use]
    pub fn segment_counts(&self) -> Vec<SegmentCounts> {
        let counts = |placed: &Placed| SegmentCounts {
            rows: placed.segment.len() as usize,
            live: placed.live as usize,
            frozen: placed.segment.graph().is_some(),
        };
        self.segments.iter().map(counts).collect()
    }

    /// Rows of the mutable segment: all, and those that are current.
    #[must_use]
    pub fn mutable_rows(&self) -> (usize, usize) {
        (self.mutable.len() as usize, self.mutable_live as usize)
    }

    /// Whether more has no graph than should be scanned at every search.
    pub(crate) fn is_backlogged(&self) -> bool {
        let sealed = self.segments.iter().filter(|placed| placed.segment.graph().is_none());
        let rows: usize = sealed.map(|placed| placed.segment.len() as usize).sum();
        writers_wait(rows + self.mutable.len() as usize, self.dim.get())
    }

    /// Bytes of memory of rows, and bytes of graphs. Shared with other views.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        let each = self.segments.iter().map(|placed| placed.segment.bytes());
        each.fold(self.mutable.bytes(), |sum, bytes| (sum.0 + bytes.0, sum.1 + bytes.1))
    }

    /// Files of rows that were found damaged while this view was searched: what it answered since
    /// may be wrong, and the index must be mended ([`crate::VectorIndex::drop_damaged`]). Empty,
    /// and O(segments), when all is well.
    #[must_use]
    pub fn damage(&self) -> Vec<String> {
        let found = self.segments.iter().filter_map(|placed| placed.segment.damage());
        found.map(str::to_owned).collect()
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

    /// The segments with their bases, the mutable one last.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (u32, &Segment)> {
        let placed = self.segments.iter().map(|placed| (placed.base, &*placed.segment));
        placed.chain([(MUTABLE, &self.mutable)])
    }

    /// The same as parts of a search.
    pub(crate) fn searched_parts(&self) -> impl Iterator<Item = Part<'_>> {
        let frozen =
            self.segments.iter().map(|placed| (placed.base, &*placed.segment, placed.live));
        let all = frozen.chain([(MUTABLE, &self.mutable, self.mutable_live)]);
        all.enumerate().map(|(number, (base, segment, live))| Part {
            number,
            base,
            segment,
            live: live as usize,
        })
    }

    /// The row at a place that is taken.
    #[inline]
    pub(crate) fn row_at(&self, place: u32) -> &[f32] {
        if place >= MUTABLE {
            return self.mutable.rows.row(place - MUTABLE);
        }
        let placed = &self.segments[self.position(place)];
        placed.segment.rows.row(place - placed.base)
    }

    /// Which of `segments` a place below [`MUTABLE`] lies in.
    #[inline]
    pub(crate) fn position(&self, place: u32) -> usize {
        self.segments.partition_point(|placed| placed.base <= place).saturating_sub(1)
    }

    /// Whether the row at `offset` of the segment at `base` is its slot's current one.
    #[inline]
    pub(crate) fn is_live(&self, slot: u32, base: u32, offset: u32) -> bool {
        slot != NONE && self.place_of.get(slot) == base + offset
    }

    /// The dead offsets of a segment: its tombstones. O(rows).
    pub(crate) fn dead(&self, base: u32, segment: &Segment) -> RoaringBitmap {
        (0..segment.len())
            .filter(|&offset| !self.is_live(segment.slot(offset), base, offset))
            .collect()
    }

    /// Puts a checked vector at the end of the mutable segment and points `slot` to it.
    pub(crate) fn put(&mut self, slot: Slot, vector: &[f32]) {
        self.take_out(slot);
        self.place_of.set(slot.0, MUTABLE + self.mutable.len());
        self.mutable.push(slot.0, &prepared(self.metric, vector));
        self.mutable_live += 1;
        self.live.insert(slot);
    }

    /// Leaves the slot without a vector; its row is dead.
    pub(crate) fn take_out(&mut self, slot: Slot) {
        let place = self.place_of.get(slot.0);
        if place == NONE {
            return;
        }
        self.place_of.set(slot.0, NONE);
        self.live.remove(slot);
        if place >= MUTABLE {
            self.mutable_live -= 1;
        } else {
            let position = self.position(place);
            self.segments[position].live -= 1;
        }
    }

    /// Makes the mutable segment immutable and begins a new one. O(rows of it). `false` if it has
    /// no row or no place is left.
    pub(crate) fn seal(&mut self) -> bool {
        let len = self.mutable.len();
        let Some(base) = self.free_base(len).filter(|_| len > 0) else { return false };
        let sealed = self.begin_mutable();
        let mut moved = 0;
        for offset in 0..len {
            let slot = sealed.slot(offset);
            if self.is_live(slot, MUTABLE, offset) {
                self.place_of.set(slot, base + offset);
                moved += 1;
            }
        }
        self.insert(Placed { base, segment: Arc::new(sealed), live: moved });
        self.mutable_live = 0;
        true
    }

    /// Moves the live rows of the mutable segment together. O(live rows * dim).
    pub(crate) fn rewrite_mutable(&mut self) {
        let old = self.begin_mutable();
        for offset in 0..old.len() {
            let slot = old.slot(offset);
            if self.is_live(slot, MUTABLE, offset) {
                // The new row lies before the old one, so no live place is met twice.
                self.place_of.set(slot, MUTABLE + self.mutable.len());
                self.mutable.push(slot, old.rows.row(offset));
            }
        }
    }

    /// This state with some segments replaced by one that holds their live rows (of an earlier
    /// state: what was written since stays where it is). `None` if one of them is gone, or there is
    /// no room. O(rows of the new segment).
    pub(crate) fn replaced_by(&self, new: &Replacement) -> Option<Self> {
        let mut next = self.clone();
        let goes =
            |placed: &Placed| new.replaced.iter().any(|gone| Arc::ptr_eq(gone, &placed.segment));
        next.segments.retain(|placed| !goes(placed));
        if next.segments.len() + new.replaced.len() != self.segments.len() {
            return None;
        }
        let len = new.segment.len();
        let base = next.free_base(len)?;
        let mut live = 0;
        for (offset, &origin) in (0..len).zip(&new.origin) {
            let slot = new.segment.slot(offset);
            // Asked of the old state: new places may be old ones of other rows.
            if origin != NONE && slot != NONE && self.place_of.get(slot) == origin {
                next.place_of.set(slot, base + offset);
                live += 1;
            }
        }
        if len > 0 {
            next.insert(Placed { base, segment: Arc::new(new.segment.clone()), live });
        }
        Some(next)
    }

    /// Adds an opened segment; of its rows all but `dead` become their slots' current ones.
    /// O(rows).
    pub(crate) fn add(&mut self, segment: Segment, dead: &RoaringBitmap) -> bool {
        let Some(base) = self.free_base(segment.len()) else { return false };
        let mut live = 0;
        for offset in (0..segment.len()).filter(|&offset| !dead.contains(offset)) {
            let slot = Slot(segment.slot(offset));
            if slot.0 != NONE && !self.has(slot) {
                self.place_of.set(slot.0, base + offset);
                self.live.insert(slot);
                live += 1;
            }
        }
        self.insert(Placed { base, segment: Arc::new(segment), live });
        true
    }

    /// This state without the segments whose rows are damaged, and the slots that lost their
    /// vector by it.
    pub(crate) fn without_damaged(&self) -> (Self, SlotSet) {
        let mut next = self.clone();
        let mut lost = SlotSet::new();
        for placed in self.segments.iter().filter(|placed| placed.segment.damage().is_some()) {
            for offset in 0..placed.segment.len() {
                let slot = placed.segment.slot(offset);
                if self.is_live(slot, placed.base, offset) {
                    lost.insert(Slot(slot));
                    next.take_out(Slot(slot));
                }
            }
        }
        next.segments.retain(|placed| placed.segment.damage().is_none());
        (next, lost)
    }

    /// A segment without rows.
    pub(crate) fn empty_segment(&self) -> Segment {
        Segment::growing(self.dim.get(), distance_of(self.metric))
    }

    /// Takes the mutable segment away and begins another.
    fn begin_mutable(&mut self) -> Segment {
        let empty = self.empty_segment();
        std::mem::replace(&mut self.mutable, empty)
    }

    fn insert(&mut self, placed: Placed) {
        let at = self.segments.partition_point(|other| other.base < placed.base);
        self.segments.insert(at, placed);
    }

    /// The first gap of `len` places below the mutable segment's.
    fn free_base(&self, len: u32) -> Option<u32> {
        let mut free = 0;
        for placed in &self.segments {
            if placed.base - free >= len.max(1) {
                return Some(free);
            }
            free = placed.base + placed.segment.len();
        }
        (MUTABLE - free >= len.max(1)).then_some(free)
    }
}
