//! What an ingest says: one line a durable batch, and a summary at its end.

use serde::Serialize;
use utoipa::ToSchema;
use vitrail_domain::PointId;
use vitrail_jobs::{Refused, Summary};

use crate::contract::id::Id;

/// One file or tile that was refused.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct RefusedItem {
    /// The path as it was found.
    pub path: String,
    /// The stable code.
    pub code: &'static str,
    /// What is wrong with it, in a sentence.
    pub message: String,
}

impl From<&Refused> for RefusedItem {
    fn from(refused: &Refused) -> Self {
        Self {
            path: refused.path.clone(),
            code: refused.code.name(),
            message: refused.message.clone(),
        }
    }
}

/// The summary of a finished ingest.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct IngestSummary {
    /// Points stored.
    pub ingested: u64,
    /// Points that were there already.
    pub skipped: u64,
    /// What was refused; the first ten thousand.
    pub refused: Vec<RefusedItem>,
    /// How many were refused, all of them.
    pub refused_count: u64,
    /// Points whose pixels equal an image that was there before.
    pub exact_duplicates: u64,
    /// Seconds from start to end.
    pub seconds: f64,
    /// Points stored a second.
    pub images_per_second: f64,
}

impl From<&Summary> for IngestSummary {
    fn from(summary: &Summary) -> Self {
        Self {
            ingested: summary.ingested,
            skipped: summary.skipped,
            refused: summary.refused.iter().map(RefusedItem::from).collect(),
            refused_count: summary.refused_count,
            exact_duplicates: summary.exact_duplicates,
            seconds: summary.seconds,
            images_per_second: summary.images_per_second(),
        }
    }
}

/// One line a durable batch: these points survive whatever happens now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Acknowledged {
    /// The points.
    pub acknowledged: Vec<Id>,
}

/// The line of one durable batch.
#[must_use]
pub fn acknowledged(ids: &[PointId]) -> Acknowledged {
    Acknowledged { acknowledged: ids.iter().map(|&id| id.into()).collect() }
}

/// What became of each uploaded file.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Uploaded {
    /// One item a file, in the order sent.
    pub items: Vec<UploadedItem>,
}

/// What became of one uploaded file.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UploadedItem {
    /// The file's name as sent.
    pub name: String,
    /// `stored`, `skipped` or `refused`.
    pub status: &'static str,
    /// The image.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Its points.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub point_ids: Vec<Id>,
    /// The stable code of a refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// Why it was refused, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}
