//! Jobs: queued, run by a worker, persisted, watched. A job of a process that died is *interrupted*
//! and can be resumed by the next one.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded};
use parking_lot::Mutex;
use uuid::Uuid;
use vitrail_domain::limits::JOBS_QUEUED_MAX;
use vitrail_domain::{Cancel, PointId, Timestamp};
use vitrail_sources::Credentials;
use vitrail_store::{JobState, Store};

use crate::error::JobError;
use crate::ingest::{Ended, Ingest, run_ingest};
use crate::progress::{Progress, Watch};
use crate::pull;
use crate::record;
use crate::spec::IngestSpec;

/// One job as of now.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// Its id.
    pub id: Uuid,
    /// What it was asked to do.
    pub spec: IngestSpec,
    /// Where it stands.
    pub state: JobState,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it last got on.
    pub updated_at: Timestamp,
    /// Its counters.
    pub progress: Progress,
    /// Why it failed, in a sentence.
    pub message: Option<String>,
}

impl Job {
    fn get_on(&mut self, progress: &Progress) {
        self.progress = progress.clone();
        if progress.reached.is_some() {
            self.spec.reached.clone_from(&progress.reached);
        }
    }
}

/// The jobs of a store.
pub struct Jobs {
    shared: Arc<Shared>,
    queue: Option<Sender<Uuid>>,
    worker: Option<JoinHandle<()>>,
}

struct Shared {
    ingest: Ingest,
    store: Arc<Store>,
    live: Mutex<BTreeMap<Uuid, Live>>,
}

#[derive(Clone)]
struct Live {
    job: Job,
    cancel: Cancel,
}

/// How often a running job's counters are written down.
const PERSIST_EVERY: Duration = Duration::from_secs(2);

impl Jobs {
    /// The jobs of a store. Those that a dead process left running become *interrupted*.
    ///
    /// # Errors
    /// The store can't be read or written.
    pub fn open(ingest: Ingest) -> Result<Self, JobError> {
        pull::sweep(&ingest);
        let store = ingest.catalog.store().clone();
        let mut live = BTreeMap::new();
        for stored in store.jobs()? {
            let mut job = record::job_of(&stored)?;
            if job.state.is_active() {
                job.state = JobState::Interrupted;
                store.put_job(&record::record_of(&job))?;
            }
            live.insert(job.id, Live { job, cancel: Cancel::new() });
        }
        let shared = Arc::new(Shared { ingest, store, live: Mutex::new(live) });
        Ok(Self { shared, queue: None, worker: None })
    }

    /// Starts the worker that runs queued jobs one after another: an ingest uses every core itself.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(&mut self) -> std::io::Result<()> {
        let (queue, waiting) = bounded(JOBS_QUEUED_MAX);
        let shared = self.shared.clone();
        let worker = std::thread::Builder::new()
            .name("jobs".to_owned())
            .spawn(move || work(&shared, &waiting))?;
        self.queue = Some(queue);
        self.worker = Some(worker);
        Ok(())
    }

    /// What jobs work with.
    #[must_use]
    pub fn ingest(&self) -> &Ingest {
        &self.shared.ingest
    }

    /// Queues an ingest.
    ///
    /// # Errors
    /// The queue is full, or the store can't write.
    pub fn submit(&self, spec: IngestSpec) -> Result<Job, JobError> {
        let job = self.shared.add(spec)?;
        self.enqueue(job.id)?;
        Ok(job)
    }

    /// Runs an ingest on this thread, as the command line does; it is stored like any other job.
    ///
    /// # Errors
    /// What stops the whole job.
    pub fn run_here(
        &self,
        id: Uuid,
        cancel: &Cancel,
        watch: &dyn Watch,
    ) -> Result<Ended, JobError> {
        self.shared.run(id, cancel, watch)
    }

    /// Stores an ingest to be run by [`Self::run_here`].
    ///
    /// # Errors
    /// The store can't write.
    pub fn add(&self, spec: IngestSpec) -> Result<Job, JobError> {
        self.shared.add(spec)
    }

    /// Every job, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<Job> {
        let mut jobs: Vec<Job> =
            self.shared.live.lock().values().map(|live| live.job.clone()).collect();
        jobs.sort_by_key(|job| (std::cmp::Reverse(job.created_at), job.id));
        jobs
    }

    /// One job.
    ///
    /// # Errors
    /// No such job.
    pub fn get(&self, id: Uuid) -> Result<Job, JobError> {
        let live = self.shared.live.lock();
        live.get(&id).map(|live| live.job.clone()).ok_or(JobError::Unknown(id))
    }

    /// Asks a job to stop at its next safe point.
    ///
    /// # Errors
    /// No such job, or one that is not active.
    pub fn cancel(&self, id: Uuid) -> Result<Job, JobError> {
        let live = self.shared.live.lock().get(&id).cloned().ok_or(JobError::Unknown(id))?;
        if !live.job.state.is_active() {
            return Err(JobError::State { id, state: live.job.state.name(), verb: "cancelled" });
        }
        live.cancel.cancel();
        if live.job.state == JobState::Queued {
            self.shared.change(id, |job| job.state = JobState::Cancelled)?;
        }
        self.get(id)
    }

    /// Queues a stopped job again; what is stored already is skipped.
    ///
    /// # Errors
    /// No such job, one that is active or done, or a full queue.
    pub fn resume(&self, id: Uuid) -> Result<Job, JobError> {
        self.make_ready(id)?;
        self.enqueue(id)?;
        self.get(id)
    }

    /// Gives a stopped job the credentials of its sources again: they are never stored.
    ///
    /// # Errors
    /// No such job.
    pub fn credit(&self, id: Uuid, credentials: Credentials) -> Result<(), JobError> {
        let mut live = self.shared.live.lock();
        let live = live.get_mut(&id).ok_or(JobError::Unknown(id))?;
        live.job.spec.credentials = credentials;
        Ok(())
    }

    /// Makes a stopped job ready to run again on this thread.
    ///
    /// # Errors
    /// No such job, or one that is active or done.
    pub fn make_ready(&self, id: Uuid) -> Result<Job, JobError> {
        let job = self.get(id)?;
        if job.state.is_active() || job.state == JobState::Done {
            return Err(JobError::State { id, state: job.state.name(), verb: "resumed" });
        }
        self.shared.renew(id)?;
        self.get(id)
    }

    fn enqueue(&self, id: Uuid) -> Result<(), JobError> {
        let sent = self.queue.as_ref().map(|queue| queue.try_send(id));
        match sent {
            Some(Ok(())) => Ok(()),
            Some(Err(TrySendError::Full(_))) => {
                let message = "the queue was full".to_owned();
                self.shared.change(id, |job| {
                    job.state = JobState::Failed;
                    job.message = Some(message);
                })?;
                Err(JobError::Busy(JOBS_QUEUED_MAX))
            }
            Some(Err(TrySendError::Disconnected(_))) | None => Err(JobError::Cancelled),
        }
    }
}

impl Drop for Jobs {
    /// Running work stops at its next safe point and is *cancelled*, so that it can be resumed.
    fn drop(&mut self) {
        for live in self.shared.live.lock().values() {
            live.cancel.cancel();
        }
        self.queue.take();
        if let Some(worker) = self.worker.take() {
            let _ = worker.join();
        }
    }
}

impl Shared {
    fn add(&self, spec: IngestSpec) -> Result<Job, JobError> {
        let job = Job {
            id: Uuid::new_v4(),
            spec,
            state: JobState::Queued,
            created_at: self.ingest.clock.now(),
            updated_at: self.ingest.clock.now(),
            progress: Progress::default(),
            message: None,
        };
        self.store.put_job(&record::record_of(&job))?;
        let live = Live { job: job.clone(), cancel: Cancel::new() };
        self.live.lock().insert(job.id, live);
        Ok(job)
    }

    fn renew(&self, id: Uuid) -> Result<(), JobError> {
        if let Some(live) = self.live.lock().get_mut(&id) {
            live.cancel = Cancel::new();
        }
        self.change(id, |job| {
            job.state = JobState::Queued;
            job.progress = Progress::default();
            job.message = None;
        })
    }

    /// Changes a job in memory and in the store.
    fn change(&self, id: Uuid, change: impl FnOnce(&mut Job)) -> Result<(), JobError> {
        let job = {
            let mut live = self.live.lock();
            let live = live.get_mut(&id).ok_or(JobError::Unknown(id))?;
            change(&mut live.job);
            live.job.updated_at = self.ingest.clock.now();
            live.job.clone()
        };
        Ok(self.store.put_job(&record::record_of(&job))?)
    }

    fn run(&self, id: Uuid, cancel: &Cancel, watch: &dyn Watch) -> Result<Ended, JobError> {
        self.change(id, |job| job.state = JobState::Running)?;
        let spec = {
            let live = self.live.lock();
            live.get(&id).map(|live| live.job.spec.clone()).ok_or(JobError::Unknown(id))?
        };
        let follow = Follow { shared: self, id, watch, stored: Mutex::new(Instant::now()) };
        let ended = run_ingest(&self.ingest, &spec, cancel, &follow);
        self.change(id, |job| match &ended {
            Ok(ended) if ended.cancelled => {
                job.get_on(&ended.summary);
                job.state = JobState::Cancelled;
            }
            Ok(ended) => {
                job.progress = ended.summary.clone();
                job.state = JobState::Done;
                // Nothing of it is needed again.
                job.spec.credentials = Credentials::Anonymous;
                job.spec.reached = None;
            }
            Err(error) => {
                job.state = JobState::Failed;
                job.message = Some(error.to_string());
            }
        })?;
        ended
    }
}

/// Keeps the job's counters as the run moves, and passes on what happens.
struct Follow<'a> {
    shared: &'a Shared,
    id: Uuid,
    watch: &'a dyn Watch,
    stored: Mutex<Instant>,
}

impl Watch for Follow<'_> {
    fn acknowledged(&self, ids: &[PointId]) {
        self.watch.acknowledged(ids);
    }

    fn moved(&self, progress: &Progress) {
        let due = {
            let mut stored = self.stored.lock();
            let due = stored.elapsed() >= PERSIST_EVERY;
            if due {
                *stored = Instant::now();
            }
            due
        };
        if due {
            if let Err(error) = self.shared.change(self.id, |job| job.get_on(progress)) {
                tracing::warn!(job = %self.id, %error, "the job's counters can't be stored");
            }
        } else if let Some(live) = self.shared.live.lock().get_mut(&self.id) {
            live.job.get_on(progress);
        }
        self.watch.moved(progress);
    }
}

/// Nobody watches: the server's jobs are read through [`Jobs::get`].
struct Unwatched;

impl Watch for Unwatched {
    fn acknowledged(&self, _: &[PointId]) {}

    fn moved(&self, _: &Progress) {}
}

fn work(shared: &Shared, waiting: &Receiver<Uuid>) {
    for id in waiting {
        let cancel = {
            let live = shared.live.lock();
            let Some(live) = live.get(&id) else { continue };
            if live.job.state != JobState::Queued {
                continue;
            }
            live.cancel.clone()
        };
        if let Err(error) = shared.run(id, &cancel, &Unwatched) {
            tracing::error!(job = %id, %error, "job failed");
        }
    }
}
