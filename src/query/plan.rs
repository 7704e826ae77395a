//! The planner: pure, so that every choice can be tested with numbers alone.

/// What the planner knows of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// Hits asked for.
    pub k: usize,
    /// Candidates asked for, where the caller said.
    pub ef: Option<usize>,
    /// Whether the caller demands an exact scan.
    pub exact: bool,
    /// Whether a walk is cheaper than a scan of what matches, by the vector index's own measure.
    pub walk_pays: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Compare every allowed point.
    Scan,
    /// Walk the graph with this many candidates.
    Walk {
        /// Candidates kept.
        ef: usize,
    },
}

/// Candidates kept by default: recall@10 of 0.998 on the measured set (src/decisions/0002).
const EF_DEFAULT: usize = 64;

/// Candidates for each hit asked for: the last hits of a walk are the least certain.
const EF_PER_HIT: usize = 2;

/// Chooses the cheaper of a scan and a walk.
#[must_use]
pub fn choose(asked: Asked) -> Choice {
    if asked.exact || !asked.walk_pays {
        return Choice::Scan;
    }
    let least = EF_DEFAULT.max(asked.k.saturating_mul(EF_PER_HIT));
    Choice::Walk { ef: asked.ef.unwrap_or(least).max(asked.k) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_is_taken_where_it_pays_and_nobody_demands_a_scan() {
        let asked = Asked { k: 10, ef: None, exact: false, walk_pays: true };
        assert_eq!(choose(asked), Choice::Walk { ef: EF_DEFAULT });
        assert_eq!(choose(Asked { k: 100, ..asked }), Choice::Walk { ef: 200 });
        assert_eq!(choose(Asked { ef: Some(5), ..asked }), Choice::Walk { ef: 10 });
        assert_eq!(choose(Asked { exact: true, ..asked }), Choice::Scan);
        assert_eq!(choose(Asked { walk_pays: false, ..asked }), Choice::Scan);
    }
}
