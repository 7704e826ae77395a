//! Why nothing can be measured.

use thiserror::Error;
use vitrail_domain::Code;

/// Inputs that an analysis does not take.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AnalysisError {
    /// Columns of different lengths.
    #[error("{what}: {got} where {expected} were expected")]
    Shape {
        /// Which column.
        what: String,
        /// Its length.
        got: usize,
        /// What the others have.
        expected: usize,
    },
    /// A class without a name.
    #[error("class {label} of a point is none of {classes}")]
    Class {
        /// The class's number.
        label: u32,
        /// How many classes there are.
        classes: usize,
    },
    /// No query that any ranking could answer.
    #[error(
        "no point has another of its label outside its own groups: {points} points are labelled"
    )]
    NothingToFind {
        /// Labelled points.
        points: usize,
    },
}

impl AnalysisError {
    /// Its row in the table of error codes.
    #[must_use]
    pub fn code(&self) -> Code {
        Code::InvalidRequest
    }
}
