//! The ingest pipeline: sources -> readers -> embedding -> durable batches. Bounded queues between
//! the steps; a bad file is one refused item; what was acknowledged is durable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use vitrail_collection::Catalog;
use vitrail_domain::limits::INGEST_BATCH_POINTS;
use vitrail_domain::{Cancel, Clock};
use vitrail_embed::Models;
use vitrail_ingest::sha256;

use crate::bind::{Target, bind};
use crate::error::JobError;
use crate::prepare::{self, Source};
use crate::progress::{Progress, Refused, Summary, Watch};
use crate::sources::{self, Photo, Sources};
use crate::spec::IngestSpec;
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

/// What readers tell the writer.
enum Event {
    /// More units of work are known.
    Found(u64),
    /// Every source has been listed.
    Listed,
    /// A point waits for its vector.
    Ready(Box<Ready>),
    /// The point is there, and its vector too.
    Skipped,
    /// One file or tile can't be used.
    Refused(Refused),
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
    let columns = sources.table.as_ref().map(|table| table.columns()).unwrap_or_default();
    let target = bind(ingest, spec, &columns)?;
    let stop = Cancel::new();
    let run = Run { ingest, spec, target: &target, sources: &sources, cancel, stop: &stop };
    let run = &run;
    let (events, received) = bounded(4 * INGEST_BATCH_POINTS);
    let (work, units) = bounded(2 * ingest.threads.max(1));
    std::thread::scope(|scope| {
        let feeder_events = events.clone();
        scope.spawn(move || run.feed(&work, &feeder_events));
        for _ in 0..ingest.threads.max(1) {
            let (units, events) = (units.clone(), events.clone());
            scope.spawn(move || run.read(&units, &events));
        }
        drop((units, events));
        let written = write(&target, &received, watch);
        stop.cancel();
        drop(received);
        written
    })
    .map(|summary| Ended { summary, cancelled: cancel.is_cancelled() })
}

/// One run's shared, read-only parts.
#[derive(Clone, Copy)]
struct Run<'a> {
    ingest: &'a Ingest,
    spec: &'a IngestSpec,
    target: &'a Target,
    sources: &'a Sources,
    cancel: &'a Cancel,
    /// Set when the writer has stopped, so that nobody works for a dead end.
    stop: &'a Cancel,
}

impl Run<'_> {
    fn stopped(&self) -> bool {
        self.cancel.is_cancelled() || self.stop.is_cancelled()
    }

    /// Lists units of work.
    fn feed(&self, work: &Sender<Photo>, events: &Sender<Event>) {
        let _ = events.send(Event::Found(self.sources.files.len() as u64));
        let _ = events.send(Event::Listed);
        for file in &self.sources.files {
            if self.stopped() || work.send(self.sources.photo(file)).is_err() {
                return;
            }
        }
    }

    fn read(&self, units: &Receiver<Photo>, events: &Sender<Event>) {
        for photo in units {
            if self.stopped() || events.send(self.read_photo(photo)).is_err() {
                return;
            }
        }
    }

    fn read_photo(&self, photo: Photo) -> Event {
        let path = photo.path.to_string_lossy().into_owned();
        let bytes = match prepare::read_bounded(&photo.path) {
            Ok(bytes) => bytes,
            Err(refusal) => return Event::Refused(sources::refused(&photo.path, refusal)),
        };
        let source = Source {
            collection: &self.spec.collection,
            uri: &photo.uri,
            root: Some(photo.root.to_string_lossy().into_owned()),
            fields: photo.fields,
            now: self.ingest.clock.now(),
        };
        if self.target.has(prepare::photo_id(&source, &sha256(&bytes))) {
            return Event::Skipped;
        }
        match prepare::photo(bytes, source) {
            Ok(prepared) => Event::Ready(Box::new(self.target.submit(prepared, path))),
            Err(refusal) => Event::Refused(sources::refused(&photo.path, refusal)),
        }
    }
}

/// Collects what readers send into durable batches, until they are all gone.
fn write(
    target: &Target,
    events: &Receiver<Event>,
    watch: &dyn Watch,
) -> Result<Summary, JobError> {
    let started = Instant::now();
    let mut progress = Progress::default();
    let mut writer = Writer::new(target);
    let mut due = started + FLUSH_AFTER;
    loop {
        match events.recv_deadline(due) {
            Ok(event) => take(event, &mut writer, &mut progress),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if writer.waiting() >= INGEST_BATCH_POINTS || Instant::now() >= due {
            flush(&mut writer, &mut progress, watch)?;
            due = Instant::now() + FLUSH_AFTER;
            progress.tick(started);
            watch.moved(&progress);
        }
    }
    flush(&mut writer, &mut progress, watch)?;
    progress.tick(started);
    watch.moved(&progress);
    Ok(progress)
}

fn take(event: Event, writer: &mut Writer<'_>, progress: &mut Progress) {
    match event {
        Event::Found(more) => progress.total += more,
        Event::Listed => progress.complete = true,
        Event::Ready(ready) => writer.point(*ready),
        Event::Skipped => progress.skipped += 1,
        Event::Refused(refused) => progress.refuse(refused),
    }
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
