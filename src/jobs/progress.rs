//! Counters of a running job, its rate and the time it has left.

use std::time::Instant;

use vitrail_domain::limits::JOB_REFUSALS_KEPT;
use vitrail_domain::{Code, PointId};

use crate::trail::Reached;

/// One file or tile that was refused; its neighbours went on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// The path as it was found.
    pub path: String,
    /// The stable code.
    pub code: Code,
    /// What is wrong with it, in a sentence.
    pub message: String,
}

/// Counters that rise while a job runs.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    /// Units of work known so far; final once `complete` is set.
    pub total: u64,
    /// Whether no more units will be found: files are listed, and every slide among them (by its
    /// name; by its bytes it may be one more) has been opened.
    pub complete: bool,
    /// Points stored by this run.
    pub ingested: u64,
    /// Points that were there already.
    pub skipped: u64,
    /// Files refused, all of them.
    pub refused_count: u64,
    /// The refusals kept word for word.
    pub refused: Vec<Refused>,
    /// Photographs whose pixels, and slides whose bytes, an image had that was there before.
    pub exact_duplicates: u64,
    /// Seconds since the start.
    pub seconds: f64,
    /// How far the run has come through sources far away.
    pub reached: Option<Reached>,
}

impl Progress {
    /// Units finished, one way or another.
    #[must_use]
    pub fn done(&self) -> u64 {
        self.ingested + self.skipped + self.refused_count
    }

    /// Points stored a second.
    #[must_use]
    pub fn images_per_second(&self) -> f64 {
        if self.seconds > 0.0 { self.ingested as f64 / self.seconds } else { 0.0 }
    }

    /// Seconds left at the present pace; `None` before the first unit or while sources are listed.
    #[must_use]
    pub fn seconds_left(&self) -> Option<f64> {
        let done = self.done();
        if done == 0 || !self.complete {
            return None;
        }
        Some(self.seconds / done as f64 * self.total.saturating_sub(done) as f64)
    }

    /// Counts one refusal and keeps its words within the bound.
    pub fn refuse(&mut self, refused: Refused) {
        self.refused_count += 1;
        if self.refused.len() < JOB_REFUSALS_KEPT {
            self.refused.push(refused);
        }
    }

    /// Sets the clock from the run's start.
    pub fn tick(&mut self, started: Instant) {
        self.seconds = started.elapsed().as_secs_f64();
    }
}

/// What a finished job did.
pub type Summary = Progress;

/// Who listens to a running job. Called from the job's writer thread.
pub trait Watch {
    /// These points are durable and visible.
    fn acknowledged(&self, ids: &[PointId]);
    /// The counters moved.
    fn moved(&self, progress: &Progress);
}
