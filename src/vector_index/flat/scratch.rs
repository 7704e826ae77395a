//! What a thread keeps between walks, so that none of them allocates.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use vitrail_kernels::Lines;

use super::graph::LINKS_MAX;
use super::pool::{Pool, read};

/// Rows scored at once: a node's links, and as many of their links.
pub(super) const BATCH: usize = 4 * LINKS_MAX;

/// What walks cost. Counts go on from walk to walk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Rows compared by their codes.
    pub distances: u64,
    /// Nodes whose links were read.
    pub hops: u64,
}

/// One for each thread that searches. Memory: 2 bytes a node of the largest graph walked.
#[derive(Debug)]
pub struct Scratch {
    pub(super) seen: Seen,
    pub(super) pool: Pool,
    /// Candidates that don't pass the filter, the nearest first.
    pub(super) aside: BinaryHeap<Reverse<u64>>,
    pub(super) batch: Batch,
    pub(super) query: Lines,
    pub(super) hits: Vec<u64>,
    /// What walks cost so far.
    pub work: Work,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::new()
    }
}

impl Scratch {
    /// Without memory yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            seen: Seen::default(),
            pool: Pool::default(),
            aside: BinaryHeap::new(),
            batch: Batch::default(),
            query: Lines::default(),
            hits: Vec::new(),
            work: Work::default(),
        }
    }

    /// What the last walk found by codes, nearest first: (distance, node).
    pub fn found(&self) -> impl ExactSizeIterator<Item = (f32, u32)> {
        self.pool.keys().iter().map(|&key| read(key))
    }

    /// What the last rerank gave, nearest first: (distance, node).
    pub fn hits(&self) -> impl ExactSizeIterator<Item = (f32, u32)> {
        self.hits.iter().map(|&key| read(key))
    }
}

/// Nodes on their way to be scored.
#[derive(Debug)]
pub(super) struct Batch {
    pub(super) ids: Vec<u32>,
    pub(super) distances: Vec<f32>,
}

impl Default for Batch {
    fn default() -> Self {
        Self { ids: vec![0; BATCH], distances: vec![0.0; BATCH] }
    }
}

/// Nodes that a walk has met: those stamped with its number.
#[derive(Debug, Default)]
pub(super) struct Seen {
    stamps: Vec<u16>,
    walk: u16,
    nodes: usize,
}

impl Seen {
    /// Forgets what was seen: a new number, and clean stamps when the numbers run out.
    pub(super) fn begin(&mut self, nodes: usize) {
        if self.stamps.len() < nodes {
            self.stamps.resize(nodes, 0);
        }
        if self.walk == u16::MAX {
            self.stamps.fill(0);
            self.walk = 0;
        }
        self.walk += 1;
        self.nodes = nodes;
    }

    /// Whether a node of the graph was new; it isn't any more. False for numbers outside.
    #[inline]
    pub(super) fn is_new(&mut self, node: u32) -> bool {
        match self.stamps[..self.nodes].get_mut(node as usize) {
            Some(stamp) => std::mem::replace(stamp, self.walk) != self.walk,
            None => false,
        }
    }

    /// Whether a node was met; true for numbers outside.
    #[inline]
    pub(super) fn has(&self, node: u32) -> bool {
        self.stamps[..self.nodes].get(node as usize).is_none_or(|&stamp| stamp == self.walk)
    }

    /// Puts the new ones of `links` to the front of `out`; how many there were.
    #[inline]
    pub(super) fn unseen(&mut self, links: &[u32], out: &mut [u32]) -> usize {
        let stamps = &mut self.stamps[..self.nodes];
        let mut count = 0;
        for &node in links {
            if let Some(stamp) = stamps.get_mut(node as usize)
                && let Some(place) = out.get_mut(count)
            {
                *place = node;
                count += usize::from(*stamp != self.walk);
                *stamp = self.walk;
            }
        }
        count
    }
}
