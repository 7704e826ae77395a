//! The ingest pipeline: sources -> readers -> embedding -> durable batches. Bounded queues between
//! the steps; a bad file is one refused item; what was acknowledged is durable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, bounded};
use vitrail_collection::Catalog;
use vitrail_domain::limits::INGEST_BATCH_POINTS;
use vitrail_domain::{Cancel, Clock, ImageRecord};
use vitrail_embed::Models;

use crate::bind::{Target, bind};
use crate::dicom;
use crate::error::JobError;
use crate::feed::Run;
use crate::progress::{Progress, Refused, Summary, Watch};
use crate::pull::Remote;
use crate::sources;
use crate::spec::IngestSpec;
use crate::trail::Ticket;
use crate::writer::{Ready, Writer};

/// What an ingest works with.
#[derive(Clone)]
pub struct Ingest {
    /// Collections.
    pub catalog: Arc<Catalog>,
    /// Models.
    pub models: Arc<Models>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// What lies far away.
    pub sources: Arc<vitrail_sources::Sources>,
    /// Threads that read and decode.
    pub threads: usize,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// What was done.
    pub summary: Summary,
    /// Whether it stopped because it was asked to.
    pub cancelled: bool,
}

/// A durable batch waits at most this long for its last points.
const FLUSH_AFTER: Duration = Duration::from_millis(500);

/// What the other threads tell the writer.
pub enum Event {
    /// More units of work are known.
    Found(u64),
    /// No more units will be found.
    Listed,
    /// A slide's record and its picture in small, before its tiles.
    Image(Box<(ImageRecord, Vec<u8>)>),
    /// A point waits for its vector.
    Ready(Box<Ready>),
    /// The point is there, and its vector too.
    Skipped,
    /// One file or tile can't be used.
    Refused(Refused),
    /// What became of a unit of a fetched file was said before this.
    Settled(Ticket),
}

/// Runs an ingest to its end, or until it is cancelled; what was acknowledged stays either way, and
/// the same call again goes on where this one stopped.
///
/// # Errors
/// Only what stops the whole job: unreadable sources or table, an unknown model, a store that
/// refuses writes. A bad file is counted in the summary.
pub fn run_ingest(
    ingest: &Ingest,
    spec: &IngestSpec,
    cancel: &Cancel,
    watch: &dyn Watch,
) -> Result<Ended, JobError> {
    let sources = sources::list(spec)?;
    let spec = &dicom::with_roles(spec, &sources.columns(), sources.dicom);
    let remote = Remote::open(ingest, spec)?;
    let target = bind(ingest, spec, &sources.columns())?;
    let read = dicom::reading(ingest, spec);
    let sources = sources.with_roles(&target.collection.spec().roles);
    let stop = Cancel::new();
    let (sources, read, remote) = (&sources, &read, &remote);
    let run = Run { ingest, spec, target: &target, sources, read, remote, stop: &stop };
    let (events, received) = bounded(4 * INGEST_BATCH_POINTS);
    let (opened, files) = bounded(0);
    let (work, units) = bounded(2 * ingest.threads.max(1));
    let summary = std::thread::scope(|scope| {
        let (opener_events, feeder_events) = (events.clone(), events.clone());
        scope.spawn(move || run.open(&opened, &opener_events));
        scope.spawn(move || run.feed(&files, &work, &feeder_events));
        for _ in 0..ingest.threads.max(1) {
            let (units, events) = (units.clone(), events.clone());
            scope.spawn(move || run.read(&units, &events));
        }
        drop((units, events));
        let asked = || {
            if cancel.is_cancelled() {
                stop.cancel();
            }
        };
        let written = write((&target, remote), &received, watch, &asked);
        stop.cancel();
        drop(received);
        written
    })?;
    match remote.failure() {
        Some(error) => Err(error.into()),
        None => Ok(Ended { summary, cancelled: cancel.is_cancelled() }),
    }
}

/// Collects what readers send into durable batches, until they are all gone. Calls `asked` before
/// each event and twice a second.
fn write(
    (target, remote): (&Target, &Remote),
    events: &Receiver<Event>,
    watch: &dyn Watch,
    asked: &dyn Fn(),
) -> Result<Summary, JobError> {
    let started = Instant::now();
    let mut progress = Progress::default();
    let mut writer = Writer::new(target);
    let mut settled = Vec::new();
    let mut due = started + FLUSH_AFTER;
    loop {
        asked();
        match events.recv_deadline(due) {
            Ok(Event::Settled(ticket)) => settled.push(ticket),
            Ok(event) => take(event, &mut writer, &mut progress)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if writer.waiting() >= INGEST_BATCH_POINTS || Instant::now() >= due {
            flush(&mut writer, &mut progress, watch)?;
            settle(&mut settled, remote, &mut progress);
            due = Instant::now() + FLUSH_AFTER;
            progress.tick(started);
            watch.moved(&progress);
        }
    }
    flush(&mut writer, &mut progress, watch)?;
    settle(&mut settled, remote, &mut progress);
    progress.tick(started);
    watch.moved(&progress);
    Ok(progress)
}

fn take(event: Event, writer: &mut Writer<'_>, progress: &mut Progress) -> Result<(), JobError> {
    match event {
        Event::Found(more) => progress.total += more,
        Event::Listed => progress.complete = true,
        Event::Image(image) => progress.exact_duplicates += u64::from(writer.image(*image)?),
        Event::Ready(ready) => writer.point(*ready),
        Event::Skipped => progress.skipped += 1,
        Event::Refused(refused) => progress.refuse(refused),
        // Waits for the next flush.
        Event::Settled(_) => {}
    }
    Ok(())
}

/// After a flush: the points before these words are durable, so their files may go.
fn settle(settled: &mut Vec<Ticket>, remote: &Remote, progress: &mut Progress) {
    for ticket in settled.drain(..) {
        ticket.settle();
    }
    progress.reached = remote.reached().or(progress.reached.take());
}

fn flush(
    writer: &mut Writer<'_>,
    progress: &mut Progress,
    watch: &dyn Watch,
) -> Result<(), JobError> {
    let written = writer.flush()?;
    progress.ingested += written.ids.len() as u64;
    progress.exact_duplicates += written.exact_duplicates;
    for refused in written.refused {
        progress.refuse(refused);
    }
    if !written.ids.is_empty() {
        watch.acknowledged(&written.ids);
    }
    Ok(())
}
