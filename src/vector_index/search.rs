//! Exact and graph search over a view. A pair of vectors has the same distance, to the last bit, by
//! every route here; ties go to the smaller slot.

use std::ops::Range;

use rayon::prelude::*;
use vitrail_domain::{Ef, Slot, SlotSet, TopK};
use vitrail_kernels::TopK as Nearest;

use crate::graph::Walk;
use crate::pages::NONE;
use crate::view::VectorView;

/// Floats that one thread compares before others are called in: about a millisecond.
const PARALLEL_FLOATS: usize = 1 << 21;

/// Rows of one piece of work of a gather.
const GATHER_ROWS: usize = 1 << 10;

/// Rows that a filtered walk may always compare for each candidate it keeps, before it gives up.
const WALK_ROWS_PER_EF: usize = 4;

/// A row compared by a walk costs about this many rows of a gather (three, measured; two leave room
/// for other machines).
const STEP_COST: usize = 2;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Nearest first; ties by slot.
    pub hits: Vec<(Slot, f32)>,
    /// Rows whose distance was taken, dead ones included.
    pub compared: usize,
}

impl VectorView {
    /// The `k` nearest by comparing every point, or every point of `allowed`: `k` hits whenever `k`
    /// points match. `query` is prepared ([`crate::prepare_query`]), `[dim]`.
    ///
    /// O(points * dim) without `allowed`, O(allowed + matching * dim) with it; on all threads of
    /// the current rayon pool from about a millisecond of work on.
    ///
    /// # Panics
    /// The query's length is not `dim`: see [`VectorView::check_query`].
    #[must_use]
    pub fn search_exact(&self, query: &[f32], k: TopK, allowed: Option<&SlotSet>) -> Found {
        let (nearest, compared) = match allowed {
            Some(allowed) if self.matching(allowed) < self.len() => {
                self.gather(query, k.get(), &self.offsets_of(allowed))
            }
            _ => self.scan(query, k.get(), 0..self.rows.len(), |_| true),
        };
        Found { hits: hits(nearest), compared }
    }

    /// The `k` nearest by walking the graph with `ef` (at least `k`) candidates, merged with an
    /// exact scan of the rows newer than it; `None` without a graph. Distances are exact. Dead and
    /// not allowed points are walked through, not returned.
    ///
    /// There may be fewer hits than match: where few points match, the walk gives up once a scan of
    /// them would have been cheaper (and returns no hits). The caller then searches exactly;
    /// better, it asks [`crate::Counts::walk_pays`] first.
    /// At 100,000 points of 384 components, 400 rows are compared with `ef` 32 and 640 with 128,
    /// divided, roughly, by the share that matches.
    ///
    /// # Panics
    /// The query's length is not `dim`: see [`VectorView::check_query`].
    #[must_use]
    pub fn search_graph(
        &self,
        query: &[f32],
        k: TopK,
        ef: Ef,
        allowed: Option<&SlotSet>,
    ) -> Option<Found> {
        let graph = self.graph.as_ref()?;
        let ef = ef.get().max(k.get());
        let limit = match allowed {
            Some(allowed) => (self.matching(allowed) / STEP_COST).max(WALK_ROWS_PER_EF * ef),
            None => usize::MAX,
        };
        let passes = |slot: u32| allowed.is_none_or(|set| set.contains(Slot(slot)));
        let walk = Walk { query, ef, limit, rows: &self.rows, scorer: &self.scorer };
        let walked = graph.walk(&walk, |offset| {
            let slot = self.slot_at.get(offset);
            slot != NONE && passes(slot)
        });
        let Some(found) = walked.nearest else {
            return Some(Found { hits: Vec::new(), compared: walked.compared });
        };
        let mut nearest = Nearest::new(k.get());
        for (distance, offset) in found.into_sorted() {
            nearest.push(distance, self.slot_at.get(offset));
        }
        let (tail, scanned) = self.scan(query, k.get(), graph.len()..self.rows.len(), passes);
        Some(Found { hits: hits(nearest.merge(tail)), compared: walked.compared + scanned })
    }

    /// The distance of a prepared query to each slot, in the order given; infinity for a slot
    /// without a vector. O(slots * dim).
    ///
    /// # Panics
    /// The query's length is not `dim`: see [`VectorView::check_query`].
    #[must_use]
    pub fn distances(&self, query: &[f32], slots: &[Slot]) -> Vec<f32> {
        let mut distances = vec![f32::INFINITY; slots.len()];
        let found: Vec<(usize, &[f32])> = (0..)
            .zip(slots)
            .filter_map(|(place, &slot)| Some((place, self.vector(slot)?)))
            .collect();
        let row = |number: usize| found[number].1;
        self.scorer.each(query, found.len(), row, |number, distance| {
            distances[found[number].0] = distance;
        });
        distances
    }

    /// Compares the rows of `range`; keeps live ones whose slot passes.
    fn scan(
        &self,
        query: &[f32],
        k: usize,
        range: Range<u32>,
        passes: impl Fn(u32) -> bool + Sync,
    ) -> (Nearest, usize) {
        if range.is_empty() {
            return (Nearest::new(k), 0);
        }
        let chunks = self.rows.chunk_of(range.start)..self.rows.chunk_of(range.end - 1) + 1;
        let scan_chunk = |(mut nearest, compared): (Nearest, usize), number: usize| {
            let (first, part) = self.rows.part(number, &range);
            let id = |row: usize| {
                let slot = self.slot_at.get(first + row as u32);
                (slot != NONE && passes(slot)).then_some(slot)
            };
            vitrail_kernels::scan(&self.scorer, query, part, id, &mut nearest);
            (nearest, compared + part.len() / query.len())
        };
        let empty = || (Nearest::new(k), 0);
        if range.len() * query.len() < PARALLEL_FLOATS {
            return chunks.fold(empty(), scan_chunk);
        }
        chunks.into_par_iter().fold(empty, scan_chunk).reduce(empty, merge)
    }

    /// Compares the rows at `offsets`.
    fn gather(&self, query: &[f32], k: usize, offsets: &[u32]) -> (Nearest, usize) {
        let gather_piece = |(mut nearest, compared): (Nearest, usize), piece: &[u32]| {
            let row = |number: usize| self.rows.row(piece[number]);
            self.scorer.each(query, piece.len(), row, |number, distance| {
                nearest.push(distance, self.slot_at.get(piece[number]));
            });
            (nearest, compared + piece.len())
        };
        let empty = || (Nearest::new(k), 0);
        if offsets.len() * query.len() < PARALLEL_FLOATS {
            return offsets.chunks(GATHER_ROWS).fold(empty(), gather_piece);
        }
        offsets.par_chunks(GATHER_ROWS).fold(empty, gather_piece).reduce(empty, merge)
    }

    /// The offsets of the allowed points, rising, so that memory is read in one direction.
    fn offsets_of(&self, allowed: &SlotSet) -> Vec<u32> {
        let offset = |slot: Slot| self.offset_of.get(slot.0);
        let mut offsets: Vec<u32> = if allowed.len() <= 2 * self.len() {
            allowed.iter().map(offset).filter(|&offset| offset != NONE).collect()
        } else {
            self.slots().iter().filter(|&slot| allowed.contains(slot)).map(offset).collect()
        };
        if !offsets.is_sorted() {
            offsets.sort_unstable();
        }
        offsets
    }
}

fn merge(left: (Nearest, usize), right: (Nearest, usize)) -> (Nearest, usize) {
    (left.0.merge(right.0), left.1 + right.1)
}

fn hits(nearest: Nearest) -> Vec<(Slot, f32)> {
    nearest.into_sorted().into_iter().map(|(distance, slot)| (Slot(slot), distance)).collect()
}
