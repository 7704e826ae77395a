//! Words of a graph: held in memory, or seen in a mapped file.

use std::ops::Range;
use std::sync::Arc;

use crate::error::SegmentError;
use crate::shelf::blocks::BlockFile;

/// A list of 32-bit words.
pub(crate) enum Words {
    /// In memory.
    Held(Vec<u32>),
    /// A section of a file.
    Mapped(Arc<BlockFile>, Range<usize>),
}

impl Words {
    /// A section of words.
    pub(crate) fn of_file(file: &Arc<BlockFile>, tag: u32) -> Result<Self, SegmentError> {
        Ok(Self::Mapped(file.clone(), file.section(tag)?))
    }

    /// The words. O(1), but not free: to be asked once for a walk.
    #[inline]
    pub(crate) fn get(&self) -> &[u32] {
        match self {
            Self::Held(words) => words,
            // Sections begin at multiples of 64 in a map that begins at a page.
            Self::Mapped(file, range) => {
                vitrail_disk::words(&file.bytes()[range.clone()]).unwrap_or(&[])
            }
        }
    }
}
