//! How fast and how exact the room `vector_index` is, on vectors from files or on seeded ones.
//!
//! `cargo bench -p vitrail-vector-index --profile release --bench ann -- FOLDER` reads the folder's
//! `base.npy`, `queries.npy` (float32, C order) and `truth.npy` (int32, exact neighbours by cosine,
//! nearest first); `-- --small` draws 5,000 seeded vectors instead. Prints one JSON object.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

use rayon::{ThreadPool, ThreadPoolBuilder};
use serde_json::{Value, json};
use vitrail_domain::{Cancel, Dim, Ef, Metric, Slot, SlotSet, TopK};
use vitrail_kernels::{Distance, Isa, Kernels, Scorer, scan};
use vitrail_vector_index::{Built, Found, GraphOptions, VectorIndex, VectorView, prepare_query};

type Outcome<T> = Result<T, Box<dyn Error>>;

const K: usize = 10;
const EFS: [usize; 9] = [10, 16, 24, 32, 48, 64, 96, 128, 256];
const SHARES: [(&str, u64); 7] =
    [("50%", 2), ("20%", 5), ("10%", 10), ("5%", 20), ("2%", 50), ("1%", 100), ("0.1%", 1_000)];

struct Data {
    dim: usize,
    base: Vec<f32>,
    queries: Vec<Vec<f32>>,
    /// Nearest first; empty where it is to be found by exact search.
    truth: Vec<Vec<u32>>,
}

fn main() -> Outcome<()> {
    let argument = std::env::args().skip(1).find(|argument| argument != "--bench");
    let data = match argument.as_deref() {
        None | Some("--small") => drawn(5_000, 64, 100),
        Some(folder) => read(Path::new(folder))?,
    };
    let report = measure(data)?;
    writeln!(std::io::stdout(), "{}", serde_json::to_string_pretty(&report)?)?;
    Ok(())
}

fn measure(mut data: Data) -> Outcome<Value> {
    let one = ThreadPoolBuilder::new().num_threads(1).build()?;
    let kernels = kernel_ratio(&data);
    let rss_base = resident_mb();
    let points = data.base.len() / data.dim;
    let (_, small_batches) = filled(&data, 64)?;
    let (index, large_batches) = filled(&data, 1_000)?;
    data.base = Vec::new();
    let rss_rows = resident_mb();
    let view = index.view();
    let k = TopK::new(K)?;
    let exact_one = one.install(|| times(&data, |query| view.search_exact(query, k, None)));
    let exact_all = times(&data, |query| view.search_exact(query, k, None));
    if data.truth.is_empty() {
        data.truth =
            data.queries.iter().map(|query| ids(&view.search_exact(query, k, None))).collect();
    }
    let found = data.queries.iter().map(|query| view.search_exact(query, k, None));
    let exact_recall = recall(&data, found.collect());
    drop(view);
    let build = build(&index)?;
    let rss_graph = resident_mb();
    let view = index.view();
    let (rows_bytes, graph_bytes) = view.bytes();
    Ok(json!({
        "points": points, "dim": data.dim, "queries": data.queries.len(), "k": K,
        "cores": std::thread::available_parallelism()?.get(),
        "isa": Kernels::best().isa().name(), "kernels": kernels,
        "insert_rows_per_second":
            {"batches_of_64": small_batches, "batches_of_1000": large_batches},
        "exact": {"one_thread": exact_one.1, "all_threads": exact_all.1, "recall": exact_recall},
        "graph_build": build,
        "graph": curve(&data, &view, &one)?,
        "filtered": filtered(&data, &view, &one)?,
        "memory": {"rows_mb": rows_bytes as f64 / 1e6, "graph_mb": graph_bytes as f64 / 1e6,
            "graph_bytes_per_row": graph_bytes / points,
            "resident_mb": {"before": rss_base, "with_rows": rss_rows, "with_graph": rss_graph}},
    }))
}

/// Time of a scan by each instruction set, in ns a row: out of the cache and out of memory.
fn kernel_ratio(data: &Data) -> Value {
    let cached = (256 << 10) / (4 * data.dim) * data.dim;
    let rows = [("in_cache", &data.base[..cached.min(data.base.len())]), ("in_memory", &data.base)];
    let time = |kernels: &Kernels, rows: &[f32]| {
        let scorer = Scorer::on(kernels, Distance::OneMinusDot);
        let rounds = (20_000_000 / rows.len()).clamp(3, 2_000);
        let best = (0..rounds).map(|round| {
            let query = &data.queries[round % data.queries.len()];
            let started = Instant::now();
            let mut nearest = vitrail_kernels::TopK::new(K);
            scan(&scorer, query, rows, |row| Some(row as u32), &mut nearest);
            std::hint::black_box(nearest.into_sorted());
            started.elapsed().as_secs_f64()
        });
        let mut all: Vec<f64> = best.collect();
        all.sort_by(f64::total_cmp);
        all[all.len() / 2] * 1e9 / (rows.len() / data.dim) as f64
    };
    let of = |isa: Isa| Kernels::of(isa).map(|kernels| rows.map(|(_, rows)| time(&kernels, rows)));
    let table: Vec<Value> = Isa::ALL
        .into_iter()
        .filter_map(|isa| of(isa).map(|[cache, memory]| (isa, cache, memory)))
        .map(|(isa, cache, memory)| {
            json!({"isa": isa.name(), "ns_per_row_in_cache": cache, "ns_per_row_in_memory": memory})
        })
        .collect();
    json!(table)
}

/// An index of all rows, and how many it took in a second.
fn filled(data: &Data, batch: usize) -> Outcome<(VectorIndex, f64)> {
    let index = VectorIndex::new(Dim::new(data.dim)?, Metric::Cosine);
    let rows: Vec<(Slot, &[f32])> = (0..).map(Slot).zip(data.base.chunks_exact(data.dim)).collect();
    let started = Instant::now();
    for batch in rows.chunks(batch) {
        index.apply(batch, &[])?;
    }
    Ok((index, rows.len() as f64 / started.elapsed().as_secs_f64()))
}

fn build(index: &VectorIndex) -> Outcome<Value> {
    let cores = std::thread::available_parallelism()?.get();
    let options = GraphOptions { threads: cores, ..GraphOptions::default() };
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let peak = std::sync::Mutex::new(0.0_f64);
    let built = index.build_graph_with(&options, &Cancel::new(), &|_, _| {
        if let Ok(mut peak) = peak.lock() {
            *peak = peak.max(resident_mb());
        }
    })?;
    assert!(matches!(built, Built::Published(_)), "{built:?}");
    Ok(json!({
        "seconds": started.elapsed().as_secs_f64(), "cpu_seconds": cpu_seconds() - cpu,
        "threads": cores, "links": options.links, "ef_construction": options.ef_construction,
        "peak_resident_mb": peak.into_inner()?,
    }))
}

/// Recall and speed of one thread by ef.
fn curve(data: &Data, view: &VectorView, one: &ThreadPool) -> Outcome<Value> {
    let k = TopK::new(K)?;
    let mut points = Vec::new();
    for width in EFS {
        let ef = Ef::new(width)?;
        let walk = |query: &[f32]| view.search_graph(query, k, ef, None).unwrap_or_default();
        let (found, mut row) = one.install(|| times(data, walk));
        row["ef"] = json!(width);
        row["recall"] = json!(recall(data, found));
        points.push(row);
    }
    Ok(json!(points))
}

/// Exact and graph search of one thread under filters that let a random share pass.
fn filtered(data: &Data, view: &VectorView, one: &ThreadPool) -> Outcome<Value> {
    let (k, ef) = (TopK::new(K)?, Ef::new(64)?);
    let mut rows = Vec::new();
    for (share, part) in SHARES {
        let mut random = Random(part);
        let allowed: SlotSet =
            view.slots().iter().filter(|_| random.next().is_multiple_of(part)).collect();
        let exact = |query: &[f32]| view.search_exact(query, k, Some(&allowed));
        let walk =
            |query: &[f32]| view.search_graph(query, k, ef, Some(&allowed)).unwrap_or_default();
        let (truth, exact) = one.install(|| times(data, exact));
        let (found, graph) = one.install(|| times(data, walk));
        let gave_up = found.iter().filter(|found| found.hits.is_empty()).count();
        let hits = |(found, truth): (&Found, &Found)| {
            found.hits.iter().filter(|hit| truth.hits.contains(hit)).count()
        };
        let right: usize = found.iter().zip(&truth).map(hits).sum();
        let matching = view.matching(&allowed);
        let wanted: usize = truth.iter().map(|truth| truth.hits.len()).sum();
        rows.push(json!({
            "share": share, "matching": matching, "walk_pays": view.counts().walk_pays(matching),
            "exact": exact, "graph_ef_64": graph,
            "graph_recall": right as f64 / wanted as f64,
            "graph_gave_up": gave_up as f64 / found.len() as f64,
        }));
    }
    Ok(json!(rows))
}

/// Answers every query once to warm up and once with a watch.
fn times(data: &Data, answer: impl Fn(&[f32]) -> Found) -> (Vec<Found>, Value) {
    data.queries.iter().take(100).for_each(|query| drop(std::hint::black_box(answer(query))));
    let (mut found, mut micros) = (Vec::new(), Vec::new());
    for query in &data.queries {
        let started = Instant::now();
        found.push(answer(query));
        micros.push(started.elapsed().as_secs_f64() * 1e6);
    }
    let all: f64 = micros.iter().sum();
    micros.sort_by(f64::total_cmp);
    let compared: usize = found.iter().map(|found| found.compared).sum();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    let row = json!({
        "p50_us": at(0.5), "p99_us": at(0.99), "qps": micros.len() as f64 / all * 1e6,
        "rows_compared": compared / found.len(),
    });
    (found, row)
}

fn ids(found: &Found) -> Vec<u32> {
    found.hits.iter().map(|hit| hit.0.0).collect()
}

/// Share of the K true neighbours that were found.
fn recall(data: &Data, found: Vec<Found>) -> f64 {
    let hits = |(found, truth): (&Found, &Vec<u32>)| {
        ids(found).iter().filter(|id| truth[..K].contains(id)).count()
    };
    found.iter().zip(&data.truth).map(hits).sum::<usize>() as f64 / (K * found.len()) as f64
}

fn read(folder: &Path) -> Outcome<Data> {
    let (base, dim) = npy(&folder.join("base.npy"), "<f4", f32::from_le_bytes)?;
    let (queries, _) = npy(&folder.join("queries.npy"), "<f4", f32::from_le_bytes)?;
    let (truth, width) = npy(&folder.join("truth.npy"), "<i4", u32::from_le_bytes)?;
    let queries = queries.chunks_exact(dim).map(|query| prepare_query(Metric::Cosine, query));
    let truth = truth.chunks_exact(width).map(<[u32]>::to_vec).collect();
    Ok(Data { dim, base, queries: queries.collect(), truth })
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

/// Seeded clusters on a sheet of twelve dimensions, with noise.
fn drawn(points: usize, dim: usize, queries: usize) -> Data {
    let mut random = Random(7);
    let axes: Vec<Vec<f32>> = (0..12).map(|_| random.units(dim)).collect();
    let centres: Vec<Vec<f32>> = (0..50).map(|_| random.units(12)).collect();
    let mut row = || {
        let centre = &centres[(random.next() % 50) as usize];
        let place: Vec<f32> = centre.iter().map(|centre| centre + 0.4 * random.unit()).collect();
        let mix = |at: usize| axes.iter().zip(&place).map(|(axis, share)| axis[at] * share).sum();
        let row: Vec<f32> = (0..dim).map(mix).map(|x: f32| x + 0.1 * random.unit()).collect();
        prepare_query(Metric::Cosine, &row)
    };
    let base = (0..points).flat_map(|_| row()).collect();
    Data { dim, base, queries: (0..queries).map(|_| row()).collect(), truth: Vec::new() }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn units(&mut self, count: usize) -> Vec<f32> {
        (0..count).map(|_| self.unit()).collect()
    }
}

/// Resident megabytes, where /proc says so; else 0.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes = line.split_whitespace().next().and_then(|number| number.parse::<f64>().ok());
    kilobytes.unwrap_or_default() * 1024.0 / 1e6
}

/// CPU seconds of all threads so far, where /proc says so (in ticks of 10 ms); else 0.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}
