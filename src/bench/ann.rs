//! Nearest neighbours by graph: build, memory, and recall against speed over `ef`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};
use vitrail_domain::{Cancel, Dim, Metric, Slot, TopK};
use vitrail_exchange::{Matrix, read_npy};
use vitrail_vector_index::{Built, Found, GraphOptions, SecondOpinion, VectorIndex, prepare_query};

use super::asked::{Asked, numbers, truth_of};
use super::filtered::{Engine, filtered, searched};
use super::process::{anonymous_bytes, cpu_seconds};
use super::scratch::ScratchFolder;
use crate::open::Failure;

/// Rows written at a time.
const BATCH: usize = 1_000;

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
    /// Whose graph.
    pub graph: Graph,
    /// Where the segment's files lie, and stay: a whole segment found there is opened, not built.
    pub segments: Option<PathBuf>,
    /// How long each point of a curve is measured, at least.
    pub at_least: Duration,
}

/// Whose graph is built and walked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Graph {
    /// The engine's.
    Own,
    /// `hnsw_rs`, by its own search: the second opinion.
    HnswRs,
}

impl std::str::FromStr for Graph {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "own" => Ok(Self::Own),
            "hnsw_rs" => Ok(Self::HnswRs),
            _ => Err(format!("{text:?} is no graph: own, hnsw_rs")),
        }
    }
}

/// Builds, asks and reports.
///
/// # Errors
/// Files that can't be read or do not fit one another.
pub fn ann(asked: &Ann) -> Result<Value, Failure> {
    let one = ThreadPoolBuilder::new().num_threads(1).build()?;
    let queries = read_npy(&asked.queries)?;
    let mut report = json!({
        "metric": asked.metric.name(), "queries": queries.rows, "k": asked.k.get(),
        "dim": queries.dim,
    });
    let measured = match asked.graph {
        Graph::Own => own(asked, &queries, &one)?,
        Graph::HnswRs => second_opinion(asked, &queries, &one)?,
    };
    if let (Some(report), Value::Object(measured)) = (report.as_object_mut(), measured) {
        report.extend(measured);
    }
    Ok(report)
}

/// The engine: full vectors, links and codes in files as a server keeps them.
fn own(asked: &Ann, queries: &Matrix, one: &ThreadPool) -> Result<Value, Failure> {
    let scratch = asked.segments.is_none().then(|| ScratchFolder::new("ann"));
    let given = asked.segments.as_deref().or(scratch.as_ref().map(ScratchFolder::path));
    let before = anonymous_bytes();
    let (index, mut report) = index_of(asked, given.unwrap_or(Path::new(".")), queries.dim)?;
    let view = index.view();
    let (anonymous, links) = (anonymous_bytes().saturating_sub(before), view.bytes().1 as u64);
    report["points"] = json!(view.len());
    report["anonymous_bytes"] = json!(anonymous);
    report["links_and_codes_bytes"] = json!(links);
    report["resident_bytes"] = json!(anonymous + links);
    report["vectors_file_bytes"] = json!(view.len() * view.dim().get() * size_of::<f32>());
    let k = asked.k;
    let data = data_of(asked, queries, |query| numbers(&view.search_exact(query, k, None)))?;
    let search = |_: usize, query: &[f32], ef: usize| searched(&view, query, (k, ef), None);
    report["curve"] = data.curve(k, one, &search)?;
    report["exact"] = data.exact(k, one, &view, &|_| None)?;
    let engine = Engine::new(view, asked.payloads.as_deref())?;
    report["default"] = engine.by_default(&data, k, one, &|_| Default::default())?;
    if let Some(filters) = &asked.filters {
        report["filtered"] = filtered(&data, &engine, k, filters, one)?;
    }
    Ok(report)
}

/// The index of the rows, opened if `folder` holds it whole, else made there.
fn index_of(asked: &Ann, folder: &Path, dim: usize) -> Result<(VectorIndex, Value), Failure> {
    let started = Instant::now();
    let opened = VectorIndex::open(folder, Dim::new(dim)?, asked.metric)?;
    let whole = opened.seq.is_some() && !opened.incomplete && opened.pending.is_empty();
    let index = opened.index;
    if whole && !index.view().is_empty() {
        let seconds = started.elapsed().as_secs_f64();
        return Ok((index, json!({"open_seconds": seconds})));
    }
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let read_seconds = fill(&index, asked, dim)?;
    let insert = (started.elapsed().as_secs_f64() - read_seconds.0, cpu_seconds() - cpu);
    let mut report = build(&index, asked)?;
    report["insert_seconds"] = json!(insert.0);
    report["insert_cpu_seconds"] = json!(insert.1 - read_seconds.1);
    Ok((index, report))
}

/// Inserts all rows; seconds, of the clock and of the processor, that reading them took.
fn fill(index: &VectorIndex, asked: &Ann, dim: usize) -> Result<(f64, f64), Failure> {
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let base = base_of(asked, dim)?;
    let read = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let rows: Vec<(Slot, &[f32])> =
        (0..).map(Slot).zip(base.values.chunks_exact(base.dim)).collect();
    for batch in rows.chunks(BATCH) {
        index.apply(batch, &[])?;
    }
    Ok(read)
}

fn base_of(asked: &Ann, dim: usize) -> Result<Matrix, Failure> {
    let base = read_npy(&asked.base)?;
    if base.dim != dim {
        let rows = base.dim;
        return Err(format!("queries have {dim} components, the base has {rows}").into());
    }
    Ok(base)
}

fn options_of(asked: &Ann) -> Result<GraphOptions, Failure> {
    let cores = std::thread::available_parallelism()?.get();
    Ok(GraphOptions { threads: asked.threads.unwrap_or(cores), ..GraphOptions::default() })
}

fn build(index: &VectorIndex, asked: &Ann) -> Result<Value, Failure> {
    let options = options_of(asked)?;
    let (started, cpu) = (Instant::now(), cpu_seconds());
    match index.build_graph_with(&options, &Cancel::new(), &|_, _| {})? {
        Built::Published(_) => Ok(json!({
            "build_seconds": started.elapsed().as_secs_f64(),
            "build_cpu_seconds": cpu_seconds() - cpu,
            "build_threads": options.threads,
        })),
        other => Err(format!("no graph was built: {other:?}").into()),
    }
}

/// `hnsw_rs` with 200 candidates an insertion, as its users run it, and with our kernels.
fn second_opinion(asked: &Ann, queries: &Matrix, one: &ThreadPool) -> Result<Value, Failure> {
    if asked.filters.is_some() {
        return Err("--filters goes with our own graph: hnsw_rs knows no payloads".into());
    }
    let (k, metric, dim) = (asked.k, asked.metric, queries.dim);
    let data = {
        let scanned = VectorIndex::new(Dim::new(dim)?, metric);
        if asked.truth.is_none() {
            fill(&scanned, asked, dim)?;
        }
        let view = scanned.view();
        data_of(asked, queries, |query| numbers(&view.search_exact(query, k, None)))?
    };
    let before = anonymous_bytes();
    let base = base_of(asked, dim)?;
    let rows: Vec<f32> =
        base.values.chunks_exact(dim).flat_map(|row| prepare_query(metric, row)).collect();
    drop(base);
    let options = GraphOptions { ef_construction: 200, ..options_of(asked)? };
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let built = SecondOpinion::build(&rows, dim, metric, &options);
    let other = built.ok_or("hnsw_rs knows cosine, euclid and manhattan here")?;
    let (seconds, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds() - cpu);
    let points = rows.len() / dim;
    drop(rows);
    let walk = |_: usize, query: &[f32], ef: usize| {
        let near = other.search(query, k.get(), ef).into_iter();
        Found { hits: near.map(|(row, far)| (Slot(row), far)).collect(), ..Found::default() }
    };
    let resident = anonymous_bytes().saturating_sub(before);
    Ok(json!({
        "points": points, "build_seconds": seconds, "build_cpu_seconds": cpu,
        "build_threads": options.threads, "anonymous_bytes": resident, "resident_bytes": resident,
        "curve": data.curve(k, one, &walk)?,
    }))
}

fn data_of(
    asked: &Ann,
    queries: &Matrix,
    exact: impl Fn(&[f32]) -> Vec<u32>,
) -> Result<Asked, Failure> {
    let rows = queries.values.chunks_exact(queries.dim);
    let queries: Vec<Vec<f32>> = rows.map(|row| prepare_query(asked.metric, row)).collect();
    let truth = match &asked.truth {
        None => queries.iter().map(|query| exact(query)).collect(),
        Some(path) => truth_of(path, queries.len(), asked.k.get())?,
    };
    Ok(Asked { queries, truth, at_least: asked.at_least })
}

#[cfg(test)]
mod tests {
    use vitrail_exchange::{Row, write_npy};

    use super::*;
    use crate::bench::drawn::Drawn;

    /// Rows, queries, payloads and filters in files.
    fn files(folder: &Path) -> Ann {
        let mut drawn = Drawn::new(16, 3);
        let mut file = |name: &str, count: usize| {
            let rows: Vec<Vec<f32>> = (0..count).map(|_| drawn.row().0).collect();
            let rows: Vec<Row<'_>> =
                rows.iter().map(|vector| Row { id: "", path: "", vector }).collect();
            let path = folder.join(name);
            write_npy(&path, &rows).expect("written");
            path
        };
        let (base, queries) = (file("base.npy", 900), file("queries.npy", 20));
        let text = |name: &str, lines: Vec<String>| {
            let path = folder.join(name);
            vitrail_disk::safe_write(&path, lines.join("\n").as_bytes()).expect("written");
            Some(path)
        };
        let payloads = (0..900).map(|at| json!({"n": at}).to_string()).collect();
        let half = json!({"must": [{"key": "n", "range": {"lt": 450}}]}).to_string();
        let few = json!({"must": [{"key": "n", "range": {"lt": 20}}]}).to_string();
        let filters = (0..20).map(|at| if at % 2 == 0 { half.clone() } else { few.clone() });
        Ann {
            base,
            queries,
            truth: None,
            payloads: text("payloads.jsonl", payloads),
            filters: text("filters.jsonl", filters.collect()),
            metric: Metric::Cosine,
            k: TopK::new(10).expect("k"),
            threads: Some(1),
            graph: Graph::Own,
            segments: None,
            at_least: Duration::ZERO,
        }
    }

    fn best(curve: &Value) -> f64 {
        let last = curve.as_array().and_then(|points| points.last()).cloned();
        last.and_then(|point| point["recall"].as_f64()).unwrap_or_default()
    }

    #[test]
    fn a_small_run_finds_what_exact_search_finds() {
        let folder = tempfile::tempdir().expect("a folder");
        let report = ann(&files(folder.path())).expect("a report");
        assert!(best(&report["curve"]) > 0.99, "{report}");
        assert_eq!(report["exact"]["recall"], json!(1.0));
        assert!(report["default"]["recall"].as_f64() > Some(0.99), "{report}");
        let bytes = |name: &str| report[name].as_u64().unwrap_or_default();
        assert_eq!(bytes("vectors_file_bytes"), 900 * 16 * 4);
        assert!(bytes("links_and_codes_bytes") >= 900 * 16, "{report}");
        let shares = report["filtered"].as_array().expect("curves");
        let queries: Vec<_> = shares.iter().map(|share| share["queries"].clone()).collect();
        assert_eq!(queries, [json!(10), json!(10)]);
        for share in shares {
            assert!(best(&share["curve"]) > 0.95, "{report}");
            assert!(share["default"]["recall"].as_f64() > Some(0.95), "{report}");
            let plans = share["default"]["plans"].as_object().expect("plans").values();
            assert_eq!(plans.filter_map(Value::as_u64).sum::<u64>(), 10, "{report}");
        }
    }

    #[test]
    fn kept_segments_are_opened_and_answer_the_same() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = Ann { segments: Some(folder.path().join("kept")), ..files(folder.path()) };
        let built = ann(&asked).expect("a report");
        let opened = ann(&asked).expect("a report");
        assert!(built["build_seconds"].is_f64() && opened["build_seconds"].is_null());
        assert!(opened["open_seconds"].is_f64());
        let recalls = |report: &Value| -> Vec<Value> {
            let points = report["curve"].as_array().cloned().unwrap_or_default();
            points.iter().map(|point| point["recall"].clone()).collect()
        };
        assert_eq!(recalls(&built), recalls(&opened));
    }

    #[test]
    fn the_second_opinion_is_measured_the_same_way() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = Ann { graph: Graph::HnswRs, ..files(folder.path()) };
        assert!(ann(&asked).is_err(), "it knows no filters");
        let report = ann(&Ann { filters: None, ..asked }).expect("a report");
        assert_eq!(report["points"], json!(900));
        assert!(best(&report["curve"]) > 0.99, "{report}");
    }

    #[test]
    fn queries_of_another_length_are_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let asked = files(folder.path());
        let row = Row { id: "", path: "", vector: &[1.0; 8] };
        write_npy(&asked.queries, &[row]).expect("written");
        let refused = ann(&asked).expect_err("refused").to_string();
        assert!(refused.contains("8 components, the base has 16"), "{refused}");
    }
}
