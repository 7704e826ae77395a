//! Background care of collections while a server runs, each kind on a thread of its own: what is
//! short (field commits, checkpoints, mending), freezing, merging, which may take minutes, and
//! looking for damage. All but the first make way for those who search and write.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use vitrail_collection::{Catalog, Collection};
use vitrail_disk::make_way;
use vitrail_domain::Cancel;
use vitrail_vector_index::Task;

/// After a failure (a full disk, mostly) the next look comes later, twice as late each time, so
/// that neither the log nor the cores are filled with what fails again; at most so much later.
const LATER: u32 = 16;

/// The pause before each block of 64 KB that is read to look for damage: 32 MB a second at most.
const SCRUB_PAUSE: Duration = Duration::from_millis(2);

/// The background threads; they stop when this is dropped.
pub struct Upkeep {
    cancel: Cancel,
    stop: Option<Sender<()>>,
    threads: Vec<JoinHandle<()>>,
}

/// A kind of care.
#[derive(Clone, Copy)]
struct Kind {
    /// The thread's name.
    name: &'static str,
    /// How often it looks for something to do.
    every: Duration,
    /// Whether it may wait.
    makes_way: bool,
    /// What it does for a collection each time; whether all went well.
    care: fn(&Collection, &Cancel) -> bool,
}

const KINDS: [Kind; 4] = [
    Kind { name: "upkeep", every: Duration::from_secs(1), makes_way: false, care: care_for },
    // Soon: what is sealed is scanned by every search until it is frozen.
    Kind { name: "freezes", every: Duration::from_millis(100), makes_way: true, care: freeze },
    Kind { name: "merges", every: Duration::from_secs(1), makes_way: true, care: merge },
    Kind { name: "scrub", every: Duration::from_secs(600), makes_way: true, care: scrub },
];

impl Upkeep {
    /// Starts the threads over these collections.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(catalog: Arc<Catalog>) -> std::io::Result<Self> {
        let (stop, stopped) = bounded(0);
        let mut upkeep = Self { cancel: Cancel::new(), stop: Some(stop), threads: Vec::new() };
        for kind in KINDS {
            let (catalog, cancel) = (catalog.clone(), upkeep.cancel.clone());
            let stopped = stopped.clone();
            let thread = std::thread::Builder::new()
                .name(kind.name.to_owned())
                .spawn(move || run(&catalog, &cancel, &stopped, kind))?;
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

fn run(catalog: &Catalog, cancel: &Cancel, stopped: &Receiver<()>, kind: Kind) {
    if let Some(error) = kind.makes_way.then(make_way).and_then(Result::err) {
        tracing::debug!(thread = kind.name, %error, "the priority can't be changed");
    }
    let mut wait = kind.every;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
        let mut well = true;
        for collection in catalog.list() {
            if !cancel.is_cancelled() {
                well &= (kind.care)(&collection, cancel);
            }
        }
        wait = if well { kind.every } else { (kind.every * LATER).min(wait * 2) };
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

fn freeze(collection: &Collection, cancel: &Cancel) -> bool {
    work_on_segments(collection, Task::Freeze, cancel)
}

fn merge(collection: &Collection, cancel: &Cancel) -> bool {
    work_on_segments(collection, Task::Merge, cancel)
}

fn scrub(collection: &Collection, cancel: &Cancel) -> bool {
    collection.scrub(cancel, &|| std::thread::sleep(SCRUB_PAUSE));
    true
}

fn work_on_segments(collection: &Collection, task: Task, cancel: &Cancel) -> bool {
    let mut well = true;
    for vector in collection.segments_due(task) {
        let started = Instant::now();
        let built = collection.work_on_segments(&vector, task, cancel);
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
