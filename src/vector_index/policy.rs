//! When a mutable segment is sealed, when segments are frozen or merged, when writers wait.
//! Pure: counts in, a choice out.

/// Bytes of rows at which the mutable segment is sealed: its 1-bit codes are scanned at every
/// search, which takes 0.2 ms then (20,000 rows of 384 components).
pub(crate) const MUTABLE_BYTES: usize = 32 << 20;

/// Rows without a graph at which writers wait while a freeze goes on, in those of a full mutable
/// segment: what is scanned at every search has a bound then, and a load at full speed is as fast
/// as freezing.
const UNFROZEN_MUTABLES: usize = 2;

/// Segments beside the largest are merged into it once they hold one part in this many of its rows:
/// a bulk load costs each point about two insertions then, and a search few walks.
const MERGE_PART: usize = 4;

/// Frozen segments beside the largest at most, however small: each costs every search a walk.
const MERGE_COUNT: usize = 4;

/// One part in this many rows may be dead before they are dropped: they cost memory and steps.
const DEAD_PART: usize = 4;

/// Dead rows that a small mutable segment may always hold, however few points it has.
const DEAD_FREE: usize = 1_024;

/// Writes after the last checkpoint at which the next is due: so many are looked at again by a
/// start, and kept in the change log.
const CHECKPOINT_WRITES: u64 = 4_096;

/// What there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    /// Slots with a vector.
    pub points: usize,
    /// Rows, dead ones included.
    pub rows: usize,
    /// Rows under a graph, if there is one.
    pub graph_rows: Option<usize>,
}

/// One sealed or frozen segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentCounts {
    /// Rows, dead ones included.
    pub rows: usize,
    /// Rows that are their slots' current ones.
    pub live: usize,
    /// Whether it has a graph that is not known to be damaged.
    pub frozen: bool,
}

impl SegmentCounts {
    fn mostly_alive(self) -> bool {
        self.rows - self.live.min(self.rows) <= self.rows / DEAD_PART
    }
}

/// What to do with the segments of a view, by their positions in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing.
    Nothing,
    /// Make one frozen segment of these, which have no graph.
    Freeze(Vec<usize>),
    /// Merge these into one, which holds live rows only where `from_scratch`; else their rows are
    /// inserted into a copy of the first one's graph.
    Merge {
        /// The largest first.
        which: Vec<usize>,
        /// Whether so much of the first is dead that its graph is not worth copying.
        from_scratch: bool,
    },
}

/// The two kinds of work, each done by one thread at a time: they touch different segments, and a
/// merge of minutes must not keep what is sealed waiting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Making graphs over what is sealed.
    Freeze,
    /// Making one segment of frozen ones.
    Merge,
}

impl Task {
    /// Both, the more urgent one first.
    pub const ALL: [Self; 2] = [Self::Freeze, Self::Merge];
}

/// What is due: what is sealed is frozen first, because it is scanned; then small segments are
/// merged into the largest, and dead rows dropped.
#[must_use]
pub fn choose(segments: &[SegmentCounts]) -> Choice {
    let choices = Task::ALL.map(|task| choose_for(task, segments));
    choices.into_iter().find(|choice| *choice != Choice::Nothing).unwrap_or(Choice::Nothing)
}

/// What is due of one kind of work.
#[must_use]
pub fn choose_for(task: Task, segments: &[SegmentCounts]) -> Choice {
    let frozen = task == Task::Merge;
    let of = |(at, counts): (usize, &SegmentCounts)| (counts.frozen == frozen).then_some(at);
    let which: Vec<usize> = segments.iter().enumerate().filter_map(of).collect();
    match task {
        Task::Freeze if which.is_empty() => Choice::Nothing,
        Task::Freeze => Choice::Freeze(which),
        Task::Merge => merge(segments, which),
    }
}

/// Whether the frozen segments at these positions should be merged.
fn merge(segments: &[SegmentCounts], mut which: Vec<usize>) -> Choice {
    which.sort_by_key(|&at| std::cmp::Reverse(segments[at].live));
    let Some((&largest, others)) = which.split_first() else { return Choice::Nothing };
    let from_scratch = !segments[largest].mostly_alive();
    let waiting: usize = others.iter().map(|&at| segments[at].live).sum();
    let worth_it = waiting * MERGE_PART >= segments[largest].live || others.len() >= MERGE_COUNT;
    let decayed = others.iter().any(|&at| !segments[at].mostly_alive());
    if from_scratch || decayed || (worth_it && !others.is_empty()) {
        return Choice::Merge { which, from_scratch };
    }
    Choice::Nothing
}

/// Whether the mutable segment should be sealed: it holds that many rows of that many components.
#[must_use]
pub fn seal_due(rows: usize, dim: usize) -> bool {
    rows * dim * size_of::<f32>() >= MUTABLE_BYTES
}

/// Whether so much has no graph that writers should wait for the freeze that goes on.
#[must_use]
pub fn writers_wait(unfrozen_rows: usize, dim: usize) -> bool {
    unfrozen_rows * dim * size_of::<f32>() >= UNFROZEN_MUTABLES * MUTABLE_BYTES
}

/// Whether a write should move the live rows of the mutable segment together: more is dead than
/// alive, so that each write pays for one row's move.
#[must_use]
pub fn rewrite_due(rows: usize, live: usize) -> bool {
    rows - live.min(rows) > live + DEAD_FREE
}

/// Whether what was written since the last checkpoint should be noted in the manifest.
#[must_use]
pub fn checkpoint_due(writes_since: u64) -> bool {
    writes_since >= CHECKPOINT_WRITES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frozen(rows: usize, live: usize) -> SegmentCounts {
        SegmentCounts { rows, live, frozen: true }
    }

    #[test]
    fn sealed_segments_are_frozen_together_and_first() {
        let sealed = SegmentCounts { rows: 10, live: 10, frozen: false };
        assert_eq!(choose(&[]), Choice::Nothing);
        assert_eq!(choose(&[sealed, frozen(9, 1), sealed]), Choice::Freeze(vec![0, 2]));
    }

    #[test]
    fn a_merge_does_not_wait_for_what_is_sealed() {
        let sealed = SegmentCounts { rows: 10, live: 10, frozen: false };
        let segments = [sealed, frozen(9, 1), sealed];
        let merge = Choice::Merge { which: vec![1], from_scratch: true };
        assert_eq!(choose_for(Task::Merge, &segments), merge);
        assert_eq!(choose_for(Task::Freeze, &segments[1..2]), Choice::Nothing);
    }

    #[test]
    fn small_segments_wait_until_they_are_worth_a_merge() {
        let (large, small) = (frozen(1_000, 1_000), frozen(100, 100));
        assert_eq!(choose(&[large]), Choice::Nothing);
        assert_eq!(choose(&[small, large, small]), Choice::Nothing);
        let merge = |which: &[usize], from_scratch: bool| Choice::Merge {
            which: which.to_vec(),
            from_scratch,
        };
        assert_eq!(choose(&[small, large, frozen(150, 150)]), merge(&[1, 2, 0], false));
        let tiny = frozen(4, 4);
        assert_eq!(choose(&[tiny, tiny, large, tiny]), Choice::Nothing);
        assert_eq!(choose(&[tiny, tiny, large, tiny, tiny]), merge(&[2, 0, 1, 3, 4], false));
    }

    #[test]
    fn dead_rows_are_dropped_from_a_quarter_on() {
        assert_eq!(choose(&[frozen(1_000, 750)]), Choice::Nothing);
        let alone = Choice::Merge { which: vec![0], from_scratch: true };
        assert_eq!(choose(&[frozen(1_000, 749)]), alone);
        assert_eq!(choose(&[frozen(5, 0)]), alone);
        let both = Choice::Merge { which: vec![0, 1], from_scratch: false };
        assert_eq!(choose(&[frozen(1_000, 1_000), frozen(10, 1)]), both);
    }

    #[test]
    fn bounds_of_the_mutable_segment() {
        assert!(!seal_due(21_845, 384) && seal_due(21_846, 384) && seal_due(1_366, 6_144));
        assert!(!writers_wait(43_690, 384) && writers_wait(43_691, 384));
        assert!(!rewrite_due(1_224, 100) && rewrite_due(1_225, 100) && !rewrite_due(0, 0));
        assert!(!checkpoint_due(4_095) && checkpoint_due(4_096));
    }
}
