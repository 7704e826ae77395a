//! Why a question can't be answered.

use thiserror::Error;
use vitrail_domain::filter::FilterError;
use vitrail_domain::limits::{GROUP_SIZE_MAX, GROUPS_MAX};
use vitrail_domain::{Code, Role, VectorName};
use vitrail_field_index::FieldError;
use vitrail_vector_index::VectorError;

/// Each variant names the part of the question that is wrong.
#[derive(Debug, Error)]
pub enum QueryError {
    /// No vector of this name in the collection.
    #[error("the collection has no vector \"{name}\"; it has {have}")]
    UnknownVector {
        /// The name asked for.
        name: VectorName,
        /// The names there are.
        have: String,
    },
    /// The query is not a vector of this space.
    #[error("the query for vector \"{name}\": {source}")]
    Vector {
        /// The vector.
        name: VectorName,
        /// What is wrong with it.
        source: VectorError,
    },
    /// One row of the query is not one of this space.
    #[error("the query for vector \"{name}\", row {row}: {source}")]
    Row {
        /// The vector.
        name: VectorName,
        /// The row, from 0.
        row: usize,
        /// What is wrong with it.
        source: VectorError,
    },
    /// Many rows, where points have one.
    #[error("the query for vector \"{name}\" has {rows} rows, and its points have one")]
    OneRow {
        /// The vector.
        name: VectorName,
        /// Rows of the query.
        rows: usize,
    },
    /// The filter is over its bounds.
    #[error("filter: {0}")]
    Filter(#[from] FilterError),
    /// A role was asked for that the collection does not map.
    #[error("the collection maps no payload path to the role {0}")]
    Role(Role),
    /// Groups over their bounds.
    #[error("group_by takes 1 to {GROUPS_MAX} groups of 1 to {GROUP_SIZE_MAX} hits")]
    Groups,
    /// The field index failed.
    #[error("evaluating the filter")]
    Fields(#[from] FieldError),
}

impl QueryError {
    /// Its row in the table of error codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::UnknownVector { .. } => Code::UnknownVector,
            Self::Vector { source, .. } | Self::Row { source, .. } => source.code(),
            Self::OneRow { .. } => Code::InvalidVector,
            Self::Filter(_) => Code::InvalidFilter,
            Self::Role(_) => Code::RoleUnknown,
            Self::Groups => Code::InvalidRequest,
            Self::Fields(error) => error.code(),
        }
    }
}
