//! The project's own graph beside that of `hnsw_rs`, on vectors from files, in one run.
//!
//! `cargo bench -p vitrail-vector-index --profile release --bench flat -- FOLDER` reads what
//! `benches/ann.rs` reads. Prints one JSON object: CPU seconds of each build, then recall and
//! queries per CPU second of one thread by `ef`, best of three interleaved rounds.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use vitrail_domain::{Cancel, Dim, Ef, Metric, Slot, TopK};
use vitrail_kernels::{Distance, Kernels, Lines, Scorer, Sq8Ref, sq8};
use vitrail_vector_index::flat::{FlatGraph, FlatOptions, Scratch, Search, build};
use vitrail_vector_index::{GraphOptions, VectorIndex, VectorView, prepare_query};

type Outcome<T> = Result<T, Box<dyn Error>>;

const K: usize = 10;
const EFS: [usize; 12] = [10, 12, 14, 16, 20, 24, 32, 40, 48, 64, 96, 128];
const ROUNDS: usize = 3;

struct Data {
    dim: usize,
    base: Vec<f32>,
    queries: Vec<Vec<f32>>,
    truth: Vec<Vec<u32>>,
}

fn main() -> Outcome<()> {
    let Some(folder) = std::env::args().skip(1).find(|argument| argument != "--bench") else {
        writeln!(std::io::stdout(), "{{\"skipped\": \"no folder given\"}}")?;
        return Ok(());
    };
    let data = read(Path::new(&folder))?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&measure(&data)?)?)?;
    Ok(())
}

fn measure(data: &Data) -> Outcome<Value> {
    let (graph, codes, order, own) = own_build(data)?;
    let rows: Vec<f32> = order
        .iter()
        .flat_map(|&old| &data.base[old as usize * data.dim..][..data.dim])
        .copied()
        .collect();
    let index = VectorIndex::new(Dim::new(data.dim)?, Metric::Cosine);
    let slots: Vec<(Slot, &[f32])> =
        (0..).map(Slot).zip(data.base.chunks_exact(data.dim)).collect();
    for batch in slots.chunks(1_000) {
        index.apply(batch, &[])?;
    }
    let options = GraphOptions { threads: 1, ..GraphOptions::default() };
    let cpu = cpu_seconds();
    index.build_graph_with(&options, &Cancel::new(), &|_, _| {});
    let theirs = cpu_seconds() - cpu;
    let view = index.view();
    let codes = Sq8Ref::new(codes.bytes(), data.dim, Distance::OneMinusDot).ok_or("codes")?;
    let search = Search {
        graph: graph.view(),
        codes,
        rows: &rows,
        scorer: Scorer::new(Distance::OneMinusDot),
        ef: 0,
        rerank: 30,
    };
    let mut best = [[(0.0_f64, 0.0_f64); EFS.len()]; 2];
    let mut scratch = Scratch::new(graph.counts.len());
    for _ in 0..ROUNDS {
        for (at, ef) in EFS.into_iter().enumerate() {
            let ours = own_round(data, &Search { ef, ..search }, &order, &mut scratch);
            let other = hnsw_round(data, &view, ef)?;
            for (best, (recall, qps)) in best.iter_mut().zip([ours, other]) {
                best[at] = (recall, best[at].1.max(qps));
            }
        }
    }
    let work = scratch.work();
    let curve = |points: &[(f64, f64)]| {
        let rows = EFS.iter().zip(points);
        let rows: Vec<Value> = rows
            .map(|(ef, &(recall, qps))| json!({"ef": ef, "recall": recall, "qps": qps}))
            .collect();
        json!(rows)
    };
    Ok(json!({
        "points": graph.counts.len(), "dim": data.dim, "isa": Kernels::best().isa().name(),
        "own": own, "hnsw_rs_build_cpu_seconds": theirs,
        "work": {"compared": work.compared, "hops": work.hops},
        "at_95": [at(&best[0], 0.95), at(&best[1], 0.95)],
        "at_99": [at(&best[0], 0.99), at(&best[1], 0.99)],
        "own_curve": curve(&best[0]), "hnsw_rs_curve": curve(&best[1]),
    }))
}

/// Queries per second where the curve first has a recall, between its points.
fn at(points: &[(f64, f64)], recall: f64) -> Option<f64> {
    let after = points.iter().position(|point| point.0 >= recall)?;
    let (high, low) = (points[after], points[after.checked_sub(1).unwrap_or(after)]);
    let share = if after == 0 { 1.0 } else { (recall - low.0) / (high.0 - low.0) };
    Some(low.1 + share * (high.1 - low.1))
}

/// The graph, renumbered breadth first with its codes; the order.
fn own_build(data: &Data) -> Outcome<(FlatGraph, Lines, Vec<u32>, Value)> {
    let cpu = cpu_seconds();
    let coded = |rows: &mut dyn Iterator<Item = &[f32]>| {
        let stride = sq8::stride(data.dim);
        let mut codes = Lines::zeroed(data.base.len() / data.dim * stride);
        let out = codes.bytes_mut().chunks_exact_mut(stride);
        rows.zip(out).for_each(|(row, out)| sq8::encode(row, out));
        codes
    };
    let codes = coded(&mut data.base.chunks_exact(data.dim));
    let encoded = cpu_seconds();
    let options = FlatOptions::default();
    let rows = Sq8Ref::new(codes.bytes(), data.dim, Distance::OneMinusDot).ok_or("codes")?;
    let graph = build(&rows, &options, &Cancel::new()).ok_or("cancelled")?;
    let built = cpu_seconds();
    let order = graph.view().breadth_first();
    let graph = graph.renumbered(&order);
    let row = |&old: &u32| &data.base[old as usize * data.dim..][..data.dim];
    let codes = coded(&mut order.iter().map(row));
    let degree = graph.counts.iter().map(|&count| f64::from(count)).sum::<f64>();
    let told = json!({
        "encode_cpu_seconds": encoded - cpu, "build_cpu_seconds": built - encoded,
        "renumber_cpu_seconds": cpu_seconds() - built, "unreached": graph.view().unreached(),
        "degree": degree / graph.counts.len() as f64, "graph_bytes": graph.bytes(),
    });
    Ok((graph, codes, order, told))
}

fn own_round(data: &Data, search: &Search<'_>, order: &[u32], scratch: &mut Scratch) -> (f64, f64) {
    let (mut right, mut found) = (0, Vec::new());
    let cpu = thread_seconds();
    for (query, truth) in data.queries.iter().zip(&data.truth) {
        search.nearest(query, K, scratch, &mut found);
        right += found.iter().filter(|hit| truth[..K].contains(&order[hit.1 as usize])).count();
    }
    scores(data, right, thread_seconds() - cpu)
}

fn hnsw_round(data: &Data, view: &VectorView, ef: usize) -> Outcome<(f64, f64)> {
    let (k, ef, mut right) = (TopK::new(K)?, Ef::new(ef)?, 0);
    let cpu = thread_seconds();
    for (query, truth) in data.queries.iter().zip(&data.truth) {
        let found = view.search_graph(query, k, ef, None).ok_or("no graph")?;
        right += found.hits.iter().filter(|hit| truth[..K].contains(&hit.0.0)).count();
    }
    Ok(scores(data, right, thread_seconds() - cpu))
}

fn scores(data: &Data, right: usize, seconds: f64) -> (f64, f64) {
    (right as f64 / (K * data.queries.len()) as f64, data.queries.len() as f64 / seconds)
}

fn read(folder: &Path) -> Outcome<Data> {
    let (base, dim) = npy(&folder.join("base.npy"), "<f4", f32::from_le_bytes)?;
    let (queries, _) = npy(&folder.join("queries.npy"), "<f4", f32::from_le_bytes)?;
    let (truth, width) = npy(&folder.join("truth.npy"), "<i4", u32::from_le_bytes)?;
    let prepared = |row: &[f32]| prepare_query(Metric::Cosine, row);
    let base = base.chunks_exact(dim).flat_map(prepared).collect();
    let queries = queries.chunks_exact(dim).map(prepared).collect();
    let truth = truth.chunks_exact(width).map(<[u32]>::to_vec).collect();
    Ok(Data { dim, base, queries, truth })
}

/// The numbers of a two-dimensional C-order .npy file, and how many stand in a row.
fn npy<T>(path: &Path, kind: &str, number: fn([u8; 4]) -> T) -> Outcome<(Vec<T>, usize)> {
    let bytes = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let length = bytes.get(8..10).ok_or("too short for .npy")?;
    let end = 10 + usize::from(length[0]) + 256 * usize::from(length[1]);
    let header = std::str::from_utf8(bytes.get(10..end).ok_or("the header is cut")?)?;
    if !bytes.starts_with(b"\x93NUMPY\x01") || !header.contains(kind) || header.contains("True") {
        return Err(format!("{}: not a C-order {kind} .npy of version 1", path.display()).into());
    }
    let shape = header.split(['(', ')']).nth(1).ok_or("no shape")?;
    let width = shape.split(',').nth(1).ok_or("not two-dimensional")?.trim().parse()?;
    Ok((bytes[end..].as_chunks::<4>().0.iter().map(|&four| number(four)).collect(), width))
}

/// CPU seconds of all threads so far, where /proc says so (in ticks of 10 ms); else 0.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

/// CPU seconds of this thread so far, in nanoseconds where /proc says so; else 0.
fn thread_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    stat.split_whitespace().next().and_then(|ns| ns.parse::<f64>().ok()).unwrap_or_default() / 1e9
}
