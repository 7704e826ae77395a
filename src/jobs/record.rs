//! A job as the store keeps it, and back.

use vitrail_domain::Code;
use vitrail_store::{JobProgress, JobRecord, JobRefusal};

use crate::error::JobError;
use crate::progress::{Progress, Refused};
use crate::queue::Job;
use crate::spec::IngestSpec;

/// The stored form.
pub fn record_of(job: &Job) -> JobRecord {
    let progress = &job.progress;
    let refusal = |refused: &Refused| JobRefusal {
        path: refused.path.clone(),
        code: refused.code.name().to_owned(),
        message: refused.message.clone(),
    };
    JobRecord {
        id: job.id,
        kind: "ingest".to_owned(),
        collection: Some(job.spec.collection.clone()),
        state: job.state,
        created_at: job.created_at,
        updated_at: job.updated_at,
        spec: job.spec.to_json().to_string().into_bytes(),
        progress: JobProgress {
            total: progress.complete.then_some(progress.total),
            done: progress.done(),
            ingested: progress.ingested,
            skipped: progress.skipped,
            refused: progress.refused_count,
        },
        refusals: progress.refused.iter().map(refusal).collect(),
        message: job.message.clone(),
    }
}

/// Reads what [`record_of`] wrote.
///
/// # Errors
/// A request that can't be read.
pub fn job_of(record: &JobRecord) -> Result<Job, JobError> {
    let unreadable = |why: String| JobError::Spec { id: record.id, why };
    let json =
        serde_json::from_slice(&record.spec).map_err(|error| unreadable(error.to_string()))?;
    let refused = record.refusals.iter().map(|refusal| Refused {
        path: refusal.path.clone(),
        code: Code::ALL
            .iter()
            .copied()
            .find(|code| code.name() == refusal.code)
            .unwrap_or(Code::Internal),
        message: refusal.message.clone(),
    });
    Ok(Job {
        id: record.id,
        spec: IngestSpec::from_json(&json).map_err(unreadable)?,
        state: record.state,
        created_at: record.created_at,
        updated_at: record.updated_at,
        progress: Progress {
            total: record.progress.total.unwrap_or(record.progress.done),
            complete: record.progress.total.is_some(),
            ingested: record.progress.ingested,
            skipped: record.progress.skipped,
            refused_count: record.progress.refused,
            refused: refused.collect(),
            ..Progress::default()
        },
        message: record.message.clone(),
    })
}
