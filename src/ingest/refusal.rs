//! Why one item was refused; its neighbours go on.

use std::fmt;
use std::path::Path;

use thiserror::Error;
use vitrail_domain::Code;

use crate::slide::SlideError;

/// One refused picture, table or path: a code to sort by and a sentence to read.
///
/// Every part of this room refuses in this one shape, since that is what a job's report keeps.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{message}")]
pub struct Refusal {
    /// The stable name of what went wrong.
    pub code: Code,
    /// What is wrong, in a sentence.
    pub message: String,
}

impl Refusal {
    /// A refusal with its sentence.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The stable name of what went wrong.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    /// A file or folder that the system would not read.
    pub(crate) fn unreadable(path: &Path, why: impl fmt::Display) -> Self {
        Self::new(Code::FileUnreadable, format!("{} can't be read: {why}", path.display()))
    }
}

impl From<SlideError> for Refusal {
    fn from(SlideError { code, message }: SlideError) -> Self {
        Self { code, message }
    }
}
