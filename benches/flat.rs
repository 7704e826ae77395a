//! How fast and how exact our own graph is, on vectors from files, in the terms in which it is held
//! against hnswlib: CPU-seconds of the build, and queries a CPU-second of one thread.
//!
//! `cargo bench -p vitrail-vector-index --profile release --bench flat -- FOLDER [PASSES]` reads a
//! folder's `base.npy`, `queries.npy` (float32, C order, rows of length 1) and `truth.npy` (int32,
//! exact neighbours by cosine, nearest first). Prints one JSON object. `benches/compare/flat.py`
//! runs it and hnswlib in turn.

use std::error::Error;
use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};
use vitrail_domain::Cancel;
use vitrail_kernels::split_mix;
use vitrail_kernels::{
    BitCoder, BitQuery, BitsRef, Distance, Isa, Kernels, Lines, Scorer, Sq8Ref, TopK, bits,
    scan_then_rerank, sq8,
};
use vitrail_vector_index::flat::{FlatFilter, FlatIndex, FlatOptions, Scratch, Watch, build};

type Outcome<T> = Result<T, Box<dyn Error>>;

const K: usize = 10;
/// Candidates that get their exact distance.
const RERANKED: usize = 30;
const EFS: [usize; 11] = [10, 12, 14, 16, 20, 24, 32, 48, 64, 96, 128];
const SHARES: [f64; 7] = [0.5, 0.2, 0.1, 0.04, 0.02, 0.01, 0.001];

struct Data {
    dim: usize,
    base: Vec<f32>,
    queries: Vec<Vec<f32>>,
    truth: Vec<Vec<u32>>,
}

fn main() -> Outcome<()> {
    let mut arguments = std::env::args().skip(1).filter(|argument| argument != "--bench");
    let data = read(Path::new(&arguments.next().ok_or("which folder?")?))?;
    let passes = arguments.next().map_or(Ok(3), |passes| passes.parse())?;
    let report = measure(data, passes)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&report)?)?;
    Ok(())
}

fn measure(mut data: Data, passes: usize) -> Outcome<Value> {
    let kernels = match std::env::var("ISA").as_deref() {
        Ok("avx2") => Kernels::of(Isa::Avx2).ok_or("no AVX2 here")?,
        _ => Kernels::best(),
    };
    let options = FlatOptions { threads: 2, ..FlatOptions::default() };
    let watch = Watch { cancel: &Cancel::new(), progress: &|_, _| {} };
    let before = cpu_seconds();
    let rows = encoded(&data);
    let encoding = cpu_seconds() - before;
    let graph = {
        let codes = Sq8Ref::on(kernels, rows.bytes(), data.dim, Distance::OneMinusDot)
            .ok_or("rows that fit")?;
        build(codes, &options, watch).ok_or("a graph")?
    };
    let build_cpu = cpu_seconds() - before;
    let (graph, work) = graph;
    let order = graph.as_ref().order();
    let graph = graph.renumbered(&order);
    renumber(&mut data, &order);
    let rows = encoded(&data);
    let codes = Sq8Ref::on(kernels, rows.bytes(), data.dim, Distance::OneMinusDot)
        .ok_or("rows that fit")?;
    let all_cpu = cpu_seconds() - before;
    let index = FlatIndex::new(graph.as_ref(), codes).ok_or("a sound graph")?;
    let resident = graph.as_ref().bytes() + rows.bytes().len();
    let points = codes.len();
    Ok(json!({
        "points": points, "dim": data.dim, "k": K, "isa": kernels.isa().name(),
        "build": {"cpu_seconds": build_cpu, "of_which_encoding": encoding,
            "with_renumbering": all_cpu, "distances": work.distances,
            "distances_per_point": work.distances / points as u64},
        "unreached": graph.as_ref().unreached(),
        "links_per_node": graph_links(&index),
        "bytes_per_point": resident / points,
        "curve": curve(&data, &index, &kernels, passes),
        "filtered": filtered(&data, &index, &kernels),
    }))
}

fn graph_links(index: &FlatIndex<'_>) -> f64 {
    let graph = index.graph();
    let links: usize = (0..graph.len() as u32).map(|node| graph.links(node).len()).sum();
    links as f64 / graph.len() as f64
}

fn encoded(data: &Data) -> Lines {
    let stride = sq8::stride(data.dim);
    let mut rows = Lines::zeroed(data.base.len() / data.dim * stride);
    let out = rows.bytes_mut().chunks_exact_mut(stride);
    for (out, row) in out.zip(data.base.chunks_exact(data.dim)) {
        sq8::encode(row, out);
    }
    rows
}

/// Rows and truth under the new numbers.
fn renumber(data: &mut Data, order: &[u32]) {
    let mut place = vec![0; order.len()];
    let mut base = Vec::with_capacity(data.base.len());
    for (new, &old) in (0..).zip(order) {
        place[old as usize] = new;
        base.extend_from_slice(&data.base[old as usize * data.dim..][..data.dim]);
    }
    data.base = base;
    data.truth.iter_mut().flatten().for_each(|id| *id = place[*id as usize]);
}

fn row<'a>(data: &'a Data) -> impl Fn(u32) -> &'a [f32] {
    |id| &data.base[id as usize * data.dim..][..data.dim]
}

/// Seconds of this thread that `work` takes: the best of some passes, each long enough for a clock
/// that ticks every 4 ms.
fn best_of(passes: usize, mut work: impl FnMut()) -> f64 {
    const ENOUGH: f64 = 0.2;
    let mut pass = || {
        let (before, mut rounds) = (thread_seconds(), 0.0);
        loop {
            work();
            rounds += 1.0;
            let seconds = thread_seconds() - before;
            if seconds > ENOUGH {
                return seconds / rounds;
            }
        }
    };
    (0..passes).map(|_| pass()).fold(f64::INFINITY, f64::min)
}

/// Recall and speed of one thread by ef, best of the passes.
fn curve(data: &Data, index: &FlatIndex<'_>, kernels: &Kernels, passes: usize) -> Value {
    let scorer = Scorer::on(kernels, Distance::OneMinusDot);
    let mut scratch = Scratch::new();
    let mut points = Vec::new();
    let queries = data.queries.len() as f64;
    for ef in EFS {
        let mut right = 0;
        let best = best_of(passes, || {
            scratch.work = Default::default();
            right = 0;
            for (query, truth) in data.queries.iter().zip(&data.truth) {
                index.walk(query, ef, &mut scratch);
                FlatIndex::rerank(&scorer, query, row(data), (RERANKED, K), &mut scratch);
                right += scratch.hits().filter(|hit| truth[..K].contains(&hit.1)).count();
            }
        });
        points.push(json!({
            "ef": ef, "recall": right as f64 / (queries * K as f64),
            "queries_per_cpu_second": queries / best,
            "distances": scratch.work.distances as f64 / queries,
            "hops": scratch.work.hops as f64 / queries,
        }));
    }
    json!(points)
}

/// Walks among random shares of the points, and scans of the same.
fn filtered(data: &Data, index: &FlatIndex<'_>, kernels: &Kernels) -> Value {
    let queries = &data.queries[..data.queries.len().min(200)];
    let mut points = Vec::new();
    let one_bit = Bits::new(data);
    for share in SHARES {
        let mut state = 9;
        let pass: Vec<bool> = (0..index.codes().len())
            .map(|_| (split_mix(&mut state) as f64) < share * u64::MAX as f64)
            .collect();
        let ids: Vec<u32> = (0..).zip(&pass).filter(|(_, pass)| **pass).map(|(id, _)| id).collect();
        let bits: Vec<u64> = pass
            .chunks(64)
            .map(|bits| (0..).zip(bits).map(|(at, bit)| u64::from(*bit) << at).sum())
            .collect();
        let accept = |id: u32| bits[id as usize / 64] >> (id % 64) & 1 == 1;
        let truth: Vec<Vec<u32>> =
            queries.iter().map(|q| scanned(data, index, kernels, q, &ids)).collect();
        for ef in [10, 16, 24, 32, 48, 96] {
            let filter = FlatFilter { accept, seeds: &ids, matching: ids.len(), limit: usize::MAX };
            points.push(filtered_at(data, index, kernels, (share, ef), (&filter, &truth)));
        }
        let by_sq8 = best_of(1, || {
            for query in queries {
                std::hint::black_box(scanned(data, index, kernels, query, &ids));
            }
        });
        let (by_bits, recall) = one_bit.scan(data, kernels, queries, &ids);
        let us = |seconds: f64| seconds / queries.len() as f64 * 1e6;
        points.push(json!({"share": share, "sq8_scan_us": us(by_sq8),
            "bit_scan_us": us(by_bits), "bit_scan_recall": recall}));
    }
    json!(points)
}

fn filtered_at(
    data: &Data,
    index: &FlatIndex<'_>,
    kernels: &Kernels,
    (share, ef): (f64, usize),
    (filter, truth): (&FlatFilter<'_, impl Fn(u32) -> bool>, &[Vec<u32>]),
) -> Value {
    let scorer = Scorer::on(kernels, Distance::OneMinusDot);
    let mut scratch = Scratch::new();
    let (mut found, mut all) = (0, 0);
    let best = best_of(1, || {
        (found, all) = (0, 0);
        scratch.work = Default::default();
        for (query, truth) in data.queries.iter().zip(truth) {
            index.walk_filtered(query, filter, ef, &mut scratch);
            FlatIndex::rerank(&scorer, query, row(data), (RERANKED, K), &mut scratch);
            found += scratch.hits().filter(|hit| truth.contains(&hit.1)).count();
            all += truth.len();
        }
    });
    let queries = truth.len() as f64;
    json!({"share": share, "ef": ef, "recall": found as f64 / all as f64,
        "us": best / queries * 1e6, "distances": scratch.work.distances as f64 / queries,
        "hops": scratch.work.hops as f64 / queries})
}

/// The nearest of `ids`, by a scan of the codes and exact distances of the best 30.
fn scanned(
    data: &Data,
    index: &FlatIndex<'_>,
    kernels: &Kernels,
    query: &[f32],
    ids: &[u32],
) -> Vec<u32> {
    let mut coded = Lines::zeroed(index.codes().stride());
    index.codes().encode_query(query, coded.bytes_mut());
    let scorer = Scorer::on(kernels, Distance::OneMinusDot);
    let rough = |ids: &[u32], out: &mut [f32]| index.codes().distances(coded.bytes(), ids, out);
    let exact = |ids: &[u32], out: &mut [f32]| {
        let row = |at: usize| row(data)(ids[at]);
        scorer.each(query, ids.len(), row, |at, distance| out[at] = distance);
    };
    let mut nearest = TopK::new(K);
    let ids = ids.iter().copied();
    scan_then_rerank(rough, exact, ids, RERANKED, &mut nearest);
    nearest.into_sorted().into_iter().map(|(_, id)| id).collect()
}

/// Rows of bits, to be scanned with an exact rerank of the best 100.
struct Bits {
    coder: BitCoder,
    rows: Vec<u8>,
}

impl Bits {
    fn new(data: &Data) -> Self {
        let rows = data.base.len() / data.dim;
        let mut mean = vec![0.0; data.dim];
        for row in data.base.chunks_exact(data.dim) {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += value / rows as f32);
        }
        let coder = BitCoder::new(mean, 1, Distance::OneMinusDot);
        let Some(coder) = coder else { unreachable!("there are components") };
        let stride = bits::stride(data.dim);
        let mut coded = vec![0; rows * stride];
        let mut scratch = Vec::new();
        for (out, row) in coded.chunks_exact_mut(stride).zip(data.base.chunks_exact(data.dim)) {
            coder.encode(row, &mut scratch, out);
        }
        Self { coder, rows: coded }
    }

    /// Seconds of all queries, and their recall.
    fn scan(
        &self,
        data: &Data,
        kernels: &Kernels,
        queries: &[Vec<f32>],
        ids: &[u32],
    ) -> (f64, f64) {
        let Some(codes) = BitsRef::on(*kernels, &self.rows, data.dim) else { return (0.0, 0.0) };
        let scorer = Scorer::on(kernels, Distance::OneMinusDot);
        let mut coded = BitQuery::default();
        let mut found = Vec::new();
        let seconds = best_of(1, || {
            found.clear();
            for query in queries {
                self.coder.encode_query(query, &mut coded);
                let rough = |ids: &[u32], out: &mut [f32]| codes.distances(&coded, ids, out);
                let exact = |ids: &[u32], out: &mut [f32]| {
                    let row = |at: usize| row(data)(ids[at]);
                    scorer.each(query, ids.len(), row, |at, distance| out[at] = distance);
                };
                let mut nearest = TopK::new(K);
                scan_then_rerank(rough, exact, ids.iter().copied(), 100, &mut nearest);
                found.push(nearest.into_sorted());
            }
        });
        let recalls = found.iter().zip(queries).map(|(found, query)| {
            let mut nearest = TopK::new(K);
            for &id in ids {
                nearest.push(1.0 - kernels.dot(query, row(data)(id)), id);
            }
            let truth = nearest.into_sorted();
            let right = found.iter().filter(|hit| truth.iter().any(|true_hit| true_hit.1 == hit.1));
            right.count() as f64 / truth.len() as f64
        });
        (seconds, recalls.sum::<f64>() / queries.len() as f64)
    }
}

/// Time that this thread has had of a core so far.
fn thread_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse::<f64>().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

/// User and system time of this process so far.
fn cpu_seconds() -> f64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = text.rsplit(')').next().unwrap_or_default().split(' ').collect();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
    (ticks(12).unwrap_or(0.0) + ticks(13).unwrap_or(0.0)) / 100.0
}

fn read(folder: &Path) -> Outcome<Data> {
    let floats = |name: &str| -> Outcome<(usize, Vec<f32>)> {
        let (width, words) = words(&folder.join(name))?;
        Ok((width, words.into_iter().map(f32::from_bits).collect()))
    };
    let (dim, base) = floats("base.npy")?;
    let (_, queries) = floats("queries.npy")?;
    let (width, truth) = words(&folder.join("truth.npy"))?;
    Ok(Data {
        dim,
        base,
        queries: queries.chunks_exact(dim).map(<[f32]>::to_vec).collect(),
        truth: truth.chunks_exact(width).map(<[u32]>::to_vec).collect(),
    })
}

/// The width and the 4-byte words of a two-dimensional `.npy` file (version 1, C order).
fn words(path: &Path) -> Outcome<(usize, Vec<u32>)> {
    let bytes = std::fs::read(path)?;
    let header = bytes.get(8..10).ok_or("too short")?;
    let end = 10 + usize::from(u16::from_le_bytes([header[0], header[1]]));
    let text = String::from_utf8_lossy(bytes.get(10..end).ok_or("too short")?).into_owned();
    let shape = text.split("'shape': (").nth(1).and_then(|rest| rest.split(')').next());
    let width = shape.and_then(|shape| shape.split(',').nth(1)).ok_or("no shape")?;
    let (words, _) = bytes[end..].as_chunks::<4>();
    Ok((width.trim().parse()?, words.iter().map(|word| u32::from_le_bytes(*word)).collect()))
}
