//! Our graph against exact search, against itself, and against hnsw_rs.

use vitrail_domain::{Cancel, Metric};
use vitrail_kernels::split_mix;
use vitrail_kernels::{Distance, Isa, Kernels, Lines, Scorer, Sq8Ref, TopK, scan_ids, sq8};

use super::*;
use crate::segment::graph::Walk;
use crate::segment::rows::Rows;
use crate::{GraphOptions, prepare_query};

const METRICS: [Metric; 3] = [Metric::Cosine, Metric::Dot, Metric::Euclid];

/// Seeded numbers.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        (split_mix(&mut self.0) % end as u64) as usize
    }

    /// Near normal.
    fn normal(&mut self) -> f32 {
        let mut unit = || (split_mix(&mut self.0) >> 40) as f32 / (1 << 23) as f32 - 1.0;
        (0..6).map(|_| unit()).sum::<f32>() * 0.7
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.normal()).collect()
    }

    /// Rows about `centres` places of a sheet of `sheet` dimensions, bent and noisy.
    fn rows(
        &mut self,
        count: usize,
        dim: usize,
        (centres, sheet): (usize, usize),
    ) -> Vec<Vec<f32>> {
        let axes: Vec<Vec<f32>> = (0..sheet).map(|_| self.vector(dim)).collect();
        let centres: Vec<Vec<f32>> = (0..centres).map(|_| self.vector(sheet)).collect();
        let mut row = || {
            let centre = &centres[self.below(centres.len())];
            let place: Vec<f32> = centre.iter().map(|at| at + 0.5 * self.normal()).collect();
            let mix =
                |at: usize| axes.iter().zip(&place).map(|(axis, p)| axis[at] * p).sum::<f32>();
            let bent: Vec<f32> =
                (0..dim).map(mix).map(|value| value / (1.0 + value.abs())).collect();
            bent.into_iter().map(|value| value + 0.1 * self.normal()).collect()
        };
        (0..count).map(|_| row()).collect()
    }
}

/// Prepared rows with their codes, and queries.
struct Data {
    metric: Metric,
    dim: usize,
    rows: Vec<Vec<f32>>,
    codes: Lines,
    queries: Vec<Vec<f32>>,
}

impl Data {
    fn new(metric: Metric, rows: Vec<Vec<f32>>, queries: usize) -> Self {
        let mut rows: Vec<Vec<f32>> = rows.iter().map(|row| prepare_query(metric, row)).collect();
        let queries = rows.split_off(rows.len() - queries);
        let dim = rows[0].len();
        let stride = sq8::stride(dim);
        let mut codes = Lines::zeroed(rows.len() * stride);
        for (out, row) in codes.bytes_mut().chunks_exact_mut(stride).zip(&rows) {
            sq8::encode(row, out);
        }
        Self { metric, dim, rows, codes, queries }
    }

    /// Tiles of a few tissues: easy.
    fn clustered(metric: Metric, count: usize) -> Self {
        Self::new(metric, Random(1).rows(count + 100, 64, (40, 12)), 100)
    }

    /// A wide sheet in few dimensions: lists fill up.
    fn hard(metric: Metric, count: usize) -> Self {
        Self::new(metric, Random(2).rows(count + 100, 48, (3, 24)), 100)
    }

    fn distance(&self) -> Distance {
        crate::vector::distance_of(self.metric)
    }

    fn codes(&self) -> Sq8Ref<'_> {
        Sq8Ref::new(self.codes.bytes(), self.dim, self.distance()).unwrap()
    }

    fn build(&self, options: &FlatOptions) -> FlatGraph {
        build(self.codes(), options, watch(&Cancel::new())).unwrap().0
    }

    fn truth(&self, query: &[f32], accept: impl Fn(u32) -> bool) -> Vec<(f32, u32)> {
        let scorer = Scorer::new(self.distance());
        let mut nearest = TopK::new(10);
        let score = |ids: &[u32], out: &mut [f32]| {
            for (out, &id) in out.iter_mut().zip(ids) {
                *out = scorer.one(query, &self.rows[id as usize]);
            }
        };
        scan_ids(score, 0..self.rows.len() as u32, accept, &mut nearest);
        nearest.into_sorted()
    }

    fn rerank(&self, query: &[f32], scratch: &mut Scratch) -> Vec<(f32, u32)> {
        let scorer = Scorer::new(self.distance());
        let row = |id: u32| self.rows[id as usize].as_slice();
        FlatIndex::rerank(&scorer, query, row, (30, 10), scratch);
        scratch.hits().collect()
    }

    /// Mean recall@10.
    fn recall(&self, graph: &FlatGraph, ef: usize) -> f64 {
        let index = FlatIndex::new(graph.as_ref(), self.codes()).unwrap();
        let mut scratch = Scratch::new();
        mean(self.queries.iter().map(|query| {
            index.walk(query, ef, &mut scratch);
            share(&self.rerank(query, &mut scratch), &self.truth(query, |_| true))
        }))
    }
}

fn watch(cancel: &Cancel) -> Watch<'_> {
    Watch { cancel, progress: &|_, _| {} }
}

fn on_threads(threads: usize) -> FlatOptions {
    FlatOptions { threads, ..FlatOptions::default() }
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

/// The part of `truth` that was found; what is as near as its last counts.
fn share(found: &[(f32, u32)], truth: &[(f32, u32)]) -> f64 {
    let bound = truth.last().unwrap().0;
    found.iter().filter(|hit| hit.0 <= bound).count().min(truth.len()) as f64 / truth.len() as f64
}

#[test]
fn recall_keeps_its_floors_on_easy_and_hard_rows() {
    for metric in METRICS {
        let easy = Data::clustered(metric, 6_000);
        let graph = easy.build(&on_threads(2));
        assert_eq!(graph.as_ref().unreached(), 0);
        let (narrow, wide) = (easy.recall(&graph, 16), easy.recall(&graph, 64));
        assert!(narrow >= 0.95 && wide >= 0.99, "{metric} easy: {narrow} {wide}");
        let hard = Data::hard(metric, 6_000);
        let graph = hard.build(&on_threads(2));
        assert_eq!(graph.as_ref().unreached(), 0);
        let (narrow, wide) = (hard.recall(&graph, 32), hard.recall(&graph, 128));
        assert!(narrow >= 0.92 && wide >= 0.985, "{metric} hard: {narrow} {wide}");
    }
}

#[test]
fn filters_keep_recall_at_every_share() {
    for metric in METRICS {
        let data = Data::clustered(metric, 8_000);
        let graph = data.build(&on_threads(2));
        let index = FlatIndex::new(graph.as_ref(), data.codes()).unwrap();
        let mut scratch = Scratch::new();
        for part in [2, 5, 10, 25, 100, 1_000] {
            let mut random = Random(part as u64);
            let pass: Vec<bool> = (0..8_000).map(|_| random.below(part) == 0).collect();
            let seeds: Vec<u32> = (0..8_000).filter(|&id| pass[id as usize]).collect();
            let accept = |id: u32| pass[id as usize];
            let matching = seeds.len();
            let filter = FlatFilter { accept, seeds: &seeds, matching, limit: usize::MAX };
            let recall = mean(data.queries.iter().map(|query| {
                assert!(index.walk_filtered(query, &filter, 48, &mut scratch));
                let found = data.rerank(query, &mut scratch);
                assert!(found.iter().all(|hit| pass[hit.1 as usize]));
                assert_eq!(found.len(), matching.min(10), "{metric} 1/{part}");
                share(&found, &data.truth(query, accept))
            }));
            assert!(recall >= 0.99, "{metric} 1/{part}: {recall}");
            // The guard: with a scan's cost as its limit, a walk among few gives up, and early.
            let limit = matching;
            let filter = FlatFilter { accept, seeds: &seeds, matching, limit };
            scratch.work = Work::default();
            let ended = index.walk_filtered(&data.queries[0], &filter, 48, &mut scratch);
            assert!(ended || part > 2, "{metric} 1/{part}");
            assert!(!ended || part < 25, "{metric} 1/{part}");
            let most = limit + 2 * super::graph::LINKS_MAX + 1_000;
            assert!(ended || scratch.work.distances < most as u64, "{:?}", scratch.work);
        }
    }
}

#[test]
fn filters_far_from_the_query_are_found_by_their_seeds() {
    let data = Data::clustered(Metric::Euclid, 8_000);
    let graph = data.build(&on_threads(2));
    let index = FlatIndex::new(graph.as_ref(), data.codes()).unwrap();
    let mut scratch = Scratch::new();
    let scorer = Scorer::new(Distance::L2Squared);
    let recall = mean(data.queries.iter().map(|query| {
        // Only the farther half passes.
        let mut all: Vec<f32> = data.rows.iter().map(|row| scorer.one(query, row)).collect();
        let distances = all.clone();
        all.sort_by(f32::total_cmp);
        let pass = |id: u32| distances[id as usize] > all[4_000];
        let seeds: Vec<u32> = (0..8_000).filter(|&id| pass(id)).collect();
        let (matching, limit) = (seeds.len(), 4_000);
        let filter = FlatFilter { accept: pass, seeds: &seeds, matching, limit };
        // Where the walk gives up, a scan finds them all.
        if !index.walk_filtered(query, &filter, 48, &mut scratch) {
            return 1.0;
        }
        share(&data.rerank(query, &mut scratch), &data.truth(query, pass))
    }));
    assert!(recall >= 0.95, "{recall}");
}

/// Without seeds, a walk spreads from the query over half of the graph before it meets them.
#[test]
fn seeds_lead_to_a_small_group_far_away() {
    let data = Data::clustered(Metric::Euclid, 8_000);
    let graph = data.build(&on_threads(2));
    let index = FlatIndex::new(graph.as_ref(), data.codes()).unwrap();
    let scorer = Scorer::new(Distance::L2Squared);
    let (mut with, mut without) = (Scratch::new(), Scratch::new());
    let recall = mean(data.queries[..20].iter().map(|query| {
        let from = |row: &[f32], id: u32| scorer.one(row, &data.rows[id as usize]);
        let far = (0..8_000).max_by(|&a, &b| from(query, a).total_cmp(&from(query, b))).unwrap();
        let mut group: Vec<u32> = (0..8_000).collect();
        group.sort_by(|&a, &b| {
            let to_far = |id| from(&data.rows[far as usize], id);
            to_far(a).total_cmp(&to_far(b))
        });
        group.truncate(100);
        group.sort_unstable();
        let pass = |id: u32| group.binary_search(&id).is_ok();
        let filter = FlatFilter { accept: pass, seeds: &group, matching: 100, limit: usize::MAX };
        assert!(index.walk_filtered(query, &filter, 16, &mut with));
        let blind = FlatFilter { accept: pass, seeds: &[], matching: 100, limit: usize::MAX };
        assert!(index.walk_filtered(query, &blind, 16, &mut without));
        share(&data.rerank(query, &mut with), &data.truth(query, pass))
    }));
    let (with, without) = (with.work.hops, without.work.hops);
    assert!(recall >= 0.90 && 2 * with < without, "{recall} {with} {without}");
}

/// Rows whose lengths differ by a factor `base` to a normal number.
fn stretched(base: f32) -> Data {
    let mut random = Random(7);
    let mut rows = random.rows(5_100, 48, (20, 12));
    for row in &mut rows {
        let stretch = base.powf(random.normal());
        row.iter_mut().for_each(|value| *value *= stretch);
    }
    Data::new(Metric::Dot, rows, 100)
}

/// By inner product the longest rows are near everything.
#[test]
fn inner_products_of_very_different_lengths_keep_their_recall() {
    for base in [1.2, 2.0, 5.0, 30.0] {
        let data = stretched(base);
        let recall = data.recall(&data.build(&on_threads(2)), 32);
        assert!(recall >= 0.97, "{base}: {recall}");
    }
}

/// Where lengths are even, rows that are short are found too: a graph of plain products would lead
/// away from them (0.92 here).
#[test]
fn short_rows_are_found_by_inner_product() {
    let data = stretched(1.2);
    let graph = data.build(&on_threads(2));
    let index = FlatIndex::new(graph.as_ref(), data.codes()).unwrap();
    let length = |row: &Vec<f32>| row.iter().map(|value| value * value).sum::<f32>();
    let mut lengths: Vec<f32> = data.rows.iter().map(length).collect();
    lengths.sort_by(f32::total_cmp);
    let short = |id: u32| length(&data.rows[id as usize]) < lengths[2_500];
    let seeds: Vec<u32> = (0..5_000).filter(|&id| short(id)).step_by(100).collect();
    let filter = FlatFilter { accept: short, seeds: &seeds, matching: 2_500, limit: usize::MAX };
    let mut scratch = Scratch::new();
    let recall = mean(data.queries.iter().map(|query| {
        assert!(index.walk_filtered(query, &filter, 64, &mut scratch));
        share(&data.rerank(query, &mut scratch), &data.truth(query, short))
    }));
    assert!(recall >= 0.98, "{recall}");
}

#[test]
fn one_thread_builds_the_same_graph_twice() {
    for metric in METRICS {
        let data = Data::clustered(metric, 3_000);
        assert_eq!(data.build(&on_threads(1)), data.build(&on_threads(1)), "{metric}");
    }
}

/// What a fixed seed costs on the plain kernels with one thread: a silent slow-down fails here.
#[test]
fn work_is_what_it_was() {
    let data = Data::clustered(Metric::Cosine, 4_000);
    let plain = Kernels::of(Isa::Plain).unwrap();
    let codes = Sq8Ref::on(plain, data.codes.bytes(), data.dim, Distance::OneMinusDot).unwrap();
    let (graph, built) = build(codes, &on_threads(1), watch(&Cancel::new())).unwrap();
    let index = FlatIndex::new(graph.as_ref(), codes).unwrap();
    let mut scratch = Scratch::new();
    for query in &data.queries {
        index.walk(query, 16, &mut scratch);
    }
    let links = (0..4_000).map(|node| graph.as_ref().links(node).len()).sum::<usize>();
    let got = (built, scratch.work, links);
    let golden = (
        Work { distances: 14_813_979, hops: 528_198 },
        Work { distances: 25_516, hops: 2_230 },
        102_519,
    );
    assert_eq!(got, golden);
}

/// The same by metric, on rows whose lists fill up: distances and hops of a hundred
/// queries of an unfiltered walk, of one among a fifth, and of one over a graph that grew.
#[test]
fn work_is_what_it_was_by_metric_filter_and_growth() {
    let plain = Kernels::of(Isa::Plain).unwrap();
    let mut got = Vec::new();
    for metric in METRICS {
        let data = Data::hard(metric, 2_000);
        let distance = data.distance();
        let codes = Sq8Ref::on(plain, data.codes.bytes(), data.dim, distance).unwrap();
        let options = on_threads(1);
        let whole = build(codes, &options, watch(&Cancel::new())).unwrap().0;
        let half = build(codes.first(1_000), &options, watch(&Cancel::new())).unwrap().0;
        let grown = extend(&half.as_ref(), codes, &options, watch(&Cancel::new())).unwrap().0;
        let fifth: Vec<u32> = (0..2_000).step_by(5).collect();
        let accept = |id: u32| id.is_multiple_of(5);
        let seeds = &fifth[..32];
        let filter = FlatFilter { accept, seeds, matching: 400, limit: usize::MAX };
        let work = |graph: &FlatGraph, filter: Option<&FlatFilter<'_, _>>| {
            let index = FlatIndex::new(graph.as_ref(), codes).unwrap();
            let mut scratch = Scratch::new();
            for query in &data.queries {
                match filter {
                    None => index.walk(query, 32, &mut scratch),
                    Some(filter) => {
                        assert!(index.walk_filtered(query, filter, 32, &mut scratch));
                    }
                }
            }
            (scratch.work.distances, scratch.work.hops)
        };
        got.push([work(&whole, None), work(&whole, Some(&filter)), work(&grown, None)]);
    }
    assert_eq!(got, WORK_BY_METRIC);
}

/// By metric: unfiltered, filtered, grown; distances and hops of a hundred queries.
const WORK_BY_METRIC: [[(u64, u64); 3]; 3] = [
    [(39_955, 3_756), (67_323, 14_957), (39_904, 3_756)],
    [(40_188, 3_749), (67_543, 15_164), (40_225, 3_750)],
    [(39_847, 3_738), (67_110, 14_901), (39_835, 3_738)],
];

#[test]
fn a_graph_grows_by_insertion_as_well_as_at_once() {
    for metric in METRICS {
        let data = Data::hard(metric, 6_000);
        let options = on_threads(2);
        let base = build(data.codes().first(3_000), &options, watch(&Cancel::new())).unwrap().0;
        let base = base.renumbered(&(0..3_000).collect::<Vec<_>>());
        let before = base.clone();
        let grown =
            extend(&base.as_ref(), data.codes(), &options, watch(&Cancel::new())).unwrap().0;
        assert_eq!((before, grown.as_ref().len()), (base, 6_000));
        assert_eq!(grown.as_ref().unreached(), 0);
        let (grown, whole) = (data.recall(&grown, 32), data.recall(&data.build(&options), 32));
        assert!(grown >= 0.92 && grown >= whole - 0.01, "{metric}: {grown} {whole}");
    }
    let data = Data::hard(Metric::Cosine, 100);
    let graph = data.build(&on_threads(1));
    let fewer = data.codes().first(99);
    assert!(extend(&graph.as_ref(), fewer, &on_threads(1), watch(&Cancel::new())).is_none());
    let same = extend(&graph.as_ref(), data.codes(), &on_threads(1), watch(&Cancel::new()));
    assert_eq!(same.unwrap().0.as_ref().len(), 100);
}

#[test]
fn other_numbers_are_the_same_graph() {
    let data = Data::clustered(Metric::Cosine, 3_000);
    let graph = data.build(&on_threads(1));
    let order = graph.as_ref().order();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    assert!(sorted.into_iter().eq(0..3_000));
    assert_eq!(order[0], graph.as_ref().entry_node());
    let moved = graph.renumbered(&order);
    let rows = order.iter().map(|&old| data.rows[old as usize].clone());
    let rows: Vec<Vec<f32>> = rows.chain(data.queries.clone()).collect();
    let other = Data::new(Metric::Cosine, rows, 100);
    let (from, to) = (
        FlatIndex::new(graph.as_ref(), data.codes()).unwrap(),
        FlatIndex::new(moved.as_ref(), other.codes()).unwrap(),
    );
    let (mut here, mut there) = (Scratch::new(), Scratch::new());
    for query in &data.queries {
        from.walk(query, 24, &mut here);
        to.walk(query, 24, &mut there);
        let found: Vec<f32> = here.found().map(|hit| hit.0).collect();
        assert!(there.found().map(|hit| hit.0).eq(found));
        assert!(there.found().all(|hit| (hit.1 as usize) < 3_000));
    }
    assert_eq!(here.work, there.work);
}

#[test]
fn a_wide_walk_reaches_every_row_even_among_equal_ones() {
    for metric in METRICS {
        let mut random = Random(21);
        // Many equal rows, whose lists of links fill up with each other.
        let rows = (0..2_001).map(|row| match row % 4 {
            0 => vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.5],
            1 => vec![0.0, 1.0, 0.0, 0.0, 0.2, 0.0],
            _ => random.vector(6),
        });
        let data = Data::new(metric, rows.collect(), 1);
        for threads in [1, 4] {
            let graph = data.build(&on_threads(threads));
            assert_eq!(graph.as_ref().unreached(), 0, "{metric}");
            let index = FlatIndex::new(graph.as_ref(), data.codes()).unwrap();
            let mut scratch = Scratch::new();
            index.walk(&data.queries[0], 2_000, &mut scratch);
            assert_eq!(scratch.found().len(), 2_000, "{metric}");
        }
    }
}

#[test]
fn any_small_number_of_rows_works() {
    for count in 1..40 {
        let rows = Random(count as u64).rows(count + 1, 3, (2, 2));
        let data = Data::new(Metric::Euclid, rows, 1);
        let graph = data.build(&on_threads(3));
        let index = FlatIndex::new(graph.as_ref(), data.codes()).unwrap();
        let mut scratch = Scratch::new();
        index.walk(&data.queries[0], 64, &mut scratch);
        assert_eq!(scratch.found().len(), count);
        let found = data.rerank(&data.queries[0], &mut scratch);
        let truth = data.truth(&data.queries[0], |_| true);
        assert_eq!(found.len(), truth.len());
        assert!(count > 30 || found == truth, "{found:?} {truth:?}");
    }
    let nothing = Lines::zeroed(0);
    let codes = Sq8Ref::new(nothing.bytes(), 3, Distance::L2Squared).unwrap();
    assert!(build(codes, &on_threads(1), watch(&Cancel::new())).is_none());
}

/// Stamps have 16 bits: walk 65,536 must not take those of the first walks for its own. Among two
/// graphs the stamps of the larger one are the older.
#[test]
fn a_scratch_may_walk_for_ever() {
    let (large, small) =
        (Data::clustered(Metric::Cosine, 300), Data::clustered(Metric::Cosine, 20));
    let graphs = [large.build(&on_threads(1)), small.build(&on_threads(1))];
    let large_index = FlatIndex::new(graphs[0].as_ref(), large.codes()).unwrap();
    let small_index = FlatIndex::new(graphs[1].as_ref(), small.codes()).unwrap();
    let mut scratch = Scratch::new();
    let mut found = |index: &FlatIndex<'_>| {
        index.walk(&large.queries[0], 300, &mut scratch);
        scratch.found().len()
    };
    assert_eq!(found(&large_index), 300);
    for _ in 0..65_534 {
        assert_eq!(found(&small_index), 20);
    }
    for _ in 0..3 {
        assert_eq!(found(&large_index), 300);
    }
}

#[test]
fn a_build_stops_when_asked_and_tells_how_far_it_is() {
    let data = Data::clustered(Metric::Cosine, 3_000);
    let cancel = Cancel::new();
    let progress = |done: usize, all: usize| {
        assert!(done <= all && all == 3_000);
        cancel.cancel();
    };
    let watch = Watch { cancel: &cancel, progress: &progress };
    assert!(build(data.codes(), &on_threads(2), watch).is_none());
    assert!(cancel.is_cancelled());
}

#[test]
fn damaged_links_cost_recall_and_nothing_else() {
    let data = Data::clustered(Metric::Cosine, 2_000);
    let graph = data.build(&on_threads(1));
    let mut random = Random(5);
    for _ in 0..20 {
        let mut damaged = graph.clone();
        for _ in 0..2_000 {
            let value = random.below(1 << 32) as u32;
            let at = random.below(damaged.ground.len());
            damaged.ground[at] = value;
            let at = random.below(damaged.upper.len());
            damaged.upper[at] = value >> random.below(32);
        }
        let at = random.below(damaged.nodes.len());
        damaged.nodes[at] = random.below(1 << 32) as u32;
        damaged.starts[at] = random.below(1 << 32) as u32;
        let index = FlatIndex::new(damaged.as_ref(), data.codes()).unwrap();
        let mut scratch = Scratch::new();
        for query in &data.queries {
            index.walk(query, 10, &mut scratch);
            assert!(scratch.found().all(|hit| (hit.1 as usize) < 2_000));
        }
        assert!(damaged.as_ref().order().len() <= 2_000);
        let _ = extend(&damaged.as_ref(), data.codes(), &on_threads(1), watch(&Cancel::new()));
    }
    let short = FlatGraphRef { ground: &graph.ground[1..], ..graph.as_ref() };
    assert!(!short.is_sound() && FlatIndex::new(short, data.codes()).is_none());
    assert!(FlatIndex::new(graph.as_ref(), data.codes().first(1_999)).is_none());
}

#[test]
fn recall_is_no_worse_than_that_of_hnsw_rs() {
    for metric in METRICS {
        let data = Data::hard(metric, 6_000);
        let ours = data.build(&on_threads(1));
        let mut rows = Rows::new(data.dim);
        data.rows.iter().for_each(|row| rows.push(row));
        let options = GraphOptions { threads: 1, ..GraphOptions::default() };
        let cancel = Cancel::new();
        let rows = crate::segment::store::RowStore::Chunks(rows);
        let theirs =
            crate::segment::builder::build(rows.clone(), metric, &options, &cancel, &|_, _| {});
        let (theirs, scorer) = (theirs.unwrap(), Scorer::new(data.distance()));
        for ef in [16, 32, 64] {
            let recall = mean(data.queries.iter().map(|query| {
                let walk = Walk { query, ef, limit: usize::MAX, rows: &rows, scorer: &scorer };
                let mut found = theirs.walk(&walk, |_| true).nearest.unwrap().into_sorted();
                found.truncate(10);
                share(&found, &data.truth(query, |_| true))
            }));
            let own = data.recall(&ours, ef);
            assert!(own >= recall - 0.01, "{metric} ef {ef}: ours {own}, hnsw_rs {recall}");
        }
    }
}
