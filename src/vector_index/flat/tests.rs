//! Graphs of seeded rows, against exact search.

use vitrail_domain::Cancel;
use vitrail_kernels::{Distance, Lines, Scorer, Sq8Ref, TopK, scan, sq8};

use super::*;

const K: usize = 10;

/// Rows as floats and as codes, and queries of the same kind.
struct Data {
    dim: usize,
    rows: Vec<f32>,
    codes: Lines,
    queries: Vec<Vec<f32>>,
}

fn random(state: &mut u64) -> f32 {
    let mut unit = || (vitrail_kernels::rotate::split_mix(state) >> 40) as f32 / (1 << 24) as f32;
    (0..6).map(|_| unit() - 0.5).sum()
}

fn coded(dim: usize, rows: &[f32]) -> Lines {
    let mut codes = Lines::zeroed(rows.len() / dim * sq8::stride(dim));
    let out = codes.bytes_mut().chunks_exact_mut(sq8::stride(dim));
    rows.chunks_exact(dim).zip(out).for_each(|(row, out)| sq8::encode(row, out));
    codes
}

fn data(count: usize, dim: usize, mut row: impl FnMut(&mut u64) -> Vec<f32>) -> Data {
    let mut state = 7;
    let mut unit = |_| {
        // Summed in one order on every machine, so that the known work is known everywhere.
        let row = row(&mut state);
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter().map(|value| value / length).collect::<Vec<f32>>()
    };
    let rows: Vec<f32> = (0..count).flat_map(&mut unit).collect();
    Data { dim, codes: coded(dim, &rows), rows, queries: (0..100).map(&mut unit).collect() }
}

/// Forty clusters of different widths on a sheet of twelve dimensions.
fn clustered(count: usize) -> Data {
    let (dim, mut state) = (48, 3);
    let axes: Vec<f32> = (0..12 * dim).map(|_| random(&mut state)).collect();
    let centres: Vec<f32> = (0..40 * 12).map(|_| random(&mut state)).collect();
    data(count, dim, move |state| {
        let cluster = vitrail_kernels::rotate::split_mix(state) as usize % 40;
        let width = 0.1 + 0.01 * cluster as f32;
        let place: Vec<f32> =
            (0..12).map(|at| centres[cluster * 12 + at] + width * random(state)).collect();
        let on_sheet =
            |at: usize| (0..12).map(|axis| place[axis] * axes[axis * dim + at]).sum::<f32>();
        (0..dim).map(|at| on_sheet(at) + 0.05 * random(state)).collect()
    })
}

/// No structure at all: lists fill up, and every candidate is about as near as the others.
fn hard(count: usize) -> Data {
    data(count, 24, |state| (0..24).map(|_| random(state)).collect())
}

impl Data {
    fn codes(&self) -> Sq8Ref<'_> {
        Sq8Ref::new(self.codes.bytes(), self.dim, Distance::OneMinusDot).unwrap()
    }

    fn graph(&self, threads: usize) -> FlatGraph {
        build(&self.codes(), &FlatOptions { threads, ..FlatOptions::default() }, &Cancel::new())
            .unwrap()
    }

    fn search<'a>(&'a self, graph: &'a FlatGraph, ef: usize) -> Search<'a> {
        let scorer = Scorer::new(Distance::OneMinusDot);
        let (graph, codes) = (graph.view(), self.codes());
        Search { graph, codes, rows: &self.rows, scorer, ef, rerank: 30 }
    }

    fn exact(&self, query: &[f32]) -> Vec<(f32, u32)> {
        let mut nearest = TopK::new(K);
        let scorer = Scorer::new(Distance::OneMinusDot);
        scan(&scorer, query, &self.rows, |row| Some(row as u32), &mut nearest);
        nearest.into_sorted()
    }

    /// Recall, and work a hundred queries.
    fn recall(&self, graph: &FlatGraph, ef: usize) -> (f64, Work) {
        let (mut scratch, mut found, mut right) = (Scratch::new(0), Vec::new(), 0);
        for query in &self.queries {
            self.search(graph, ef).nearest(query, K, &mut scratch, &mut found);
            let truth = self.exact(query);
            right += found.iter().filter(|hit| truth.contains(hit)).count();
        }
        (right as f64 / (K * self.queries.len()) as f64, scratch.work())
    }
}

#[test]
fn recall_has_a_floor_on_one_thread_and_on_four() {
    for (data, floors) in
        [(clustered(4_000), [0.96, 0.99, 0.998]), (hard(4_000), [0.83, 0.97, 0.99])]
    {
        for threads in [1, 4] {
            let graph = data.graph(threads);
            assert_eq!(graph.view().unreached(), 0);
            for (ef, floor) in [10, 32, 64].into_iter().zip(floors) {
                let (recall, _) = data.recall(&graph, ef);
                assert!(recall >= floor, "{threads} threads, ef {ef}: {recall}");
            }
        }
    }
}

#[test]
fn one_thread_makes_one_graph_and_does_known_work() {
    let data = clustered(3_000);
    let graph = data.graph(1);
    assert!(graph == data.graph(1));
    let other = FlatOptions { seed: 1, ..FlatOptions::default() };
    assert!(graph != build(&data.codes(), &other, &Cancel::new()).unwrap());
    let (_, work) = data.recall(&graph, 32);
    assert_eq!((work.compared, work.hops), (25_048, 3_214));
}

#[test]
fn lists_are_sound() {
    let data = hard(2_500);
    let graph = data.graph(3);
    let view = graph.view();
    for node in 0..view.len() as u32 {
        let mut list = view.list(node).to_vec();
        assert!(!list.contains(&node) && !list.is_empty() && list.len() <= graph.m0);
        list.sort_unstable();
        list.dedup();
        assert_eq!(list.len(), view.list(node).len(), "{node} links one twice");
    }
    assert!(graph.layers >= 1 && graph.first_ranks > 50);
    let (first, above) = graph.nodes.split_at(graph.first_ranks);
    assert_eq!(first, &graph.below[..graph.first_ranks]);
    assert!(above.iter().all(|node| first.contains(node)));
    for rank in 0..graph.nodes.len() as u32 {
        let same_layer = |other: &u32| {
            (rank as usize) < graph.first_ranks || (*other as usize) >= graph.first_ranks
        };
        assert!(view.upper_list(rank).iter().all(same_layer));
    }
}

#[test]
fn renumbering_moves_nodes_and_changes_no_answer() {
    let data = clustered(3_000);
    let graph = data.graph(1);
    let order = graph.view().breadth_first();
    let rows: Vec<f32> = order
        .iter()
        .flat_map(|&old| data.rows[old as usize * data.dim..][..data.dim].to_vec())
        .collect();
    let moved = Data { dim: data.dim, codes: coded(data.dim, &rows), rows, queries: Vec::new() };
    let renumbered = graph.renumbered(&order);
    assert_eq!((renumbered.view().entry(), order[0]), (0, graph.view().entry()));
    let mut scratch = Scratch::new(3_000);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for query in &data.queries {
        data.search(&graph, 24).nearest(query, K, &mut scratch, &mut before);
        moved.search(&renumbered, 24).nearest(query, K, &mut scratch, &mut after);
        after.iter_mut().for_each(|hit| hit.1 = order[hit.1 as usize]);
        assert_eq!(before, after);
    }
}

#[test]
fn a_lost_node_and_an_island_get_ways_in() {
    let data = hard(200);
    let mut graph = data.graph(1);
    // Nobody links 7; 20 and 21 link each other only.
    for node in 0..200_usize {
        let list = graph.view().list(node as u32).to_vec();
        let lost = [7, 20, 21];
        let kept: Vec<u32> = match node {
            20 => vec![21],
            21 => vec![20],
            _ => list.into_iter().filter(|link| !lost.contains(link)).collect(),
        };
        graph.counts[node] = kept.len() as u8;
        graph.links[node * graph.m0..][..kept.len()].copy_from_slice(&kept);
    }
    assert_eq!(graph.view().unreached(), 3);
    repair::open_ways_in(&mut graph, &data.codes());
    assert_eq!(graph.view().unreached(), 0);
}

#[test]
fn small_graphs_and_cancelled_builds() {
    for count in [0, 1, 2, 40] {
        let data = hard(count);
        let graph = data.graph(2);
        let (mut scratch, mut found) = (Scratch::new(0), vec![(0.0, 9)]);
        data.search(&graph, 10).nearest(&data.queries[0], K, &mut scratch, &mut found);
        assert_eq!(found, data.exact(&data.queries[0]));
        data.search(&graph, 10).nearest(&data.queries[0], 0, &mut scratch, &mut found);
        assert!(found.is_empty());
    }
    let cancel = Cancel::new();
    cancel.cancel();
    assert!(build(&hard(50).codes(), &FlatOptions::default(), &cancel).is_none());
}

#[test]
fn a_scratch_outlives_its_epochs() {
    let (data, two) = (hard(60), hard(2));
    let (graph, of_two) = (data.graph(1), two.graph(1));
    let (mut scratch, mut found) = (Scratch::new(60), Vec::new());
    let truth = data.exact(&data.queries[1]);
    // Walk 1 stamps all nodes. The walks up to the last number stamp two of them.
    for walk in 1..=u32::from(u16::MAX) + 1 {
        let (data, graph) =
            if walk % u32::from(u16::MAX) == 1 { (&data, &graph) } else { (&two, &of_two) };
        data.search(graph, 60).nearest(&data.queries[1], K, &mut scratch, &mut found);
    }
    assert_eq!(found, truth);
}
