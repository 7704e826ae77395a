//! What can go wrong between a manifest and a vector.

use std::path::PathBuf;

use thiserror::Error;
use vitrail_domain::Code;

/// An error of this room. `Clone`, since one failed batch answers many requests.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum EmbedError {
    /// A file could not be read.
    #[error("reading {path}: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// A manifest that is not what the vocabulary allows.
    #[error("manifest of model {model}: {reason}")]
    Manifest {
        /// The model's name, or its folder's where the name can't be read.
        model: String,
        /// The field and the values that are known.
        reason: String,
    },
    /// The inference library that was named can't be opened.
    #[error("opening ONNX Runtime at {path}: {reason}")]
    Runtime {
        /// The library that was asked for.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// The model did not pass its verification.
    #[error("verifying model {model}: {reason}")]
    Refused {
        /// The model's name.
        model: String,
        /// The check that failed, with both values.
        reason: String,
    },
    /// No manifest has this name.
    #[error("no model is named {model}; known: {known}")]
    Unknown {
        /// The name that was asked for.
        model: String,
        /// The names there are, or "none".
        known: String,
    },
    /// A picture that the model's recipe does not take.
    #[error("preparing a picture for model {model}: {reason}")]
    Picture {
        /// The model's name.
        model: String,
        /// Which rule it breaks.
        reason: String,
    },
    /// A text for a model that takes none.
    #[error("model {model} has no text tower: it embeds pictures alone")]
    NoText {
        /// The model's name.
        model: String,
    },
    /// The graph failed while it ran.
    #[error("running model {model}: {reason}")]
    Run {
        /// The model's name.
        model: String,
        /// What the runtime said, or what is wrong with the output.
        reason: String,
    },
    /// The queue of the model is full.
    #[error("{waiting} pictures wait for model {model} already")]
    Busy {
        /// The model's name.
        model: String,
        /// Pictures in the queue.
        waiting: usize,
    },
    /// The batcher was closed while the picture waited.
    #[error("model {model} is being closed")]
    Closed {
        /// The model's name.
        model: String,
    },
}

impl EmbedError {
    /// The stable code of this error.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Unreadable { .. } => Code::FileUnreadable,
            Self::Manifest { .. } | Self::Refused { .. } => Code::ModelInvalid,
            Self::Runtime { .. } => Code::RuntimeMissing,
            Self::Unknown { .. } => Code::UnknownModel,
            Self::Picture { .. } => Code::ImageUnsupported,
            Self::NoText { .. } => Code::InvalidRequest,
            Self::Run { .. } => Code::ModelFailed,
            Self::Busy { .. } => Code::TooManyRequests,
            Self::Closed { .. } => Code::Cancelled,
        }
    }
}
