//! What is asked, and what is answered.

use crate::filter::Filter;
use crate::ids::{PointId, Slot, VectorName};
use crate::payload::{Path, Payload};
use crate::roles::Role;
use crate::units::{Ef, TopK};
use crate::vector::Vector;

/// A search over one named vector of one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Which vector is compared.
    pub vector: VectorName,
    /// The query: one row, or for a multi-vector any number of them.
    pub query: Vector,
    /// How many hits; always that many where that many points match.
    pub k: TopK,
    /// Candidates of a graph walk, of a multi-vector those that are compared exactly; `None` leaves
    /// it to the planner.
    pub ef: Option<Ef>,
    /// Whether an exact scan is demanded.
    pub exact: bool,
    /// What hits must pass.
    pub filter: Filter,
    /// Whose points are left out (own patient, own lesion ...).
    pub exclude_same: Vec<Identity>,
    /// Who the query itself is: left out of the sample that percentiles are taken from.
    pub own: Vec<Identity>,
    /// Points left out by id: the query itself, for "more like this".
    pub exclude_ids: Vec<PointId>,
    /// Answers in groups of one value of a path.
    pub group_by: Option<GroupBy>,
    /// Whether to rank each hit against a sample of the collection.
    pub percentiles: bool,
}

impl Question {
    /// The `k` nearest of all points, by the planner's choice; more is asked by other fields.
    #[must_use]
    pub fn nearest(vector: VectorName, query: Vector, k: TopK) -> Self {
        Self {
            vector,
            query,
            k,
            ef: None,
            exact: false,
            filter: Filter::default(),
            exclude_same: Vec::new(),
            own: Vec::new(),
            exclude_ids: Vec::new(),
            group_by: None,
            percentiles: false,
        }
    }
}

/// One value of one role: `patient = 042f06a9`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// The role.
    pub role: Role,
    /// Its value, as text.
    pub value: String,
}

/// Grouped answers: the best hits of each value.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupBy {
    /// The path whose scalar value makes the group; points without one make groups of one.
    pub path: Path,
    /// Hits kept of each group.
    pub size: usize,
}

/// One point found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// The point's id.
    pub id: PointId,
    /// Its slot.
    pub slot: Slot,
    /// Smaller is closer.
    pub distance: f32,
    /// Percent of 1,000 seeded sample points (250 of multi-vectors) that lie farther from this
    /// query; `None` where the collection is too small or it was not asked for.
    pub percentile: Option<f32>,
    /// Its fields.
    pub payload: Payload,
}

/// An answer: hits from the closest, and how they were found.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Hits, closest first; with `group_by`, the groups' hits one after another.
    pub hits: Vec<Hit>,
    /// With `group_by`: each group's value (`None`: the point has none) and how many hits it has.
    pub groups: Vec<(Option<String>, usize)>,
    /// How it was found.
    pub explain: Explain,
}

/// How the candidates were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Plan {
    /// Every point that passes was compared.
    #[default]
    Exact,
    /// Every point that passes was estimated by its codes, and the nearest compared exactly.
    Codes,
    /// A graph was walked and its candidates compared exactly.
    Graph,
    /// The mean rows of multi-vectors were scanned and the nearest points compared exactly.
    Means,
}

impl Plan {
    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Codes => "codes",
            Self::Graph => "graph",
            Self::Means => "means",
        }
    }
}

/// The receipt of an answer: plan and cost.
#[derive(Debug, Clone, PartialEq)]
pub struct Explain {
    /// How candidates were found.
    pub plan: Plan,
    /// Points of the collection that have this vector.
    pub points: usize,
    /// Points that pass filter and exclusions: a true count.
    pub matched: usize,
    /// Vectors compared exactly with the query.
    pub compared: usize,
    /// Vectors looked at by their codes, in a walk or a scan.
    pub estimated: usize,
    /// What the planner thought that finding the hits would take, in microseconds; zero for exact
    /// plans.
    pub predicted_us: u64,
    /// Candidates of the walk; zero for plans without one.
    pub ef: usize,
    /// Filter paths that no index serves, evaluated payload by payload.
    pub unindexed: Vec<String>,
    /// Time to make the filter's bitmap, in microseconds.
    pub filter_us: u64,
    /// Time to find the hits, in microseconds.
    pub search_us: u64,
}
