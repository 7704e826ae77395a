//! Sources far away: listed page by page, fetched a few at a time into the spool, and then opened
//! like any other file.
//!
//! ```text
//! listing -> [wanted] -> fetchers -> [fetched] -> opener      ([ ] are bounded queues)
//! ```

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crossbeam_channel::{Receiver, Sender, bounded};
use parking_lot::Mutex;
use uuid::Uuid;
use vitrail_disk::remove_tree;
use vitrail_domain::Cancel;
use vitrail_domain::limits::{SOURCE_FAILURES_MAX, SOURCE_FETCHES_MAX, SPOOL_BYTES_MAX};
use vitrail_ingest::{Chooser, Found, WalkOptions};
use vitrail_sources::{Address, Item, Source, SourceError, Spool, SpoolFile};

use crate::error::JobError;
use crate::feed::{Opened, Run};
use crate::ingest::{Event, Ingest};
use crate::progress::Refused;
use crate::sources::is_slide_name;
use crate::spec::IngestSpec;
use crate::trail::{Reached, Ticket, Trail};

/// The folder of a store where fetched files wait.
const SPOOL: &str = "spool";

/// The sources of one run, and how far it has come through them.
pub struct Remote {
    sources: Vec<(usize, Far)>,
    spool: Option<(Arc<Spool>, PathBuf)>,
    trail: Arc<Trail>,
    /// What stopped the run.
    failed: Mutex<Option<SourceError>>,
    /// Items in a row that could not be fetched.
    failures: AtomicUsize,
    /// The store's key: addresses that may name a person are told by pseudonyms.
    key: [u8; 32],
}

/// One source.
struct Far {
    source: Source,
    /// Where its listing begins.
    after: Option<String>,
    /// Whether its addresses hold UIDs, which name a person to whoever has the archive.
    has_uids: bool,
}

/// An item that is to be fetched.
struct Wanted {
    order: u64,
    at: usize,
    item: Item,
}

/// Removes what a run that died left in the spool. Only before any run.
pub fn sweep(ingest: &Ingest) {
    let folder = ingest.catalog.store().dir().join(SPOOL);
    if let Err(error) = remove_tree(&folder) {
        tracing::warn!(%error, "what is left of fetched files can't be removed");
    }
}

impl Remote {
    /// Opens the sources of a job, from where it stopped.
    ///
    /// # Errors
    /// An address that may not be fetched; a disk that refuses the spool.
    pub fn open(ingest: &Ingest, spec: &IngestSpec) -> Result<Self, JobError> {
        let mut sources = Vec::new();
        for (at, uri) in spec.sources.iter().enumerate() {
            let reached = spec.reached.as_ref().filter(|reached| reached.source >= at);
            if reached.is_some_and(|reached| reached.source > at) {
                continue;
            }
            let address = Address::parse(uri)?;
            let source = ingest.sources.open(&address, spec.credentials.clone())?;
            let after = reached.map(|reached| reached.uri.clone());
            let has_uids = matches!(address, Address::DicomWeb(_));
            sources.push((at, Far { source, after, has_uids }));
        }
        let store = ingest.catalog.store();
        let spool = if sources.is_empty() {
            None
        } else {
            let folder = store.dir().join(SPOOL).join(Uuid::new_v4().to_string());
            let spool = Spool::open(&folder, SPOOL_BYTES_MAX).map_err(SourceError::from)?;
            Some((spool, folder))
        };
        Ok(Self {
            sources,
            spool,
            trail: Arc::default(),
            failed: Mutex::new(None),
            failures: AtomicUsize::new(0),
            key: *store.key(),
        })
    }

    /// Whether there is anything far away.
    pub fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// How far the run has come.
    pub fn reached(&self) -> Option<Reached> {
        self.trail.reached()
    }

    /// What stopped the run, once.
    pub fn failure(&self) -> Option<SourceError> {
        self.failed.lock().take()
    }

    /// Stops the run: its source is down, and it can be resumed.
    fn fail(&self, error: SourceError, stop: &Cancel) {
        if !matches!(error, SourceError::Cancelled) {
            self.failed.lock().get_or_insert(error);
        }
        stop.cancel();
    }

    fn far(&self, at: usize) -> Option<&Far> {
        self.sources.iter().find(|(own, _)| *own == at).map(|(_, far)| far)
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        if let Some((_, folder)) = &self.spool
            && let Err(error) = remove_tree(folder)
        {
            tracing::warn!(%error, "what is left of fetched files can't be removed");
        }
    }
}

impl Run<'_> {
    /// Lists, fetches and opens what lies far away.
    pub fn pull(&self, opened: &Sender<Opened>, events: &Sender<Event>) {
        let (wanted, list) = bounded::<Wanted>(2 * SOURCE_FETCHES_MAX);
        let (fetched, files) = bounded::<Ticket>(SOURCE_FETCHES_MAX);
        std::thread::scope(|scope| {
            scope.spawn(move || self.list(&wanted, events));
            for _ in 0..SOURCE_FETCHES_MAX {
                let (list, fetched) = (list.clone(), fetched.clone());
                scope.spawn(move || self.fetch(&list, &fetched, events));
            }
            drop((list, fetched));
            for ticket in &files {
                if self.stop.is_cancelled()
                    || !self.open_one(None, ticket.found(), Some(ticket), (opened, events))
                {
                    break;
                }
            }
            // Fetchers that wait to hand something over see that nobody takes it.
            drop(files);
        });
        let _ = events.send(Event::Listed);
    }

    /// Lists every source, one after another.
    fn list(&self, wanted: &Sender<Wanted>, events: &Sender<Event>) {
        let options =
            WalkOptions { include: self.spec.include.clone(), exclude: self.spec.exclude.clone() };
        // The same patterns have passed once already.
        let Ok(chooser) = Chooser::new(&options) else { return };
        let (mut order, mut has_slides) = (0, false);
        for (at, far) in &self.remote.sources {
            let listed = self.list_one(far, |item| {
                if !chooser.takes(&item.uri) || (item.bytes == Some(0) && has_no_ending(&item.uri))
                {
                    return true;
                }
                has_slides |= is_slide_name(&item.uri);
                let sent = events.send(Event::Found(1));
                let next = Wanted { order, at: *at, item };
                order += 1;
                sent.is_ok() && wanted.send(next).is_ok()
            });
            if let Err(error) = listed {
                return self.remote.fail(error, self.stop);
            }
            if self.stop.is_cancelled() {
                return;
            }
        }
        if !has_slides {
            let _ = events.send(Event::Listed);
        }
    }

    fn list_one(&self, far: &Far, mut take: impl FnMut(Item) -> bool) -> Result<(), SourceError> {
        let mut pages = far.source.pages(far.after.as_deref())?;
        while let Some(page) = pages.next(self.stop)? {
            for item in page {
                if self.stop.is_cancelled() || !take(item) {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// One fetcher.
    fn fetch(&self, list: &Receiver<Wanted>, fetched: &Sender<Ticket>, events: &Sender<Event>) {
        for Wanted { order, at, item } in list {
            let (Some(far), Some((spool, _))) = (self.remote.far(at), &self.remote.spool) else {
                return;
            };
            if self.stop.is_cancelled() {
                return;
            }
            let reached = Reached { source: at, uri: item.uri.clone() };
            let sent = match far.source.fetch(&item, spool, self.stop) {
                Ok(file) => {
                    self.remote.failures.store(0, Ordering::Relaxed);
                    fetched.send(self.ticket(file, order, reached)).is_ok()
                }
                Err(SourceError::Cancelled) => false,
                Err(error) => {
                    if self.note(order, reached, &error) {
                        return self.remote.fail(error, self.stop);
                    }
                    let refused = self.told(far, &item, &error);
                    events.send(Event::Refused(refused)).is_ok()
                }
            };
            if !sent {
                return;
            }
        }
    }

    fn ticket(&self, file: SpoolFile, order: u64, reached: Reached) -> Ticket {
        Ticket::new(file, order, reached, self.remote.trail.clone())
    }

    /// Notes what can't be fetched: for ever, or now; whether the run should stop.
    fn note(&self, order: u64, reached: Reached, error: &SourceError) -> bool {
        if matches!(error, SourceError::Disk(_)) {
            self.remote.trail.stuck(order);
            return true;
        }
        if !error.is_of_source() {
            self.remote.trail.done(order, reached);
            return false;
        }
        self.remote.trail.stuck(order);
        self.remote.failures.fetch_add(1, Ordering::Relaxed) + 1 >= SOURCE_FAILURES_MAX
    }

    /// A refusal; an address that may name a person is told by its pseudonym.
    fn told(&self, far: &Far, item: &Item, error: &SourceError) -> Refused {
        let (mut path, mut message) = (item.uri.clone(), error.to_string());
        if far.has_uids {
            path = pseudonym(&item.uri, &self.remote.key);
            let bare = item.uri.trim_start_matches("dicomweb+");
            message = message.replace(&item.uri, &path).replace(bare, &path);
        }
        Refused { path, code: error.code(), message }
    }
}

impl Ticket {
    /// The fetched file as the pipeline knows files: its address is its path under no root.
    fn found(&self) -> Found {
        let (relative, path) = (self.uri().to_owned(), self.file().path().to_owned());
        Found { root: PathBuf::new(), relative, path }
    }
}

/// Object stores show folders as empty objects.
fn has_no_ending(uri: &str) -> bool {
    uri.rsplit('/').next().is_some_and(|name| !name.contains('.'))
}

/// An address without its UIDs: the service, and a hash under the store's key.
fn pseudonym(uri: &str, key: &[u8; 32]) -> String {
    let base = uri.split_once("/studies/").map_or("", |(base, _)| base);
    let hash = blake3::keyed_hash(key, uri.as_bytes()).to_hex();
    format!("{base}/{}", hash.get(..32).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_keep_the_service_and_nothing_else() {
        let uri = "dicomweb+https://h/dw/studies/1.2/series/3/instances/4";
        let one = pseudonym(uri, &[1; 32]);
        assert!(one.starts_with("dicomweb+https://h/dw/") && !one.contains("1.2/"), "{one}");
        assert_eq!(one, pseudonym(uri, &[1; 32]));
        assert_ne!(one, pseudonym(uri, &[2; 32]));
        assert_ne!(one, pseudonym(&uri.replace("/4", "/5"), &[1; 32]));
    }

    #[test]
    fn folders_are_told_from_files() {
        assert!(has_no_ending("s3://b/a") && !has_no_ending("s3://b/a.d/x.jpg"));
    }
}
