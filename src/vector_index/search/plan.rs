//! How one segment is searched: what each way costs on this machine, and the cheapest of them.
//! Pure, so that every choice can be tested with numbers alone.

/// A way to find the nearest rows of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Every row that may be a hit is compared.
    Exact,
    /// Every one is estimated by its bytes, the nearest are compared.
    Bytes,
    /// Every one is estimated by one bit a component, the nearest are compared.
    Bits,
    /// The graph is walked by bytes, the nearest are compared.
    Walk,
}

/// Nanoseconds that a row takes, as a line over its bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Of every row.
    pub fixed: f32,
    /// For each of its bytes.
    pub byte: f32,
}

impl Line {
    /// The line through two measured points `(bytes, ns)`; it never falls, and never leads below
    /// zero.
    #[must_use]
    pub fn through(low: (usize, f32), high: (usize, f32)) -> Self {
        let byte = ((high.1 - low.1) / (high.0 - low.0).max(1) as f32).max(0.0);
        Self { fixed: low.1 - byte * low.0 as f32, byte }
    }

    fn at(self, bytes: usize) -> f32 {
        (self.fixed + self.byte * bytes as f32).max(1.0)
    }
}

/// What rows that lie anywhere in memory cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Costs {
    /// Rows of floats.
    pub floats: Line,
    /// Rows of bytes.
    pub bytes: Line,
    /// Rows of bits.
    pub bits: Line,
    /// Nanoseconds to make a query's bits, for each `dim * log2(dim)`.
    pub rotation: f32,
}

/// What a choice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// Rows of the segment.
    pub rows: usize,
    /// Of these, how many may be hits, as far as is known.
    pub matching: usize,
    /// Components.
    pub dim: usize,
    /// Hits wanted.
    pub k: usize,
    /// Candidates that a walk would keep.
    pub ef: usize,
    /// What there is beside full vectors.
    pub has: Has,
}

/// What a segment has beside full vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Has {
    /// Codes of bytes.
    pub bytes: bool,
    /// Codes of one bit a component: how many rows a scan by them has lately compared exactly,
    /// which grows where they tell the data apart badly.
    pub bits: Option<usize>,
    /// A graph that may be walked for this question.
    pub walk: bool,
}

/// A route, and what it is thought to cost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Planned {
    /// The route.
    pub route: Route,
    /// Nanoseconds.
    pub ns: f32,
}

/// Comparing every row exactly is taken where it costs this at most: nobody notices, and the
/// answer is exact.
const EXACT_FREE_NS: f32 = 25_000.0;

/// Candidates that a scan by bytes compares exactly (`code_scan`); by bits, at least.
pub const COMPARED: usize = 50;

/// A walk's prediction is the less certain one, and a scan misses nothing: the walk must be this
/// much cheaper. What it may cost before it is given up is the scan's cost, so this is its margin.
const WALK_MARGIN: f32 = 1.5;

/// Nanoseconds of a walk for each row it looks at, beside the distance: pool, stamps, links.
const STEP_NS: f32 = 25.0;

/// Rows that a walk of `ef` candidates looks at among 100,000: some 300 with 10; with 64, 530
/// (tiles of 384 components) to 900 (photographs of 6,144).
const WALK_ROWS: f32 = 250.0;
const WALK_ROWS_PER_EF: f32 = 6.5;
const WALK_ROWS_AT: f32 = 1e5;

/// Nanoseconds more for each row that a walk under a filter looks at: its slot, the bitmap.
const ASK_NS: f32 = 40.0;

/// Rows that a walk under a filter looks at beyond a plain one's, in these, divided by the share
/// that passes: 1.25 times as many at 50 %, 1.7 at 20 %, 2 at 10 % (measured at 100,000).
const FILTERED_BY_SHARE: f32 = 0.11;

/// The cheapest route, of those there are.
#[must_use]
pub fn choose(asked: &Asked, costs: &Costs) -> Planned {
    let scan = scan(asked, costs);
    let walk = Planned { route: Route::Walk, ns: walk_ns(asked, costs) };
    let free = scan.route == Route::Exact && scan.ns <= EXACT_FREE_NS;
    if asked.has.walk && walk.ns * margin(asked) < scan.ns && !free { walk } else { scan }
}

fn margin(asked: &Asked) -> f32 {
    if asked.matching < asked.rows { WALK_MARGIN } else { 1.0 }
}

/// The cheapest scan.
#[must_use]
pub fn scan(asked: &Asked, costs: &Costs) -> Planned {
    let floats = costs.floats.at(4 * asked.dim);
    let exact = Planned { route: Route::Exact, ns: asked.matching as f32 * floats };
    if exact.ns <= EXACT_FREE_NS {
        return exact;
    }
    let by = |route: Route, row: f32, compared: usize| Planned {
        route,
        ns: asked.matching as f32 * row
            + compared.max(5 * asked.k).min(asked.matching) as f32 * floats,
    };
    let bytes = by(Route::Bytes, costs.bytes.at(asked.dim), COMPARED);
    let bytes = asked.has.bytes.then_some(bytes);
    let bits = asked.has.bits.map(|compared| {
        let scanned = by(Route::Bits, costs.bits.at(asked.dim / 8), compared);
        Planned { ns: scanned.ns + rotation_ns(asked.dim, costs), ..scanned }
    });
    let ways = [Some(exact), bytes, bits].into_iter().flatten();
    ways.min_by(|a, b| a.ns.total_cmp(&b.ns)).unwrap_or(exact)
}

/// Rows that a walk may look at before the cheapest scan would have been done.
#[must_use]
pub fn walk_limit(asked: &Asked, costs: &Costs) -> usize {
    let row = costs.bytes.at(asked.dim) + STEP_NS + ASK_NS;
    (scan(asked, costs).ns / row) as usize
}

fn rotation_ns(dim: usize, costs: &Costs) -> f32 {
    let dim = dim.max(2) as f32;
    costs.rotation * dim * dim.log2()
}

fn walk_ns(asked: &Asked, costs: &Costs) -> f32 {
    let rows = asked.rows.max(2) as f32;
    let depth = rows.ln() / WALK_ROWS_AT.ln();
    let looked_at = (WALK_ROWS + WALK_ROWS_PER_EF * asked.ef as f32) * depth;
    let share = (asked.matching as f32 / rows).clamp(1e-6, 1.0);
    let (more, ask) = if share < 1.0 { (FILTERED_BY_SHARE / share, ASK_NS) } else { (0.0, 0.0) };
    let compared = asked.ef.min(COMPARED.max(3 * asked.k)) as f32;
    let row = costs.bytes.at(asked.dim) + STEP_NS + ask;
    let steps = (looked_at * (1.0 + more)).min(rows) * row;
    steps + compared * costs.floats.at(4 * asked.dim)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of the machine of decision 0005.
    const COSTS: Costs = Costs {
        floats: Line { fixed: 14.0, byte: 0.071 },
        bytes: Line { fixed: 0.0, byte: 0.077 },
        bits: Line { fixed: 5.0, byte: 0.11 },
        rotation: 0.2,
    };

    const ALL: Has = Has { bytes: true, bits: Some(COMPARED), walk: true };

    fn route(rows: usize, matching: usize, dim: usize, has: Has) -> Route {
        choose(&Asked { rows, matching, dim, k: 10, ef: 16, has }, &COSTS).route
    }

    #[test]
    fn the_rarer_the_match_the_plainer_the_scan() {
        let at = |matching: usize| route(100_000, matching, 384, ALL);
        assert_eq!(at(100_000), Route::Walk);
        assert_eq!(at(20_000), Route::Walk);
        assert_eq!(at(3_000), Route::Bits);
        assert_eq!(at(600), Route::Bits);
        assert_eq!(at(100), Route::Exact);
        assert_eq!(at(0), Route::Exact);
    }

    #[test]
    fn the_larger_the_segment_the_smaller_the_share_that_is_scanned() {
        let border = |rows: usize| {
            let scanned = |part: &usize| route(rows, rows / part, 384, ALL) == Route::Bits;
            (1..1_000).find(scanned)
        };
        assert!(border(100_000) < border(1_000_000), "{:?}", border(100_000));
        assert!(border(100_000).is_some_and(|part| part > 5));
    }

    #[test]
    fn what_is_not_there_is_not_taken() {
        let without = |has: Has| route(100_000, 50_000, 384, has);
        assert_eq!(without(Has { walk: false, ..ALL }), Route::Bits);
        assert_eq!(without(Has { walk: false, bits: None, ..ALL }), Route::Bytes);
        // Where bits tell the rows apart badly, bytes are the cheaper ones.
        assert_eq!(without(Has { walk: false, bits: Some(20_000), ..ALL }), Route::Bytes);
        assert_eq!(without(Has::default()), Route::Exact);
    }

    #[test]
    fn a_walk_gives_up_when_the_scan_would_be_done() {
        let asked = Asked { rows: 100_000, matching: 4_000, dim: 384, k: 10, ef: 64, has: ALL };
        let limit = walk_limit(&asked, &COSTS) as f32;
        let row = COSTS.bytes.at(384) + STEP_NS + ASK_NS;
        assert!((limit * row - scan(&asked, &COSTS).ns).abs() < row);
    }

    #[test]
    fn a_line_leads_through_its_points_and_never_falls() {
        let line = Line::through((100, 20.0), (1_100, 120.0));
        assert!((line.at(100) - 20.0).abs() < 1e-3 && (line.at(600) - 70.0).abs() < 1e-3);
        assert!(Line::through((100, 20.0), (1_100, 10.0)).at(5_000) >= 10.0);
    }
}
