//! Rows of one length, append-only, in chunks that views share.

use std::ops::Range;
use std::sync::Arc;

/// Bytes of a chunk at most: what an append to a shared tail copies.
const CHUNK_BYTES: usize = 1 << 20;

/// Row-major f32 rows by offset. A clone copies the list of chunks, not the chunks: 8 bytes for
/// each megabyte. A chunk in which a later row is put is copied first if a clone shares it.
#[derive(Clone)]
pub(crate) struct Rows {
    dim: usize,
    /// A chunk holds `1 << chunk_bits` rows.
    chunk_bits: u32,
    chunks: Vec<Arc<Vec<f32>>>,
    len: u32,
}

impl Rows {
    /// No rows yet, of `dim` components.
    pub(crate) fn new(dim: usize) -> Self {
        let rows = (CHUNK_BYTES / (size_of::<f32>() * dim)).max(1);
        Self { dim, chunk_bits: rows.ilog2(), chunks: Vec::new(), len: 0 }
    }

    /// How many rows.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Components of a row.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// The row at an offset below `len`. O(1).
    #[inline]
    pub(crate) fn row(&self, offset: u32) -> &[f32] {
        let chunk = &self.chunks[(offset >> self.chunk_bits) as usize];
        let at = (offset as usize & (self.chunk_rows() - 1)) * self.dim;
        &chunk[at..at + self.dim]
    }

    /// Puts a row of `dim` components at offset `len`. O(dim), and a copy of the tail chunk at the
    /// first push after a clone.
    pub(crate) fn push(&mut self, row: &[f32]) {
        let full = self.chunk_rows() * self.dim;
        if (self.len as usize).is_multiple_of(self.chunk_rows()) {
            self.chunks.push(Arc::new(Vec::with_capacity(full)));
        }
        if let Some(tail) = self.chunks.last_mut() {
            if Arc::get_mut(tail).is_none() {
                let mut copy = Vec::with_capacity(full);
                copy.extend_from_slice(tail);
                *tail = Arc::new(copy);
            }
            if let Some(values) = Arc::get_mut(tail) {
                values.extend_from_slice(row);
                self.len += 1;
            }
        }
    }

    /// The chunk in which an offset lies.
    pub(crate) fn chunk_of(&self, offset: u32) -> usize {
        (offset >> self.chunk_bits) as usize
    }

    /// The part of chunk `number` that lies in `range`: its first offset and its rows, row-major.
    pub(crate) fn part(&self, number: usize, range: &Range<u32>) -> (u32, &[f32]) {
        let first = (number as u32) << self.chunk_bits;
        let last = self.len.min(range.end).min(first.saturating_add(1 << self.chunk_bits));
        let end = last.max(first);
        let start = range.start.clamp(first, end);
        let floats = |offset: u32| (offset - first) as usize * self.dim;
        (start, &self.chunks[number][floats(start)..floats(end)])
    }

    fn chunk_rows(&self) -> usize {
        1 << self.chunk_bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_parts_tile_the_range() {
        let dim = 10_000;
        let mut rows = Rows::new(dim);
        for number in 0..70_u8 {
            rows.push(&vec![f32::from(number); dim]);
        }
        assert_eq!((rows.len(), rows.chunk_of(0), rows.chunk_of(69)), (70, 0, 4));
        assert!((0..70).all(|offset| rows.row(offset) == vec![offset as f32; dim]));
        let mut seen = Vec::new();
        for chunk in 0..=rows.chunk_of(69) {
            let (first, part) = rows.part(chunk, &(3..50));
            seen.extend(part.chunks_exact(dim).zip(first..).map(|(row, at)| (row[0] as u32, at)));
        }
        assert_eq!(seen, (3..50).map(|at| (at, at)).collect::<Vec<_>>());
    }

    #[test]
    fn a_clone_does_not_see_later_rows() {
        let mut rows = Rows::new(3);
        rows.push(&[1.0; 3]);
        let before = rows.clone();
        rows.push(&[2.0; 3]);
        assert_eq!((before.len(), rows.len(), before.row(0)), (1, 2, [1.0; 3].as_slice()));
        assert_eq!(before.part(0, &(0..9)).1.len(), 3);
    }
}
