//! Lists that many threads read and write while the graph grows.
//!
//! Writers of a list hold its node's lock; readers hold nothing: they load the count, then as many
//! links. A list that is rewritten meanwhile gives them some old links and some new ones, all of
//! them nodes of the layer, which is all that a walk needs.

use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32};

use vitrail_kernels::Sq8Ref;

use crate::flat::prune::Pruner;
use crate::flat::scratch::{Fresh, LIST_MAX, Seen};
use crate::flat::walk::Links;

/// The lists of all layers.
pub(crate) struct Growing {
    pub(crate) levels: Vec<u8>,
    /// A node's first list above layer 0; they lie one behind the other.
    upper_of: Vec<u32>,
    ground: Lists,
    upper: Lists,
    locks: Vec<AtomicBool>,
}

/// Lists of `room` places, of which pruning leaves `keep`.
struct Lists {
    room: usize,
    keep: usize,
    counts: Vec<AtomicU8>,
    links: Vec<AtomicU32>,
}

/// One layer as a walk sees it.
pub(crate) struct Layer<'a>(pub(crate) &'a Growing, pub(crate) u8);

impl Growing {
    /// Empty lists for nodes of these levels: `m0` links in layer 0, with `room` places while it
    /// grows, and `m` above.
    pub(crate) fn new(levels: Vec<u8>, m: usize, m0: usize, room: usize) -> Self {
        let mut lists = 0;
        let upper_of = levels.iter().map(|&level| {
            let first = lists;
            lists += u32::from(level);
            first
        });
        let upper_of: Vec<u32> = upper_of.collect();
        Self {
            upper_of,
            ground: Lists::new(levels.len(), room.clamp(m0, LIST_MAX), m0),
            upper: Lists::new(lists as usize, m, m),
            locks: levels.iter().map(|_| AtomicBool::new(false)).collect(),
            levels,
        }
    }

    fn lists(&self, node: u32, layer: u8) -> (&Lists, usize) {
        if layer == 0 {
            return (&self.ground, node as usize);
        }
        (&self.upper, self.upper_of[node as usize] as usize + usize::from(layer) - 1)
    }

    /// The links of a node.
    pub(crate) fn list(&self, node: u32, layer: u8) -> impl Iterator<Item = u32> + '_ {
        let (lists, number) = self.lists(node, layer);
        lists.get(number)
    }

    /// Links in a layer that pruning leaves.
    pub(crate) fn keep(&self, layer: u8) -> usize {
        if layer == 0 { self.ground.keep } else { self.upper.keep }
    }

    /// Gives a new node its links. Those that others put there meanwhile stay, as far as there is
    /// room.
    pub(crate) fn set(&self, node: u32, layer: u8, links: &[u32]) {
        let _held = Held::take(&self.locks[node as usize]);
        let (lists, number) = self.lists(node, layer);
        let mut all = [0; LIST_MAX + 1];
        let mut count = links.len();
        all[..count].copy_from_slice(links);
        for early in lists.get(number) {
            if count < lists.room && !links.contains(&early) {
                all[count] = early;
                count += 1;
            }
        }
        lists.set(number, &all[..count]);
    }

    /// Links `node` to `other` too; a list that overflows is pruned.
    pub(crate) fn add(
        &self,
        codes: &Sq8Ref<'_>,
        (node, layer): (u32, u8),
        other: u32,
        pruner: &mut Pruner,
    ) {
        let _held = Held::take(&self.locks[node as usize]);
        let (lists, number) = self.lists(node, layer);
        let mut links = [0; LIST_MAX + 1];
        let mut count = lists.copy(number, &mut links);
        if links[..count].contains(&other) {
            return;
        }
        links[count] = other;
        count += 1;
        if count <= lists.room {
            lists.set(number, &links[..count]);
            return;
        }
        choose(codes, node, &links[..count], lists.keep, pruner);
        lists.set(number, &pruner.kept);
    }

    /// A node's list in layer 0 as it stays: pruned where the slack was used.
    pub(crate) fn finish(&self, codes: &Sq8Ref<'_>, node: u32, pruner: &mut Pruner) {
        let mut links = [0; LIST_MAX + 1];
        let count = self.ground.copy(node as usize, &mut links);
        if count > self.ground.keep {
            choose(codes, node, &links[..count], self.ground.keep, pruner);
            return;
        }
        pruner.kept.clear();
        pruner.kept.extend_from_slice(&links[..count]);
    }
}

/// Chooses among the links of a node.
fn choose(codes: &Sq8Ref<'_>, node: u32, links: &[u32], keep: usize, pruner: &mut Pruner) {
    let mut distances = [0.0; LIST_MAX + 1];
    codes.distances(codes.row(node), links, &mut distances);
    pruner.candidates.clear();
    pruner.candidates.extend(distances.iter().copied().zip(links.iter().copied()));
    pruner.prune(codes, keep);
}

impl Links for Layer<'_> {
    #[inline]
    fn unseen(&self, node: u32, seen: &mut Seen, fresh: &mut Fresh) {
        fresh.take(self.0.list(node, self.1), seen);
    }
}

impl Lists {
    fn new(count: usize, room: usize, keep: usize) -> Self {
        Self {
            room,
            keep,
            counts: (0..count).map(|_| AtomicU8::new(0)).collect(),
            links: (0..count * room).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    #[inline]
    fn get(&self, number: usize) -> impl Iterator<Item = u32> + '_ {
        let count = usize::from(self.counts[number].load(Acquire));
        self.links[number * self.room..][..count].iter().map(|link| link.load(Relaxed))
    }

    fn copy(&self, number: usize, out: &mut [u32]) -> usize {
        let links = self.get(number).zip(out);
        links.map(|(link, out)| *out = link).count()
    }

    /// At most `room` links.
    fn set(&self, number: usize, links: &[u32]) {
        for (place, &link) in self.links[number * self.room..][..self.room].iter().zip(links) {
            place.store(link, Relaxed);
        }
        self.counts[number].store(links.len().min(self.room) as u8, Release);
    }
}

/// A lock that is held for a microsecond, so that waiting spins.
struct Held<'a>(&'a AtomicBool);

impl<'a> Held<'a> {
    fn take(lock: &'a AtomicBool) -> Self {
        while lock.compare_exchange_weak(false, true, Acquire, Relaxed).is_err() {
            std::hint::spin_loop();
        }
        Self(lock)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(false, Release);
    }
}
