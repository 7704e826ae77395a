//! Why a collection refuses or fails.

use thiserror::Error;
use vitrail_domain::{Code, CollectionName, MultiVectorError, PointId, VectorName};
use vitrail_field_index::FieldError;
use vitrail_query::QueryError;
use vitrail_store::StoreError;
use vitrail_vector_index::{SegmentError, VectorError};

/// Each variant says what was being done to which thing.
#[derive(Debug, Error)]
pub enum CollectionError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The question can't be answered.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The field index failed.
    #[error("the field index: {0}")]
    Fields(#[from] FieldError),
    /// A vector that the index does not take.
    #[error("point {point}, vector \"{name}\": {source}")]
    Vector {
        /// The point.
        point: PointId,
        /// The vector's name.
        name: VectorName,
        /// What is wrong, with the component.
        source: VectorError,
    },
    /// A row of a multi-vector that the index does not take.
    #[error("point {point}, vector \"{name}\", row {row}: {source}")]
    Row {
        /// The point.
        point: PointId,
        /// The vector's name.
        name: VectorName,
        /// The row, from 0.
        row: usize,
        /// What is wrong, with the component.
        source: VectorError,
    },
    /// Rows that make no multi-vector.
    #[error("point {point}, vector \"{name}\": {source}")]
    Rows {
        /// The point.
        point: PointId,
        /// The vector's name.
        name: VectorName,
        /// What is wrong.
        source: MultiVectorError,
    },
    /// Many rows, where points have one.
    #[error("point {point}, vector \"{name}\": {rows} rows are given, and points have one here")]
    OneRow {
        /// The point.
        point: PointId,
        /// The vector's name.
        name: VectorName,
        /// Rows given.
        rows: usize,
    },
    /// Segment files that can't be written or read.
    #[error("the vector index: {0}")]
    Segments(#[from] SegmentError),
    /// No collection of this name.
    #[error("no collection is named \"{0}\"")]
    Unknown(CollectionName),
    /// A collection of this name can't be opened.
    #[error("collection \"{name}\" is damaged: {why}")]
    Damaged {
        /// The collection.
        name: CollectionName,
        /// What was found.
        why: String,
    },
    /// A collection of this name is there.
    #[error("a collection named \"{0}\" exists")]
    Exists(CollectionName),
}

impl CollectionError {
    /// Its row in the table of error codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Store(error) => error.code(),
            Self::Query(error) => error.code(),
            Self::Fields(error) => error.code(),
            Self::Vector { source, .. } | Self::Row { source, .. } => source.code(),
            Self::Rows { .. } | Self::OneRow { .. } => Code::InvalidVector,
            Self::Segments(error) => error.code(),
            Self::Unknown(_) => Code::UnknownCollection,
            Self::Damaged { .. } => Code::StoreDamaged,
            Self::Exists(_) => Code::CollectionExists,
        }
    }
}
