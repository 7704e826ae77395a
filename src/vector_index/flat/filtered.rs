//! The search among nodes that pass a filter. The others are walked through. Where few pass, the
//! neighbours of a node's neighbours are looked at too until as many are kept as are wanted (after
//! Patel and others 2024, "ACORN"): later, hundreds of looks a step cost more than they find.

use std::cmp::Reverse;

use vitrail_kernels::prefetch_links;

use super::graph::LINKS_MAX;
use super::pool::{candidate, read};
use super::scratch::{BATCH, Scratch};
use super::walk::FlatIndex;

/// Below this share of passing nodes, walks look two links far.
const TWO_HOPS_BELOW: f32 = 0.25;

/// Passing nodes that are kept before walks no longer look so far: they have arrived.
const TWO_HOPS_KEPT: usize = 16;

/// Seeds that are compared at most: they show where passing nodes are at all.
const SEEDS_MAX: usize = 32;

/// Looks at a node's links that cost as much as one distance.
const LOOKS_A_DISTANCE: usize = 8;

/// Nodes that don't pass, for each that does, through which a walk goes without finding anything
/// nearer, before it goes on through passing nodes alone.
const PATIENCE: f32 = 4.0;

/// The same however many pass.
const PATIENCE_MIN: usize = 64;

/// Which nodes may be found.
pub struct FlatFilter<'a, F> {
    /// Whether a node passes.
    pub accept: F,
    /// Some nodes that pass, from all over the filter: walks begin at the nearest of them too.
    pub seeds: &'a [u32],
    /// How many nodes pass.
    pub matching: usize,
    /// Distances after which a scan would have been cheaper.
    pub limit: usize,
}

impl FlatIndex<'_> {
    /// [`FlatIndex::walk`] among the nodes that pass; false where it gave up because a scan of the
    /// passing rows is cheaper. `ef` counts passing nodes.
    ///
    /// # Panics
    /// The query is of another dimension.
    pub fn walk_filtered<F: Fn(u32) -> bool>(
        &self,
        query: &[f32],
        filter: &FlatFilter<'_, F>,
        ef: usize,
        scratch: &mut Scratch,
    ) -> bool {
        self.encode(query, scratch);
        let row = std::mem::take(&mut scratch.query);
        let start = self.descend(row.bytes(), scratch);
        let ended = Filtered::begin(self, filter, ef.max(1), scratch).run(row.bytes(), start);
        scratch.query = row;
        ended
    }
}

/// One filtered walk.
struct Filtered<'a, 'i, F> {
    index: &'a FlatIndex<'i>,
    filter: &'a FlatFilter<'a, F>,
    two_hops: bool,
    scratch: &'a mut Scratch,
    /// Links looked at.
    looks: usize,
    compared: usize,
    /// Nodes that don't pass and were expanded since one of them led to something nearer, and how
    /// many may.
    idle: usize,
    patience: usize,
    /// Whether the node that was expanded last doesn't pass.
    aside: bool,
}

impl<'a, 'i, F: Fn(u32) -> bool> Filtered<'a, 'i, F> {
    fn begin(
        index: &'a FlatIndex<'i>,
        filter: &'a FlatFilter<'a, F>,
        ef: usize,
        scratch: &'a mut Scratch,
    ) -> Self {
        let share = filter.matching as f32 / index.graph.len().max(1) as f32;
        scratch.seen.begin(index.graph.len());
        scratch.pool.begin(ef);
        scratch.aside.clear();
        let two_hops = share < TWO_HOPS_BELOW;
        let patience = PATIENCE_MIN + (PATIENCE / share.max(1e-6)) as usize;
        Self {
            index,
            filter,
            two_hops,
            scratch,
            looks: 0,
            compared: 0,
            idle: 0,
            patience,
            aside: false,
        }
    }

    /// To the end, or until a scan would have been cheaper.
    fn run(&mut self, query: &[u8], start: u32) -> bool {
        let step = self.filter.seeds.len().div_ceil(SEEDS_MAX).max(1);
        let starts = std::iter::once(start).chain(self.filter.seeds.iter().copied().step_by(step));
        let (mut passing, mut others) = (Ids::new(), Ids::new());
        for node in starts {
            if self.scratch.seen.is_new(node) {
                self.sort_in(node, &mut passing, &mut others);
            }
        }
        loop {
            self.offer(query, &passing, true);
            self.offer(query, &others, false);
            if self.compared + self.looks / LOOKS_A_DISTANCE > self.filter.limit {
                return false;
            }
            let Some(node) = self.next() else {
                return true;
            };
            (passing.count, others.count) = (0, 0);
            self.neighbours(node, &mut passing, &mut others);
            self.prefetch_next();
        }
    }

    fn sort_in(&self, node: u32, passing: &mut Ids, others: &mut Ids) {
        let part = if (self.filter.accept)(node) { passing } else { others };
        part.push(node);
    }

    /// The nearest that waits, unless all that are kept are nearer.
    fn next(&mut self) -> Option<u32> {
        let Scratch { pool, aside, work, .. } = &mut *self.scratch;
        let passing = pool.waiting();
        let tired = pool.is_full() && self.idle > self.patience;
        let other = if tired { None } else { aside.peek().map(|key| key.0) };
        let nearest = passing.unwrap_or(u64::MAX).min(other.unwrap_or(u64::MAX));
        if nearest == u64::MAX || nearest > pool.reach() {
            return None;
        }
        self.aside = passing != Some(nearest);
        if self.aside {
            aside.pop();
            self.idle += 1;
        } else {
            pool.expand();
        }
        work.hops += 1;
        Some(read(nearest).1)
    }

    /// What is probably expanded next.
    fn prefetch_next(&mut self) {
        let Scratch { pool, aside, .. } = &mut *self.scratch;
        let other = aside.peek().map_or(u64::MAX, |key| key.0);
        let nearest = pool.waiting().unwrap_or(u64::MAX).min(other);
        prefetch_links(self.index.graph.places(read(nearest).1));
    }

    /// The new ones of a node's neighbours, and with two hops the passing ones of theirs.
    fn neighbours(&mut self, node: u32, passing: &mut Ids, others: &mut Ids) {
        let graph = self.index.graph;
        let mut fresh = [0; LINKS_MAX];
        let links = graph.links(node);
        let count = self.scratch.seen.unseen(links, &mut fresh);
        self.looks += links.len();
        for &node in &fresh[..count] {
            self.sort_in(node, passing, others);
        }
        let kept = self.scratch.pool.keys().len();
        if !self.two_hops || self.scratch.pool.is_full() || kept >= TWO_HOPS_KEPT {
            return;
        }
        for place in 0..others.count {
            if let Some(&soon) = others.ids.get(place + 2) {
                prefetch_links(graph.places(soon));
            }
            let links = graph.links(others.ids[place]);
            self.looks += links.len();
            for &far in links {
                if !self.scratch.seen.has(far) && (self.filter.accept)(far) && !passing.is_full() {
                    self.scratch.seen.is_new(far);
                    passing.push(far);
                }
            }
        }
    }

    fn offer(&mut self, query: &[u8], ids: &Ids, passing: bool) {
        let Scratch { pool, aside, batch, work, .. } = &mut *self.scratch;
        let (ids, distances) = (&ids.ids[..ids.count], &mut batch.distances[..ids.count]);
        self.index.codes.distances(query, ids, distances);
        work.distances += ids.len() as u64;
        self.compared += ids.len();
        for (&node, &distance) in ids.iter().zip(distances.iter()) {
            let key = candidate(distance, node);
            if key < pool.reach() {
                if passing {
                    if self.aside {
                        self.idle = 0;
                    }
                    pool.offer(key);
                } else {
                    aside.push(Reverse(key));
                }
            }
        }
    }
}

/// Nodes of one step.
struct Ids {
    ids: [u32; BATCH],
    count: usize,
}

impl Ids {
    fn new() -> Self {
        Self { ids: [0; BATCH], count: 0 }
    }

    fn is_full(&self) -> bool {
        self.count == BATCH
    }

    fn push(&mut self, node: u32) {
        if let Some(place) = self.ids.get_mut(self.count) {
            *place = node;
            self.count += 1;
        }
    }
}
