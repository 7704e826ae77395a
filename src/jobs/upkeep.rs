//! Background care of collections while a server runs: field commits, and freezing and merging
//! segments; one thread, so that searching keeps the other cores.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use vitrail_collection::{Catalog, Collection, CollectionError};
use vitrail_domain::Cancel;

/// How often the thread looks for something to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How long it waits after a failure: a full disk isn't filled again every second.
const AFTER_FAILURE: Duration = Duration::from_secs(60);

/// The background thread; it stops when this is dropped.
pub struct Upkeep {
    cancel: Cancel,
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// Starts the thread over these collections.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(catalog: Arc<Catalog>) -> std::io::Result<Self> {
        let cancel = Cancel::new();
        let (stop, stopped) = bounded(0);
        let flag = cancel.clone();
        let thread = std::thread::Builder::new()
            .name("upkeep".to_owned())
            .spawn(move || run(&catalog, &flag, &stopped))?;
        Ok(Self { cancel, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.cancel.cancel();
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn run(catalog: &Catalog, cancel: &Cancel, stopped: &Receiver<()>) {
    let mut wait = LOOK_EVERY;
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(wait) {
        wait = LOOK_EVERY;
        for collection in catalog.list().iter().filter(|_| !cancel.is_cancelled()) {
            if let Err(error) = care_for(collection, cancel) {
                tracing::warn!(collection = %collection.name(), %error, "upkeep failed");
                wait = AFTER_FAILURE;
            }
        }
    }
}

fn care_for(collection: &Collection, cancel: &Cancel) -> Result<(), CollectionError> {
    collection.mend_vectors()?;
    collection.checkpoint_if_due()?;
    collection.commit_fields_if_due()?;
    for vector in collection.segments_due() {
        tracing::info!(collection = %collection.name(), %vector, "freezing or merging segments");
        collection.work_segments(&vector, cancel, &|_, _| {})?;
    }
    Ok(())
}
