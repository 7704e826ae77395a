//! Nearest neighbours by graph: build, memory, and recall against speed over `ef`.

use std::path::PathBuf;
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Map, Value, json};
use vitrail_api::contract::filter;
use vitrail_domain::evaluate::holds;
use vitrail_domain::{Cancel, Dim, Ef, Filter, Metric, Payload, PointId, Slot, SlotSet, TopK};
use vitrail_exchange::{Matrix, read_npy, read_npy_integers};
use vitrail_vector_index::{Built, Found, GraphOptions, VectorIndex, VectorView, prepare_query};

use super::process::{anonymous_bytes, cpu_seconds};
use super::{EFS, times};
use crate::open::Failure;

/// Rows written at a time.
const BATCH: usize = 1_000;

/// Shares by which filtered queries are grouped: each takes those at or above it.
const SHARES: [f64; 7] = [0.5, 0.2, 0.1, 0.04, 0.01, 0.001, 0.0];

/// What is measured.
#[derive(Debug, Clone)]
pub struct Ann {
    /// Rows to search, `.npy`.
    pub base: PathBuf,
    /// Queries, `.npy`.
    pub queries: PathBuf,
    /// True neighbours of each query, nearest first, `.npy` of integers; found exactly where left
    /// out.
    pub truth: Option<PathBuf>,
    /// One filter a query, a line of JSON each.
    pub filters: Option<PathBuf>,
    /// One payload a row, a line of JSON each; `.npy` of integers becomes the field `label`.
    pub payloads: Option<PathBuf>,
    /// How rows are compared.
    pub metric: Metric,
    /// Neighbours.
    pub k: TopK,
    /// Threads of the build; every core where left out. Queries are asked by one.
    pub threads: Option<usize>,
}

struct Data {
    queries: Vec<Vec<f32>>,
    truth: Vec<Vec<u32>>,
}

/// Builds, asks and reports.
///
/// # Errors
/// Files that can't be read or do not fit one another.
pub fn ann(asked: &Ann) -> Result<Value, Failure> {
    let before = anonymous_bytes();
    let index = filled(asked)?;
    let queries = read_npy(&asked.queries)?;
    let built = build(&index, asked)?;
    let resident = anonymous_bytes().saturating_sub(before);
    let view = index.view();
    if queries.dim != view.dim().get() {
        let (rows, ours) = (view.dim().get(), queries.dim);
        return Err(format!("queries have {ours} components, the base has {rows}").into());
    }
    let one = ThreadPoolBuilder::new().num_threads(1).build()?;
    let data = data_of(asked, &view, &queries)?;
    let mut report = json!({
        "points": view.len(), "dim": view.dim().get(), "metric": view.metric().name(),
        "queries": data.queries.len(), "k": asked.k.get(),
        "resident_bytes": resident,
        "curve": curve(&data, &view, asked.k, None, &one)?,
        "exact": exact(&data, &view, asked.k, &one)?,
    });
    if let (Some(report), Some(built)) = (report.as_object_mut(), built.as_object()) {
        report.extend(built.clone());
    }
    if let Some(path) = &asked.filters {
        let filters = filters(path, data.queries.len())?;
        let payloads = payloads(asked, view.len())?;
        report["filtered"] = filtered(&data, &view, asked.k, (&filters, &payloads), &one)?;
    }
    Ok(report)
}

fn filled(asked: &Ann) -> Result<VectorIndex, Failure> {
    let base = read_npy(&asked.base)?;
    let index = VectorIndex::new(Dim::new(base.dim)?, asked.metric);
    let rows: Vec<(Slot, &[f32])> =
        (0..).map(Slot).zip(base.values.chunks_exact(base.dim)).collect();
    for batch in rows.chunks(BATCH) {
        index.apply(batch, &[])?;
    }
    Ok(index)
}

fn build(index: &VectorIndex, asked: &Ann) -> Result<Value, Failure> {
    let cores = std::thread::available_parallelism()?.get();
    let threads = asked.threads.unwrap_or(cores);
    let options = GraphOptions { threads, ..GraphOptions::default() };
    let (started, cpu) = (Instant::now(), cpu_seconds());
    match index.build_graph_with(&options, &Cancel::new(), &|_, _| {})? {
        Built::Published(_) => Ok(json!({
            "build_seconds": started.elapsed().as_secs_f64(),
            "build_cpu_seconds": cpu_seconds() - cpu,
            "build_threads": threads,
        })),
        other => Err(format!("no graph was built: {other:?}").into()),
    }
}

fn data_of(asked: &Ann, view: &VectorView, queries: &Matrix) -> Result<Data, Failure> {
    let rows = queries.values.chunks_exact(queries.dim);
    let queries: Vec<Vec<f32>> = rows.map(|row| prepare_query(view.metric(), row)).collect();
    let truth = match &asked.truth {
        None => queries.iter().map(|query| ids(&view.search_exact(query, asked.k, None))).collect(),
        Some(path) => truth_of(path, queries.len(), asked.k.get())?,
    };
    Ok(Data { queries, truth })
}

fn truth_of(path: &std::path::Path, queries: usize, k: usize) -> Result<Vec<Vec<u32>>, Failure> {
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

/// Speed and recall of one thread by `ef`; `allowed` is each query's filter.
fn curve(
    data: &Data,
    view: &VectorView,
    k: TopK,
    allowed: Option<&[SlotSet]>,
    one: &ThreadPool,
) -> Result<Value, Failure> {
    let mut points = Vec::new();
    for width in EFS.into_iter().filter(|width| *width >= k.get()) {
        let ef = Ef::new(width)?;
        let (found, mut point) = one.install(|| {
            asked_each(data, |at, query| {
                let allowed = allowed.and_then(|allowed| allowed.get(at));
                view.search(query, k, ef, allowed)
            })
        });
        point["ef"] = json!(width);
        point["recall"] = json!(recall(&data.truth, &found));
        point["plans"] = plans(&found);
        point["compared"] = json!(mean(&found, |found| found.compared as f64));
        point["estimated"] = json!(mean(&found, |found| found.estimated as f64));
        point["predicted_us"] = json!(mean(&found, |found| f64::from(found.predicted_us)));
        points.push(point);
    }
    Ok(json!(points))
}

fn exact(data: &Data, view: &VectorView, k: TopK, one: &ThreadPool) -> Result<Value, Failure> {
    let some = Data {
        queries: data.queries.iter().take(200).cloned().collect(),
        truth: data.truth.iter().take(200).cloned().collect(),
    };
    let (found, mut report) =
        one.install(|| asked_each(&some, |_, query| view.search_exact(query, k, None)));
    report["recall"] = json!(recall(&some.truth, &found));
    Ok(report)
}

/// A second curve for each share of the rows that passes.
fn filtered(
    data: &Data,
    view: &VectorView,
    k: TopK,
    (filters, payloads): (&[Filter], &[Payload]),
    one: &ThreadPool,
) -> Result<Value, Failure> {
    let allowed: Vec<SlotSet> = filters.iter().map(|filter| passing(filter, payloads)).collect();
    let share = |set: &SlotSet| set.len() as f64 / view.len().max(1) as f64;
    let mut curves = Vec::new();
    let mut above = f64::INFINITY;
    for least in SHARES {
        let mut group = Data { queries: Vec::new(), truth: Vec::new() };
        let mut sets = Vec::new();
        for (query, set) in data.queries.iter().zip(&allowed) {
            if share(set) >= least && share(set) < above && !set.is_empty() {
                group.truth.push(ids(&view.search_exact(query, k, Some(set))));
                group.queries.push(query.clone());
                sets.push(set.clone());
            }
        }
        above = least;
        if group.queries.is_empty() {
            continue;
        }
        let mean = sets.iter().map(share).sum::<f64>() / sets.len() as f64;
        let exact = one.install(|| {
            asked_each(&group, |at, query| view.search_exact(query, k, sets.get(at))).1
        });
        curves.push(json!({
            "share_at_least": least, "share_mean": mean, "queries": group.queries.len(),
            "curve": curve(&group, view, k, Some(&sets), one)?, "exact": exact,
        }));
    }
    Ok(json!(curves))
}

fn passing(filter: &Filter, payloads: &[Payload]) -> SlotSet {
    let rows = payloads.iter().enumerate();
    let passes = rows.filter(|(at, payload)| holds(filter, PointId::Number(*at as u64), payload));
    passes.map(|(at, _)| Slot(at as u32)).collect()
}

/// Asks every query once to warm up (at most a hundred) and once with a watch.
fn asked_each(data: &Data, answer: impl Fn(usize, &[f32]) -> Found) -> (Vec<Found>, Value) {
    for (at, query) in data.queries.iter().enumerate().take(100) {
        std::hint::black_box(answer(at, query));
    }
    let (mut found, mut micros) = (Vec::new(), Vec::new());
    for (at, query) in data.queries.iter().enumerate() {
        let started = Instant::now();
        found.push(answer(at, query));
        micros.push(started.elapsed().as_secs_f64() * 1e6);
    }
    (found, times(micros))
}

fn ids(found: &Found) -> Vec<u32> {
    found.hits.iter().map(|hit| hit.0.0).collect()
}

fn mean(found: &[Found], of: impl Fn(&Found) -> f64) -> f64 {
    found.iter().map(of).sum::<f64>() / found.len().max(1) as f64
}

/// How many queries took each plan.
fn plans(found: &[Found]) -> Value {
    let mut plans = Map::new();
    for found in found {
        let count = plans.entry(found.plan.name()).or_insert(json!(0));
        *count = json!(count.as_u64().unwrap_or(0) + 1);
    }
    Value::Object(plans)
}

/// Share of the true neighbours that were found.
fn recall(truth: &[Vec<u32>], found: &[Found]) -> f64 {
    let right = |(truth, found): (&Vec<u32>, &Found)| {
        ids(found).iter().filter(|id| truth.contains(id)).count()
    };
    let wanted: usize = truth.iter().map(Vec::len).sum();
    truth.iter().zip(found).map(right).sum::<usize>() as f64 / wanted.max(1) as f64
}

fn lines(path: &std::path::Path) -> Result<Vec<Value>, Failure> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let line = |(at, line): (usize, &str)| {
        serde_json::from_str(line)
            .map_err(|error| format!("{}: line {}: {error}", path.display(), at + 1).into())
    };
    text.lines().enumerate().map(line).collect()
}

fn filters(path: &std::path::Path, queries: usize) -> Result<Vec<Filter>, Failure> {
    let all = lines(path)?;
    if all.len() != queries {
        return Err(
            format!("{}: {} filters for {queries} queries", path.display(), all.len()).into()
        );
    }
    Ok(all.iter().map(filter::parse).collect::<Result<_, _>>()?)
}

fn payloads(asked: &Ann, rows: usize) -> Result<Vec<Payload>, Failure> {
    let path = asked.payloads.as_ref().ok_or("--filters needs --payloads")?;
    let all: Vec<Payload> = if path.extension().is_some_and(|ending| ending == "npy") {
        let label = |label: i64| Payload::trusted(Map::from_iter([("label".into(), json!(label))]));
        read_npy_integers(path)?.2.into_iter().map(label).collect()
    } else {
        let fields = |line: Value| Payload::trusted(line.as_object().cloned().unwrap_or_default());
        lines(path)?.into_iter().map(fields).collect()
    };
    if all.len() != rows {
        return Err(format!("{}: {} payloads for {rows} rows", path.display(), all.len()).into());
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use vitrail_exchange::{Row, write_npy};

    use super::*;
    use crate::bench::drawn::Drawn;

    #[test]
    fn a_small_run_finds_what_exact_search_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut drawn = Drawn::new(16, 3);
        let mut file = |name: &str, count: usize| {
            let rows: Vec<Vec<f32>> = (0..count).map(|_| drawn.row().0).collect();
            let rows: Vec<Row<'_>> =
                rows.iter().map(|vector| Row { id: "", path: "", vector }).collect();
            let path = folder.path().join(name);
            write_npy(&path, &rows).expect("written");
            path
        };
        let (base, queries) = (file("base.npy", 900), file("queries.npy", 20));
        let text = |name: &str, lines: Vec<String>| {
            let path = folder.path().join(name);
            vitrail_disk::safe_write(&path, lines.join("\n").as_bytes()).expect("written");
            path
        };
        let payloads = (0..900).map(|at| json!({"n": at}).to_string()).collect();
        let half = json!({"must": [{"key": "n", "range": {"lt": 450}}]}).to_string();
        let few = json!({"must": [{"key": "n", "range": {"lt": 20}}]}).to_string();
        let filters = (0..20).map(|at| if at % 2 == 0 { half.clone() } else { few.clone() });
        let report = ann(&Ann {
            base,
            queries,
            truth: None,
            payloads: Some(text("payloads.jsonl", payloads)),
            filters: Some(text("filters.jsonl", filters.collect())),
            metric: Metric::Cosine,
            k: TopK::new(10).expect("k"),
            threads: Some(1),
        })
        .expect("a report");
        let recall = |curve: &Value| {
            let last = curve.as_array().and_then(|points| points.last()).cloned();
            last.and_then(|point| point["recall"].as_f64()).unwrap_or_default()
        };
        assert!(recall(&report["curve"]) > 0.99, "{report}");
        assert_eq!(report["exact"]["recall"], json!(1.0));
        let shares = report["filtered"].as_array().expect("curves");
        let queries: Vec<_> = shares.iter().map(|share| share["queries"].clone()).collect();
        assert_eq!(queries, [json!(10), json!(10)]);
        assert!(shares.iter().all(|share| recall(&share["curve"]) > 0.95), "{report}");
    }
}
