//! Makes a graph: nodes are inserted by all threads at once, each from one counter.
//!
//! Memory while it is built: `1.5 * m0` links a node more, 2 bytes a node and thread.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

use parking_lot::{RwLock, RwLockUpgradableReadGuard};
use vitrail_domain::Cancel;
use vitrail_kernels::Sq8Ref;
use vitrail_kernels::rotate::split_mix;

use crate::flat::graph::FlatGraph;
use crate::flat::growing::{Growing, Layer};
use crate::flat::prune::Pruner;
use crate::flat::repair::open_ways_in;
use crate::flat::scratch::{LIST_MAX, Scratch};
use crate::flat::walk::walk;

/// Layers at most above layer 0: with 16 links, a node reaches the twelfth once in 10^14.
const LEVEL_MAX: u8 = 12;

/// Nodes that a layer's walk begins from: the best of the layer above.
const STARTS: usize = 8;

/// Nodes of a graph at most: a walk marks its candidates in their lowest bit.
const NODES_MAX: usize = 1 << 31;

/// How a graph is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FlatOptions {
    /// Links of a list above layer 0; layer 0 has twice as many. From 2 to 64.
    pub m: usize,
    /// Candidates of each insertion's walk: more make a better graph, more slowly.
    pub ef_construction: usize,
    /// Threads of the build. One makes the same graph from the same rows every time.
    pub threads: usize,
    /// Of the levels.
    pub seed: u64,
}

impl Default for FlatOptions {
    fn default() -> Self {
        Self { m: 16, ef_construction: 128, threads: 1, seed: 42 }
    }
}

/// A graph over all rows; none if cancelled, or over 2^31 rows or more. O(n log n), measured and
/// not proven.
#[must_use]
pub fn build(codes: &Sq8Ref<'_>, options: &FlatOptions, cancel: &Cancel) -> Option<FlatGraph> {
    if codes.len() >= NODES_MAX {
        return None;
    }
    let m = options.m.clamp(2, 64);
    let levels = levels(codes.len(), m, options.seed);
    let top = levels.first().map_or(0, |&level| level);
    let build = Build {
        codes: *codes,
        growing: Growing::new(levels, m, 2 * m, (3 * m).min(LIST_MAX)),
        entry: RwLock::new((0, top)),
        ef: options.ef_construction.max(1),
    };
    let next = AtomicU32::new(1);
    on_threads(options.threads, || {
        let mut worker = Worker::new(codes.len());
        while !cancel.is_cancelled() {
            let node = next.fetch_add(1, Relaxed);
            if node as usize >= codes.len() {
                break;
            }
            build.insert(node, &mut worker);
        }
    });
    if cancel.is_cancelled() {
        return None;
    }
    let mut graph = build.finish(m, options.threads);
    if !codes.is_empty() {
        open_ways_in(&mut graph, codes);
    }
    Some(graph)
}

fn on_threads(threads: usize, work: impl Fn() + Sync) {
    std::thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(&work);
        }
        work();
    });
}

/// `floor(-ln u / ln m)` for each node.
fn levels(count: usize, m: usize, seed: u64) -> Vec<u8> {
    let (mut state, scale) = (seed, 1.0 / (m as f64).ln());
    let mut level = || {
        let unit = ((split_mix(&mut state) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
        ((-unit.ln() * scale) as u8).min(LEVEL_MAX)
    };
    (0..count).map(|_| level()).collect()
}

struct Build<'a> {
    codes: Sq8Ref<'a>,
    growing: Growing,
    /// Where walks begin, and its level.
    entry: RwLock<(u32, u8)>,
    ef: usize,
}

/// What a building thread needs.
struct Worker {
    scratch: Scratch,
    own: Pruner,
    others: Pruner,
}

impl Worker {
    fn new(nodes: usize) -> Self {
        Self { scratch: Scratch::new(nodes), own: Pruner::default(), others: Pruner::default() }
    }
}

impl Build<'_> {
    /// Links a node in all its layers. A node that rises above all others holds the entry until
    /// it is linked.
    fn insert(&self, node: u32, worker: &mut Worker) {
        let level = self.growing.levels[node as usize];
        let entry = self.entry.upgradable_read();
        let (start, top) = *entry;
        let rising = (level > top).then_some(entry);
        let mut starts = [self.descend(node, start, level, top, worker); STARTS];
        let mut count = 1;
        for layer in (0..=level.min(top)).rev() {
            let layer_links = Layer(&self.growing, layer);
            let wanted = (self.ef, &starts[..count]);
            walk(&self.codes, self.codes.row(node), wanted, &layer_links, &mut worker.scratch);
            let found = worker.scratch.pool.iter().filter(|&(_, other)| other != node);
            worker.own.candidates.clear();
            worker.own.candidates.extend(found);
            let best = worker.own.candidates.iter().zip(&mut starts);
            count = best.map(|(&(_, near), start)| *start = near).count().max(1);
            self.link(node, layer, worker);
        }
        if let Some(entry) = rising {
            *RwLockUpgradableReadGuard::upgrade(entry) = (node, level);
        }
    }

    fn link(&self, node: u32, layer: u8, worker: &mut Worker) {
        worker.own.prune(&self.codes, self.growing.keep(layer));
        self.growing.set(node, layer, &worker.own.kept);
        for &other in &worker.own.kept {
            self.growing.add(&self.codes, (other, layer), node, &mut worker.others);
        }
    }

    /// Greedily from the entry to the nearest node of the layer above `level`.
    fn descend(&self, node: u32, start: u32, level: u8, top: u8, worker: &mut Worker) -> u32 {
        let (query, fresh) = (self.codes.row(node), &mut worker.scratch.fresh);
        let mut at = start;
        let mut nearest = [0.0];
        self.codes.distances(query, &[at], &mut nearest);
        let [mut nearest] = nearest;
        for layer in (level + 1..=top).rev() {
            loop {
                let from = at;
                let list = self.growing.list(at, layer).zip(&mut fresh.ids);
                let count = list.map(|(link, id)| *id = link).count();
                let ids = &fresh.ids[..count];
                self.codes.distances(query, ids, &mut fresh.distances);
                for (&id, &distance) in ids.iter().zip(&fresh.distances) {
                    if distance < nearest {
                        (nearest, at) = (distance, id);
                    }
                }
                if at == from {
                    break;
                }
            }
        }
        at
    }

    /// The lists as they stay.
    fn finish(self, m: usize, threads: usize) -> FlatGraph {
        let (m0, all) = (2 * m, self.codes.len());
        let (mut counts, mut links) = (vec![0_u8; all], vec![0_u32; all * m0]);
        let part = all.div_ceil(threads.max(1)).max(1);
        std::thread::scope(|scope| {
            let parts = counts.chunks_mut(part).zip(links.chunks_mut(part * m0));
            for (first, (counts, links)) in (0..).step_by(part).zip(parts) {
                let growing = &self.growing;
                let codes = self.codes;
                scope.spawn(move || {
                    let mut pruner = Pruner::default();
                    let lists = counts.iter_mut().zip(links.chunks_exact_mut(m0));
                    for (node, (count, list)) in (first as u32..).zip(lists) {
                        growing.finish(&codes, node, &mut pruner);
                        list[..pruner.kept.len()].copy_from_slice(&pruner.kept);
                        *count = pruner.kept.len() as u8;
                    }
                });
            }
        });
        let graph = FlatGraph {
            m0,
            m,
            layers: 0,
            first_ranks: 0,
            start: self.entry.read().0,
            counts,
            links,
            nodes: Vec::new(),
            below: Vec::new(),
            upper_counts: Vec::new(),
            upper_links: Vec::new(),
        };
        self.with_upper(graph)
    }

    /// Numbers the upper layers by rank.
    fn with_upper(&self, mut graph: FlatGraph) -> FlatGraph {
        let (entry, top) = *self.entry.read();
        let mut below: Vec<u32> = (0..self.codes.len() as u32).collect();
        for layer in 1..=top {
            let first = graph.nodes.len();
            let mut ranks = vec![0; below.len()];
            for node in 0..below.len() as u32 {
                if self.growing.levels[node as usize] >= layer {
                    ranks[node as usize] = graph.nodes.len() as u32;
                    graph.nodes.push(node);
                    graph.below.push(below[node as usize]);
                }
            }
            graph.upper_links.resize(graph.nodes.len() * graph.m, 0);
            for rank in first..graph.nodes.len() {
                let places = &mut graph.upper_links[rank * graph.m..][..graph.m];
                let list = self.growing.list(graph.nodes[rank], layer).zip(places);
                let count = list.map(|(link, place)| *place = ranks[link as usize]).count();
                graph.upper_counts.push(count as u8);
            }
            if layer == 1 {
                graph.first_ranks = graph.nodes.len();
            }
            graph.start = ranks[entry as usize];
            below = ranks;
        }
        graph.layers = usize::from(top);
        graph
    }
}
