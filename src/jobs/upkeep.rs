//! Background care of collections while a server runs: field commits and graphs, one thread, so
//! that searching keeps the other cores.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, bounded};
use vitrail_collection::{Catalog, Collection};
use vitrail_domain::Cancel;

/// How often the thread looks for something to do.
const LOOK_EVERY: Duration = Duration::from_secs(1);

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
    while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(LOOK_EVERY) {
        for collection in catalog.list() {
            if !cancel.is_cancelled() {
                care_for(&collection, cancel);
            }
        }
    }
}

fn care_for(collection: &Collection, cancel: &Cancel) {
    if let Err(error) = collection.commit_fields_if_due() {
        tracing::warn!(collection = %collection.name(), %error, "field commit failed");
    }
    for vector in collection.graphs_due() {
        tracing::info!(collection = %collection.name(), %vector, "building a graph");
        collection.build_graph(&vector, cancel, &|_, _| {});
    }
}
