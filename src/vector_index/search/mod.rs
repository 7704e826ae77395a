//! Search over a view's segments: exactly, or each segment by the cheapest route. A pair of vectors
//! has the same distance, to the last bit, by every route; ties go to the smaller slot.

pub(crate) mod code_scan;
pub(crate) mod costs;
pub mod plan;
pub(crate) mod route;

use rayon::prelude::*;
use vitrail_domain::{Ef, Plan, Slot, SlotSet, TopK};
use vitrail_kernels::TopK as Nearest;

use crate::search::plan::Costs;
use crate::search::route::{Question, Tally};
use crate::segment::Segment;
use crate::segment::pages::NONE;
use crate::view::VectorView;

/// Floats that one thread compares before others are called in: about a millisecond.
const PARALLEL_FLOATS: usize = 1 << 21;

/// Rows of one piece of work of a gather.
const GATHER_ROWS: usize = 1 << 10;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Nearest first; ties by slot.
    pub hits: Vec<(Slot, f32)>,
    /// Rows whose exact distance was taken, dead ones included.
    pub compared: usize,
    /// Rows that were looked at by their codes, in walks and scans.
    pub estimated: usize,
    /// The farthest from exact of the routes that were taken.
    pub plan: Plan,
    /// What the planner thought it would cost, in microseconds; zero for an exact search.
    pub predicted_us: f32,
}

type Partial = (Nearest, usize);

impl VectorView {
    /// The `k` nearest by comparing every point, or every point of `allowed`: `k` hits whenever `k`
    /// points match. `query` is prepared ([`crate::prepare_query`]), `[dim]`. The same points give
    /// the same hits, however they are spread over segments.
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
                self.gather(query, k.get(), &self.places_of(allowed))
            }
            _ => self.parts().fold((Nearest::new(k.get()), 0), |found, (base, segment)| {
                merge(found, self.scan(query, k.get(), base, segment))
            }),
        };
        Found { hits: hits(nearest), compared, estimated: 0, plan: Plan::Exact, predicted_us: 0.0 }
    }

    /// The `k` nearest, each segment searched by the route that costs least on this machine
    /// (`plan`): its graph walked with `ef` (at least `k`) candidates, its codes scanned, or its
    /// rows compared. Distances are exact. Always `k` hits where `k` points of `allowed` match:
    /// a walk that would cost more than a scan is given up for one.
    ///
    /// At 100,000 points of 384 components a walk looks at 500 rows with `ef` 32; under a filter at
    /// as many divided by the share that matches, which is why few matches are scanned.
    ///
    /// # Panics
    /// The query's length is not `dim`: see [`VectorView::check_query`].
    #[must_use]
    pub fn search(&self, query: &[f32], k: TopK, ef: Ef, allowed: Option<&SlotSet>) -> Found {
        let costs = Costs::measured();
        self.search_by(&Question::new(self, query, (k.get(), ef.get()), allowed, costs))
    }

    /// [`Self::search`] that walks every graph there is, whatever it costs; `None` if there is
    /// none. For measurements and tests.
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
        self.has_graph().then_some(())?;
        let costs = Costs::measured();
        let mut question = Question::new(self, query, (k.get(), ef.get()), allowed, costs);
        question.always_walk = true;
        Some(self.search_by(&question))
    }

    fn search_by(&self, question: &Question<'_>) -> Found {
        let mut tally = Tally::new(question.k);
        for part in self.searched_parts() {
            question.search(&part, &mut tally);
        }
        tally.into_found()
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

    /// Compares all rows of a segment on this thread: beside a walk there is little to scan, and
    /// calling others in would wait for cores that freezing is on (p99 during a freeze: 7x).
    pub(crate) fn scan_alone(
        &self,
        query: &[f32],
        k: usize,
        base: u32,
        segment: &Segment,
    ) -> Partial {
        let pieces = 0..segment.len().div_ceil(segment.rows.piece_rows());
        pieces.fold((Nearest::new(k), 0), |found, number| {
            self.scan_piece(query, found, (base, segment), number)
        })
    }

    /// Compares all rows of a segment; keeps the live ones.
    fn scan(&self, query: &[f32], k: usize, base: u32, segment: &Segment) -> Partial {
        let empty = || (Nearest::new(k), 0);
        if segment.len() as usize * query.len() < PARALLEL_FLOATS {
            return self.scan_alone(query, k, base, segment);
        }
        let pieces = 0..segment.len().div_ceil(segment.rows.piece_rows());
        let scan = |found, number| self.scan_piece(query, found, (base, segment), number);
        pieces.into_par_iter().fold(empty, scan).reduce(empty, merge)
    }

    fn scan_piece(
        &self,
        query: &[f32],
        (mut nearest, compared): Partial,
        (base, segment): (u32, &Segment),
        number: u32,
    ) -> Partial {
        let (first, rows) = segment.rows.piece(number);
        let id = |row: usize| {
            let offset = first + row as u32;
            let slot = segment.slot(offset);
            self.is_live(slot, base, offset).then_some(slot)
        };
        vitrail_kernels::scan(&self.scorer, query, rows, id, &mut nearest);
        (nearest, compared + rows.len() / query.len())
    }

    /// Compares the rows at `places`.
    fn gather(&self, query: &[f32], k: usize, places: &[(u32, u32)]) -> Partial {
        let gather_piece = |(mut nearest, compared): Partial, piece: &[(u32, u32)]| {
            let row = |number: usize| self.row_at(piece[number].0);
            self.scorer.each(query, piece.len(), row, |number, distance| {
                nearest.push(distance, piece[number].1);
            });
            (nearest, compared + piece.len())
        };
        let empty = || (Nearest::new(k), 0);
        if places.len() * query.len() < PARALLEL_FLOATS {
            return places.chunks(GATHER_ROWS).fold(empty(), gather_piece);
        }
        places.par_chunks(GATHER_ROWS).fold(empty, gather_piece).reduce(empty, merge)
    }

    /// The places and slots of the allowed points, by rising place, so that memory is read in one
    /// direction.
    fn places_of(&self, allowed: &SlotSet) -> Vec<(u32, u32)> {
        let place = |slot: Slot| (self.place_of.get(slot.0), slot.0);
        let mut places: Vec<(u32, u32)> = if allowed.len() <= 2 * self.len() {
            allowed.iter().map(place).filter(|place| place.0 != NONE).collect()
        } else {
            self.slots().iter().filter(|&slot| allowed.contains(slot)).map(place).collect()
        };
        if !places.is_sorted() {
            places.sort_unstable();
        }
        places
    }
}

fn merge(left: Partial, right: Partial) -> Partial {
    (left.0.merge(right.0), left.1 + right.1)
}

pub(crate) fn hits(nearest: Nearest) -> Vec<(Slot, f32)> {
    nearest.into_sorted().into_iter().map(|(distance, slot)| (Slot(slot), distance)).collect()
}
