//! What a search asks of the vector index: pure, so that every choice can be tested with numbers
//! alone. How each segment is then searched is planned there (`vitrail_vector_index::plan`), by
//! what rows cost on this machine.

/// What is known of a search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// Hits asked for.
    pub k: usize,
    /// Candidates asked for, where the caller said.
    pub ef: Option<usize>,
    /// Whether the caller demands an exact scan.
    pub exact: bool,
    /// Whether some points don't pass.
    pub filtered: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Compare every allowed point.
    Exact,
    /// Search each segment by its cheapest route.
    Cheapest {
        /// Candidates that a walk keeps.
        ef: usize,
    },
}

/// Candidates kept by default: recall@10 of 0.998 on the measured set (src/decisions/0002).
const EF_DEFAULT: usize = 64;

/// The same under a filter, where a walk sees so many nodes beside those that pass: recall@10 of
/// 0.998 to 1 on the measured sets (src/decisions/0005), at half the cost.
const EF_FILTERED: usize = 32;

/// Candidates for each hit asked for: the last hits of a walk are the least certain.
const EF_PER_HIT: usize = 2;

/// Chooses.
#[must_use]
pub fn choose(asked: Asked) -> Choice {
    if asked.exact {
        return Choice::Exact;
    }
    let least = if asked.filtered { EF_FILTERED } else { EF_DEFAULT };
    let least = least.max(asked.k.saturating_mul(EF_PER_HIT));
    Choice::Cheapest { ef: asked.ef.unwrap_or(least).max(asked.k) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn candidates_follow_the_hits_unless_the_caller_says() {
        let asked = Asked { k: 10, ef: None, exact: false, filtered: false };
        assert_eq!(choose(asked), Choice::Cheapest { ef: EF_DEFAULT });
        assert_eq!(choose(Asked { filtered: true, ..asked }), Choice::Cheapest { ef: EF_FILTERED });
        assert_eq!(choose(Asked { k: 100, ..asked }), Choice::Cheapest { ef: 200 });
        assert_eq!(choose(Asked { ef: Some(5), ..asked }), Choice::Cheapest { ef: 10 });
        assert_eq!(choose(Asked { exact: true, ..asked }), Choice::Exact);
    }
}
