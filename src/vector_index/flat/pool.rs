//! The nearest candidates of a walk, in order, each marked once it was expanded.

use vitrail_kernels::top_k::{entry, key};

/// The lowest bit of a key: whether the candidate was expanded.
const EXPANDED: u64 = 1;

/// A key that orders by distance, then node.
#[inline]
pub(super) fn candidate(distance: f32, node: u32) -> u64 {
    key(distance, node << 1)
}

/// The distance and node of a key.
#[inline]
pub(super) fn read(key: u64) -> (f32, u32) {
    let (distance, number) = entry(key);
    (distance, number >> 1)
}

/// Up to `room` keys, nearest first.
#[derive(Debug, Default)]
pub(super) struct Pool {
    keys: Vec<u64>,
    room: usize,
    /// No key before this place waits to be expanded.
    cursor: usize,
}

impl Pool {
    /// Empty, in the memory it has.
    pub(super) fn begin(&mut self, room: usize) {
        self.keys.clear();
        self.keys.reserve(room + 1);
        (self.room, self.cursor) = (room, 0);
    }

    pub(super) fn keys(&self) -> &[u64] {
        &self.keys
    }

    pub(super) fn is_full(&self) -> bool {
        self.keys.len() >= self.room
    }

    /// The farthest key, once there is no more room: nothing behind it will be kept.
    #[inline]
    pub(super) fn reach(&self) -> u64 {
        if self.is_full() { self.keys.last().map_or(0, |&key| key) } else { u64::MAX }
    }

    /// Keeps a key, if it is nearer than the farthest or there is room. O(log room), and a move.
    #[inline]
    pub(super) fn offer(&mut self, key: u64) {
        if self.is_full() {
            if key >= self.reach() {
                return;
            }
            self.keys.pop();
        }
        let at = self.keys.partition_point(|&kept| kept < key);
        self.keys.insert(at, key);
        self.cursor = self.cursor.min(at);
    }

    /// The nearest key that waits to be expanded.
    #[inline]
    pub(super) fn waiting(&mut self) -> Option<u64> {
        while let Some(&key) = self.keys.get(self.cursor) {
            if key & EXPANDED == 0 {
                return Some(key);
            }
            self.cursor += 1;
        }
        None
    }

    /// Marks the one that [`Self::waiting`] named.
    #[inline]
    pub(super) fn expand(&mut self) {
        if let Some(key) = self.keys.get_mut(self.cursor) {
            *key |= EXPANDED;
            self.cursor += 1;
        }
    }
}
