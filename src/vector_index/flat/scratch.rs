//! What one thread needs to walk: made once, kept for the next walk, never shared.

use vitrail_kernels::Lines;
use vitrail_kernels::top_k::{entry, key};

/// Links of one list at most, slack included.
pub(crate) const LIST_MAX: usize = 255;

/// The bit of a pool's entry that says its links were followed.
const FOLLOWED: u64 = 1;

/// How much walks have done since the scratch was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Work {
    /// Rows compared by codes.
    pub compared: u64,
    /// Nodes of layer 0 whose links were followed.
    pub hops: u64,
}

/// Memory of one searching thread: 2 bytes a node, and some KB.
#[derive(Debug, Clone)]
pub struct Scratch {
    pub(crate) seen: Seen,
    pub(crate) pool: Pool,
    pub(crate) fresh: Fresh,
    pub(crate) query: Lines,
    pub(crate) work: Work,
}

impl Scratch {
    /// For graphs of up to `nodes` nodes.
    #[must_use]
    pub fn new(nodes: usize) -> Self {
        Self {
            seen: Seen { stamps: vec![0; nodes], walk: 0 },
            pool: Pool::default(),
            fresh: Fresh { ids: [0; LIST_MAX + 1], count: 0, distances: [0.0; LIST_MAX + 1] },
            query: Lines::default(),
            work: Work::default(),
        }
    }

    /// What its walks have done so far.
    #[must_use]
    pub fn work(&self) -> Work {
        self.work
    }
}

/// Which nodes a walk has seen: those stamped with its number.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    stamps: Vec<u16>,
    walk: u16,
}

impl Seen {
    /// Forgets what was seen; grows to `nodes`.
    pub(crate) fn begin(&mut self, nodes: usize) {
        if self.stamps.len() < nodes {
            self.stamps.resize(nodes, 0);
        }
        if self.walk == u16::MAX {
            self.stamps.fill(0);
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
}

/// Nodes to be scored at once.
#[derive(Debug, Clone)]
pub(crate) struct Fresh {
    pub(crate) ids: [u32; LIST_MAX + 1],
    pub(crate) count: usize,
    pub(crate) distances: [f32; LIST_MAX + 1],
}

impl Fresh {
    /// Takes those of `nodes` (at most [`LIST_MAX`]) that weren't seen; they are now.
    #[inline]
    pub(crate) fn take(&mut self, nodes: impl Iterator<Item = u32>, seen: &mut Seen) {
        let mut count = 0;
        for node in nodes.take(LIST_MAX) {
            self.ids[count] = node;
            count += usize::from(seen.is_new(node));
        }
        self.count = count;
    }
}

/// The nearest so far, sorted, each with a mark: whether its links were followed.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pool {
    keys: Vec<u64>,
    len: usize,
}

impl Pool {
    /// Empties it, with room for `ef`.
    pub(crate) fn begin(&mut self, ef: usize) {
        self.keys.resize(ef, 0);
        self.len = 0;
    }

    /// Puts a node in its place, which is returned; none where it is too far.
    #[inline]
    pub(crate) fn insert(&mut self, distance: f32, node: u32) -> Option<usize> {
        let key = key(distance, node << 1);
        if self.len == self.keys.len() {
            if key >= self.keys[self.len - 1] {
                return None;
            }
            self.len -= 1;
        }
        let at = self.keys[..self.len].partition_point(|&other| other < key);
        self.keys.copy_within(at..self.len, at + 1);
        self.keys[at] = key;
        self.len += 1;
        Some(at)
    }

    /// The nearest from `cursor` on that wasn't followed, now marked; `cursor` is moved to it.
    #[inline]
    pub(crate) fn follow(&mut self, cursor: &mut usize) -> Option<u32> {
        while *cursor < self.len {
            let key = &mut self.keys[*cursor];
            if *key & FOLLOWED == 0 {
                *key |= FOLLOWED;
                return Some((*key as u32) >> 1);
            }
            *cursor += 1;
        }
        None
    }

    /// The node at a place.
    #[inline]
    pub(crate) fn peek(&self, place: usize) -> Option<u32> {
        (place < self.len).then(|| (self.keys[place] as u32) >> 1)
    }

    /// Nearest first: (distance, node).
    pub(crate) fn iter(&self) -> impl Iterator<Item = (f32, u32)> + '_ {
        self.keys[..self.len].iter().map(|&key| {
            let (distance, node) = entry(key);
            (distance, node >> 1)
        })
    }
}
