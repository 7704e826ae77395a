//! The index against a map and a loop: by metric, with deletes, updates, filters, graphs, readers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use proptest::prelude::*;
use vitrail_domain::{Cancel, Code, Dim, Ef, Metric, Plan, Slot, SlotSet, TopK};
use vitrail_kernels::{Scorer, split_mix};

use super::*;

mod beside;
mod on_disk;
mod routes;

/// Seeded numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// From -1 to 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.unit()).collect()
    }

    /// Clusters of rows on a low-dimensional sheet, as embeddings are.
    fn clustered(&mut self, count: usize, dim: usize) -> Vec<Vec<f32>> {
        let axes: Vec<Vec<f32>> = (0..12).map(|_| self.vector(dim)).collect();
        let centres: Vec<Vec<f32>> = (0..40).map(|_| self.vector(12)).collect();
        let mut row = || {
            let centre = &centres[self.below(40) as usize];
            let place: Vec<f32> = centre.iter().map(|c| c + 0.4 * self.unit()).collect();
            let mix = |at: usize| axes.iter().zip(&place).map(|(axis, p)| axis[at] * p).sum();
            (0..dim)
                .map(mix)
                .collect::<Vec<f32>>()
                .into_iter()
                .map(|x| x + 0.1 * self.unit())
                .collect()
        };
        (0..count).map(|_| row()).collect()
    }
}

fn dim(count: usize) -> Dim {
    Dim::new(count).unwrap()
}

fn k(count: usize) -> TopK {
    TopK::new(count).unwrap()
}

fn ef(count: usize) -> Ef {
    Ef::new(count).unwrap()
}

/// What the index should hold.
type Model = BTreeMap<u32, Vec<f32>>;

/// The distance of raw vectors in double precision.
fn exact_distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let pairs = || a.iter().zip(b).map(|(&x, &y)| (f64::from(x), f64::from(y)));
    let dot: f64 = pairs().map(|(x, y)| x * y).sum();
    let square = |v: &[f32]| v.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    match metric {
        Metric::Cosine => 1.0 - dot / (square(a) * square(b)).sqrt(),
        Metric::Dot => -dot,
        Metric::Euclid => pairs().map(|(x, y)| (x - y) * (x - y)).sum(),
        Metric::Manhattan => pairs().map(|(x, y)| (x - y).abs()).sum(),
    }
}

/// Everything in one frozen segment.
fn freeze(index: &VectorIndex) -> Built {
    index.build_graph(&Cancel::new(), &|_, _| {}).unwrap()
}

/// What is due, until nothing is.
fn work(index: &VectorIndex) {
    let options = GraphOptions { threads: 1, ..GraphOptions::default() };
    while index.due() != Choice::Nothing {
        let built = index.work(&options, &Cancel::new(), &|_, _| {}).unwrap();
        assert!(matches!(built, Built::Published(_)), "{built:?}");
    }
}

/// All matching points by a loop over the model, one row at a time, sorted.
fn naive(
    model: &Model,
    metric: Metric,
    query: &[f32],
    allowed: Option<&SlotSet>,
) -> Vec<(Slot, f32)> {
    let scorer = Scorer::new(vector::distance_of(metric));
    let query = prepare_query(metric, query);
    let mut all: Vec<(Slot, f32)> = model
        .iter()
        .filter(|&(&slot, _)| allowed.is_none_or(|set| set.contains(Slot(slot))))
        .map(|(&slot, row)| (Slot(slot), scorer.one(&query, &prepare_query(metric, row))))
        .collect();
    all.sort_by(|a, b| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0)));
    all
}

fn fill(index: &VectorIndex, model: &mut Model, rows: impl IntoIterator<Item = (u32, Vec<f32>)>) {
    let rows: Vec<(u32, Vec<f32>)> = rows.into_iter().collect();
    for batch in rows.chunks(500) {
        let writes: Vec<(Slot, &[f32])> =
            batch.iter().map(|(slot, row)| (Slot(*slot), row.as_slice())).collect();
        index.apply(&writes, &[]).unwrap();
    }
    model.extend(rows);
}

fn recall(found: &Found, truth: &[(Slot, f32)], k: usize) -> f64 {
    let truth = &truth[..k.min(truth.len())];
    let bound = truth.last().unwrap().1;
    found.hits.iter().filter(|hit| hit.1 <= bound).count() as f64 / truth.len() as f64
}

/// A thousand steps of writes, updates and deletes, with graphs built on the way.
fn lived_in(metric: Metric, with_graphs: bool) -> (VectorIndex, Model) {
    let mut random = Random(metric as u64 + 1);
    let (index, mut model) = (VectorIndex::new(dim(20), metric), Model::new());
    for step in 0..300 {
        let count = random.below(30) as usize;
        let rows: Vec<(u32, Vec<f32>)> =
            (0..count).map(|_| (random.below(6_000) as u32, random.vector(20))).collect();
        fill(&index, &mut model, rows);
        let gone: Vec<Slot> = (0..4).map(|_| Slot(random.below(6_000) as u32)).collect();
        index.apply(&[], &gone).unwrap();
        gone.iter().for_each(|slot| drop(model.remove(&slot.0)));
        if with_graphs && step % 100 == 50 {
            assert!(matches!(freeze(&index), Built::Published(_)));
        }
    }
    (index, model)
}

#[test]
fn exact_search_is_a_loop_over_the_points() {
    for metric in Metric::ALL {
        let (index, model) = lived_in(metric, false);
        let view = index.view();
        assert_eq!(view.len(), model.len());
        assert!(view.slots().iter().map(|slot| slot.0).eq(model.keys().copied()));
        let mut random = Random(99);
        for share in [1_u64, 2, 10, 100, 1_000] {
            let allowed: SlotSet =
                (0..6_500).filter(|_| random.below(share) == 0).map(Slot).collect();
            for allowed in [None, Some(&allowed)] {
                let query = random.vector(20);
                let truth = naive(&model, metric, &query, allowed);
                let prepared = prepare_query(metric, &query);
                let found = view.search_exact(&prepared, k(25), allowed);
                assert_eq!(found.hits, truth[..25.min(truth.len())], "{metric} 1/{share}");
                let all = truth.len() == model.len();
                let rows = if all { view.counts().rows } else { truth.len() };
                assert_eq!(found.compared, rows);
                for (slot, distance) in &found.hits {
                    let exact = exact_distance(metric, &query, &model[&slot.0]);
                    assert!((f64::from(*distance) - exact).abs() < 1e-4, "{metric} {exact}");
                }
            }
        }
    }
}

#[test]
fn every_route_gives_the_same_distance_to_the_bit() {
    let mut random = Random(3);
    // 3,000 rows of 1,024: more than one thread's share.
    let (index, mut model) = (VectorIndex::new(dim(1_024), Metric::Cosine), Model::new());
    fill(&index, &mut model, (0..3_000).map(|slot| (slot, random.vector(1_024))));
    let view = index.view();
    let query = prepare_query(Metric::Cosine, &random.vector(1_024));
    let all = view.search_exact(&query, k(3_000), None);
    assert_eq!(all.hits, naive(&model, Metric::Cosine, &query, None));
    let most: SlotSet = (0..2_999).map(Slot).collect();
    let filtered = view.search_exact(&query, k(3_000), Some(&most));
    assert_eq!(filtered.compared, 2_999);
    assert!(filtered.hits.iter().eq(all.hits.iter().filter(|hit| hit.0 != Slot(2_999))));
    let alone = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(alone.install(|| view.search_exact(&query, k(3_000), None)), all);
    let slots: Vec<Slot> = all.hits.iter().map(|hit| hit.0).collect();
    assert!(view.distances(&query, &slots).iter().eq(all.hits.iter().map(|hit| &hit.1)));
    assert_eq!(view.distances(&query, &[Slot(9_999)]), [f32::INFINITY]);
    freeze(&index);
    let walked = index.view().search_graph(&query, k(10), ef(500), None).unwrap();
    assert_eq!(walked.hits, all.hits[..10]);
}

#[test]
fn ties_go_to_the_smaller_slot() {
    for metric in Metric::ALL {
        let (index, mut model) = (VectorIndex::new(dim(8), metric), Model::new());
        fill(&index, &mut model, [9, 3, 700, 5, 4].map(|slot| (slot, vec![0.5; 8])));
        let found = index.view().search_exact(&prepare_query(metric, &[1.0; 8]), k(3), None);
        assert_eq!(found.hits.iter().map(|hit| hit.0.0).collect::<Vec<_>>(), [3, 4, 5]);
    }
}

#[test]
fn graph_search_keeps_its_recall_through_deletes_and_updates() {
    for metric in Metric::ALL {
        let mut random = Random(11);
        let (index, mut model) = (VectorIndex::new(dim(64), metric), Model::new());
        let mut rows = random.clustered(4_450, 64);
        let (queries, news) = (rows.split_off(4_400), rows.split_off(4_000));
        fill(&index, &mut model, (0..).zip(rows));
        assert!(index.view().search_graph(&[0.0; 64], k(1), ef(1), None).is_none());
        assert_eq!(freeze(&index), Built::Published(4_000));
        let mean = |model: &Model, allowed: Option<&SlotSet>, width: usize| {
            let view = index.view();
            let one = |query: &Vec<f32>| {
                let prepared = prepare_query(metric, query);
                let found = view.search_graph(&prepared, k(10), ef(width), allowed).unwrap();
                recall(&found, &naive(model, metric, query, allowed), 10)
            };
            queries.iter().map(one).sum::<f64>() / queries.len() as f64
        };
        let (narrow, wide) = (mean(&model, None, 16), mean(&model, None, 64));
        assert!(narrow >= 0.90 && wide >= 0.98, "{metric}: {narrow} {wide}");
        let gone: Vec<Slot> = (0..4_000).step_by(7).map(Slot).collect();
        index.apply(&[], &gone).unwrap();
        gone.iter().for_each(|slot| drop(model.remove(&slot.0)));
        // Frozen slots get new vectors, and there are new slots: both are in the mutable segment.
        let later = (0..4_400).step_by(11).zip(news);
        fill(&index, &mut model, later.collect::<Vec<_>>());
        let wide = mean(&model, None, 64);
        assert!(wide >= 0.98, "{metric} after updates: {wide}");
        // Half of the points pass: walks find them. One in twenty: they are compared one by one.
        let half: SlotSet = (0..5_000).filter(|_| random.below(2) == 0).map(Slot).collect();
        let wide = mean(&model, Some(&half), 64);
        assert!(wide >= 0.98, "{metric} one in two: {wide}");
        let few: SlotSet = (0..5_000).step_by(20).map(Slot).collect();
        assert_eq!(mean(&model, Some(&few), 64), 1.0);
    }
}

#[test]
fn a_wide_walk_reaches_every_point() {
    let mut random = Random(21);
    for metric in Metric::ALL {
        let (index, mut model) = (VectorIndex::new(dim(6), metric), Model::new());
        // Many equal rows, whose lists of links fill up with each other.
        let rows = (0..2_000).map(|slot| match slot % 4 {
            0 => (slot, vec![1.0, 0.0, 0.0, 0.0, 0.0, 0.5]),
            1 => (slot, vec![0.0, 1.0, 0.0, 0.0, 0.2, 0.0]),
            _ => (slot, random.vector(6)),
        });
        fill(&index, &mut model, rows.collect::<Vec<_>>());
        freeze(&index);
        let query = random.vector(6);
        let prepared = prepare_query(metric, &query);
        let found = index.view().search_graph(&prepared, k(2_000), ef(2_000), None).unwrap();
        assert_eq!(found.hits, naive(&model, metric, &query, None), "{metric}");
    }
}

#[test]
fn a_walk_gives_way_to_a_scan_that_is_cheaper() {
    let mut random = Random(31);
    let (index, mut model) = (VectorIndex::new(dim(16), Metric::Euclid), Model::new());
    fill(&index, &mut model, (0..5_000).map(|slot| (slot, random.vector(16))));
    freeze(&index);
    let view = index.view();
    let few: SlotSet = [4, 1_000, 4_999, 77_777].map(Slot).into_iter().collect();
    assert_eq!(view.matching(&few), 3);
    let query = random.vector(16);
    let found = view.search_graph(&query, k(10), ef(32), Some(&few)).unwrap();
    assert!(found.compared < 400, "{found:?}");
    assert_eq!(found.hits, view.search_exact(&query, k(10), Some(&few)).hits);
    assert_eq!(found.hits.len(), 3);
    let none = SlotSet::new();
    assert!(view.search_exact(&query, k(10), Some(&none)).hits.is_empty());
    assert!(view.search_graph(&query, k(10), ef(32), Some(&none)).unwrap().hits.is_empty());
}

#[test]
fn one_thread_builds_the_same_graph_twice() {
    let mut random = Random(41);
    let rows = random.clustered(2_000, 16);
    let options = GraphOptions { threads: 1, ..GraphOptions::default() };
    let answers = [0, 1].map(|_| {
        let (index, mut model) = (VectorIndex::new(dim(16), Metric::Cosine), Model::new());
        fill(&index, &mut model, (0..).zip(rows.clone()));
        index.build_graph_with(&options, &Cancel::new(), &|_, _| {}).unwrap();
        let view = index.view();
        let search = |row: &Vec<f32>| {
            view.search_graph(&prepare_query(Metric::Cosine, row), k(5), ef(8), None)
        };
        rows.iter().step_by(50).map(search).collect::<Vec<_>>()
    });
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn a_build_tells_its_progress_and_stops_when_asked() {
    let mut random = Random(51);
    let (index, mut model) = (VectorIndex::new(dim(16), Metric::Cosine), Model::new());
    assert_eq!(freeze(&index), Built::Nothing);
    fill(&index, &mut model, (0..3_000).map(|slot| (slot, random.vector(16))));
    let (cancel, calls) = (Cancel::new(), AtomicUsize::new(0));
    let stop_soon = |done: usize, all: usize| {
        assert!(done <= all && all == 3_000);
        assert_eq!(index.progress(), Some((done, all)));
        calls.fetch_add(1, Ordering::Relaxed);
        assert_eq!(freeze(&index), Built::Busy);
        cancel.cancel();
    };
    assert_eq!(index.build_graph(&cancel, &stop_soon).unwrap(), Built::Cancelled);
    assert_eq!((calls.into_inner(), index.view().has_graph()), (1, false));
    assert_eq!(index.progress(), None);
    let last = AtomicUsize::new(0);
    let note = |done: usize, _: usize| last.store(done, Ordering::Relaxed);
    index.build_graph(&Cancel::new(), &note).unwrap();
    assert_eq!((last.into_inner(), index.view().graph_len()), (3_000, 3_000));
}

#[test]
fn a_graph_of_any_small_size_works() {
    for count in 1..40 {
        let mut random = Random(count);
        let (index, mut model) = (VectorIndex::new(dim(4), Metric::Dot), Model::new());
        fill(&index, &mut model, (0..count as u32).map(|slot| (slot, random.vector(4))));
        let options = GraphOptions { threads: 4, ..GraphOptions::default() };
        index.build_graph_with(&options, &Cancel::new(), &|_, _| {}).unwrap();
        let query = random.vector(4);
        let found = index.view().search_graph(&query, k(40), ef(64), None).unwrap();
        assert_eq!(found.hits, naive(&model, Metric::Dot, &query, None));
    }
}

#[test]
fn a_view_stays_as_it_was() {
    let mut random = Random(61);
    let (index, mut model) = (VectorIndex::new(dim(12), Metric::Euclid), Model::new());
    fill(&index, &mut model, (0..3_000).map(|slot| (slot, random.vector(12))));
    let before = index.view();
    let query = random.vector(12);
    let truth = naive(&model, Metric::Euclid, &query, None);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut random = Random(62);
            for round in 0..300 {
                let rows: Vec<Vec<f32>> = (0..20).map(|_| random.vector(12)).collect();
                let at = |n: usize| Slot((random_slot(round, n)) as u32);
                let writes: Vec<(Slot, &[f32])> =
                    rows.iter().enumerate().map(|(n, row)| (at(n), row.as_slice())).collect();
                index.apply(&writes, &[Slot(round), Slot(3_000 + round)]).unwrap();
            }
            done.store(true, Ordering::Release);
        });
        scope.spawn(|| freeze(&index));
        let mut rounds = 0;
        while !done.load(Ordering::Acquire) || rounds < 3 {
            assert_eq!(before.search_exact(&query, k(3_000), None).hits, truth);
            let now = index.view();
            let found = now.search_exact(&query, k(10_000), None);
            assert_eq!(found.hits.len(), now.len());
            assert!(found.hits.iter().all(|hit| now.has(hit.0)));
            rounds += 1;
        }
    });
    assert!(index.view().has_graph() && !before.has_graph());
}

fn random_slot(round: u32, n: usize) -> u64 {
    Random(u64::from(round) * 100 + n as u64).below(6_000)
}

#[test]
fn dead_rows_are_dropped_and_nothing_else() {
    for metric in [Metric::Cosine, Metric::Manhattan] {
        let query = Random(5).vector(20);
        let check = |index: &VectorIndex, model: &Model| {
            let truth = naive(model, metric, &query, None);
            let prepared = prepare_query(metric, &query);
            let view = index.view();
            assert_eq!(view.search_exact(&prepared, k(10_000), None).hits, truth);
            for (&slot, row) in model {
                assert_eq!(view.vector(Slot(slot)), Some(prepare_query(metric, row).as_slice()));
            }
        };
        let (index, model) = lived_in(metric, true);
        check(&index, &model);
        let (index, model) = lived_in(metric, false);
        let counts = index.view().counts();
        assert!(counts.rows > counts.points, "{counts:?}");
        freeze(&index);
        let counts = index.view().counts();
        assert_eq!((counts.rows, counts.graph_rows), (model.len(), Some(model.len())));
        check(&index, &model);
    }
}

#[test]
fn a_build_over_moved_rows_takes_in_what_came_meanwhile() {
    let mut random = Random(71);
    let (index, mut model) = (VectorIndex::new(dim(8), Metric::Euclid), Model::new());
    fill(&index, &mut model, (0..2_000).map(|slot| (slot, random.vector(8))));
    fill(&index, &mut model, (0..1_000).map(|slot| (slot, random.vector(8))));
    assert_eq!(index.view().counts().points, 2_000);
    let later: Vec<(u32, Vec<f32>)> =
        (900..2_100).step_by(3).map(|s| (s, random.vector(8))).collect();
    let once = AtomicBool::new(true);
    let built = index.build_graph(&Cancel::new(), &|_, _| {
        if once.swap(false, Ordering::Relaxed) {
            fill(&index, &mut Model::new(), later.clone());
            index.apply(&[], &[Slot(0), Slot(2_001), Slot(903)]).unwrap();
        }
    });
    let built = built.unwrap();
    model.extend(later.clone());
    [0, 2_001, 903].iter().for_each(|slot| drop(model.remove(slot)));
    assert_eq!(built, Built::Published(2_000));
    let query = random.vector(8);
    let truth = naive(&model, Metric::Euclid, &query, None);
    let view = index.view();
    assert_eq!(view.search_exact(&query, k(5_000), None).hits, truth);
    let walked = view.search_graph(&query, k(5_000), ef(5_000), None).unwrap();
    assert_eq!(walked.hits, truth);
}

#[test]
fn a_small_index_that_is_rewritten_does_not_grow() {
    let mut random = Random(81);
    let (index, mut model) = (VectorIndex::new(dim(8), Metric::Cosine), Model::new());
    for _ in 0..200 {
        fill(&index, &mut model, (0..100).map(|slot| (slot, random.vector(8))));
        assert!(index.view().counts().rows < 1_400);
    }
    let query = random.vector(8);
    let found = index.view().search_exact(&prepare_query(Metric::Cosine, &query), k(200), None);
    assert_eq!(found.hits, naive(&model, Metric::Cosine, &query, None));
}

#[test]
fn a_refused_write_leaves_nothing_behind() {
    let index = VectorIndex::new(dim(2), Metric::Cosine);
    let good: &[f32] = &[1.0, 0.0];
    let bad: [(&[f32], VectorError); 3] = [
        (&[1.0], VectorError::Length { expected: 2, got: 1 }),
        (&[1.0, f32::INFINITY], VectorError::Component { component: 1, value: f32::INFINITY }),
        (&[0.0, -0.0], VectorError::Zero),
    ];
    for (vector, error) in bad {
        assert_eq!(index.apply(&[(Slot(0), good), (Slot(1), vector)], &[]), Err(error));
        assert_eq!(error.code(), Code::InvalidVector);
    }
    let nan = index.apply(&[(Slot(1), &[f32::NAN, 1.0])], &[]);
    assert!(matches!(nan, Err(VectorError::Component { component: 0, .. })));
    let last = Slot(u32::MAX);
    assert_eq!(index.apply(&[(last, good)], &[]), Err(VectorError::Slot { slot: last }));
    assert!(index.view().is_empty() && !index.view().has(Slot(0)));
    let mixed: [(Slot, &[f32]); 3] = [(Slot(0), good), (Slot(1), &[0.0, 0.0]), (Slot(2), good)];
    assert_eq!(index.take(vitrail_domain::Seq(1), &mixed, &[Slot(2)]), 1);
    assert_eq!(index.view().slots().iter().collect::<Vec<_>>(), [Slot(0)]);
    assert!(check_vector(dim(2), Metric::Euclid, &[0.0, 0.0]).is_ok());
    let view = index.view();
    assert_eq!(view.check_query(&[0.0, 0.0]), Ok(vec![0.0, 0.0]));
    assert_eq!(view.check_query(&[3.0, 4.0]), Ok(vec![0.6, 0.8]));
    assert!(view.check_query(&[1e20, 0.0]).is_err() && view.check_query(&[1.0]).is_err());
}

#[test]
fn the_same_slot_twice_keeps_the_last_and_removal_wins() {
    let index = Arc::new(VectorIndex::new(dim(1), Metric::Euclid));
    index.apply(&[(Slot(4), &[1.0]), (Slot(4), &[2.0]), (Slot(5), &[3.0])], &[Slot(5)]).unwrap();
    let view = index.view();
    assert_eq!(
        (view.len(), view.vector(Slot(4)), view.vector(Slot(5))),
        (1, Some(&[2.0][..]), None)
    );
    assert_eq!(view.search_exact(&[0.0], k(9), None).hits, [(Slot(4), 4.0)]);
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u32, Vec<f32>)>),
    Remove(Vec<u32>),
    Build,
    Seal,
    Work,
}

fn step() -> impl Strategy<Value = Step> {
    let row = (0_u32..9_000, prop::collection::vec((-2_i8..=2).prop_map(f32::from), 3));
    prop_oneof![
        4 => prop::collection::vec(row, 0..40).prop_map(Step::Write),
        2 => prop::collection::vec(0_u32..9_000, 0..40).prop_map(Step::Remove),
        1 => Just(Step::Build),
        1 => Just(Step::Seal),
        1 => Just(Step::Work),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_history_is_a_map(
        steps in prop::collection::vec(step(), 1..25),
        metric in prop::sample::select(vec![Metric::Dot, Metric::Euclid, Metric::Manhattan]),
        query in prop::collection::vec((-2_i8..=2).prop_map(f32::from), 3),
        allowed in prop::collection::vec(0_u32..9_000, 0..400),
        wanted in 1_usize..50,
    ) {
        let (index, mut model) = (VectorIndex::new(dim(3), metric), Model::new());
        for step in steps {
            match step {
                Step::Write(rows) => fill(&index, &mut model, rows),
                Step::Remove(slots) => {
                    index.apply(&[], &slots.iter().copied().map(Slot).collect::<Vec<_>>()).unwrap();
                    slots.iter().for_each(|slot| drop(model.remove(slot)));
                }
                Step::Build => drop(freeze(&index)),
                Step::Seal => index.seal(),
                Step::Work => work(&index),
            }
        }
        let view = index.view();
        // Half of what is there, and more that isn't.
        let allowed: SlotSet =
            allowed.into_iter().chain(model.keys().copied().step_by(2)).map(Slot).collect();
        for allowed in [None, Some(&allowed)] {
            let truth = naive(&model, metric, &query, allowed);
            let found = view.search_exact(&query, k(wanted), allowed);
            prop_assert_eq!(&found.hits, &truth[..wanted.min(truth.len())]);
            let walked = view.search_graph(&query, k(10_000), ef(10_000), allowed);
            prop_assert!(walked.is_none_or(|walked| walked.hits == truth));
            prop_assert_eq!(view.counts().points, model.len());
        }
    }
}
