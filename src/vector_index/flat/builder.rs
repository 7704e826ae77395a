//! Makes a graph by inserting node after node, on as many threads as are given.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

use parking_lot::{RwLock, RwLockUpgradableReadGuard};
use vitrail_domain::Cancel;
use vitrail_kernels::Sq8Ref;

use super::graph::{FlatGraph, FlatGraphRef, LINKS_MAX};
use super::growing::{Growing, Pruning};
use super::repair::repair;
use super::scratch::{Scratch, Work};
use super::space::Space;
use super::walk::Steps;

/// Nearest nodes of a level at which the next level's walk begins.
const STARTS: usize = 8;

/// Nodes between two calls of the progress function.
const REPORT_EVERY: usize = 512;

/// How a graph is built.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlatOptions {
    /// Links of a node in the upper layers, 2 to 64.
    pub links: usize,
    /// Links of a node in level 0, 2 to 64.
    pub ground_links: usize,
    /// Candidates of each insertion's walk: more make a better graph, more slowly.
    pub ef_construction: usize,
    /// How much farther than a neighbour a link may lie to fill a free place: 1 keeps the fewest.
    pub alpha: f32,
    /// How far lists of level 0 may grow before they are pruned, in parts of `ground_links`.
    pub slack: f32,
    /// Threads of the build. One makes the same graph from the same rows every time.
    pub threads: usize,
    /// Of the levels.
    pub seed: u64,
}

impl Default for FlatOptions {
    /// The settings of `src/decisions/0005-own-graph.md`, on all cores but one.
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, |cores| cores.get());
        Self {
            links: 16,
            ground_links: 32,
            ef_construction: 128,
            alpha: 1.4,
            slack: 1.5,
            threads: cores.saturating_sub(1).max(1),
            seed: 42,
        }
    }
}

/// How a build is stopped and followed: `progress(done, all)`.
#[derive(Clone, Copy)]
pub struct Watch<'a> {
    /// Stops it.
    pub cancel: &'a Cancel,
    /// Called now and then, from any of the threads.
    pub progress: &'a (dyn Fn(usize, usize) + Sync),
}

/// A graph over all rows, and what it cost; none without rows, or if cancelled. About O(rows *
/// `ef_construction` * links * n).
#[must_use]
pub fn build(
    codes: Sq8Ref<'_>,
    options: &FlatOptions,
    watch: Watch<'_>,
) -> Option<(FlatGraph, Work)> {
    grow(None, codes, options, watch)
}

/// A graph over all rows, of which `base` has the first ones already: the others are inserted into
/// a copy of it. None if cancelled, or where `base` has more nodes than there are rows.
#[must_use]
pub fn extend(
    base: &FlatGraphRef<'_>,
    codes: Sq8Ref<'_>,
    options: &FlatOptions,
    watch: Watch<'_>,
) -> Option<(FlatGraph, Work)> {
    let fits = base.is_sound() && base.len() <= codes.len();
    let base = (!base.is_empty()).then_some(base);
    if fits { grow(base, codes, options, watch) } else { None }
}

fn grow(
    base: Option<&FlatGraphRef<'_>>,
    codes: Sq8Ref<'_>,
    options: &FlatOptions,
    watch: Watch<'_>,
) -> Option<(FlatGraph, Work)> {
    let nodes = codes.len();
    if nodes == 0 || nodes > (u32::MAX >> 1) as usize {
        return None;
    }
    let options = FlatOptions {
        links: options.links.clamp(2, LINKS_MAX),
        ground_links: options.ground_links.clamp(2, LINKS_MAX),
        ef_construction: options.ef_construction.max(1),
        ..*options
    };
    let space = Space::new(codes);
    let growing = Growing::new(nodes, base, &options);
    let first = base.map_or(0, FlatGraphRef::entry_node);
    let entry = RwLock::new((first, growing.level(first)));
    let build = Build { space, growing, entry, options, watch };
    let work =
        build.on_all_threads(base.map_or(1, FlatGraphRef::len), |worker, node| worker.insert(node));
    let settled = build.on_all_threads(0, |worker, node| worker.settle(node));
    if watch.cancel.is_cancelled() {
        return None;
    }
    (watch.progress)(nodes, nodes);
    let entry = build.entry.into_inner().0;
    let mut graph = build.growing.into_flat(entry);
    let mut scratch = Scratch::new();
    repair(&mut graph, &build.space, &mut scratch);
    let distances = work.distances + settled.distances + scratch.work.distances;
    Some((graph, Work { distances, hops: work.hops + scratch.work.hops }))
}

struct Build<'a> {
    space: Space<'a>,
    growing: Growing,
    /// The node at which walks begin, and its level.
    entry: RwLock<(u32, u32)>,
    options: FlatOptions,
    watch: Watch<'a>,
}

impl Build<'_> {
    /// Each node from `first` on is taken by one of the threads.
    fn on_all_threads(&self, first: usize, step: fn(&mut Worker<'_>, u32)) -> Work {
        let next = AtomicUsize::new(first);
        let (distances, hops) = (AtomicU64::new(0), AtomicU64::new(0));
        let run = || {
            let mut worker = Worker::new(self);
            loop {
                let node = next.fetch_add(1, Ordering::Relaxed);
                if node >= self.space.len() || self.watch.cancel.is_cancelled() {
                    break;
                }
                step(&mut worker, node as u32);
            }
            let work = worker.scratch.work;
            distances
                .fetch_add(work.distances + worker.pruning.pruner.distances, Ordering::Relaxed);
            hops.fetch_add(work.hops, Ordering::Relaxed);
        };
        thread::scope(|scope| {
            for _ in 1..self.options.threads {
                scope.spawn(run);
            }
            run();
        });
        Work { distances: distances.into_inner(), hops: hops.into_inner() }
    }
}

/// One thread's part of a build.
struct Worker<'a> {
    build: &'a Build<'a>,
    scratch: Scratch,
    pruning: Pruning,
    candidates: Vec<(f32, u32)>,
    chosen: Vec<(f32, u32)>,
}

impl<'a> Worker<'a> {
    fn new(build: &'a Build<'a>) -> Self {
        let (candidates, chosen) = (Vec::new(), Vec::new());
        Self { build, scratch: Scratch::new(), pruning: Pruning::default(), candidates, chosen }
    }

    fn insert(&mut self, node: u32) {
        let build = self.build;
        let level = build.growing.level(node);
        let guard = build.entry.upgradable_read();
        let (entry, top) = *guard;
        // Only a node that will be the new entry keeps others from starting.
        let hold = if level > top {
            Some(guard)
        } else {
            drop(guard);
            None
        };
        let mut starts = [entry; STARTS];
        starts[0] = self.descend(node, entry, (level + 1..=top).rev());
        let mut count = 1;
        for level in (0..=level.min(top)).rev() {
            count = self.link(node, level, &mut starts, count);
        }
        if let Some(guard) = hold {
            *RwLockUpgradableReadGuard::upgrade(guard) = (node, level);
        }
        if (node as usize).is_multiple_of(REPORT_EVERY) {
            (build.watch.progress)(node as usize, build.space.len());
        }
    }

    fn settle(&mut self, node: u32) {
        self.build.growing.settle(&self.build.space, node, &mut self.pruning);
    }

    /// Greedily to the nearest node of each level.
    fn descend(&mut self, node: u32, entry: u32, levels: impl Iterator<Item = u32>) -> u32 {
        let Build { space, growing, .. } = self.build;
        let (mut links, mut distances) = ([0; LINKS_MAX], [0.0; LINKS_MAX]);
        let mut at = entry;
        space.between(node, &[at], &mut distances[..1]);
        let mut nearest = distances[0];
        for level in levels {
            loop {
                let count = growing.read(at, level, &mut links);
                space.between(node, &links[..count], &mut distances[..count]);
                self.scratch.work.distances += count as u64;
                let before = nearest;
                for (&link, &distance) in links[..count].iter().zip(&distances) {
                    if distance < nearest {
                        (nearest, at) = (distance, link);
                    }
                }
                if nearest >= before {
                    break;
                }
            }
        }
        at
    }

    /// Links a node in one level, both ways. `starts[..count]` are replaced by the nearest found;
    /// returns how many.
    fn link(&mut self, node: u32, level: u32, starts: &mut [u32; STARTS], count: usize) -> usize {
        let Build { space, growing, options, .. } = self.build;
        let steps = Steps {
            score: |ids: &[u32], out: &mut [f32]| space.between(node, ids, out),
            links: |node, out: &mut [u32]| growing.read(node, level, out),
            ahead: |_| {},
        };
        steps.run(space.len(), &starts[..count], options.ef_construction, &mut self.scratch);
        self.candidates.clear();
        self.candidates.extend(self.scratch.found().filter(|found| found.1 != node));
        let count = self.candidates.len().min(STARTS);
        for (start, found) in starts.iter_mut().zip(&self.candidates) {
            *start = found.1;
        }
        let pruner = &mut self.pruning.pruner;
        pruner.prune(space, &self.candidates, growing.room(level), options.alpha);
        self.chosen.clear();
        self.chosen.extend_from_slice(&pruner.kept);
        growing.write(node, level, &self.chosen);
        for &(_, near) in &self.chosen {
            growing.add(space, (near, level), node, &mut self.pruning);
        }
        count
    }
}
