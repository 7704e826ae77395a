//! What segments cost: freezing and merging, opening, and how fast searches are meanwhile.
//!
//! `cargo bench -p vitrail-vector-index --profile release --bench segments -- ROWS DIM [METRIC]`
//! with seeded vectors; prints one JSON object. One thread searches all the time, walks with
//! `ef` 64 for the ten nearest; freezing and merging run beside it on half of the cores.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use vitrail_domain::{Cancel, Dim, Ef, Metric, Seq, Slot, SlotSet, TopK};
use vitrail_kernels::split_mix;
use vitrail_vector_index::{Built, Choice, GraphOptions, Truth, VectorIndex, prepare_query};

type Outcome<T> = Result<T, Box<dyn Error>>;

const WRITE_ROWS: usize = 1_000;

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let rows = arguments.next().map_or(Ok(5_000), |rows| rows.parse())?;
    let dim = arguments.next().map_or(Ok(64), |dim| dim.parse())?;
    let metric = arguments.next().map_or(Ok(Metric::Cosine), |metric| metric.parse())?;
    let folder = tempfile::tempdir()?;
    let report = measure(folder.path(), (rows, dim, metric))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

fn measure(folder: &Path, (rows, dim, metric): (usize, usize, Metric)) -> Outcome<Value> {
    let data = drawn(rows, dim, 500, metric);
    let index = VectorIndex::open(folder, Dim::new(dim)?, metric)?.index;
    let part = rows * 4 / 5;
    write(&index, &data.base, 0..part)?;
    index.seal();
    let freeze = timed(|| index.work(&GraphOptions::default(), &Cancel::new(), &|_, _| {}))?;
    let steady = searches(&index, &data, 4_000);
    write(&index, &data.base, part..rows)?;
    index.seal();
    let with_tail = searches(&index, &data, 2_000);
    let (freeze_beside, during_freeze) = beside(&index, &data)?;
    let choice = index.due();
    let (merge, during_merge) = match choice {
        Choice::Nothing => (json!(null), json!(null)),
        _ => beside(&index, &data)?,
    };
    let after = searches(&index, &data, 4_000);
    let recall = recall(&index, &data)?;
    index.checkpoint()?;
    let seq = Seq(rows.div_ceil(WRITE_ROWS) as u64);
    drop(index);
    let opened = opening(folder, dim, metric, seq, &data)?;
    let bytes = folder_bytes(folder)?;
    Ok(json!({
        "rows": rows, "dim": dim, "metric": metric.name(),
        "cores": std::thread::available_parallelism()?.get(),
        "threads_of_work": GraphOptions::default().threads,
        "freeze_alone": {"rows": part, "seconds": freeze.0, "built": format!("{:?}", freeze.1)},
        "freeze_beside_searches": freeze_beside, "merge_beside_searches": merge,
        "search": {"steady_one_frozen": steady, "one_frozen_one_sealed": with_tail,
            "during_freeze": during_freeze, "during_merge": during_merge, "after": after},
        "recall_at_10": recall, "open": opened, "files_mb": bytes as f64 / 1e6,
    }))
}

fn write(index: &VectorIndex, base: &[Vec<f32>], range: std::ops::Range<usize>) -> Outcome<()> {
    let all: Vec<usize> = range.collect();
    for batch in all.chunks(WRITE_ROWS) {
        let rows: Vec<(Slot, &[f32])> =
            batch.iter().map(|&at| (Slot(at as u32), base[at].as_slice())).collect();
        let seq = Seq((batch[batch.len() - 1] / WRITE_ROWS + 1) as u64);
        index.apply_at(seq, &rows, &[])?;
    }
    Ok(())
}

fn timed<T, E: Into<Box<dyn Error>>>(work: impl FnOnce() -> Result<T, E>) -> Outcome<(f64, T)> {
    let started = Instant::now();
    let done = work().map_err(Into::into)?;
    Ok((started.elapsed().as_secs_f64(), done))
}

/// What is due, while one thread searches.
fn beside(index: &VectorIndex, data: &Data) -> Outcome<(Value, Value)> {
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let worker = scope.spawn(|| {
            let cpu = cpu_seconds();
            let started = Instant::now();
            let built = index.work(&GraphOptions::default(), &Cancel::new(), &|_, _| {});
            done.store(true, Ordering::Release);
            (started.elapsed().as_secs_f64(), cpu_seconds() - cpu, built)
        });
        let mut micros = Vec::new();
        while !done.load(Ordering::Acquire) {
            micros.push(search(index, &data.queries[micros.len() % data.queries.len()]));
        }
        let (seconds, cpu, built) = worker.join().map_err(|_| "the worker panicked")?;
        let built = built?;
        assert!(matches!(built, Built::Published(_)), "{built:?}");
        let work = json!({"seconds": seconds, "cpu_seconds_with_searches": cpu,
            "built": format!("{built:?}")});
        Ok((work, percentiles(micros)))
    })
}

fn searches(index: &VectorIndex, data: &Data, count: usize) -> Value {
    let query = |at: usize| &data.queries[at % data.queries.len()];
    (0..100).for_each(|at| {
        search(index, query(at));
    });
    percentiles((0..count).map(|at| search(index, query(at))).collect())
}

/// Microseconds of one search.
fn search(index: &VectorIndex, query: &[f32]) -> f64 {
    let (Ok(k), Ok(ef)) = (TopK::new(10), Ef::new(64)) else { return f64::NAN };
    let started = Instant::now();
    let view = index.view();
    std::hint::black_box(view.search(query, k, ef, None));
    started.elapsed().as_secs_f64() * 1e6
}

fn percentiles(mut micros: Vec<f64>) -> Value {
    micros.sort_by(f64::total_cmp);
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    json!({"searches": micros.len(), "p50_us": at(0.5), "p99_us": at(0.99), "max_us": at(1.0)})
}

fn recall(index: &VectorIndex, data: &Data) -> Outcome<f64> {
    let (view, k, ef) = (index.view(), TopK::new(10)?, Ef::new(64)?);
    let of = |query: &Vec<f32>| {
        let truth = view.search_exact(query, k, None).hits;
        let found = view.search(query, k, ef, None).hits;
        found.iter().filter(|hit| truth.contains(hit)).count()
    };
    let hits: usize = data.queries.iter().take(200).map(of).sum();
    Ok(hits as f64 / (10 * data.queries.len().min(200)) as f64)
}

/// Seconds to an opened index, and to the first answer (which verifies the graph).
fn opening(folder: &Path, dim: usize, metric: Metric, seq: Seq, data: &Data) -> Outcome<Value> {
    let started = Instant::now();
    let opened = VectorIndex::open(folder, Dim::new(dim)?, metric)?;
    assert!(opened.problems.is_empty(), "{:?}", opened.problems);
    let since = opened.seq;
    let none = |_: Slot| -> Result<Option<Vec<f32>>, std::convert::Infallible> { Ok(None) };
    let truth = Truth { vector: &none, each: &|_| Ok(()) };
    let (index, took) = opened.catch_up(Some(&SlotSet::new()), seq, &truth)?;
    let open = started.elapsed().as_secs_f64();
    search(&index, &data.queries[0]);
    let first_walk = started.elapsed().as_secs_f64();
    let (k, view) = (TopK::new(10)?, index.view());
    let _ = view.search_exact(&data.queries[0], k, None);
    let first_exact = started.elapsed().as_secs_f64();
    Ok(json!({
        "points": view.len(), "seq": since.map(|seq| seq.0), "read_again": took.read,
        "open_seconds": open, "to_first_walk_seconds": first_walk,
        "to_first_exact_seconds": first_exact,
    }))
}

fn folder_bytes(folder: &Path) -> Outcome<u64> {
    let mut bytes = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let meta = entry.metadata()?;
        bytes += if meta.is_dir() { folder_bytes(&entry.path())? } else { meta.len() };
    }
    Ok(bytes)
}

struct Data {
    base: Vec<Vec<f32>>,
    queries: Vec<Vec<f32>>,
}

/// Seeded clusters on a sheet of twelve dimensions, with noise.
fn drawn(rows: usize, dim: usize, queries: usize, metric: Metric) -> Data {
    let mut random = Random(7);
    let axes: Vec<Vec<f32>> = (0..12).map(|_| random.units(dim)).collect();
    let centres: Vec<Vec<f32>> = (0..50).map(|_| random.units(12)).collect();
    let mut row = || {
        let centre = &centres[(random.next() % 50) as usize];
        let place: Vec<f32> = centre.iter().map(|centre| centre + 0.4 * random.unit()).collect();
        let mix = |at: usize| axes.iter().zip(&place).map(|(axis, share)| axis[at] * share).sum();
        (0..dim).map(mix).map(|x: f32| x + 0.1 * random.unit()).collect::<Vec<f32>>()
    };
    let base = (0..rows).map(|_| row()).collect();
    let queries = (0..queries).map(|_| prepare_query(metric, &row())).collect();
    Data { base, queries }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn units(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.unit()).collect()
    }
}

/// CPU seconds of all threads so far, where /proc says so (in ticks of 10 ms); else 0.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
