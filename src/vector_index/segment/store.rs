//! Where a segment's rows lie: in chunks of memory, or in a mapped file.

use std::ops::Range;
use std::sync::Arc;

use crate::error::SegmentError;
use crate::segment::rows::Rows;
use crate::shelf::blocks::BlockFile;

/// Kind of the file of full vectors, and the tag of its rows.
pub(crate) const VECTORS: u16 = 5;
pub(crate) const TAG_ROWS: u32 = 1;

/// Rows of one length by offset. A clone shares them.
#[derive(Clone)]
pub(crate) enum RowStore {
    /// In memory, growing.
    Chunks(Rows),
    /// In a file, verified when touched.
    Mapped(Arc<MappedRows>),
}

/// Rows of a file of full vectors.
pub(crate) struct MappedRows {
    pub(crate) file: BlockFile,
    range: Range<usize>,
    dim: usize,
    len: u32,
}

impl MappedRows {
    /// The rows of an opened file; their number must be what the manifest says.
    pub(crate) fn of(file: BlockFile, dim: usize, len: u32) -> Result<Self, String> {
        let range = file.section(TAG_ROWS).map_err(|error: SegmentError| error.to_string())?;
        if range.len() != len as usize * dim * size_of::<f32>() {
            return Err(format!("{} bytes of rows, not {len} rows of {dim}", range.len()));
        }
        Ok(Self { file, range, dim, len })
    }

    /// The floats of a range of offsets, verified on the way: damage is told by the file.
    #[inline]
    fn floats(&self, offsets: Range<usize>) -> &[f32] {
        let row = self.dim * size_of::<f32>();
        let at = |offset: usize| self.range.start + offset * row;
        let bytes = at(offsets.start)..at(offsets.end);
        self.file.touch(&bytes);
        vitrail_disk::floats(&self.file.bytes()[bytes]).unwrap_or(&[])
    }
}

impl RowStore {
    /// How many rows.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        match self {
            Self::Chunks(rows) => rows.len(),
            Self::Mapped(rows) => rows.len,
        }
    }

    /// The row at an offset below `len`. O(1), and the block's hash when it is first touched.
    #[inline]
    pub(crate) fn row(&self, offset: u32) -> &[f32] {
        match self {
            Self::Chunks(rows) => rows.row(offset),
            Self::Mapped(rows) => rows.floats(offset as usize..offset as usize + 1),
        }
    }

    /// Rows of one piece of a scan; the last piece may have fewer.
    pub(crate) fn piece_rows(&self) -> u32 {
        match self {
            Self::Chunks(rows) => rows.chunk_rows(),
            Self::Mapped(rows) => Rows::new(rows.dim).chunk_rows(),
        }
    }

    /// The rows of piece `number`, row-major, and the offset of the first.
    pub(crate) fn piece(&self, number: u32) -> (u32, &[f32]) {
        let first = number * self.piece_rows();
        match self {
            Self::Chunks(rows) => (first, rows.chunk(number)),
            Self::Mapped(rows) => {
                let end = rows.len.min(first + self.piece_rows());
                (first, rows.floats(first as usize..end as usize))
            }
        }
    }

    /// Bytes of memory, and bytes of mapped files.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        match self {
            Self::Chunks(rows) => (rows.len() as usize * rows.dim() * size_of::<f32>(), 0),
            Self::Mapped(rows) => (0, rows.range.len()),
        }
    }
}
