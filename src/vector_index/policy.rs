//! When a graph is due and when dead rows are dropped. Pure: counts in, a choice out.

use vitrail_domain::limits::GRAPH_POINTS_MIN;

use crate::view::VectorView;

/// One part in this many rows may be newer than the graph: they are scanned at every search, and a
/// graph is made anew, so that a growing index makes each row's links about this many times.
const TAIL_PART: usize = 10;

/// One part in this many rows may be dead before they are dropped: they cost memory and steps.
const DEAD_PART: usize = 4;

/// Dead rows that a small index may always hold, however few points it has.
const DEAD_FREE: usize = 1_024;

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
        assert!(!Counts { points: 0, rows: 0, graph_rows: None }.compaction_due());
    }
}
