//! The nearest rows of others, by comparing all.

use rayon::prelude::*;
use vitrail_domain::Metric;
use vitrail_kernels::{Distance, Scorer, TopK};

use crate::labelled::Labelled;

/// What one query finds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Found {
    /// The row that asks.
    pub query: usize,
    /// Rows, nearest first; `k` of them where as many may be compared. Ties: the earlier row.
    pub hits: Vec<usize>,
    /// How many rows may be compared with the query.
    pub pool: usize,
    /// How many of them have its label.
    pub same: usize,
}

/// The `k` nearest rows of each query among those that may be compared with it. Exact; on all
/// threads of the current rayon pool. O(queries * points * dim).
pub(crate) fn neighbours(data: &Labelled<'_>, queries: &[usize], k: usize) -> Vec<Found> {
    let scorer = Scorer::new(distance_of(data.metric));
    queries.par_iter().map(|&query| nearest(data, &scorer, query, k)).collect()
}

fn nearest(data: &Labelled<'_>, scorer: &Scorer, query: usize, k: usize) -> Found {
    let mut nearest = TopK::new(k);
    let (mut pool, mut same) = (0, 0);
    let label = data.labels[query];
    scorer.each(
        data.rows[query],
        data.len(),
        |row| data.rows[row],
        |row, distance| {
            if data.may_compare(query, row) {
                pool += 1;
                same += usize::from(data.labels[row] == label);
                // Rows fit 32 bits: so do the slots that they come from.
                nearest.push(distance, row as u32);
            }
        },
    );
    let hits = nearest.into_sorted().into_iter().map(|(_, row)| row as usize).collect();
    Found { query, hits, pool, same }
}

fn distance_of(metric: Metric) -> Distance {
    match metric {
        Metric::Cosine => Distance::OneMinusDot,
        Metric::Dot => Distance::MinusDot,
        Metric::Euclid => Distance::L2Squared,
        Metric::Manhattan => Distance::L1,
    }
}
