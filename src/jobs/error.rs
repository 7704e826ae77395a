//! Why a job as a whole can't go on. A single bad file is never one: it is a refused item.

use thiserror::Error;
use uuid::Uuid;
use vitrail_collection::CollectionError;
use vitrail_domain::{Code, VectorName};
use vitrail_embed::EmbedError;
use vitrail_ingest::Refusal;
use vitrail_sources::SourceError;
use vitrail_store::StoreError;

/// Each variant says what was being done to which thing.
#[derive(Debug, Error)]
pub enum JobError {
    /// The collection refused or failed.
    #[error(transparent)]
    Collection(#[from] CollectionError),
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The model is unknown or failed.
    #[error(transparent)]
    Model(#[from] EmbedError),
    /// The sources or the table can't be read at all.
    #[error(transparent)]
    Source(#[from] Refusal),
    /// A source far away can't be listed, or nothing can be fetched from it.
    #[error(transparent)]
    Far(#[from] SourceError),
    /// The collection's vector is bound to another contract.
    #[error(
        "vector \"{name}\" of the collection is bound to contract {stored}, the model now has {now}"
    )]
    Contract {
        /// The vector.
        name: VectorName,
        /// What the collection is bound to.
        stored: String,
        /// What the model has.
        now: String,
    },
    /// A model whose name can't name a vector.
    #[error("the model's name can't name a vector: {0}")]
    Name(#[from] vitrail_domain::NameError),
    /// The stored request of a job can't be read.
    #[error("job {id}: its stored request can't be read: {why}")]
    Spec {
        /// The job.
        id: Uuid,
        /// What is wrong.
        why: String,
    },
    /// No job of this id.
    #[error("no job has the id {0}")]
    Unknown(Uuid),
    /// The job's state does not allow the call.
    #[error("job {id} is {state}, so it can't be {verb}")]
    State {
        /// The job.
        id: Uuid,
        /// Its state.
        state: &'static str,
        /// What was asked.
        verb: &'static str,
    },
    /// Too many jobs wait.
    #[error("{0} jobs are waiting; try again when some are done")]
    Busy(usize),
    /// Somebody cancelled it.
    #[error("the job was cancelled; resume it to go on")]
    Cancelled,
}

impl JobError {
    /// Its row in the table of error codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Collection(error) => error.code(),
            Self::Store(error) => error.code(),
            Self::Model(error) => error.code(),
            Self::Source(refusal) => refusal.code,
            Self::Far(error) => error.code(),
            Self::Contract { .. } => Code::ContractMismatch,
            Self::Name(_) => Code::InvalidName,
            Self::Spec { .. } => Code::StoreDamaged,
            Self::Unknown(_) => Code::UnknownJob,
            Self::State { .. } => Code::JobState,
            Self::Busy(_) => Code::TooManyRequests,
            Self::Cancelled => Code::Cancelled,
        }
    }
}
