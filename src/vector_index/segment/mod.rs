//! A segment: rows by offset, the slot of each, and perhaps a graph over them. Never changed but
//! for the mutable one, which grows at its end.

pub(crate) mod bits;
pub(crate) mod builder;
pub(crate) mod codes;
pub(crate) mod graph;
pub(crate) mod links;
pub(crate) mod pages;
pub(crate) mod rows;
pub(crate) mod store;
mod words;

use std::sync::Arc;

use vitrail_kernels::Distance;

use crate::segment::bits::{Bits, GrowingBits};
use crate::segment::links::Links;
use crate::segment::pages::{NONE, Pages};
use crate::segment::rows::Rows;
use crate::segment::store::RowStore;

/// Offset -> slot.
#[derive(Clone)]
pub(crate) enum Slots {
    /// In pages that clones share; of a segment that grew in memory.
    Pages(Pages),
    /// All of a segment that was made in one go.
    List(Arc<[u32]>),
}

/// Rows, slots and graph. A clone shares all of it.
#[derive(Clone)]
pub(crate) struct Segment {
    pub(crate) rows: RowStore,
    pub(crate) slots: Slots,
    pub(crate) graph: Option<Arc<Links>>,
    /// Codes of a segment that grew in memory, where its metric has some.
    pub(crate) growing_bits: Option<GrowingBits>,
    /// The number of its folder, if it lies on disk.
    pub(crate) number: Option<u64>,
}

impl Segment {
    /// The empty mutable segment.
    pub(crate) fn growing(dim: usize, distance: Distance) -> Self {
        let (rows, slots) = (RowStore::Chunks(Rows::new(dim)), Slots::Pages(Pages::default()));
        let growing_bits = GrowingBits::new(distance);
        Self { rows, slots, graph: None, growing_bits, number: None }
    }

    /// Rows, dead ones included.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.rows.len()
    }

    /// The slot for which the row at an offset below `len` was written.
    #[inline]
    pub(crate) fn slot(&self, offset: u32) -> u32 {
        match &self.slots {
            Slots::Pages(pages) => pages.get(offset),
            Slots::List(list) => list.get(offset as usize).copied().unwrap_or(NONE),
        }
    }

    /// Puts a row at the end of a segment that grows; nothing for one that doesn't.
    pub(crate) fn push(&mut self, slot: u32, row: &[f32]) {
        if let (RowStore::Chunks(rows), Slots::Pages(pages)) = (&mut self.rows, &mut self.slots) {
            pages.set(rows.len(), slot);
            rows.push(row);
            if let Some(bits) = &mut self.growing_bits {
                bits.follow(rows);
            }
        }
    }

    /// 1-bit codes of all rows, if there are any to be trusted.
    pub(crate) fn bits(&self) -> Option<Bits<'_>> {
        match (&self.growing_bits, self.sound_graph()) {
            (Some(growing), _) => growing.get(),
            (None, Some(Links::Coded(coded))) => Some(coded.bits()),
            _ => None,
        }
    }

    /// The graph, if there is one and nothing is known to be wrong with it. O(1).
    pub(crate) fn graph(&self) -> Option<&Links> {
        self.graph.as_deref().filter(|graph| graph.damage().is_none())
    }

    /// The graph, if a walk may trust it: the first call on a mapped one verifies its file.
    #[inline]
    pub(crate) fn sound_graph(&self) -> Option<&Links> {
        self.graph.as_deref().filter(|graph| graph.is_sound())
    }

    /// What was found damaged of its rows, by the file's name.
    pub(crate) fn damage(&self) -> Option<&str> {
        match &self.rows {
            RowStore::Chunks(_) => None,
            RowStore::Mapped(rows) => rows.file.damage(),
        }
    }

    /// Bytes of memory of rows, slots and growing codes, bytes of the graph (in memory or mapped).
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let slots = self.len() as usize * size_of::<u32>();
        let bits = self.growing_bits.as_ref().map_or(0, GrowingBits::bytes);
        (self.rows.bytes().0 + slots + bits, self.graph.as_ref().map_or(0, |graph| graph.bytes()))
    }
}
