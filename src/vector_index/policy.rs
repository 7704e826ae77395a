//! When a graph is due or walked, when dead rows are dropped. Pure: counts in, a choice out.

use vitrail_domain::limits::GRAPH_POINTS_MIN;

use crate::view::VectorView;

/// One part in this many rows may be newer than the graph: they are scanned at every search, and a
/// graph is made anew, so that a growing index makes each row's links about this many times.
const TAIL_PART: usize = 10;

/// One part in this many rows may be dead before they are dropped: they cost memory and steps.
const DEAD_PART: usize = 4;

/// Dead rows that a small index may always hold, however few points it has.
const DEAD_FREE: usize = 1_024;

/// Filtered searches walk from this many times the root of the rows on: at 100,000 rows of 384
/// components, both ways cost the same at about 7,500 matching points.
const WALK_ROOTS: usize = 24;

/// What the choice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Slots with a vector.
    pub points: usize,
    /// Rows, dead ones included.
    pub rows: usize,
    /// Rows that the graph covers, if there is one.
    pub graph_rows: Option<usize>,
}

impl Counts {
    /// Whether a new graph would pay: there are points enough, and no graph yet, or too many rows
    /// behind it, or too many dead ones.
    #[must_use]
    pub fn graph_due(self) -> bool {
        let behind = |covered: usize| self.rows - covered.min(self.rows) > covered / TAIL_PART;
        self.points >= GRAPH_POINTS_MIN
            && (self.graph_rows.is_none_or(behind) || self.compaction_due())
    }

    /// Whether the next graph should be made over live rows only.
    #[must_use]
    pub fn compaction_due(self) -> bool {
        self.dead() > self.rows / DEAD_PART
    }

    /// Whether to walk the graph under a filter that `matching` points pass, rather than to scan
    /// them. A walk compares some 500 rows, divided by the share that passes, so that both cost the
    /// same at a multiple of the root of the rows.
    #[must_use]
    pub fn walk_pays(self, matching: usize) -> bool {
        let scan_below = |rows: usize| WALK_ROOTS * rows.isqrt();
        self.graph_rows.is_some_and(|rows| matching >= scan_below(rows))
    }

    /// Whether a write should move the live rows together by itself: the index is too small for a
    /// graph to come, and more is dead than alive, so that each write pays for one row's move.
    #[must_use]
    pub fn rewrite_due(self) -> bool {
        self.points < GRAPH_POINTS_MIN && self.dead() > self.points + DEAD_FREE
    }

    fn dead(self) -> usize {
        self.rows - self.points.min(self.rows)
    }
}

/// [`Counts::graph_due`] of a view. Nanoseconds: to be asked after every write.
#[must_use]
pub fn graph_due(view: &VectorView) -> bool {
    view.counts().graph_due()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(points: usize, rows: usize, graph_rows: Option<usize>) -> bool {
        Counts { points, rows, graph_rows }.graph_due()
    }

    #[test]
    fn a_graph_is_due_by_points_tail_and_dead() {
        assert!(!due(GRAPH_POINTS_MIN - 1, 500_000, None));
        assert!(due(GRAPH_POINTS_MIN, GRAPH_POINTS_MIN, None));
        assert!(!due(110_000, 110_000, Some(100_000)));
        assert!(due(110_001, 110_001, Some(100_000)));
        assert!(!due(75_000, 100_000, Some(100_000)));
        assert!(due(74_999, 100_000, Some(100_000)));
        let counts = Counts { points: 90_000, rows: 100_000, graph_rows: Some(90_000) };
        assert!(counts.walk_pays(7_200) && !counts.walk_pays(7_199));
        assert!(!Counts { graph_rows: None, ..counts }.walk_pays(90_000));
        assert!(!Counts { points: 0, rows: 0, graph_rows: None }.compaction_due());
    }
}
