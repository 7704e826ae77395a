//! Jobs on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use vitrail_domain::Mpp;
use vitrail_domain::limits::TILE_SCALES_MAX;

use crate::contract::credentials::SourceCredentials;
use crate::contract::ingest::RefusedItem;
use crate::error::ApiError;

/// One job as of now.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Job {
    /// Its id, a UUID.
    pub id: String,
    /// What it does: `ingest`.
    pub kind: &'static str,
    /// The collection that it writes to.
    pub collection: String,
    /// `queued`, `running`, `done`, `failed`, `cancelled` or `interrupted`.
    pub state: &'static str,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Units finished, one way or another.
    pub done: u64,
    /// Units in all; null while sources are still being listed.
    pub total: Option<u64>,
    /// Points stored.
    pub ingested: u64,
    /// Points that were there already.
    pub skipped: u64,
    /// How many were refused, all of them.
    pub refused_count: u64,
    /// What was refused; the first ten thousand.
    pub refused: Vec<RefusedItem>,
    /// Points whose pixels equal an image that was there before.
    pub exact_duplicates: u64,
    /// Seconds of work so far.
    pub seconds: f64,
    /// Points stored a second.
    pub images_per_second: f64,
    /// Seconds left at the present pace.
    pub seconds_left: Option<f64>,
    /// Why it failed, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Every job, newest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JobList {
    /// The jobs; refusals are only counted here, each job alone shows its own.
    pub jobs: Vec<Job>,
}

/// A job that was accepted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct JobAccepted {
    /// The job.
    pub job: Job,
}

/// One scale, or several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Scales {
    /// One.
    One(f64),
    /// At most 8.
    Many(Vec<f64>),
}

impl Scales {
    /// The scales, checked.
    ///
    /// # Errors
    /// None, more than the bound, or one that is no scale.
    pub fn read(&self) -> Result<Vec<Mpp>, ApiError> {
        let scales = match self {
            Self::One(mpp) => std::slice::from_ref(mpp),
            Self::Many(scales) => scales,
        };
        if scales.is_empty() || scales.len() > TILE_SCALES_MAX {
            let message = format!("give 1 to {TILE_SCALES_MAX} scales");
            return Err(ApiError::invalid("tile_mpp", message));
        }
        let scale =
            |mpp: &f64| Mpp::new(*mpp).map_err(|error| ApiError::invalid("tile_mpp", error));
        scales.iter().map(scale).collect()
    }
}

/// Files to ingest: on the server's own disk, or far away.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IngestRequest {
    /// Absolute paths of files and folders, under a folder that the server may read; or addresses
    /// that it may fetch from: `https://`, `s3://`, `gs://`, `dicomweb+https://`.
    pub paths: Vec<String>,
    /// Who the job is for the addresses. Never stored.
    pub credentials: Option<SourceCredentials>,
    /// Absolute path of a CSV table whose rows become payload.
    pub metadata: Option<String>,
    /// The model; the default one when absent.
    pub model: Option<String>,
    /// Micrometres per pixel of slides that do not say.
    pub mpp: Option<f64>,
    /// The scale of tiles in micrometres per pixel, or several: each tile is a point, linked to the
    /// tile around it. The model's own when absent.
    pub tile_mpp: Option<Scales>,
    /// Only tiles whose middle lies in these areas: GeoJSON in level-0 pixels as QuPath exports it,
    /// for every slide; or the absolute path of such a file; or of a folder, in which
    /// `NAME.geojson` is for the slide `NAME.*`.
    #[schema(value_type = Option<Object>)]
    pub regions: Option<Value>,
    /// Only paths that match one of these globs.
    #[serde(default)]
    pub include: Vec<String>,
    /// No path that matches one of these globs.
    #[serde(default)]
    pub exclude: Vec<String>,
    /// Roles and the payload paths that play them; the others are guessed from the table.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// The job on the wire.
#[must_use]
pub fn job(job: &vitrail_jobs::Job) -> Job {
    let progress = &job.progress;
    Job {
        id: job.id.to_string(),
        kind: "ingest",
        collection: job.spec.collection.to_string(),
        state: job.state.name(),
        created_at: job.created_at.rfc3339(),
        done: progress.done(),
        total: progress.complete.then_some(progress.total),
        ingested: progress.ingested,
        skipped: progress.skipped,
        refused_count: progress.refused_count,
        refused: progress.refused.iter().map(RefusedItem::from).collect(),
        exact_duplicates: progress.exact_duplicates,
        seconds: progress.seconds,
        images_per_second: progress.images_per_second(),
        seconds_left: if job.state.is_active() { progress.seconds_left() } else { None },
        message: job.message.clone(),
    }
}

/// Every job on the wire, without the words of refusals.
#[must_use]
pub fn list(jobs: &[vitrail_jobs::Job]) -> JobList {
    let brief = |full: &vitrail_jobs::Job| Job { refused: Vec::new(), ..job(full) };
    JobList { jobs: jobs.iter().map(brief).collect() }
}
