//! Why a case can't be answered.

use std::path::PathBuf;

use thiserror::Error;
use vitrail_analysis::AnalysisError;
use vitrail_collection::CollectionError;
use vitrail_domain::limits::EXPORT_BYTES_MAX;
use vitrail_domain::{Code, ImageId, PointId, Role, VectorName};
use vitrail_embed::EmbedError;
use vitrail_ingest::Refusal;

/// Each variant says what was being done to which thing.
#[derive(Debug, Error)]
pub enum CaseError {
    /// The collection refused or failed.
    #[error(transparent)]
    Collection(#[from] CollectionError),
    /// The query picture is refused.
    #[error("the query picture: {0}")]
    Picture(#[from] Refusal),
    /// The model failed or is unknown.
    #[error(transparent)]
    Model(#[from] EmbedError),
    /// Nothing says what is right.
    #[error("say which payload path holds the label: the collection maps none to the role label")]
    NoLabel,
    /// Points have many rows, and the measure compares one.
    #[error("vector \"{0}\" has many rows a point: neighbours are measured where there is one")]
    ManyRows(VectorName),
    /// The measure does not take what the collection holds.
    #[error(transparent)]
    Analysis(#[from] AnalysisError),
    /// More vectors than are held until their file is written.
    #[error(
        "{pictures} vectors of {dim} components are more than the limit of {EXPORT_BYTES_MAX} \
         bytes; embed them in parts"
    )]
    TooMany {
        /// Pictures named.
        pictures: usize,
        /// Components of each vector.
        dim: usize,
    },
    /// No point of this id.
    #[error("the collection has no point {0}")]
    UnknownPoint(PointId),
    /// No image of this id.
    #[error("the collection has no image {0}")]
    UnknownImage(ImageId),
    /// The point was written by hand: no image is behind it.
    #[error("point {0} came from no image")]
    NoPicture(PointId),
    /// A picture of a side that is not made.
    #[error("a picture's side is from 1 to {max} pixels, not {side}")]
    Side {
        /// The side asked for.
        side: u32,
        /// The largest side.
        max: u32,
    },
    /// A Deep Zoom tile outside the pyramid.
    #[error("the slide has no tile ({column}, {row}) at level {level}")]
    NoTile {
        /// The level, from the smallest.
        level: u32,
        /// From the left.
        column: u32,
        /// From the top.
        row: u32,
    },
    /// A stored image's file can't be read as it was.
    #[error("image {image}: {why}")]
    Stored {
        /// The image.
        image: ImageId,
        /// What is wrong with its file.
        why: Refusal,
    },
    /// A stored image's file has other bytes now.
    #[error("image {image}: {} has changed since it was ingested", path.display())]
    Changed {
        /// The image.
        image: ImageId,
        /// Its file.
        path: PathBuf,
    },
    /// The image was fetched from far away, and only its thumbnail is kept.
    #[error("image {image} was fetched from {uri}, and its file is not kept here")]
    Elsewhere {
        /// The image.
        image: ImageId,
        /// Where it came from.
        uri: String,
    },
    /// A stored image's file can't be found.
    #[error("image {image}: {} can't be read: {error}", path.display())]
    Gone {
        /// The image.
        image: ImageId,
        /// Its file.
        path: PathBuf,
        /// What the system says.
        error: std::io::Error,
    },
    /// The point has no such vector.
    #[error("point {id} has no vector \"{name}\"")]
    NoVector {
        /// The point.
        id: PointId,
        /// The vector asked for.
        name: VectorName,
    },
    /// The collection has several vectors, or none, and the request names none.
    #[error("say which vector to use: the collection has {0}")]
    Which(String),
    /// The vector is filled by writers, not by a model, so a picture can't be compared with it.
    #[error("vector \"{0}\" is bound to no model, so a picture can't be compared with it")]
    NoModel(VectorName),
    /// The model has changed since the collection was filled.
    #[error("vector \"{name}\" was made by contract {stored}, but the model is now {now}")]
    Contract {
        /// The vector.
        name: VectorName,
        /// The contract that the collection is bound to.
        stored: String,
        /// The contract of the model as installed.
        now: String,
    },
    /// A role to leave out, whose value nobody knows.
    #[error("exclude_same: the query's {0} is not known; say it in same")]
    Identity(Role),
    /// The collection does not map the role.
    #[error("exclude_same: the collection maps no payload path to the role {0}")]
    Role(Role),
}

impl CaseError {
    /// Its row in the table of error codes.
    #[must_use]
    pub fn code(&self) -> Code {
        match self {
            Self::Collection(error) => error.code(),
            Self::Picture(refusal) => refusal.code,
            Self::Model(error) => error.code(),
            Self::ManyRows(_) => Code::InvalidRequest,
            Self::NoLabel => Code::RoleUnknown,
            Self::Analysis(error) => error.code(),
            Self::TooMany { .. } => Code::TooLarge,
            Self::UnknownPoint(_) => Code::UnknownPoint,
            Self::UnknownImage(_) | Self::NoPicture(_) | Self::NoTile { .. } => Code::UnknownImage,
            Self::Side { .. } => Code::InvalidRequest,
            Self::Stored { why, .. } => why.code,
            Self::Changed { .. } | Self::Gone { .. } | Self::Elsewhere { .. } => {
                Code::FileUnreadable
            }
            Self::NoVector { .. } | Self::Which(_) | Self::NoModel(_) => Code::UnknownVector,
            Self::Contract { .. } => Code::ContractMismatch,
            Self::Identity(_) => Code::IdentityUnknown,
            Self::Role(_) => Code::RoleUnknown,
        }
    }
}
