//! Multi-vectors: candidates by mean row, then every row of each compared by max-sim.

use std::sync::Arc;

use rayon::prelude::*;
use vitrail_domain::limits::TOP_K_MAX;
use vitrail_domain::{Ef, Plan, Question, RowsSource, Slot, SlotSet, TopK, Vector};
use vitrail_vector_index::{MaxSim, VectorError, VectorView};

use crate::error::QueryError;
use crate::execute::Candidates;
use crate::view::View;

/// Candidates compared exactly for each hit asked for. This and the two below are measured in
/// src/decisions/0009: recall@10 of .95 and more where the rows of a point have much in common.
const OVERSAMPLING: usize = 50;

/// Candidates compared exactly in any case: a mean row's order is rough, and they take 30 ms.
const CANDIDATES_MIN: usize = 1_000;

/// A candidate for so many points that pass: what a mean row misplaces grows with the crowd.
const POINTS_PER_CANDIDATE: usize = 10;

/// Slots of one piece of work; more than one piece is shared among the threads.
const PIECE: usize = 256;

/// A query of rows against points of rows.
pub(crate) struct Many<'a> {
    rows: &'a Arc<dyn RowsSource>,
    max_sim: MaxSim,
}

/// A question's query, ready: one row that is searched for, and rows where points have many.
pub(crate) struct Query<'a> {
    pub row: Vec<f32>,
    pub many: Option<Many<'a>>,
}

/// Checks the query and prepares it.
pub(crate) fn prepared<'a>(
    view: &'a View,
    vectors: &VectorView,
    question: &Question,
) -> Result<Query<'a>, QueryError> {
    let name = || question.vector.clone();
    let refused = |source: VectorError| QueryError::Vector { name: name(), source };
    match (view.rows.get(&question.vector), &question.query) {
        (None, Vector::One(row)) => {
            Ok(Query { row: vectors.check_query(row).map_err(refused)?, many: None })
        }
        (None, Vector::Many(rows)) => Err(QueryError::OneRow { name: name(), rows: rows.len() }),
        (Some(rows), query) => {
            let max_sim =
                MaxSim::new(vectors.dim(), vectors.metric(), query).map_err(|(row, source)| {
                    match query {
                        Vector::One(_) => refused(source),
                        Vector::Many(_) => QueryError::Row { name: name(), row, source },
                    }
                })?;
            Ok(Query { row: max_sim.mean(), many: Some(Many { rows, max_sim }) })
        }
    }
}

/// How many candidates are compared exactly for `k` hits among `matched` points: as many as `ef`
/// says, else the measured default; never more than are found in one search.
fn wanted(k: TopK, ef: Option<Ef>, matched: usize) -> usize {
    let least = (k.get() * OVERSAMPLING).max(CANDIDATES_MIN).max(matched / POINTS_PER_CANDIDATE);
    ef.map_or(least, Ef::get).clamp(k.get(), TOP_K_MAX)
}

impl Many<'_> {
    /// The `k` nearest of the slots `within`. `nearest` finds candidates by their mean rows; where
    /// they would be everything, or an exact answer is demanded, all of `within` are compared.
    ///
    /// Cost: as many lists of rows as [`wanted`] says are read from the truth, or all of them.
    pub fn top(
        &self,
        question: &Question,
        k: TopK,
        within: &SlotSet,
        nearest: impl FnOnce(TopK) -> Candidates,
    ) -> Candidates {
        let fetch = wanted(k, question.ef, within.len());
        let few = TopK::new(fetch).ok().filter(|_| !question.exact && fetch < within.len());
        let mut found = match few {
            Some(fetch) => nearest(fetch),
            None => Candidates::all(within.iter()),
        };
        let slots: Vec<Slot> = found.hits.iter().map(|hit| hit.0).collect();
        let distances = slots.iter().copied().zip(self.distances(&slots));
        // A point that went away meanwhile has no rows.
        let mut hits: Vec<_> = distances.filter(|(_, distance)| distance.is_finite()).collect();
        hits.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
        hits.truncate(k.get());
        found.compared += slots.len();
        if few.is_some() && found.plan != Plan::Graph {
            found.plan = Plan::Means;
        }
        Candidates { hits, ..found }
    }

    /// The distance to each slot, in their order; infinity for one without rows. O(components).
    pub fn distances(&self, slots: &[Slot]) -> Vec<f32> {
        let piece = |slots: &[Slot]| -> Vec<f32> {
            let mut values = Vec::new();
            let mut distance = |&slot: &Slot| match self.rows.rows(slot, &mut values) {
                true => self.max_sim.distance(&mut values),
                false => f32::INFINITY,
            };
            slots.iter().map(&mut distance).collect()
        };
        match slots.len() {
            0..=PIECE => piece(slots),
            _ => slots.par_chunks(PIECE).flat_map_iter(piece).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_are_compared_as_ef_says_or_the_default() {
        let k = |k: usize| TopK::new(k).expect("k");
        let ef = |ef: usize| Ef::new(ef).ok();
        assert_eq!(wanted(k(1), None, 500), CANDIDATES_MIN);
        assert_eq!(wanted(k(100), None, 500), 100 * OVERSAMPLING);
        assert_eq!(wanted(k(10), None, 30_000), 3_000);
        assert_eq!(wanted(k(10), None, 1_000_000), TOP_K_MAX);
        assert_eq!(wanted(k(10), ef(50), 30_000), 50);
        assert_eq!(wanted(k(10), ef(5), 30_000), 10);
        assert_eq!(wanted(k(TOP_K_MAX), None, 0), TOP_K_MAX);
        assert_eq!(wanted(k(10), ef(20_000), 0), TOP_K_MAX);
    }
}
