//! Background care of collections while a server runs: one thread for what is short (field commits,
//! checkpoints, mending), one for segments, whose freezing and merging may take minutes.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use vitrail_collection::{Catalog, Collection};
use vitrail_domain::Cancel;

/// How often the thread looks for something to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// After a failure (a full disk, mostly) the next look comes later, twice as late each time, so
/// that neither the log nor the cores are filled with what fails again; at most so much later.
const LOOK_LATEST: Duration = Duration::from_secs(16);

/// The background threads; they stop when this is dropped.
pub struct Upkeep {
    cancel: Cancel,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// What a thread does for a collection each time it looks; whether all went well.
type Care = fn(&Collection, &Cancel) -> bool;

impl Upkeep {
    /// Starts the threads over these collections.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(catalog: Arc<Catalog>) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let mut upkeep = Self { cancel: Cancel::new(), stop: Some(stop), threads: Vec::new() };
        for (name, care) in [("upkeep", care_for as Care), ("segments", work_on_segments)] {
            let (catalog, cancel) = (catalog.clone(), upkeep.cancel.clone());
            let stopped = stopped.clone();
            let thread = std::thread::Builder::new()
                .name(name.to_owned())
                .spawn(move || run(&catalog, &cancel, &stopped, care))?;
            upkeep.threads.push(thread);
        }
        Ok(upkeep)
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.stop.take();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn run(catalog: &Catalog, cancel: &Cancel, stopped: &Receiver<()>, care: Care) {
    let mut wait = LOOK_EVERY;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
        let mut well = true;
        for collection in catalog.list() {
            if !cancel.is_cancelled() {
                well &= care(&collection, cancel);
            }
        }
        wait = if well { LOOK_EVERY } else { LOOK_LATEST.min(wait * 2) };
    }
}

fn care_for(collection: &Collection, _: &Cancel) -> bool {
    let name = collection.name();
    let mut well = true;
    if let Err(error) = collection.checkpoint_if_due() {
        tracing::warn!(collection = %name, %error, "checkpoint failed");
        well = false;
    }
    if let Err(error) = collection.commit_fields_if_due() {
        tracing::warn!(collection = %name, %error, "field commit failed");
        well = false;
    }
    if let Err(error) = collection.mend() {
        tracing::error!(collection = %name, %error, "damaged segments can't be read again");
        well = false;
    }
    well
}

fn work_on_segments(collection: &Collection, cancel: &Cancel) -> bool {
    let mut well = true;
    for vector in collection.segments_due() {
        let started = Instant::now();
        let built = collection.work_on_segments(&vector, cancel);
        let (name, seconds) = (collection.name(), started.elapsed().as_secs_f32());
        match built {
            Ok(built) => tracing::info!(collection = %name, %vector, ?built, seconds, "segments"),
            Err(error) => {
                tracing::warn!(collection = %name, %vector, %error, "segments can't be worked on");
                well = false;
            }
        }
    }
    well
}
