//! Links while they grow: written by many threads, read without waiting.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, Ordering};

use super::builder::FlatOptions;
use super::graph::{FlatGraph, FlatGraphRef, LINKS_MAX, NONE};
use super::prune::Pruner;
use super::space::Space;

/// Levels above 0 at most: a node reaches the twelfth once in 10^14.
const LEVELS_MAX: u32 = 12;

/// Turns of a waiting writer before it lets others run.
const TURNS: u32 = 64;

/// Lists of one width. A reader takes the count, then the places before it: each of them holds a
/// node at all times, so that a list that is being written costs a walk nothing but a link.
struct Lists {
    width: usize,
    counts: Vec<AtomicU8>,
    places: Vec<AtomicU32>,
}

impl Lists {
    fn new(lists: usize, width: usize) -> Self {
        Self {
            width,
            counts: (0..lists).map(|_| AtomicU8::new(0)).collect(),
            places: (0..lists * width).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    fn places(&self, list: usize) -> &[AtomicU32] {
        &self.places[list * self.width..][..self.width]
    }

    #[inline]
    fn read(&self, list: usize, out: &mut [u32]) -> usize {
        let count = usize::from(self.counts[list].load(Ordering::Acquire));
        for (out, place) in out.iter_mut().zip(&self.places(list)[..count]) {
            *out = place.load(Ordering::Relaxed);
        }
        count
    }

    fn write(&self, list: usize, links: impl Iterator<Item = u32>) {
        let mut count = 0;
        for (place, link) in self.places(list).iter().zip(links) {
            place.store(link, Ordering::Relaxed);
            count += 1;
        }
        self.counts[list].store(count, Ordering::Release);
    }

    /// False where the list is full.
    fn push(&self, list: usize, link: u32) -> bool {
        let count = self.counts[list].load(Ordering::Relaxed);
        let Some(place) = self.places(list).get(usize::from(count)) else {
            return false;
        };
        place.store(link, Ordering::Relaxed);
        self.counts[list].store(count + 1, Ordering::Release);
        true
    }
}

/// A graph under construction: all links are nodes.
pub(super) struct Growing {
    ground: Lists,
    ground_links: usize,
    upper: Lists,
    /// The number of each node's first upper list, `[nodes + 1]`.
    starts: Vec<u32>,
    locks: Vec<AtomicBool>,
    alpha: f32,
}

/// A node's lists are this thread's to write.
struct Held<'a>(&'a AtomicBool);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

/// The level of a node: seeded, so that it depends on nothing but its number.
fn level(options: &FlatOptions, node: u32) -> u32 {
    let mut state = options.seed ^ (u64::from(node) << 20);
    let unit = ((vitrail_kernels::split_mix(&mut state) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    (-unit.ln() / (options.links as f64).ln()).min(f64::from(LEVELS_MAX)) as u32
}

impl Growing {
    /// Room for `nodes` nodes, of which `base` has the first.
    pub(super) fn new(
        nodes: usize,
        base: Option<&FlatGraphRef<'_>>,
        options: &FlatOptions,
    ) -> Self {
        let done = base.map_or(0, FlatGraphRef::len);
        let mut levels: Vec<u32> = (0..nodes as u32).map(|node| level(options, node)).collect();
        levels[..done].fill(0);
        if let Some(base) = base {
            for (rank, &node) in (0..).zip(base.nodes) {
                if let Some(level) = levels[..done].get_mut(node as usize) {
                    *level = base.levels(rank).min(LEVELS_MAX);
                }
            }
        }
        let mut starts = Vec::with_capacity(nodes + 1);
        starts.push(0);
        starts.extend(levels.iter().scan(0, |sum, level| {
            *sum += level;
            Some(*sum)
        }));
        let lists = starts.last().map_or(0, |&end| end as usize);
        let width = ((options.ground_links as f32 * options.slack) as usize)
            .clamp(options.ground_links, LINKS_MAX);
        let growing = Self {
            ground: Lists::new(nodes, width),
            ground_links: options.ground_links,
            upper: Lists::new(lists, options.links),
            starts,
            locks: (0..nodes).map(|_| AtomicBool::new(false)).collect(),
            alpha: options.alpha,
        };
        if let Some(base) = base {
            growing.take_over(base);
        }
        growing
    }

    /// Takes over the links of `base`, without those that lead out of it.
    fn take_over(&self, base: &FlatGraphRef<'_>) {
        let inside = |node: &u32| (*node as usize) < base.len();
        for node in 0..base.len() as u32 {
            self.ground.write(node as usize, base.links(node).iter().copied().filter(inside));
        }
        for (rank, &node) in (0..).zip(base.nodes).filter(|(_, node)| inside(node)) {
            for level in 1..=base.levels(rank).min(self.level(node)) {
                let links = base.upper_of(rank, level);
                let nodes = links.iter().filter_map(|&link| base.nodes.get(link as usize).copied());
                let nodes = nodes.filter(|node| inside(node) && self.level(*node) >= level);
                self.upper.write(self.upper_list(node, level), nodes);
            }
        }
    }

    pub(super) fn level(&self, node: u32) -> u32 {
        self.starts[node as usize + 1] - self.starts[node as usize]
    }

    fn upper_list(&self, node: u32, level: u32) -> usize {
        (self.starts[node as usize] + level) as usize - 1
    }

    fn lists(&self, node: u32, level: u32) -> (&Lists, usize, usize) {
        match level {
            0 => (&self.ground, node as usize, self.ground_links),
            _ => (&self.upper, self.upper_list(node, level), self.upper.width),
        }
    }

    /// Links that a list keeps when it is pruned.
    pub(super) fn room(&self, level: u32) -> usize {
        if level == 0 { self.ground_links } else { self.upper.width }
    }

    #[inline]
    pub(super) fn read(&self, node: u32, level: u32, out: &mut [u32]) -> usize {
        let (lists, list, _) = self.lists(node, level);
        lists.read(list, out)
    }

    fn hold(&self, node: u32) -> Held<'_> {
        let lock = &self.locks[node as usize];
        let mut turns = 0;
        while lock.compare_exchange_weak(false, true, Ordering::Acquire, Ordering::Relaxed).is_err()
        {
            turns += 1;
            if turns % TURNS == 0 {
                std::thread::yield_now();
            }
            std::hint::spin_loop();
        }
        Held(lock)
    }

    /// Writes a new node's links; those that others gave it meanwhile stay behind them.
    pub(super) fn write(&self, node: u32, level: u32, links: &[(f32, u32)]) {
        let _held = self.hold(node);
        let (lists, list, _) = self.lists(node, level);
        let mut others = [0; LINKS_MAX];
        let count = lists.read(list, &mut others);
        let own = |other: &u32| links.iter().any(|link| link.1 == *other);
        let others = others[..count].iter().copied().filter(|other| !own(other));
        lists.write(list, links.iter().map(|link| link.1).chain(others));
    }

    /// Adds a link; a full list is pruned.
    pub(super) fn add(
        &self,
        space: &Space<'_>,
        (node, level): (u32, u32),
        link: u32,
        with: &mut Pruning,
    ) {
        let _held = self.hold(node);
        let (lists, list, room) = self.lists(node, level);
        let mut links = [0; LINKS_MAX + 1];
        let count = lists.read(list, &mut links);
        if links[..count].contains(&link) || lists.push(list, link) {
            return;
        }
        links[count] = link;
        with.prune(space, node, &links[..=count], room, self.alpha);
        lists.write(list, with.pruner.kept.iter().map(|kept| kept.1));
    }

    /// Prunes what the slack let grow. After it, every list of level 0 fits its places.
    pub(super) fn settle(&self, space: &Space<'_>, node: u32, with: &mut Pruning) {
        let mut links = [0; LINKS_MAX];
        let count = self.ground.read(node as usize, &mut links);
        if count > self.ground_links {
            with.prune(space, node, &links[..count], self.ground_links, self.alpha);
            self.ground.write(node as usize, with.pruner.kept.iter().map(|kept| kept.1));
        }
    }

    /// The settled graph, beginning at `entry`.
    pub(super) fn into_flat(self, entry: u32) -> FlatGraph {
        let nodes = self.locks.len();
        let mut buffer = [NONE; LINKS_MAX];
        let mut ground = vec![NONE; nodes * self.ground_links];
        for (node, places) in ground.chunks_exact_mut(self.ground_links).enumerate() {
            self.ground.read(node, places);
        }
        let ranked: Vec<u32> = (0..nodes as u32).filter(|&node| self.level(node) > 0).collect();
        let rank = |node: u32| ranked.binary_search(&node).map_or(NONE, |rank| rank as u32);
        let mut upper = vec![NONE; self.upper.places.len()];
        for (list, places) in upper.chunks_exact_mut(self.upper.width).enumerate() {
            let count = self.upper.read(list, &mut buffer);
            for (place, &node) in places.iter_mut().zip(&buffer[..count]) {
                *place = rank(node);
            }
        }
        let mut starts: Vec<u32> = ranked.iter().map(|&node| self.starts[node as usize]).collect();
        starts.push(self.starts[nodes]);
        let entry = if ranked.is_empty() { entry } else { rank(entry) };
        let (ground_links, upper_links) = (self.ground_links, self.upper.width);
        FlatGraph { ground_links, upper_links, ground, nodes: ranked, starts, upper, entry }
    }
}

/// A pruner and the list it works on.
#[derive(Default)]
pub(super) struct Pruning {
    pub(super) pruner: Pruner,
    list: Vec<(f32, u32)>,
}

impl Pruning {
    fn prune(&mut self, space: &Space<'_>, node: u32, links: &[u32], room: usize, alpha: f32) {
        let mut distances = [0.0; LINKS_MAX + 1];
        let distances = &mut distances[..links.len()];
        space.between(node, links, distances);
        self.pruner.distances += links.len() as u64;
        self.list.clear();
        self.list.extend(distances.iter().copied().zip(links.iter().copied()));
        self.list.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        self.pruner.prune(space, &self.list, room, alpha);
    }
}
