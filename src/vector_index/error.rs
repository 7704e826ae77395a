//! Why a vector was refused, and what is wrong with a segment's files.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;
use vitrail_disk::DiskError;
use vitrail_domain::limits::{COMPONENT_MAX, INDEX_ROWS_MAX};
use vitrail_domain::{Code, Slot};

/// Why a vector, or a write of vectors, was refused. Nothing of a refused write is kept.
#[derive(Debug, Clone, Copy, PartialEq, Error)]
pub enum VectorError {
    /// Another length than the index has.
    #[error("the vector has {got} components, not {expected}")]
    Length {
        /// What the index holds.
        expected: usize,
        /// What was given.
        got: usize,
    },
    /// A component that is NaN, infinite or absurdly large.
    #[error(
        "component {component} of the vector is {value}, not a number of size up to {max:e}",
        max = COMPONENT_MAX
    )]
    Component {
        /// Its position.
        component: usize,
        /// Its value.
        value: f32,
    },
    /// All zeros, which has no direction to compare by cosine.
    #[error("the vector is all zeros: it has no direction to compare by cosine")]
    Zero,
    /// The last slot number is kept as a mark.
    #[error("slot {} can't hold a vector", slot.0)]
    Slot {
        /// The slot asked for.
        slot: Slot,
    },
    /// More rows than offsets reach.
    #[error("the index holds {INDEX_ROWS_MAX} rows, dead ones included, and takes no more")]
    Full,
}

impl VectorError {
    /// The row of the table of codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Length { .. } | Self::Component { .. } | Self::Zero => Code::InvalidVector,
            Self::Slot { .. } | Self::Full => Code::TooLarge,
        }
    }
}

/// What is wrong with a segment's files. The truth is whole: what is damaged is made again.
#[derive(Debug, Error)]
pub enum SegmentError {
    /// The disk refused.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// A file that can't be written.
    #[error("can't write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file that isn't what was written.
    #[error("{}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        why: String,
    },
}

impl SegmentError {
    pub(crate) fn damaged(path: &Path, why: &str) -> Self {
        Self::Damaged { path: path.to_path_buf(), why: why.to_owned() }
    }

    /// The row of the table of codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Disk(error) if error.is_no_space() => Code::NoSpace,
            Self::Disk(_) | Self::Write { .. } => Code::StoreFailed,
            Self::Damaged { .. } => Code::StoreDamaged,
        }
    }
}
