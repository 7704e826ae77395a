//! Rows of one length, append-only, in chunks that views share.

use std::sync::Arc;

/// Bytes of a chunk at most: what an append to a shared tail copies.
const CHUNK_BYTES: usize = 1 << 20;

/// Row-major rows by offset: of floats, or of codes. A clone copies the list of chunks, not the
/// chunks: 8 bytes for each megabyte of floats. A chunk in which a later row is put is copied first
/// if a clone shares it.
#[derive(Clone)]
pub(crate) struct Rows<E = f32> {
    /// Elements of a row.
    dim: usize,
    /// A chunk holds `1 << chunk_bits` rows.
    chunk_bits: u32,
    chunks: Vec<Arc<Vec<E>>>,
    len: u32,
}

impl Rows {
    /// No rows yet, of `dim` components.
    pub(crate) fn new(dim: usize) -> Self {
        let rows = (CHUNK_BYTES / (size_of::<f32>() * dim)).max(1);
        Self { dim, chunk_bits: rows.ilog2(), chunks: Vec::new(), len: 0 }
    }
}

impl<E: Copy> Rows<E> {
    /// No rows yet, of `dim` elements, in chunks of as many rows as `other` has.
    pub(crate) fn beside<T>(other: &Rows<T>, dim: usize) -> Self {
        Self { dim, chunk_bits: other.chunk_bits, chunks: Vec::new(), len: 0 }
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
    pub(crate) fn row(&self, offset: u32) -> &[E] {
        let chunk = &self.chunks[(offset >> self.chunk_bits) as usize];
        let at = (offset & (self.chunk_rows() - 1)) as usize * self.dim;
        &chunk[at..at + self.dim]
    }

    /// Puts a row of `dim` components at offset `len`. O(dim), and a copy of the tail chunk at the
    /// first push after a clone.
    pub(crate) fn push(&mut self, row: &[E]) {
        let full = self.chunk_rows() as usize * self.dim;
        if self.len.is_multiple_of(self.chunk_rows()) {
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

    /// The rows of chunk `number`, row-major.
    pub(crate) fn chunk(&self, number: u32) -> &[E] {
        &self.chunks[number as usize]
    }

    /// Rows of a chunk; the last one may have fewer.
    pub(crate) fn chunk_rows(&self) -> u32 {
        1 << self.chunk_bits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_and_chunks_tile_them() {
        let dim = 10_000;
        let mut rows = Rows::new(dim);
        for number in 0..70_u8 {
            rows.push(&vec![f32::from(number); dim]);
        }
        assert_eq!((rows.len(), rows.chunk_rows()), (70, 16));
        assert!((0..70).all(|offset| rows.row(offset) == vec![offset as f32; dim]));
        let firsts = (0..5).flat_map(|chunk| rows.chunk(chunk).chunks_exact(dim));
        assert!(firsts.map(|row| row[0] as u32).eq(0..70));
    }

    #[test]
    fn a_clone_does_not_see_later_rows() {
        let mut rows = Rows::new(3);
        rows.push(&[1.0; 3]);
        let before = rows.clone();
        rows.push(&[2.0; 3]);
        assert_eq!((before.len(), rows.len(), before.row(0)), (1, 2, [1.0; 3].as_slice()));
        assert_eq!((before.chunk(0).len(), rows.chunk(0).len()), (3, 6));
    }
}
