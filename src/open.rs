//! Opens rooms bottom-up: store, catalog, models, jobs.

use std::path::Path;
use std::sync::Arc;

use vitrail_collection::Catalog;
use vitrail_domain::{Clock, Timestamp};
use vitrail_embed::{Models, ModelsOptions, Places};
use vitrail_jobs::Ingest;
use vitrail_sources::{Settings, Sources};
use vitrail_store::{Store, StoreOptions};

/// What went wrong, in words for a person.
pub type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The machine's clock.
struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        #[expect(clippy::disallowed_methods, reason = "the one place where time comes in")]
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        Timestamp(since.map_or(0, |time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)))
    }
}

/// The models of this installation, run by every core.
pub fn models(folders: &[std::path::PathBuf]) -> Result<Arc<Models>, Failure> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let options = ModelsOptions {
        folders: folders.to_vec(),
        places: Places::of_process(),
        threads,
        ..ModelsOptions::default()
    };
    let models = Models::discover(&options)?;
    if let Some(notice) = models.runtime().notice() {
        tracing::warn!("{notice}");
    }
    Ok(Arc::new(models))
}

/// The collections of a store; made where it is missing only if `make` says so.
pub fn catalog(folder: &Path, make: bool) -> Result<Arc<Catalog>, Failure> {
    if !make && !Store::exists(folder) {
        return Err(format!("there is no store at {}", folder.display()).into());
    }
    open(folder, StoreOptions::default())
}

/// The collections of a store that is served at `address`; made where it is missing.
pub fn served_catalog(folder: &Path, address: String) -> Result<Arc<Catalog>, Failure> {
    open(folder, StoreOptions { address: Some(address), ..StoreOptions::default() })
}

fn open(folder: &Path, options: StoreOptions) -> Result<Arc<Catalog>, Failure> {
    let store = Arc::new(Store::open(folder, options)?);
    Ok(Arc::new(Catalog::open(store, Arc::new(SystemClock))?))
}

/// What an ingest works with.
pub fn ingest(catalog: Arc<Catalog>, models: Arc<Models>, sources: Settings) -> Ingest {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let sources = Arc::new(Sources::new(sources));
    Ingest { catalog, models, clock: Arc::new(SystemClock), sources, threads }
}
