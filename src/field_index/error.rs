//! What can go wrong with a field index.

use std::path::PathBuf;

use thiserror::Error;
use vitrail_domain::Code;

/// What the index was doing when it failed. It is derived: nothing is lost, the caller replays or
/// rebuilds.
#[derive(Debug, Error)]
pub enum FieldError {
    /// The folder can't be made or emptied.
    #[error("the field index in {folder} can't be opened: {why}")]
    Open {
        /// The index's folder.
        folder: PathBuf,
        /// What the file system said.
        why: String,
    },
    /// Changed payloads could not be made durable; they stay in memory and are found.
    #[error("the field index can't be written: {why}")]
    Write {
        /// What the index library said.
        why: String,
        /// Whether the disk is full.
        full: bool,
    },
    /// Its files can't be read.
    #[error("the field index can't be read: {why}")]
    Read {
        /// What the index library said.
        why: String,
    },
    /// Its files don't hold what was written into them.
    #[error("the field index is damaged: {what}")]
    Damaged {
        /// What does not fit.
        what: &'static str,
    },
}

impl FieldError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Write { full: true, .. } => Code::NoSpace,
            Self::Damaged { .. } => Code::StoreDamaged,
            Self::Open { .. } | Self::Write { .. } | Self::Read { .. } => Code::StoreFailed,
        }
    }
}
