//! The seam between segments and their graphs: our own, walked by codes, for the metrics that have
//! code kernels; lists made by `builder` for the others.

use std::path::Path;

use vitrail_domain::{Cancel, Metric};
use vitrail_kernels::{Distance, Lines, Scorer, Sq8Ref, TopK};

use crate::error::SegmentError;
use crate::flat::{self, FlatFilter, FlatIndex, FlatOptions, Scratch, Watch};
use crate::segment::bits;
use crate::segment::builder::{self, GraphOptions};
use crate::segment::codes::{Coded, Made, encode};
use crate::segment::graph::{Graph, Walk};
use crate::segment::store::RowStore;
use crate::vector::distance_of;

/// Rows compared exactly after a walk by codes, at least: their order by codes is that of the exact
/// distances but for the last few.
const RERANK_MIN: usize = 30;

/// Rows compared exactly for each hit that is wanted.
const RERANK_PER_HIT: usize = 3;

/// A segment's graph.
pub(crate) enum Links {
    /// Lists over full vectors.
    Lists(Graph),
    /// Flat links over codes.
    Coded(Box<Coded>),
}

/// A question to a graph.
pub(crate) struct Wanted<'a> {
    pub(crate) query: &'a [f32],
    pub(crate) k: usize,
    /// Candidates kept, at least `k`.
    pub(crate) ef: usize,
    pub(crate) rows: &'a RowStore,
    pub(crate) scorer: &'a Scorer,
    /// What a hit must be; none where every row may be one.
    pub(crate) only: Option<Only<'a>>,
}

/// Which rows may be hits.
pub(crate) struct Only<'a> {
    pub(crate) accept: &'a dyn Fn(u32) -> bool,
    /// Some that may, from all over.
    pub(crate) seeds: &'a [u32],
    /// How many may, as far as is known.
    pub(crate) matching: usize,
    /// Rows compared before it gives up.
    pub(crate) limit: usize,
}

/// What a walk found, and what it took.
#[derive(Default)]
pub(crate) struct Walked {
    /// (exact distance, offset); `None` where it gave up.
    pub(crate) nearest: Option<TopK>,
    /// Rows looked at by their codes.
    pub(crate) estimated: usize,
    /// Rows compared exactly.
    pub(crate) compared: usize,
}

/// Rows of a graph that is to be made.
pub(crate) struct Source<'a> {
    pub(crate) len: u32,
    pub(crate) dim: usize,
    pub(crate) metric: Metric,
    pub(crate) row: &'a dyn Fn(u32) -> &'a [f32],
    /// The graph of the first rows, if its links are to be kept.
    pub(crate) base: Option<&'a Coded>,
}

impl Links {
    /// Whether graphs of this metric are walked by codes.
    pub(crate) fn are_coded(metric: Metric) -> bool {
        metric != Metric::Manhattan
    }

    /// Maps a segment's graph.
    pub(crate) fn open(
        folder: &Path,
        rows: u32,
        dim: usize,
        metric: Metric,
    ) -> Result<Self, SegmentError> {
        if Self::are_coded(metric) {
            Coded::open(folder, rows, dim, distance_of(metric))
                .map(|coded| Self::Coded(Box::new(coded)))
        } else {
            Graph::open(&folder.join("links"), rows).map(Self::Lists)
        }
    }

    /// Writes it into a segment's folder.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), SegmentError> {
        match self {
            Self::Lists(graph) => graph.write(&folder.join("links")),
            Self::Coded(coded) => coded.write(folder),
        }
    }

    /// What is walked by codes, if it is.
    pub(crate) fn coded(&self) -> Option<&Coded> {
        match self {
            Self::Lists(_) => None,
            Self::Coded(coded) => Some(coded),
        }
    }

    /// Whether a walk may trust it; the first call verifies its files.
    #[inline]
    pub(crate) fn is_sound(&self) -> bool {
        match self {
            Self::Lists(graph) => graph.is_sound(),
            Self::Coded(coded) => coded.is_sound(),
        }
    }

    /// What was found damaged, by the file's name.
    pub(crate) fn damage(&self) -> Option<&str> {
        match self {
            Self::Lists(graph) => graph.damage(),
            Self::Coded(coded) => coded.damage(),
        }
    }

    /// Bytes of links, and of codes.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Lists(graph) => graph.bytes(),
            Self::Coded(coded) => coded.bytes(),
        }
    }

    /// The `k` nearest rows that may be hits.
    pub(crate) fn walk(&self, wanted: &Wanted<'_>) -> Walked {
        match self {
            Self::Lists(graph) => walk_lists(graph, wanted),
            Self::Coded(coded) => match coded.index() {
                Some(index) => coded.with_scratch(|scratch| walk_codes(&index, wanted, scratch)),
                None => Walked::default(),
            },
        }
    }
}

fn walk_lists(graph: &Graph, wanted: &Wanted<'_>) -> Walked {
    let limit = wanted.only.as_ref().map_or(usize::MAX, |only| only.limit);
    let (query, ef) = (wanted.query, wanted.ef);
    let walk = Walk { query, ef, limit, rows: wanted.rows, scorer: wanted.scorer };
    let accept = |offset: u32| wanted.only.as_ref().is_none_or(|only| (only.accept)(offset));
    let walked = graph.walk(&walk, accept);
    Walked { nearest: walked.nearest, estimated: 0, compared: walked.compared }
}

fn walk_codes(index: &FlatIndex<'_>, wanted: &Wanted<'_>, scratch: &mut Scratch) -> Walked {
    let before = scratch.work.distances;
    let ended = match &wanted.only {
        None => {
            index.walk(wanted.query, wanted.ef, scratch);
            true
        }
        Some(only) => {
            let (seeds, matching, limit) = (only.seeds, only.matching, only.limit);
            let filter = FlatFilter { accept: only.accept, seeds, matching, limit };
            index.walk_filtered(wanted.query, &filter, wanted.ef, scratch)
        }
    };
    let estimated = (scratch.work.distances - before) as usize;
    if !ended {
        return Walked { estimated, ..Walked::default() };
    }
    let take = RERANK_MIN.max(RERANK_PER_HIT * wanted.k).min(wanted.ef);
    let row = |offset: u32| wanted.rows.row(offset);
    FlatIndex::rerank(wanted.scorer, wanted.query, row, (take, wanted.k), scratch);
    let mut nearest = TopK::new(wanted.k);
    for (distance, offset) in scratch.hits() {
        nearest.push(distance, offset);
    }
    let compared = take.min(scratch.found().len());
    Walked { nearest: Some(nearest), estimated, compared }
}

/// A graph by codes, in memory, and the order of its rows: `order[new]` is a row of the source.
/// None if cancelled, or without rows.
pub(crate) fn made(
    source: &Source<'_>,
    options: &GraphOptions,
    cancel: &Cancel,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> Option<(Links, Vec<u32>)> {
    let distance = distance_of(source.metric);
    let codes = encode(source.len, source.dim, source.row);
    let options = FlatOptions {
        links: options.links,
        ground_links: 2 * options.links,
        ef_construction: options.ef_construction,
        threads: options.threads,
        ..FlatOptions::default()
    };
    let watch = Watch { cancel, progress };
    let rows = Sq8Ref::new(codes.bytes(), source.dim, distance)?;
    let grown = match source.base {
        Some(base) => flat::extend(&base.graph(), rows, &options, watch),
        None => flat::build(rows, &options, watch),
    };
    let (graph, _) = grown?;
    let order = graph.as_ref().order();
    let mut moved = Lines::zeroed(codes.bytes().len());
    for (code, &old) in moved.bytes_mut().chunks_exact_mut(rows.stride()).zip(&order) {
        code.copy_from_slice(rows.row(old));
    }
    let row = |new: u32| (source.row)(order[new as usize]);
    let mean = bits::mean_of(source.dim, (0..source.len).map(row));
    let coder = bits::coder(mean, distance)?;
    let made = Made {
        graph: graph.renumbered(&order),
        even: distance != Distance::MinusDot || flat::lengths_are_even(&rows),
        codes: moved,
        bits: bits::encode(&coder, source.len, &row),
        coder,
    };
    Some((Links::Coded(Box::new(Coded::held(made, distance))), order))
}

/// The graph of a metric without codes, over rows that are stored already.
pub(crate) fn made_of_lists(
    rows: RowStore,
    metric: Metric,
    options: &GraphOptions,
    cancel: &Cancel,
    progress: &dyn Fn(usize, usize),
) -> Option<Links> {
    builder::build(rows, metric, options, cancel, progress).map(Links::Lists)
}
