//! Scans by codes: an estimate for every row, the exact distance for the nearest, and as many of
//! these as it takes until no other row can matter.

use vitrail_kernels::{Scorer, TopK, scan_ids};

use crate::search::plan::COMPARED;
use crate::segment::store::RowStore;

/// Rows that get their exact distance at first, for each hit wanted.
const KEPT_PER_HIT: usize = 5;

/// The same, at least.
const KEPT_MIN: usize = COMPARED;

/// Standard errors of the estimate by which the first row that was left out must lie beyond the
/// last hit. The errors are measured on the rows that were compared, so codes that fit the data
/// badly cost time and not recall.
const ERRORS: f32 = 3.0;

/// How much more is kept where that was not enough.
const MORE: usize = 4;

/// A scan of some rows of a segment.
pub(crate) struct CodeScan<'a> {
    pub(crate) query: &'a [f32],
    pub(crate) k: usize,
    pub(crate) rows: &'a RowStore,
    pub(crate) scorer: &'a Scorer,
    /// The slot of an offset.
    pub(crate) slot: &'a dyn Fn(u32) -> u32,
    /// Rows that such scans have lately compared: as many are kept at first, so that a second scan
    /// is rare.
    pub(crate) lately: usize,
}

/// What it found: (exact distance, slot).
pub(crate) struct Scanned {
    pub(crate) nearest: TopK,
    /// Rows estimated.
    pub(crate) estimated: usize,
    /// Rows compared exactly.
    pub(crate) compared: usize,
    /// Rows that had to be: those whose estimates lie within the error of the last hit.
    pub(crate) needed: usize,
}

impl CodeScan<'_> {
    /// The nearest of `offsets` that are `live`. `estimate` writes estimated distances, of
    /// [`vitrail_kernels::SCORED_AT_ONCE`] rows at most. O(offsets) estimates, and some hundred
    /// exact distances.
    pub(crate) fn run(
        &self,
        estimate: &dyn Fn(&[u32], &mut [f32]),
        offsets: impl Iterator<Item = u32> + Clone,
        live: impl Fn(u32) -> bool,
    ) -> Scanned {
        let mut keep = KEPT_MIN.max(self.k.saturating_mul(KEPT_PER_HIT)).max(self.lately);
        let (mut estimated, mut compared) = (0, 0);
        loop {
            let mut candidates = TopK::new(keep);
            let seen = scan_ids(estimate, offsets.clone(), &live, &mut candidates);
            estimated += seen;
            let all_kept = candidates.len() < keep;
            let kept = candidates.into_sorted();
            compared += kept.len();
            let (nearest, error) = self.compare(&kept);
            // With fewer than k hits it is infinite.
            let matters = nearest.reach() + ERRORS * error;
            let needed = kept.partition_point(|kept| kept.0 < matters);
            if all_kept || needed < kept.len() {
                return Scanned { nearest, estimated, compared, needed };
            }
            // From an eighth on, the exact distances cost more than the scan: then take them all.
            keep = if keep * MORE * 8 > seen { seen + 1 } else { keep * MORE };
        }
    }

    /// The nearest of `offsets` that are `live`, all compared. O(offsets * dim).
    pub(crate) fn exactly(
        &self,
        offsets: impl Iterator<Item = u32>,
        live: impl Fn(u32) -> bool,
    ) -> Scanned {
        let offsets: Vec<u32> = offsets.filter(|&offset| live(offset)).collect();
        let mut nearest = TopK::new(self.k);
        let row = |at: usize| self.rows.row(offsets[at]);
        self.scorer.each(self.query, offsets.len(), row, |at, distance| {
            nearest.push(distance, (self.slot)(offsets[at]));
        });
        let compared = offsets.len();
        Scanned { nearest, estimated: 0, compared, needed: compared }
    }

    /// Exact distances of candidates, and the standard error of their estimates.
    fn compare(&self, kept: &[(f32, u32)]) -> (TopK, f32) {
        let mut nearest = TopK::new(self.k);
        let mut squares = 0.0;
        let row = |at: usize| self.rows.row(kept[at].1);
        self.scorer.each(self.query, kept.len(), row, |at, distance| {
            let (estimate, offset) = kept[at];
            squares += (distance - estimate).powi(2);
            nearest.push(distance, (self.slot)(offset));
        });
        (nearest, (squares / kept.len().max(1) as f32).sqrt())
    }
}

#[cfg(test)]
mod tests {
    use vitrail_kernels::Distance;

    use super::*;
    use crate::segment::rows::Rows;

    fn line(count: u32) -> RowStore {
        let mut rows = Rows::new(1);
        (0..count).for_each(|at| rows.push(&[at as f32]));
        RowStore::Chunks(rows)
    }

    fn scan(rows: &RowStore, error: impl Fn(u32) -> f32) -> Scanned {
        let scorer = Scorer::new(Distance::L2Squared);
        let scan = CodeScan {
            query: &[0.0],
            k: 5,
            rows,
            scorer: &scorer,
            slot: &|offset| offset,
            lately: 0,
        };
        let estimate = |ids: &[u32], out: &mut [f32]| {
            for (out, &id) in out.iter_mut().zip(ids) {
                *out = (id as f32).powi(2) + error(id);
            }
        };
        scan.run(&estimate, 0..rows.len(), |offset| offset % 2 == 1)
    }

    fn offsets(scanned: Scanned) -> Vec<u32> {
        scanned.nearest.into_sorted().into_iter().map(|hit| hit.1).collect()
    }

    #[test]
    fn good_estimates_cost_few_exact_distances() {
        let scanned = scan(&line(10_000), |_| 0.0);
        assert_eq!((scanned.estimated, scanned.compared), (10_000, KEPT_MIN));
        assert_eq!(offsets(scanned), [1, 3, 5, 7, 9]);
    }

    #[test]
    fn bad_estimates_cost_time_and_no_hit() {
        let wild = |id: u32| ((id.wrapping_mul(2_654_435_761) >> 8) % 4_000) as f32 * 20.0;
        let scanned = scan(&line(10_000), wild);
        assert!(scanned.compared > 2 * KEPT_MIN, "{}", scanned.compared);
        assert_eq!(offsets(scanned), [1, 3, 5, 7, 9]);
        let hopeless = scan(&line(10_000), |id| -((id as f32).powi(2)));
        assert_eq!(offsets(hopeless), [1, 3, 5, 7, 9]);
    }

    #[test]
    fn few_rows_are_all_compared() {
        let scanned = scan(&line(8), |_| 0.0);
        assert_eq!((scanned.estimated, scanned.compared), (8, 4));
        assert_eq!(offsets(scanned), [1, 3, 5, 7]);
        assert!(offsets(scan(&line(0), |_| 0.0)).is_empty());
    }
}
