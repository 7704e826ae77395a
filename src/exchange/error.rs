//! What can go wrong while vectors go out or come in.

use std::path::PathBuf;

use thiserror::Error;
use vitrail_disk::DiskError;
use vitrail_domain::Code;

/// A file of vectors that could not be written or read.
#[derive(Debug, Error)]
pub enum ExchangeError {
    /// A file name that says no format.
    #[error("{} must end in .npy, .parquet or .jsonl", path.display())]
    Ending {
        /// The file.
        path: PathBuf,
    },
    /// Rows of different lengths, which no matrix holds.
    #[error("row {row} has {got} components where row 0 has {expected}")]
    Ragged {
        /// The row, from 0.
        row: usize,
        /// Its components.
        got: usize,
        /// Those of the first row.
        expected: usize,
    },
    /// A component that is NaN or infinite: JSON can't say it, and no search compares it.
    #[error("component {component} of row {row} is not a finite number")]
    NotFinite {
        /// The row, from 0.
        row: usize,
        /// The component, from 0.
        component: usize,
    },
    /// The file could not be written.
    #[error(transparent)]
    Write(#[from] DiskError),
    /// The file could not be read.
    #[error("{} can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not an array of the kinds that are read.
    #[error("{} is not an array that is read here: {why}", path.display())]
    NotNpy {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Areas that can't be read.
    #[error("the regions are no GeoJSON that is read here: {why}")]
    GeoJson {
        /// What is wrong.
        why: String,
    },
}

impl ExchangeError {
    /// The stable name of what went wrong.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Ragged { .. } | Self::NotFinite { .. } => Code::InvalidVector,
            Self::Write(disk) if disk.is_no_space() => Code::NoSpace,
            Self::Write(_) => Code::StoreFailed,
            Self::Read { .. } => Code::FileUnreadable,
            Self::GeoJson { .. } => Code::RegionsInvalid,
            Self::Ending { .. } | Self::NotNpy { .. } => Code::InvalidRequest,
        }
    }
}
