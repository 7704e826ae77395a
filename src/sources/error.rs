//! Why something could not be fetched. No message ever holds a secret.

use std::time::Duration;

use thiserror::Error;
use vitrail_disk::DiskError;
use vitrail_domain::Code;

/// Each variant says which address, and what was wrong with it.
#[derive(Debug, Error)]
pub enum SourceError {
    /// What was given is no address that we know.
    #[error("{uri}: {why}")]
    Address {
        /// As it was given.
        uri: String,
        /// What is wrong.
        why: String,
    },
    /// The address, or one that it redirects or resolves to, is not allowed.
    #[error("{uri} may not be fetched: {why}")]
    Forbidden {
        /// The address.
        uri: String,
        /// Which rule forbids it.
        why: String,
    },
    /// The source refused the credentials, or asks for some.
    #[error("{uri}: the source answered {status}: it asks for credentials or refuses those given")]
    Unauthorized {
        /// The address.
        uri: String,
        /// 401 or 403.
        status: u16,
    },
    /// Nothing is there.
    #[error("{uri}: the source has nothing there")]
    Missing {
        /// The address.
        uri: String,
    },
    /// More bytes than the bound.
    #[error("{uri} has more bytes than the limit of {limit}")]
    TooLarge {
        /// The address.
        uri: String,
        /// The bound.
        limit: u64,
    },
    /// The source answered with an error, also after several attempts.
    #[error("{uri}: the source answered {status}{message}")]
    Status {
        /// The address.
        uri: String,
        /// The HTTP status.
        status: u16,
        /// What it said, after a colon; or nothing.
        message: String,
    },
    /// No connection, or one that broke.
    #[error("{uri} can't be reached: {why}")]
    Unreachable {
        /// The address.
        uri: String,
        /// What failed.
        why: String,
    },
    /// An answer that is not what the standard says.
    #[error("{uri} answers what can't be read: {why}")]
    Answer {
        /// The address.
        uri: String,
        /// What is wrong with it.
        why: String,
    },
    /// It took longer than the bound.
    #[error("{uri} took longer than {seconds} s")]
    TimedOut {
        /// The address.
        uri: String,
        /// The bound.
        seconds: u64,
    },
    /// A model's own refusal of one picture.
    #[error("the model refused the picture: {code}: {message}")]
    Refused {
        /// Its code, as it says it.
        code: String,
        /// Its words.
        message: String,
    },
    /// The disk refused what was fetched.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The client or its threads could not be made.
    #[error("the client for sources can't start: {0}")]
    Start(String),
    /// Somebody cancelled it.
    #[error("the work was cancelled")]
    Cancelled,
}

impl SourceError {
    /// Its row in the table of error codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Address { .. } => Code::InvalidRequest,
            Self::Forbidden { .. } => Code::SourceForbidden,
            Self::Unauthorized { .. } => Code::SourceUnauthorized,
            Self::Missing { .. } => Code::SourceMissing,
            Self::TooLarge { .. } => Code::ImageTooLarge,
            Self::Status { .. } | Self::Unreachable { .. } | Self::Answer { .. } => {
                Code::SourceFailed
            }
            Self::TimedOut { .. } => Code::TimedOut,
            Self::Refused { .. } => Code::ModelFailed,
            Self::Disk(error) if error.is_no_space() => Code::NoSpace,
            Self::Disk(_) => Code::StoreFailed,
            Self::Start(_) => Code::Internal,
            Self::Cancelled => Code::Cancelled,
        }
    }

    /// Whether the source, rather than this one object, is to blame: a job that meets it again and
    /// again should stop, so that it can be resumed.
    #[must_use]
    pub fn is_of_source(&self) -> bool {
        match self {
            Self::Unauthorized { .. } | Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

/// A failed attempt, and whether another may help.
#[derive(Debug)]
pub(crate) struct Failed {
    /// What to tell if no attempt is left.
    pub error: SourceError,
    /// Whether to try again.
    pub again: bool,
    /// How long the source wants us to wait.
    pub after: Option<Duration>,
}

impl Failed {
    /// A failure that the next attempt may not meet.
    pub fn again(error: SourceError) -> Self {
        Self { error, again: true, after: None }
    }
}

impl From<SourceError> for Failed {
    fn from(error: SourceError) -> Self {
        Self { error, again: false, after: None }
    }
}

impl From<DiskError> for Failed {
    fn from(error: DiskError) -> Self {
        SourceError::from(error).into()
    }
}
