//! Why a slide is refused: a stable code and a sentence that names what and where.

use std::fmt;

use vitrail_domain::Code;

/// A refusal of this slide; its neighbours go on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SlideError {
    /// The stable name of what went wrong.
    pub code: Code,
    /// What was being done to which part of the file, in words.
    pub message: String,
}

impl fmt::Display for SlideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl SlideError {
    /// The stable name of what went wrong.
    #[must_use]
    pub fn code(&self) -> Code {
        self.code
    }

    pub(crate) fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    /// The file contradicts itself or its format.
    pub(crate) fn damaged(message: impl Into<String>) -> Self {
        Self::new(Code::SlideDamaged, message)
    }

    /// The file is sound, and uses what is not read.
    pub(crate) fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Code::ImageUnsupported, message)
    }

    /// Beyond a bound of `limits`.
    pub(crate) fn too_large(message: impl Into<String>) -> Self {
        Self::new(Code::ImageTooLarge, message)
    }
}
