//! Sets of slots: filter results, tombstones, samples.

use roaring::RoaringBitmap;

use crate::ids::Slot;

/// A compressed set of slots. AND, OR, NOT cost tens of microseconds at a million points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct SlotSet(RoaringBitmap);

impl SlotSet {
    /// The empty set.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Slots `0..end`.
    #[must_use]
    pub fn below(end: u32) -> Self {
        let mut bitmap = RoaringBitmap::new();
        bitmap.insert_range(0..end);
        Self(bitmap)
    }

    /// Whether `slot` is in.
    #[must_use]
    pub fn contains(&self, slot: Slot) -> bool {
        self.0.contains(slot.0)
    }

    /// Puts `slot` in; whether it was new.
    pub fn insert(&mut self, slot: Slot) -> bool {
        self.0.insert(slot.0)
    }

    /// Takes `slot` out; whether it was there.
    pub fn remove(&mut self, slot: Slot) -> bool {
        self.0.remove(slot.0)
    }

    /// How many slots are in.
    #[must_use]
    pub fn len(&self) -> usize {
        usize::try_from(self.0.len()).unwrap_or(usize::MAX)
    }

    /// Whether none is in.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The bitmap within, for rooms that combine many sets.
    #[must_use]
    pub fn bitmap(&self) -> &RoaringBitmap {
        &self.0
    }

    /// Slots in rising order.
    pub fn iter(&self) -> impl Iterator<Item = Slot> + '_ {
        self.0.iter().map(Slot)
    }

    /// The `nth` slot in rising order, from 0.
    #[must_use]
    pub fn nth(&self, nth: u32) -> Option<Slot> {
        self.0.select(nth).map(Slot)
    }

    /// How many slots are in both.
    #[must_use]
    pub fn intersection_len(&self, other: &Self) -> usize {
        usize::try_from(self.0.intersection_len(&other.0)).unwrap_or(usize::MAX)
    }

    /// Puts each of `slots` in.
    pub fn extend_with(&mut self, slots: impl Iterator<Item = Slot>) {
        self.0.extend(slots.map(|slot| slot.0));
    }

    /// Keeps what is in both.
    pub fn intersect_with(&mut self, other: &Self) {
        self.0 &= &other.0;
    }

    /// Adds what is in `other`.
    pub fn union_with(&mut self, other: &Self) {
        self.0 |= &other.0;
    }

    /// Drops what is in `other`.
    pub fn subtract(&mut self, other: &Self) {
        self.0 -= &other.0;
    }
}

impl From<RoaringBitmap> for SlotSet {
    fn from(bitmap: RoaringBitmap) -> Self {
        Self(bitmap)
    }
}

impl FromIterator<Slot> for SlotSet {
    fn from_iter<I: IntoIterator<Item = Slot>>(slots: I) -> Self {
        Self(slots.into_iter().map(|slot| slot.0).collect())
    }
}
