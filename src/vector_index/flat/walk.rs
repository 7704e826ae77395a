//! The search: down the upper layers to the nearest node, then best first on level 0.

use vitrail_kernels::{Scorer, Sq8Ref, prefetch_links};

use super::graph::{FlatGraphRef, LINKS_MAX};
use super::pool::candidate;
use super::scratch::Scratch;

/// A graph and the rows it leads to.
#[derive(Clone, Copy)]
pub struct FlatIndex<'a> {
    pub(super) graph: FlatGraphRef<'a>,
    pub(super) codes: Sq8Ref<'a>,
}

/// What a best-first walk goes by: distances, links, and a hint of what comes next.
pub(super) struct Steps<S, L, A> {
    /// Writes the distances of nodes.
    pub(super) score: S,
    /// Writes a node's links; how many.
    pub(super) links: L,
    /// Names the node that is probably expanded next.
    pub(super) ahead: A,
}

impl<S, L, A> Steps<S, L, A>
where
    S: Fn(&[u32], &mut [f32]),
    L: Fn(u32, &mut [u32]) -> usize,
    A: Fn(u32),
{
    /// Leaves the `ef` nearest of `nodes` nodes in the scratch's pool. Starts are 64 at most.
    pub(super) fn run(&self, nodes: usize, start: &[u32], ef: usize, scratch: &mut Scratch) {
        let Scratch { seen, pool, batch, work, .. } = scratch;
        seen.begin(nodes);
        pool.begin(ef);
        let mut links = [0; LINKS_MAX];
        let mut count = seen.unseen(start, &mut batch.ids);
        loop {
            let (ids, distances) = (&batch.ids[..count], &mut batch.distances[..count]);
            (self.score)(ids, distances);
            work.distances += count as u64;
            let mut reach = pool.reach();
            for (&node, &distance) in ids.iter().zip(distances.iter()) {
                let key = candidate(distance, node);
                if key < reach {
                    pool.offer(key);
                    reach = pool.reach();
                }
            }
            let Some(key) = pool.waiting() else {
                return;
            };
            pool.expand();
            work.hops += 1;
            let found = (self.links)(super::pool::read(key).1, &mut links);
            count = seen.unseen(&links[..found], &mut batch.ids);
            if let Some(next) = pool.waiting() {
                (self.ahead)(super::pool::read(next).1);
            }
        }
    }
}

impl<'a> FlatIndex<'a> {
    /// None where graph and rows are not of one length, or the graph isn't sound.
    #[must_use]
    pub fn new(graph: FlatGraphRef<'a>, codes: Sq8Ref<'a>) -> Option<Self> {
        (graph.is_sound() && graph.len() == codes.len()).then_some(Self { graph, codes })
    }

    /// The graph.
    #[must_use]
    pub fn graph(&self) -> FlatGraphRef<'a> {
        self.graph
    }

    /// The rows.
    #[must_use]
    pub fn codes(&self) -> Sq8Ref<'a> {
        self.codes
    }

    /// Walks to the nodes nearest to `query` (prepared as its metric wants, `dim` floats):
    /// [`Scratch::found`] has up to `ef` of them afterwards, by code distance. About
    /// O(ef * links * n); nothing is allocated once the scratch has grown, nothing locked.
    ///
    /// # Panics
    /// The query is of another dimension.
    pub fn walk(&self, query: &[f32], ef: usize, scratch: &mut Scratch) {
        self.encode(query, scratch);
        let row = std::mem::take(&mut scratch.query);
        let start = self.descend(row.bytes(), scratch);
        let steps = Steps {
            score: |ids: &[u32], out: &mut [f32]| self.codes.distances(row.bytes(), ids, out),
            links: |node, out: &mut [u32]| {
                let links = self.graph.links(node);
                out[..links.len()].copy_from_slice(links);
                links.len()
            },
            ahead: |node| prefetch_links(self.graph.places(node)),
        };
        steps.run(self.graph.len(), &[start], ef.max(1), scratch);
        scratch.query = row;
    }

    pub(super) fn encode(&self, query: &[f32], scratch: &mut Scratch) {
        scratch.query.resize(self.codes.stride());
        self.codes.encode_query(query, scratch.query.bytes_mut());
    }

    /// Greedily through the upper layers; the node at which level 0 begins.
    pub(super) fn descend(&self, query: &[u8], scratch: &mut Scratch) -> u32 {
        let graph = &self.graph;
        if graph.nodes.is_empty() || self.codes.is_empty() {
            return graph.entry_node();
        }
        let (mut rank, mut node) = (graph.entry, graph.entry_node());
        let mut nearest = [f32::INFINITY];
        self.codes.distances(query, &[node], &mut nearest);
        let [mut nearest] = nearest;
        scratch.work.distances += 1;
        let mut ids = [0; LINKS_MAX];
        let mut distances = [0.0; LINKS_MAX];
        for level in (1..=graph.levels(rank)).rev() {
            loop {
                let links = graph.upper_of(rank, level);
                let mut count = 0;
                for &link in links {
                    // The same number twice does no harm where a rank is damaged.
                    let node = graph.nodes.get(link as usize).copied().unwrap_or(node);
                    ids[count] = if (node as usize) < graph.len() { node } else { 0 };
                    count += 1;
                }
                self.codes.distances(query, &ids[..count], &mut distances);
                scratch.work.distances += count as u64;
                scratch.work.hops += 1;
                let before = nearest;
                for place in 0..count {
                    if distances[place] < nearest {
                        (nearest, rank, node) = (distances[place], links[place], ids[place]);
                    }
                }
                if nearest >= before {
                    break;
                }
            }
        }
        node
    }

    /// Gives the `take` nearest that the last walk found their exact distances and keeps the `k`
    /// nearest: [`Scratch::hits`]. `row` gives a node's full vector. O(take * n).
    ///
    /// # Panics
    /// A row has another length than the query.
    pub fn rerank<'r>(
        scorer: &Scorer,
        query: &[f32],
        row: impl Fn(u32) -> &'r [f32],
        (take, k): (usize, usize),
        scratch: &mut Scratch,
    ) {
        let Scratch { pool, hits, .. } = scratch;
        let keys = &pool.keys()[..take.min(pool.keys().len())];
        let node = |place: usize| super::pool::read(keys[place]).1;
        hits.clear();
        scorer.each(
            query,
            keys.len(),
            |place| row(node(place)),
            |place, distance| {
                hits.push(candidate(distance, node(place)));
            },
        );
        hits.sort_unstable();
        hits.truncate(k);
    }
}
