//! The walk: greedily down the upper layers, best first over layer 0, all on codes; then exact
//! distances of the best. No lock and no allocation once a scratch has its size.

use vitrail_kernels::{Scorer, Sq8Ref, prefetch_links};

use crate::flat::graph::FlatRef;
use crate::flat::scratch::{Fresh, Scratch, Seen};

/// Where a walk gets links from.
pub(crate) trait Links {
    /// Puts the unseen neighbours of a node into `fresh`.
    fn unseen(&self, node: u32, seen: &mut Seen, fresh: &mut Fresh);

    /// Asks the memory for a node's list.
    fn prefetch(&self, _node: u32) {}
}

impl Links for FlatRef<'_> {
    #[inline]
    fn unseen(&self, node: u32, seen: &mut Seen, fresh: &mut Fresh) {
        fresh.take(self.list(node).iter().copied(), seen);
    }

    #[inline]
    fn prefetch(&self, node: u32) {
        prefetch_links(self.places(node));
    }
}

/// Best-first from `starts` with `ef` candidates; the pool has the result. `query` is a row.
pub(crate) fn walk(
    codes: &Sq8Ref<'_>,
    query: &[u8],
    (ef, starts): (usize, &[u32]),
    links: &impl Links,
    scratch: &mut Scratch,
) {
    let Scratch { seen, pool, fresh, work, .. } = scratch;
    seen.begin(codes.len());
    pool.begin(ef.max(1));
    fresh.take(starts.iter().copied(), seen);
    let mut cursor = 0;
    loop {
        let found = &fresh.ids[..fresh.count];
        codes.distances(query, found, &mut fresh.distances);
        work.compared += found.len() as u64;
        for (&node, &distance) in found.iter().zip(&fresh.distances) {
            if let Some(place) = pool.insert(distance, node) {
                cursor = cursor.min(place);
            }
        }
        let Some(node) = pool.follow(&mut cursor) else {
            return;
        };
        work.hops += 1;
        if let Some(next) = pool.peek(cursor + 1) {
            links.prefetch(next);
        }
        links.unseen(node, seen, fresh);
        cursor += 1;
    }
}

/// A graph, its rows as codes and as floats (`[nodes, dim]`), and how to search them.
#[derive(Clone, Copy)]
pub struct Search<'a> {
    /// The lists.
    pub graph: FlatRef<'a>,
    /// The rows that are walked.
    pub codes: Sq8Ref<'a>,
    /// The rows that are compared at the end.
    pub rows: &'a [f32],
    /// The exact distance, of the kind that the codes have.
    pub scorer: Scorer,
    /// Candidates of the walk.
    pub ef: usize,
    /// How many of them are compared exactly.
    pub rerank: usize,
}

impl Search<'_> {
    /// Writes the `k` nearest found, (distance, node), nearest first, ties by node. `query` is as
    /// the rows are (prepared), `[dim]`. O(log n * ef * dim), measured and not proven.
    ///
    /// # Panics
    /// Graph, codes and rows differ in size, or a list of the graph names a node that isn't there.
    pub fn nearest(
        &self,
        query: &[f32],
        k: usize,
        scratch: &mut Scratch,
        out: &mut Vec<(f32, u32)>,
    ) {
        out.clear();
        if self.graph.is_empty() || k == 0 {
            return;
        }
        let mut row = std::mem::take(&mut scratch.query);
        row.resize(self.codes.stride());
        self.codes.encode_query(query, row.bytes_mut());
        let start = self.descend(row.bytes(), scratch);
        let wanted = (self.ef.max(k), &[start][..]);
        walk(&self.codes, row.bytes(), wanted, &self.graph, scratch);
        scratch.query = row;
        self.compare(query, k, scratch, out);
    }

    /// To the nearest node of layer 1, greedily.
    fn descend(&self, query: &[u8], scratch: &mut Scratch) -> u32 {
        let (graph, fresh) = (&self.graph, &mut scratch.fresh);
        let mut at = graph.start;
        for _ in 0..graph.layers {
            let mut nearest = [0.0];
            self.codes.distances(query, &[graph.nodes[at as usize]], &mut nearest);
            let [mut nearest] = nearest;
            loop {
                let (from, list) = (at, graph.upper_list(at));
                for (id, &rank) in fresh.ids.iter_mut().zip(list) {
                    *id = graph.nodes[rank as usize];
                }
                self.codes.distances(query, &fresh.ids[..list.len()], &mut fresh.distances);
                for (&rank, &distance) in list.iter().zip(&fresh.distances) {
                    if distance < nearest {
                        (nearest, at) = (distance, rank);
                    }
                }
                scratch.work.compared += list.len() as u64;
                if at == from {
                    break;
                }
            }
            at = graph.below[at as usize];
        }
        at
    }

    fn compare(&self, query: &[f32], k: usize, scratch: &mut Scratch, out: &mut Vec<(f32, u32)>) {
        out.extend(scratch.pool.iter().take(self.rerank.max(k)));
        let nodes = &mut scratch.fresh;
        for part in out.chunks_mut(nodes.ids.len()) {
            let ids = &mut nodes.ids[..part.len()];
            ids.iter_mut().zip(part.iter()).for_each(|(id, &(_, node))| *id = node);
            let row = |at: usize| &self.rows[ids[at] as usize * query.len()..][..query.len()];
            self.scorer.each(query, ids.len(), row, |at, distance| part[at].0 = distance);
        }
        out.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        out.truncate(k);
    }
}
