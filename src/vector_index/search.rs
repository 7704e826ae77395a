//! Exact and graph search over a view's segments. A pair of vectors has the same distance, to the
//! last bit, by every route here; ties go to the smaller slot.

use rayon::prelude::*;
use vitrail_domain::{Ef, Slot, SlotSet, TopK};
use vitrail_kernels::TopK as Nearest;

use crate::links::{Links, Only, Walked, Wanted};
use crate::pages::NONE;
use crate::segment::Segment;
use crate::view::{MUTABLE, Placed, VectorView};

/// Floats that one thread compares before others are called in: about a millisecond.
const PARALLEL_FLOATS: usize = 1 << 21;

/// Rows of one piece of work of a gather.
const GATHER_ROWS: usize = 1 << 10;

/// Rows that a filtered walk may always compare for each candidate it keeps, before it gives up.
const WALK_ROWS_PER_EF: usize = 4;

/// A row compared by a walk costs about this many rows of a gather (three, measured; two leave room
/// for other machines).
const STEP_COST: usize = 2;

/// Allowed points that a filtered walk is told of beforehand.
const SEEDS: usize = 32;

/// What a search found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    /// Nearest first; ties by slot.
    pub hits: Vec<(Slot, f32)>,
    /// Rows whose distance was taken, dead ones included.
    pub compared: usize,
}

type Partial = (Nearest, usize);

/// A question to one segment.
struct Asked<'a> {
    query: &'a [f32],
    k: usize,
    ef: usize,
    allowed: Option<&'a SlotSet>,
}

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
        Found { hits: hits(nearest), compared }
    }

    /// The `k` nearest by walking each segment's graph with `ef` (at least `k`) candidates, merged
    /// with an exact scan of the segments without one; `None` if none has one. Distances are exact.
    /// Dead and not allowed points are walked through, not returned. A segment in which a walk
    /// costs more than comparing its allowed points (few match, or they lie far away) has those
    /// compared instead.
    ///
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
        self.has_graph().then_some(())?;
        let asked = Asked { query, k: k.get(), ef: ef.get().max(k.get()), allowed };
        let mut places = None;
        let mut found = (Nearest::new(asked.k), 0);
        for placed in &self.segments {
            let links = placed.segment.sound_graph();
            let walked = links.map_or((None, 0), |links| self.walk(&asked, placed, links));
            found.1 += walked.1;
            let more = match (walked.0, allowed) {
                (Some(nearest), _) => (nearest, 0),
                (None, Some(_)) => self.gather_part(&asked, placed.base, &mut places),
                (None, None) => self.scan_alone(query, asked.k, placed.base, &placed.segment),
            };
            found = merge(found, more);
        }
        let rest = match allowed {
            Some(_) => self.gather_part(&asked, MUTABLE, &mut places),
            None => self.scan_alone(query, asked.k, MUTABLE, &self.mutable),
        };
        found = merge(found, rest);
        Some(Found { hits: hits(found.0), compared: found.1 })
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

    /// Walks one segment; `None` where the walk gave up, and the rows compared.
    fn walk(&self, asked: &Asked<'_>, placed: &Placed, links: &Links) -> Walked {
        let segment = &placed.segment;
        let whole = asked.allowed.is_none() && placed.live == segment.len();
        let accept = |offset: u32| {
            let slot = segment.slot(offset);
            self.is_live(slot, placed.base, offset)
                && asked.allowed.is_none_or(|allowed| allowed.contains(Slot(slot)))
        };
        // The share of the matches that lies in this segment is taken to be its share of points.
        let live = placed.live as usize;
        let here = |allowed| self.matching(allowed) * live / self.len().max(1);
        let matching = asked.allowed.map_or(live, here);
        let limit = match asked.allowed {
            Some(_) => (matching / STEP_COST).max(WALK_ROWS_PER_EF * asked.ef),
            None => usize::MAX,
        };
        let seeds = asked.allowed.map_or(Vec::new(), |allowed| self.seeds(allowed, placed));
        let only = Only { accept: &accept, seeds: &seeds, matching, limit };
        let walked = links.walk(&Wanted {
            query: asked.query,
            k: asked.k,
            ef: asked.ef,
            rows: &segment.rows,
            scorer: &self.scorer,
            only: (!whole).then_some(only),
        });
        let of_slots = |found: Nearest| {
            let mut nearest = Nearest::new(asked.k);
            for (distance, offset) in found.into_sorted() {
                nearest.push(distance, segment.slot(offset));
            }
            nearest
        };
        (walked.0.map(of_slots), walked.1)
    }

    /// Offsets of some of the allowed points that lie in a segment, from all over. O(SEEDS).
    fn seeds(&self, allowed: &SlotSet, placed: &Placed) -> Vec<u32> {
        let step = (allowed.len() / SEEDS).max(1);
        let slots = (0..SEEDS).map_while(|seed| allowed.nth((seed * step) as u32));
        let places = slots.map(|slot| self.place_of.get(slot.0));
        let end = placed.base + placed.segment.len();
        let inside = places.filter(|place| (placed.base..end).contains(place));
        inside.map(|place| place - placed.base).collect()
    }

    /// Compares the allowed points of the segment at `base`; their places are looked up once.
    fn gather_part(
        &self,
        asked: &Asked<'_>,
        base: u32,
        places: &mut Option<Vec<(u32, u32)>>,
    ) -> Partial {
        let Some(allowed) = asked.allowed else { return (Nearest::new(asked.k), 0) };
        let places = places.get_or_insert_with(|| self.places_of(allowed));
        let end = match base {
            MUTABLE => NONE,
            _ => base + self.segments[self.position(base)].segment.len(),
        };
        let at = |bound: u32| places.partition_point(|place| place.0 < bound);
        self.gather(asked.query, asked.k, &places[at(base)..at(end)])
    }

    /// Compares all rows of a segment on this thread: beside a walk there is little to scan, and
    /// calling others in would wait for cores that freezing is on (p99 during a freeze: 7x).
    fn scan_alone(&self, query: &[f32], k: usize, base: u32, segment: &Segment) -> Partial {
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

fn hits(nearest: Nearest) -> Vec<(Slot, f32)> {
    nearest.into_sorted().into_iter().map(|(distance, slot)| (Slot(slot), distance)).collect()
}
