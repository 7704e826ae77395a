//! What went wrong in the store, in words that name the thing.

use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;
use vitrail_disk::DiskError;
use vitrail_domain::{Code, CollectionName, PointId, VectorName};

/// An operation on the store that failed. Cheap to clone: writers that share a sync share its
/// failure.
#[derive(Debug, Clone, Error)]
pub enum StoreError {
    /// Another process holds the store's lock.
    #[error("the store {} is open in process {pid}, {}", dir.display(), advice(address.as_deref()))]
    InUse {
        /// The store's folder.
        dir: PathBuf,
        /// The other process, as its lock file says.
        pid: String,
        /// The address that it serves, if it serves one.
        address: Option<String>,
    },
    /// A store of a later format.
    #[error(
        "the store {} has format version {found}; this program knows versions up to {known}",
        dir.display()
    )]
    NewerFormat {
        /// The store's folder.
        dir: PathBuf,
        /// The store's version.
        found: u16,
        /// This program's version.
        known: u16,
    },
    /// A folder with other things in it.
    #[error("the folder {} is not a store, and not empty: it is left alone", dir.display())]
    NotAStore {
        /// The folder.
        dir: PathBuf,
    },
    /// No collection has this name.
    #[error("there is no collection \"{0}\"")]
    UnknownCollection(CollectionName),
    /// The name is taken.
    #[error("there is a collection \"{0}\" already")]
    CollectionExists(CollectionName),
    /// A specification, or a change to one, that can't be.
    #[error("the collection \"{collection}\" can't be made so: {why}")]
    Spec {
        /// The collection.
        collection: CollectionName,
        /// What is wrong.
        why: String,
    },
    /// A vector under a name that the collection doesn't have.
    #[error("point {point}: the collection has no vector \"{vector}\"")]
    UnknownVector {
        /// The point.
        point: PointId,
        /// The name.
        vector: VectorName,
    },
    /// A vector that can't be stored.
    #[error("point {point}, vector \"{vector}\": {why}")]
    Vector {
        /// The point.
        point: PointId,
        /// The vector's name.
        vector: VectorName,
        /// What is wrong, with the component's number.
        why: String,
    },
    /// A payload that can't be stored.
    #[error("point {point}: {why}")]
    Payload {
        /// The point.
        point: PointId,
        /// What is wrong.
        why: String,
    },
    /// More than a bound.
    #[error("{what}: {got}, more than the limit of {max}")]
    TooLarge {
        /// What there is too much of.
        what: &'static str,
        /// How much there is.
        got: u64,
        /// How much there may be.
        max: u64,
    },
    /// The disk is full. Writing goes on when there is space again.
    #[error("no space left for {place}: {why}")]
    NoSpace {
        /// What was being written.
        place: String,
        /// What the system said, or how much is kept free.
        why: String,
    },
    /// Stored bytes are not what was written.
    #[error("{place} is damaged: {why}")]
    Damaged {
        /// The database, family and key.
        place: String,
        /// How it was noticed.
        why: String,
    },
    /// An earlier write failed in a way that leaves its outcome open.
    #[error(
        "writes to {place} are refused until it is opened again, since an earlier one failed: {why}"
    )]
    Poisoned {
        /// The collection.
        place: String,
        /// What the earlier write said.
        why: String,
    },
    /// The database failed.
    #[error("can't {doing} {place}: {why}")]
    Failed {
        /// What was being done.
        doing: &'static str,
        /// To which database or file.
        place: String,
        /// What it said.
        why: String,
    },
    /// A file could not be read or written.
    #[error(transparent)]
    Disk(Arc<DiskError>),
}

fn advice(address: Option<&str>) -> String {
    match address {
        Some(address) => format!("which serves it: use --url {address}"),
        None => "which serves no address: wait until it ends, or stop it".to_owned(),
    }
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        if error.is_no_space() {
            let place = error.path.display().to_string();
            return Self::NoSpace { place, why: error.source.to_string() };
        }
        Self::Disk(Arc::new(error))
    }
}

impl StoreError {
    /// The stable name.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::InUse { .. } => Code::StoreInUse,
            Self::NewerFormat { .. } => Code::StoreVersion,
            Self::UnknownCollection(_) => Code::UnknownCollection,
            Self::CollectionExists(_) => Code::CollectionExists,
            Self::Spec { .. } => Code::InvalidRequest,
            Self::UnknownVector { .. } => Code::UnknownVector,
            Self::Vector { .. } => Code::InvalidVector,
            Self::Payload { .. } => Code::InvalidPayload,
            Self::TooLarge { .. } => Code::TooLarge,
            Self::NoSpace { .. } => Code::NoSpace,
            Self::Damaged { .. } => Code::StoreDamaged,
            Self::NotAStore { .. } | Self::Poisoned { .. } => Code::StoreFailed,
            Self::Failed { .. } | Self::Disk(_) => Code::StoreFailed,
        }
    }

    /// Whether a write that ended so may or may not be on the disk.
    pub(crate) fn leaves_open(&self) -> bool {
        matches!(self, Self::Failed { .. } | Self::Damaged { .. })
    }

    /// Whether the disk is full, so that the same call may succeed later.
    #[must_use]
    pub fn is_no_space(&self) -> bool {
        matches!(self, Self::NoSpace { .. })
    }
}
