//! How good neighbours are: precision at k, leaving each query out with its own patient, lesion or
//! slide, beside what rankings by chance reach on the same pools.

use vitrail_domain::{Metric, TopK};
use vitrail_kernels::normalise;

use crate::bootstrap::{Measured, Queries, Summary};
use crate::clusters::clusters;
use crate::draw::Draw;
use crate::error::AnalysisError;
use crate::labelled::Labelled;
use crate::neighbours::{Found, neighbours};

/// Drawings of a bootstrap: the ends of a 95 % interval move by about a hundredth of its width.
pub const RESAMPLES: usize = 1_000;

/// Components of the random vectors: with many, a few vectors are near all others by chance, and
/// a drawing says little.
const RANDOM_DIM: usize = 16;

/// Drawings of random vectors that are averaged.
const RANDOM_DRAWINGS: usize = 10;

/// How retrieval is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetrievalOptions {
    /// Hits that are judged for each query.
    pub k: TopK,
    /// Decides the sample of queries, the random vectors and the drawings.
    pub seed: u64,
    /// Queries at most; of more points a seeded sample asks.
    pub queries_max: usize,
}

/// How good the neighbours are.
#[derive(Debug, Clone, PartialEq)]
pub struct RetrievalReport {
    /// As asked.
    pub options: RetrievalOptions,
    /// Labelled points: what queries are compared with.
    pub points: usize,
    /// Queries that were judged.
    pub queries: usize,
    /// Queries of whose label there is no other that they may be compared with: no ranking finds
    /// one, so they are not judged (as TREC leaves out topics without relevant documents).
    pub without_match: usize,
    /// Clusters among the queries: what was resampled.
    pub clusters: usize,
    /// Share of the `k` nearest that have the query's label (of all, where fewer than `k` may be
    /// compared).
    pub precision: Summary,
    /// The exact expectation of the same for a random ranking of the same pool.
    pub random: Summary,
    /// The same measure for seeded random vectors: it should agree with `random`, else the measure
    /// itself leaks. The interval is that of other queries, not of other drawings.
    pub random_vectors: Summary,
    /// The best that any ranking could reach: under 1 where a class has fewer than `k` others.
    pub attainable: Summary,
    /// By class, in the order of the classes; those without a query are left out.
    pub classes: Vec<ClassLine>,
}

/// One class of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct ClassLine {
    /// Its name.
    pub label: String,
    /// Queries of it.
    pub queries: usize,
    /// As in the report.
    pub precision: Measured,
    /// As in the report.
    pub random: Measured,
    /// As in the report.
    pub attainable: Measured,
}

/// Measures retrieval. The intervals tell how the mean moves with other patients as queries; the
/// pool that they are compared with stays as it is. O(queries * points * dim).
///
/// # Errors
/// Columns that do not belong together; no query that could find another of its label.
pub fn retrieval(
    data: &Labelled<'_>,
    options: RetrievalOptions,
) -> Result<RetrievalReport, AnalysisError> {
    data.check()?;
    let asked = Draw::new(options.seed).sample(data.len(), options.queries_max);
    let mut found = neighbours(data, &asked, options.k.get());
    found.retain(|found| found.same > 0);
    if found.is_empty() {
        return Err(AnalysisError::NothingToFind { points: data.len() });
    }
    let judged: Vec<usize> = found.iter().map(|found| found.query).collect();
    let labels: Vec<u32> = judged.iter().map(|&query| data.labels[query]).collect();
    let clusters = clusters_of(data, &judged);
    let queries = Queries { classes: data.classes.len(), labels: &labels, clusters: &clusters };
    let summary = |value: &dyn Fn(&Found) -> f64| {
        let values: Vec<f64> = found.iter().map(value).collect();
        queries.summarise(&values, RESAMPLES, options.seed)
    };
    let precision = summary(&|found| precision(data, found));
    let random = summary(&|found| found.same as f64 / found.pool as f64);
    let attainable = summary(&|found| attainable(found, options.k.get()));
    let by_chance = precision_by_chance(data, &judged, options);
    let random_vectors = queries.summarise(&by_chance, RESAMPLES, options.seed);
    Ok(RetrievalReport {
        options,
        points: data.len(),
        queries: judged.len(),
        without_match: asked.len() - judged.len(),
        clusters: clusters.iter().max().map_or(0, |last| last + 1),
        classes: class_lines(data, &labels, [&precision, &random, &attainable]),
        precision,
        random,
        random_vectors,
        attainable,
    })
}

/// The share of hits that have the query's label.
fn precision(data: &Labelled<'_>, found: &Found) -> f64 {
    let label = data.labels[found.query];
    let right = found.hits.iter().filter(|&&hit| data.labels[hit] == label).count();
    right as f64 / found.hits.len() as f64
}

/// The share of hits that could have had it.
fn attainable(found: &Found, k: usize) -> f64 {
    found.same.min(k) as f64 / found.pool.min(k) as f64
}

/// Clusters of the judged queries, numbered anew without gaps.
fn clusters_of(data: &Labelled<'_>, judged: &[usize]) -> Vec<usize> {
    let all = clusters(data.len(), &data.groupings);
    let mut numbers = std::collections::HashMap::new();
    let number = |&query: &usize| {
        let next = numbers.len();
        *numbers.entry(all[query]).or_insert(next)
    };
    judged.iter().map(number).collect()
}

/// What the same queries reach among the same pools when every vector is drawn: the mean of several
/// drawings for each query.
fn precision_by_chance(
    data: &Labelled<'_>,
    judged: &[usize],
    options: RetrievalOptions,
) -> Vec<f64> {
    let mut draw = Draw::new(options.seed);
    let mut means = vec![0.0; judged.len()];
    for _ in 0..RANDOM_DRAWINGS {
        let count = data.len() * RANDOM_DIM;
        let mut drawn: Vec<f32> = (0..count).map(|_| draw.normal() as f32).collect();
        for row in drawn.chunks_exact_mut(RANDOM_DIM) {
            normalise(row);
        }
        let rows = drawn.chunks_exact(RANDOM_DIM).collect();
        let drawn = Labelled { metric: Metric::Cosine, rows, ..data.clone() };
        let found = neighbours(&drawn, judged, options.k.get());
        for (mean, found) in means.iter_mut().zip(&found) {
            *mean += precision(data, found) / RANDOM_DRAWINGS as f64;
        }
    }
    means
}

fn class_lines(
    data: &Labelled<'_>,
    labels: &[u32],
    [precision, random, attainable]: [&Summary; 3],
) -> Vec<ClassLine> {
    let line = |(class, label): (usize, &String)| {
        Some(ClassLine {
            label: label.clone(),
            queries: labels.iter().filter(|&&own| own as usize == class).count(),
            precision: precision.classes[class]?,
            random: random.classes[class]?,
            attainable: attainable.classes[class]?,
        })
    };
    data.classes.iter().enumerate().filter_map(line).collect()
}
