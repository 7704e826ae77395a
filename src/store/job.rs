//! Long work that outlives a restart, as the store remembers it.

use std::ops::ControlFlow;

use uuid::Uuid;
use vitrail_domain::limits::{JOB_REFUSALS_KEPT, JOB_SPEC_BYTES_MAX, JOBS_KEPT_MAX};
use vitrail_domain::{CollectionName, Timestamp};

use crate::codec::{self, JobOnDisk, RefusalOnDisk};
use crate::convert::{job_from_disk, job_to_disk, refusal_from_disk, refusal_to_disk};
use crate::error::StoreError;
use crate::keys;
use crate::rocks::{Batch, Db, JOBS, REFUSALS};

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum JobState {
    /// Waits for a worker.
    Queued,
    /// Is being worked on.
    Running,
    /// Came to its end, refused items or not.
    Done,
    /// Came to an error that ends it.
    Failed,
    /// Was cancelled; may be resumed.
    Cancelled,
    /// Its process ended; may be resumed.
    Interrupted,
}

impl JobState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Done, Self::Failed, Self::Cancelled, Self::Interrupted];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Interrupted => "interrupted",
        }
    }

    /// Whether a worker has it or will have it.
    #[must_use]
    pub fn is_active(self) -> bool {
        matches!(self, Self::Queued | Self::Running)
    }

    /// Whether no work is left unless somebody asks for it.
    #[must_use]
    pub fn has_ended(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

/// How far a job is, in items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JobProgress {
    /// Items in all, once known.
    pub total: Option<u64>,
    /// Items done with, in whatever way.
    pub done: u64,
    /// Items stored.
    pub ingested: u64,
    /// Items that were there already.
    pub skipped: u64,
    /// Items refused.
    pub refused: u64,
}

/// One item that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobRefusal {
    /// Which item.
    pub path: String,
    /// The stable name of the reason (`Code::name`).
    pub code: String,
    /// The reason in a sentence.
    pub message: String,
}

/// One job.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRecord {
    /// The job's id.
    pub id: Uuid,
    /// What kind of work: `ingest`.
    pub kind: String,
    /// The collection that it works on.
    pub collection: Option<CollectionName>,
    /// Where it stands.
    pub state: JobState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last got on.
    pub updated_at: Timestamp,
    /// What was asked for, as JSON that only the job's kind reads.
    pub spec: Vec<u8>,
    /// How far it is.
    pub progress: JobProgress,
    /// The first refused items; `progress.refused` counts them all.
    pub refusals: Vec<JobRefusal>,
    /// What to tell about its end, if there is something.
    pub message: Option<String>,
}

/// Writes `job`: its head always, of its refusals those that are not stored yet. Synced.
pub(crate) fn put(meta: &Db, job: &JobRecord) -> Result<(), StoreError> {
    let too_large = |what, got: usize, max: usize| {
        Err(StoreError::TooLarge { what, got: got as u64, max: max as u64 })
    };
    if job.spec.len() > JOB_SPEC_BYTES_MAX {
        return too_large("bytes of a job's parameters", job.spec.len(), JOB_SPEC_BYTES_MAX);
    }
    if job.refusals.len() > JOB_REFUSALS_KEPT {
        return too_large("refused items kept", job.refusals.len(), JOB_REFUSALS_KEPT);
    }
    let key = job.id.into_bytes();
    let stored = meta.record::<JobOnDisk>(JOBS, &key)?;
    let kept = stored.as_ref().map_or(0, |stored| stored.refusals_kept as usize);
    let mut batch = Batch::default();
    // A job that starts anew has fewer than it had.
    let from = if job.refusals.len() < kept {
        delete_refusals(meta, &mut batch, job.id)?;
        0
    } else {
        kept
    };
    for (number, refusal) in (0u32..).zip(&job.refusals).skip(from) {
        let key = keys::refusal(job.id, number);
        batch.put_record(meta, REFUSALS, &key, &refusal_to_disk(refusal))?;
    }
    batch.put_record(meta, JOBS, &key, &job_to_disk(job))?;
    if stored.is_none() {
        forget_oldest(meta, &mut batch)?;
    }
    meta.write(batch, true)
}

/// One job with its refusals.
pub(crate) fn get(meta: &Db, id: Uuid) -> Result<Option<JobRecord>, StoreError> {
    let key = id.into_bytes();
    let Some(stored) = meta.record::<JobOnDisk>(JOBS, &key)? else { return Ok(None) };
    let mut job = job_from_disk(id, stored).map_err(|why| meta.damaged(JOBS, &key, why))?;
    let end = keys::after_prefix(&key);
    meta.walk(REFUSALS, &key, end.as_deref(), &mut |key, value| {
        let refusal = codec::decode::<RefusalOnDisk>(key, value)
            .map_err(|why| meta.damaged(REFUSALS, key, why))?;
        job.refusals.push(refusal_from_disk(refusal));
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(Some(job))
}

/// All jobs, without their refusals, the latest first. At most `JOBS_KEPT_MAX` and one.
pub(crate) fn list(meta: &Db) -> Result<Vec<JobRecord>, StoreError> {
    let mut jobs = Vec::new();
    meta.walk(JOBS, &[], None, &mut |key, value| {
        let damaged = |why| meta.damaged(JOBS, key, why);
        let stored = codec::decode::<JobOnDisk>(key, value).map_err(damaged)?;
        let id = keys::parse_uuid(key).ok_or_else(|| damaged("the key is no id".to_owned()))?;
        jobs.push(job_from_disk(id, stored).map_err(damaged)?);
        Ok(ControlFlow::Continue(()))
    })?;
    jobs.sort_by_key(|job| (std::cmp::Reverse(job.created_at), job.id));
    Ok(jobs)
}

/// Forgets one job; whether there was one.
pub(crate) fn delete(meta: &Db, id: Uuid) -> Result<bool, StoreError> {
    let there = meta.record::<JobOnDisk>(JOBS, &id.into_bytes())?.is_some();
    let mut batch = Batch::default();
    delete_into(meta, &mut batch, id)?;
    meta.write(batch, true)?;
    Ok(there)
}

fn delete_into(meta: &Db, batch: &mut Batch, id: Uuid) -> Result<(), StoreError> {
    batch.delete(meta, JOBS, &id.into_bytes())?;
    delete_refusals(meta, batch, id)
}

fn delete_refusals(meta: &Db, batch: &mut Batch, id: Uuid) -> Result<(), StoreError> {
    batch.delete_range(meta, REFUSALS, &keys::refusal(id, 0), &keys::refusal(id, u32::MAX))
}

/// Makes room for one more job by forgetting ended ones.
fn forget_oldest(meta: &Db, batch: &mut Batch) -> Result<(), StoreError> {
    let jobs = list(meta)?;
    let spare = (jobs.len() + 1).saturating_sub(JOBS_KEPT_MAX);
    for job in jobs.iter().rev().filter(|job| job.state.has_ended()).take(spare) {
        delete_into(meta, batch, job.id)?;
    }
    Ok(())
}
