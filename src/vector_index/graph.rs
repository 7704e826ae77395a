//! A graph over the first offsets of the rows, as flat lists of links, and the walk over it.
//!
//! How the links come about is `builder`'s affair; the walk is the best-first one of HNSW (Malkov
//! and Yashunin 2016, algorithms 2 and 5): greedily down the upper layers, then with `ef`
//! candidates over layer 0. Each step scores a node's unseen neighbours in one batch.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use parking_lot::Mutex;
use vitrail_kernels::top_k::{entry, key};
use vitrail_kernels::{Scorer, TopK};

use crate::rows::Rows;

/// Scratches kept for later walks: more searching threads than this allocate anew.
const SCRATCHES_KEPT: usize = 64;

/// Lists of numbers, one behind the other.
#[derive(Default)]
pub(crate) struct Lists {
    /// List `i` is `links[starts[i]..starts[i + 1]]`.
    starts: Vec<u32>,
    links: Vec<u32>,
}

impl Lists {
    /// Puts them behind each other.
    pub(crate) fn flat(lists: &[Vec<u32>]) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut links = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        for list in lists {
            starts.push(links.len() as u32);
            links.extend_from_slice(list);
        }
        starts.push(links.len() as u32);
        Self { starts, links }
    }

    #[inline]
    fn of(&self, number: u32) -> &[u32] {
        let number = number as usize;
        &self.links[self.starts[number] as usize..self.starts[number + 1] as usize]
    }

    fn bytes(&self) -> usize {
        size_of::<u32>() * (self.starts.len() + self.links.len())
    }
}

/// A layer above layer 0; its nodes are numbered by rank.
pub(crate) struct Layer {
    /// Rank -> offset of the row, rising.
    pub(crate) nodes: Vec<u32>,
    /// Rank -> rank in the layer below (offset, for layer 0).
    pub(crate) below: Vec<u32>,
    /// Rank -> ranks.
    pub(crate) links: Lists,
}

/// Links over the offsets `0..len`; the rows themselves are the view's.
pub(crate) struct Graph {
    /// Offset -> offsets.
    ground: Lists,
    /// From layer 1 up.
    upper: Vec<Layer>,
    /// Where walks begin: a rank in the top layer (an offset, where there is only layer 0).
    start: u32,
    len: u32,
    scratches: Mutex<Vec<Scratch>>,
}

/// Which nodes a walk has seen: those stamped with its number.
#[derive(Default)]
struct Scratch {
    stamps: Vec<u16>,
    walk: u16,
    fresh: Vec<u32>,
}

/// A question to a graph.
pub(crate) struct Walk<'a> {
    pub(crate) query: &'a [f32],
    /// Candidates kept.
    pub(crate) ef: usize,
    /// Rows compared before it gives up.
    pub(crate) limit: usize,
    pub(crate) rows: &'a Rows,
    pub(crate) scorer: &'a Scorer,
}

/// What a walk found.
pub(crate) struct Walked {
    /// Up to `ef` (distance, offset); `None` where it gave up.
    pub(crate) nearest: Option<TopK>,
    /// Rows compared.
    pub(crate) compared: usize,
}

impl Graph {
    pub(crate) fn new(ground: Lists, upper: Vec<Layer>, start: u32, len: u32) -> Self {
        Self { ground, upper, start, len, scratches: Mutex::default() }
    }

    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Bytes of its lists.
    pub(crate) fn bytes(&self) -> usize {
        let layer = |layer: &Layer| {
            layer.links.bytes() + size_of::<u32>() * (layer.nodes.len() + layer.below.len())
        };
        self.ground.bytes() + self.upper.iter().map(layer).sum::<usize>()
    }

    /// The nearest nodes for which `accept` holds; the others are walked through.
    pub(crate) fn walk(&self, walk: &Walk<'_>, accept: impl Fn(u32) -> bool) -> Walked {
        let mut compared = 0;
        let start = self.descend(walk, &mut compared);
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        scratch.begin(self.len as usize);
        let walked = self.walk_ground(walk, start, compared, &mut scratch, accept);
        let mut kept = self.scratches.lock();
        if kept.len() < SCRATCHES_KEPT {
            kept.push(scratch);
        }
        walked
    }

    /// Greedily to the nearest node of each upper layer; the offset at which layer 0 begins.
    fn descend(&self, walk: &Walk<'_>, compared: &mut usize) -> u32 {
        let mut at = self.start;
        for layer in self.upper.iter().rev() {
            let row = |rank: u32| walk.rows.row(layer.nodes[rank as usize]);
            let mut nearest = walk.scorer.one(walk.query, row(at));
            loop {
                let links = layer.links.of(at);
                let mut next = at;
                let linked = |number: usize| row(links[number]);
                walk.scorer.each(walk.query, links.len(), linked, |number, distance| {
                    if distance < nearest {
                        (nearest, next) = (distance, links[number]);
                    }
                });
                *compared += links.len() + 1;
                if next == at {
                    break;
                }
                at = next;
            }
            at = layer.below[at as usize];
        }
        at
    }

    fn walk_ground(
        &self,
        walk: &Walk<'_>,
        start: u32,
        mut compared: usize,
        scratch: &mut Scratch,
        accept: impl Fn(u32) -> bool,
    ) -> Walked {
        let mut nearest = TopK::new(walk.ef);
        let mut candidates = BinaryHeap::new();
        let first = walk.scorer.one(walk.query, walk.rows.row(start));
        scratch.is_new(start);
        candidates.push(Reverse(key(first, start)));
        if accept(start) {
            nearest.push(first, start);
        }
        while let Some(Reverse(closest)) = candidates.pop() {
            let (distance, node) = entry(closest);
            // Once `ef` are kept and the closest candidate is behind them all, none can do better.
            if nearest.len() == walk.ef && behind(&nearest, distance, node) {
                break;
            }
            if compared > walk.limit {
                return Walked { nearest: None, compared };
            }
            let fresh = scratch.unseen(self.ground.of(node));
            let row = |number: usize| walk.rows.row(fresh[number]);
            walk.scorer.each(walk.query, fresh.len(), row, |number, distance| {
                let node = fresh[number];
                if nearest.wants(distance, node) {
                    candidates.push(Reverse(key(distance, node)));
                    if accept(node) {
                        nearest.push(distance, node);
                    }
                }
            });
            compared += fresh.len();
        }
        Walked { nearest: Some(nearest), compared }
    }
}

/// Whether a candidate lies behind all that are kept (those that are kept themselves don't).
#[inline]
fn behind(nearest: &TopK, distance: f32, node: u32) -> bool {
    nearest.farthest().is_some_and(|farthest| key(distance, node) > farthest)
}

impl Scratch {
    /// Forgets what was seen: a new number, and clean stamps when the numbers run out.
    fn begin(&mut self, nodes: usize) {
        if self.stamps.len() != nodes || self.walk == u16::MAX {
            self.stamps.clear();
            self.stamps.resize(nodes, 0);
            self.walk = 0;
        }
        self.walk += 1;
    }

    #[inline]
    fn is_new(&mut self, node: u32) -> bool {
        let stamp = &mut self.stamps[node as usize];
        let new = *stamp != self.walk;
        *stamp = self.walk;
        new
    }

    /// Those of `nodes` that this walk hadn't seen; it has now.
    fn unseen(&mut self, nodes: &[u32]) -> &[u32] {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        fresh.extend(nodes.iter().copied().filter(|&node| self.is_new(node)));
        self.fresh = fresh;
        &self.fresh
    }
}
