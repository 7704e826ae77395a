//! Makes a graph with `hnsw_rs`, the only file that names it, and takes the links over as flat
//! lists. The crate's points are offsets (`[u32; 1]`), and its distance looks at our rows: no
//! vector is copied, and the distances are those of our kernels.
//!
//! What is minded (hnsw_rs 0.3.5): its distances must be at least 0 and never NaN; a list of layer
//! l may name a node that isn't in layer l; lists are cut without a heuristic, so that nodes can
//! end up without a way in; two threads that both insert a first point lose one of them.

use std::thread::available_parallelism;

use hnsw_rs::anndists::dist::distances::Distance;
use hnsw_rs::hnsw::{Hnsw, Point};
use rayon::prelude::*;
use rayon::{ThreadPool, ThreadPoolBuilder};
use vitrail_domain::{Cancel, Metric};
use vitrail_kernels::{Kernels, Scorer};

use crate::segment::graph::{Graph, Layer, Lists};
use crate::segment::store::RowStore;
use crate::segment::words::Words;
use crate::vector::distance_of;

/// Layers at most; a node reaches the sixteenth once in 10^18.
const LAYERS: usize = 16;

/// Nodes inserted between two looks at `cancel` and two calls of `progress`.
const BATCH: u32 = 512;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraphOptions {
    /// Links of a node in the upper layers; layer 0 has twice as many.
    pub links: usize,
    /// Candidates of each insertion's walk: more make a better graph, more slowly.
    pub ef_construction: usize,
    /// Threads of the build. One makes the same graph from the same rows every time.
    pub threads: usize,
}

impl Default for GraphOptions {
    /// 16 links, 128 candidates, and half of the cores: the others are left to those who search.
    fn default() -> Self {
        let cores = available_parallelism().map_or(1, |cores| cores.get());
        Self { links: 16, ef_construction: 128, threads: (cores / 2).max(1) }
    }
}

/// `hnsw_rs` as others use it: its own copies of the rows, its own walk, but with our kernels. The
/// second opinion that measurements are held against.
pub struct SecondOpinion {
    hnsw: Hnsw<'static, f32, RowKernel>,
}

/// The distance of two rows, at least 0, never NaN.
struct RowKernel(Scorer);

impl Distance<f32> for RowKernel {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        let distance = self.0.one(a, b);
        if distance.is_nan() { f32::MAX } else { distance.max(0.0) }
    }
}

impl SecondOpinion {
    /// Inserts prepared rows (`prepare_query`), `[rows x dim]`, numbered from 0, on as many
    /// threads as `options` says. `None` for inner products, which are below 0 here.
    #[must_use]
    pub fn build(rows: &[f32], dim: usize, metric: Metric, options: &GraphOptions) -> Option<Self> {
        if metric == Metric::Dot || dim == 0 {
            return None;
        }
        let hnsw = Hnsw::new(
            options.links.clamp(2, 128),
            rows.len() / dim,
            LAYERS,
            options.ef_construction.max(1),
            RowKernel(Scorer::new(distance_of(metric))),
        );
        let pool = ThreadPoolBuilder::new().num_threads(options.threads.max(1)).build().ok()?;
        let row = |at: usize| &rows[at * dim..(at + 1) * dim];
        let all = rows.len() / dim;
        // Two threads that both insert a first point lose one of them.
        (0..all.min(1)).for_each(|at| hnsw.insert((row(at), at)));
        pool.install(|| (1..all).into_par_iter().for_each(|at| hnsw.insert((row(at), at))));
        Some(Self { hnsw })
    }

    /// Numbers and distances of the nearest `k`, nearest first; `query` is prepared.
    #[must_use]
    pub fn search(&self, query: &[f32], k: usize, ef: usize) -> Vec<(u32, f32)> {
        let found = self.hnsw.search(query, k, ef);
        found.into_iter().map(|near| (near.d_id as u32, near.distance)).collect()
    }
}

/// A graph over all of `rows`; `None` if cancelled, or without rows.
pub(crate) fn build(
    rows: RowStore,
    metric: Metric,
    options: &GraphOptions,
    cancel: &Cancel,
    progress: &dyn Fn(usize, usize),
) -> Option<Graph> {
    let all = rows.len();
    let pool = ThreadPoolBuilder::new().num_threads(options.threads.max(1)).build().ok();
    let hnsw = Hnsw::new(
        options.links.clamp(2, 128),
        all as usize,
        LAYERS,
        options.ef_construction.max(1),
        RowDistance::new(rows, metric),
    );
    if all > 0 {
        hnsw.insert((&[0], 0));
    }
    let insert = |offset: u32| {
        if !cancel.is_cancelled() {
            hnsw.insert((&[offset], offset as usize));
        }
    };
    let mut done = 1;
    while done < all && !cancel.is_cancelled() {
        let end = all.min(done + BATCH);
        match &pool {
            Some(pool) if options.threads > 1 => {
                pool.install(|| (done..end).into_par_iter().for_each(insert));
            }
            _ => (done..end).for_each(insert),
        }
        done = end;
        progress(done as usize, all as usize);
    }
    let graph = if all == 0 || cancel.is_cancelled() { None } else { taken_over(&hnsw, all) };
    free(hnsw, pool);
    graph
}

/// Freeing hundreds of thousands of lists uses rayon: on the build's own threads.
fn free(hnsw: Hnsw<'static, u32, RowDistance>, pool: Option<ThreadPool>) {
    match pool {
        Some(pool) => pool.install(move || drop(hnsw)),
        None => drop(hnsw),
    }
}

/// The distances that the graph is built by: of two offsets, at least 0, never NaN.
struct RowDistance {
    rows: RowStore,
    scorer: Scorer,
    lift: Option<Lift>,
}

/// Makes inner products a distance: every row gets one more component, so that all have the same
/// length; then the nearest by Euclid is the largest by inner product, for every query (Bachrach
/// and others 2014, "Speeding up the Xbox recommender system").
struct Lift {
    squared_length: f32,
    component: Vec<f32>,
}

impl Lift {
    fn new(rows: &RowStore) -> Self {
        let kernels = Kernels::best();
        let squared = |offset: u32| kernels.dot(rows.row(offset), rows.row(offset));
        let squares: Vec<f32> = (0..rows.len()).map(squared).collect();
        let squared_length = squares.iter().copied().fold(0.0, f32::max);
        let component =
            squares.into_iter().map(|square| (squared_length - square).max(0.0).sqrt()).collect();
        Self { squared_length, component }
    }

    /// Half the squared distance of two lifted rows, from their `-dot`.
    fn distance(&self, a: u32, b: u32, minus_dot: f32) -> f32 {
        let lifted = self.component[a as usize] * self.component[b as usize];
        self.squared_length + minus_dot - lifted
    }
}

impl RowDistance {
    fn new(rows: RowStore, metric: Metric) -> Self {
        let lift = (metric == Metric::Dot).then(|| Lift::new(&rows));
        Self { rows, scorer: Scorer::new(distance_of(metric)), lift }
    }
}

impl Distance<u32> for RowDistance {
    fn eval(&self, a: &[u32], b: &[u32]) -> f32 {
        let (&[a], &[b]) = (a, b) else {
            return f32::MAX;
        };
        let plain = self.scorer.one(self.rows.row(a), self.rows.row(b));
        let distance = self.lift.as_ref().map_or(plain, |lift| lift.distance(a, b, plain));
        if distance.is_nan() { f32::MAX } else { distance.max(0.0) }
    }
}

/// The crate's links as flat lists.
fn taken_over(hnsw: &Hnsw<'static, u32, RowDistance>, all: u32) -> Option<Graph> {
    let points = hnsw.get_point_indexation();
    let top = hnsw.get_max_level_observed() as usize;
    let mut ground = vec![Vec::new(); all as usize];
    let mut upper: Vec<Vec<(u32, Vec<u32>)>> = vec![Vec::new(); top];
    let mut entry = None;
    for level in 0..=top {
        for point in points.get_layer_iterator(level) {
            let node = point.get_origin_id() as u32;
            if level == top && entry.is_none() {
                entry = Some(node);
            }
            let mut lists = links_of(&point, level).into_iter();
            ground[node as usize] = lists.next().unwrap_or_default();
            upper.iter_mut().zip(lists).for_each(|(layer, list)| layer.push((node, list)));
        }
    }
    let entry = entry?;
    open_ways_in(&mut ground, entry);
    let upper = ranked(upper);
    let start = upper.last().map_or(Some(entry), |layer| rank(layer.nodes.get(), entry))?;
    Some(Graph::new(Lists::flat(&ground), upper, start, all))
}

/// A point's lists from layer 0 to its own level, nearest first, each without nodes that aren't in
/// its layer.
fn links_of(point: &Point<'static, u32>, level: usize) -> Vec<Vec<u32>> {
    let mut lists = point.get_neighborhood_id();
    lists.truncate(level + 1);
    let in_layer = |layer: usize, list: Vec<hnsw_rs::hnsw::Neighbour>| {
        let reached = list.into_iter().filter(|link| usize::from(link.p_id.0) >= layer);
        reached.map(|link| link.d_id as u32).collect()
    };
    (0..).zip(lists).map(|(layer, list)| in_layer(layer, list)).collect()
}

/// Links every node that can't be reached from `entry` from the nearest of its own neighbours that
/// can, or from `entry`. O(links).
fn open_ways_in(ground: &mut [Vec<u32>], entry: u32) {
    let mut reached = vec![false; ground.len()];
    spread(ground, entry, &mut reached);
    for node in 0..ground.len() {
        if !reached[node] {
            let near = ground[node].iter().copied().find(|&near| reached[near as usize]);
            ground[near.unwrap_or(entry) as usize].push(node as u32);
            spread(ground, node as u32, &mut reached);
        }
    }
}

fn spread(ground: &[Vec<u32>], from: u32, reached: &mut [bool]) {
    let mut waiting = vec![from];
    reached[from as usize] = true;
    while let Some(node) = waiting.pop() {
        for &next in &ground[node as usize] {
            if !std::mem::replace(&mut reached[next as usize], true) {
                waiting.push(next);
            }
        }
    }
}

/// The upper layers with nodes numbered by rank.
fn ranked(mut upper: Vec<Vec<(u32, Vec<u32>)>>) -> Vec<Layer> {
    let mut layers: Vec<Layer> = Vec::with_capacity(upper.len());
    for layer in &mut upper {
        layer.sort_unstable_by_key(|&(node, _)| node);
        let nodes: Vec<u32> = layer.iter().map(|&(node, _)| node).collect();
        let ranks = |list: &Vec<u32>| list.iter().filter_map(|&node| rank(&nodes, node)).collect();
        let links = Lists::flat(&layer.iter().map(|(_, list)| ranks(list)).collect::<Vec<_>>());
        let below = match layers.last() {
            Some(under) => {
                let under = under.nodes.get();
                nodes.iter().filter_map(|&node| rank(under, node)).collect()
            }
            None => nodes.clone(),
        };
        let [nodes, below] = [nodes, below].map(Words::Held);
        layers.push(Layer { nodes, below, links });
    }
    layers
}

fn rank(nodes: &[u32], node: u32) -> Option<u32> {
    nodes.binary_search(&node).ok().map(|rank| rank as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_gets_a_way_in() {
        // 0 <-> 1; 2 knows 1 but nobody knows 2; 3 <-> 4 is an island; 5 knows nobody.
        let mut ground = vec![vec![1], vec![0], vec![1], vec![4], vec![3], vec![]];
        open_ways_in(&mut ground, 0);
        assert_eq!(ground, [vec![1, 3, 5], vec![0, 2], vec![1], vec![4], vec![3], vec![]]);
        let mut reached = vec![false; 6];
        spread(&ground, 0, &mut reached);
        assert!(reached.into_iter().all(|yes| yes));
    }

    #[test]
    fn the_second_opinion_finds_what_is_there() {
        let rows: Vec<f32> =
            (0..600_u32).flat_map(|at| [at as f32, (at * at % 97) as f32]).collect();
        let options = GraphOptions { threads: 2, ..GraphOptions::default() };
        let other = SecondOpinion::build(&rows, 2, Metric::Euclid, &options).unwrap();
        for at in [0_u32, 17, 599] {
            let place = 2 * at as usize;
            let found = other.search(&rows[place..place + 2], 3, 32);
            assert_eq!((found.len(), found[0]), (3, (at, 0.0)));
        }
        assert!(SecondOpinion::build(&rows, 2, Metric::Dot, &options).is_none());
    }

    #[test]
    fn lifted_rows_order_as_inner_products_do() {
        let mut rows = crate::segment::rows::Rows::new(2);
        for row in [[3.0, 4.0], [1.0, 0.0], [0.0, 2.0]] {
            rows.push(&row);
        }
        let distance = RowDistance::new(RowStore::Chunks(rows), Metric::Dot);
        assert_eq!(distance.eval(&[0], &[0]), 0.0);
        assert!(distance.eval(&[1], &[1]).abs() < 1e-5);
        // The longest row has no component added: to it, distances are 25 - dot.
        assert_eq!([1, 2].map(|other| distance.eval(&[0], &[other])), [22.0, 17.0]);
    }
}
