//! The k nearest so far, as a bounded heap. Equal distances: the smaller id is nearer.

use std::collections::BinaryHeap;

/// Keeps the `k` smallest (distance, id) of what it was shown, in whatever order that came.
///
/// An entry is one `u64`: the distance's bits, turned so that they order as integers (NaN last),
/// above the id. Push O(log k), and O(1) for what is too far.
#[derive(Debug, Clone)]
pub struct TopK {
    k: usize,
    farthest_first: BinaryHeap<u64>,
}

impl TopK {
    /// Room for `k` entries; memory grows with what is kept, 8 bytes each.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, farthest_first: BinaryHeap::new() }
    }

    /// Shows one candidate; whether it was kept.
    #[inline]
    pub fn push(&mut self, distance: f32, id: u32) -> bool {
        let key = key(distance, id);
        if self.farthest_first.len() < self.k {
            self.farthest_first.push(key);
            return true;
        }
        match self.farthest_first.peek_mut() {
            Some(mut farthest) if key < *farthest => {
                *farthest = key;
                true
            }
            _ => false,
        }
    }

    /// Whether [`Self::push`] would keep this candidate.
    #[inline]
    #[must_use]
    pub fn wants(&self, distance: f32, id: u32) -> bool {
        self.farthest_first.len() < self.k
            || self.farthest_first.peek().is_some_and(|&farthest| key(distance, id) < farthest)
    }

    /// The [`key`] of the farthest that is kept. O(1).
    #[inline]
    #[must_use]
    pub fn farthest(&self) -> Option<u64> {
        self.farthest_first.peek().copied()
    }

    /// The largest distance that may still be kept: infinite until `k` are. O(1).
    #[inline]
    #[must_use]
    pub fn reach(&self) -> f32 {
        match self.farthest_first.peek() {
            _ if self.farthest_first.len() < self.k => f32::INFINITY,
            Some(&farthest) => entry(farthest).0,
            None => f32::NEG_INFINITY,
        }
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.farthest_first.len()
    }

    /// Whether none is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.farthest_first.is_empty()
    }

    /// Takes in what another heap of the same `k` kept. O(len * log k).
    #[must_use]
    pub fn merge(mut self, other: Self) -> Self {
        if other.len() > self.len() {
            return other.merge(self);
        }
        for key in other.farthest_first {
            let (distance, id) = entry(key);
            self.push(distance, id);
        }
        self
    }

    /// Nearest first. O(k log k).
    #[must_use]
    pub fn into_sorted(self) -> Vec<(f32, u32)> {
        self.farthest_first.into_sorted_vec().into_iter().map(entry).collect()
    }
}

/// One integer that orders as (distance, id) do; every NaN is behind infinity.
#[inline]
#[must_use]
pub fn key(distance: f32, id: u32) -> u64 {
    const SIGN: u32 = 1 << 31;
    let bits = if distance.is_nan() { f32::NAN.abs().to_bits() } else { distance.to_bits() };
    let ordered = if bits & SIGN == 0 { bits | SIGN } else { !bits };
    (u64::from(ordered) << 32) | u64::from(id)
}

/// What a [`key`] was made of.
#[inline]
#[must_use]
pub fn entry(key: u64) -> (f32, u32) {
    const SIGN: u32 = 1 << 31;
    let ordered = (key >> 32) as u32;
    let bits = if ordered & SIGN == 0 { !ordered } else { ordered & !SIGN };
    (f32::from_bits(bits), key as u32)
}
