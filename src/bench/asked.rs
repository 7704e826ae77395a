//! Queries with their true neighbours, asked one after the other by one thread.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rayon::ThreadPool;
use serde_json::{Value, json};
use vitrail_domain::{SlotSet, TopK};
use vitrail_exchange::read_npy_integers;
use vitrail_vector_index::{Found, VectorView};

use super::process::thread_cpu_seconds;
use super::{EFS, times};
use crate::open::Failure;

/// Queries of an exact scan: each takes milliseconds.
const EXACT_QUERIES: usize = 200;

/// Queries asked before the watch runs: with fewer, the first point of a curve pays for pages of
/// mapped files that no query had touched yet (a tenth at 100,000 x 384).
const WARM_UP: usize = 1_000;

/// Prepared queries and the numbers of their true neighbours, nearest first.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) queries: Vec<Vec<f32>>,
    pub(super) truth: Vec<Vec<u32>>,
    /// How long each point of a curve is measured.
    pub(super) at_least: Duration,
}

/// Answers a query (given with its number) with so many candidates.
pub(super) type Answers<'a> = dyn Fn(usize, &[f32], usize) -> Found + Sync + 'a;

impl Asked {
    /// Speed and recall of one thread by `ef`.
    pub(super) fn curve(
        &self,
        k: TopK,
        one: &ThreadPool,
        answer: &Answers<'_>,
    ) -> Result<Value, Failure> {
        let mut points = Vec::new();
        for ef in EFS.into_iter().filter(|ef| *ef >= k.get()) {
            let (found, mut point) =
                one.install(|| self.each(|at, query| Ok(answer(at, query, ef))))?;
            point["ef"] = json!(ef);
            point["recall"] = json!(recall(&self.truth, &rows_of(&found)));
            tell_plans(&mut point, &found);
            points.push(point);
        }
        Ok(json!(points))
    }

    /// Speed and recall of scans; `allowed` is each query's filter.
    pub(super) fn exact(
        &self,
        k: TopK,
        one: &ThreadPool,
        view: &VectorView,
        allowed: &(dyn Fn(usize) -> Option<SlotSet> + Sync),
    ) -> Result<Value, Failure> {
        let some = Self {
            queries: self.queries.iter().take(EXACT_QUERIES).cloned().collect(),
            truth: self.truth.iter().take(EXACT_QUERIES).cloned().collect(),
            at_least: Duration::ZERO,
        };
        let sets: Vec<Option<SlotSet>> = (0..some.queries.len()).map(allowed).collect();
        let scan = |at: usize, query: &[f32]| {
            let allowed = sets.get(at).and_then(Option::as_ref);
            Ok(numbers(&view.search_exact(query, k, allowed)))
        };
        let (found, mut report) = one.install(|| some.each(scan))?;
        report["recall"] = json!(recall(&some.truth, &found));
        Ok(report)
    }

    /// Asks every query with a watch, the first thousand once before, and all of them again until
    /// so long was measured as is asked for. Answers are those of the first time.
    pub(super) fn each<T>(
        &self,
        answer: impl Fn(usize, &[f32]) -> Result<T, Failure>,
    ) -> Result<(Vec<T>, Value), Failure> {
        for (at, query) in self.queries.iter().enumerate().take(WARM_UP) {
            std::hint::black_box(answer(at, query)?);
        }
        let (mut found, mut micros) = (Vec::new(), Vec::new());
        let (begun, cpu) = (Instant::now(), thread_cpu_seconds());
        while micros.is_empty() || begun.elapsed() < self.at_least {
            for (at, query) in self.queries.iter().enumerate() {
                let started = Instant::now();
                let answer = std::hint::black_box(answer(at, query)?);
                micros.push(started.elapsed().as_secs_f64() * 1e6);
                if found.len() < self.queries.len() {
                    found.push(answer);
                }
            }
            if self.queries.is_empty() {
                break;
            }
        }
        let cpu = thread_cpu_seconds() - cpu;
        let per_cpu_second = if cpu > 0.0 { micros.len() as f64 / cpu } else { 0.0 };
        let mut report = times(micros);
        report["queries_per_cpu_second"] = json!(per_cpu_second);
        Ok((found, report))
    }
}

/// Reads true neighbours.
pub(super) fn truth_of(path: &Path, queries: usize, k: usize) -> Result<Vec<Vec<u32>>, Failure> {
    let (rows, width, values) = read_npy_integers(path)?;
    if rows != queries || width < k {
        return Err(format!(
            "{}: {rows} x {width} neighbours do not serve {queries} queries of k {k}",
            path.display()
        )
        .into());
    }
    let row = |row: &[i64]| row.iter().take(k).map(|&id| u32::try_from(id)).collect();
    Ok(values.chunks_exact(width).map(row).collect::<Result<_, _>>()?)
}

pub(super) fn numbers(found: &Found) -> Vec<u32> {
    found.hits.iter().map(|hit| hit.0.0).collect()
}

fn rows_of(found: &[Found]) -> Vec<Vec<u32>> {
    found.iter().map(numbers).collect()
}

/// Adds how many queries took each plan, and what they looked at, where a planner chose.
fn tell_plans(point: &mut Value, found: &[Found]) {
    if found.iter().all(|found| found.compared == 0) {
        return;
    }
    let mut plans = BTreeMap::<&str, usize>::new();
    found.iter().for_each(|found| *plans.entry(found.plan.name()).or_default() += 1);
    let mean = |of: &dyn Fn(&Found) -> f64| {
        json!(found.iter().map(of).sum::<f64>() / found.len().max(1) as f64)
    };
    point["plans"] = json!(plans);
    point["compared"] = mean(&|found| found.compared as f64);
    point["estimated"] = mean(&|found| found.estimated as f64);
    point["predicted_us"] = mean(&|found| f64::from(found.predicted_us));
}

/// Share of the true neighbours that were found.
pub(super) fn recall(truth: &[Vec<u32>], found: &[Vec<u32>]) -> f64 {
    let right = |(truth, found): (&Vec<u32>, &Vec<u32>)| {
        found.iter().filter(|id| truth.contains(id)).count()
    };
    let wanted: usize = truth.iter().map(Vec::len).sum();
    truth.iter().zip(found).map(right).sum::<usize>() as f64 / wanted.max(1) as f64
}
