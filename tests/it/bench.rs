//! A store in a folder of its own, the small real model, and ingests into it.
#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test's helpers may")]
#![expect(clippy::disallowed_methods, reason = "tests lay out their own folders")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::Value;
use vitrail_cases::Cases;
use vitrail_collection::{Catalog, Collection};
use vitrail_domain::{Cancel, Clock, PointId, PointRecord, RecordSource, Timestamp};
use vitrail_embed::{Models, ModelsOptions, Places, RuntimeChoice};
use vitrail_jobs::{Ended, Ingest, IngestSpec, Progress, Watch, run_ingest};
use vitrail_sources::{Settings, Sources};
use vitrail_store::{Store, StoreOptions};

/// The model of `tests/fixtures/models`: tiles of 224 pixels at 1 um.
pub const MODEL: &str = "efficientnet-lite0-cut";

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_714_979_289_000)
    }
}

/// A store, a folder for sources, and what an ingest works with.
pub struct Bench {
    pub sources: PathBuf,
    pub ingest: Ingest,
    pub cases: Cases,
    _folder: tempfile::TempDir,
}

impl Bench {
    pub fn new() -> Self {
        Self::with_sources(Settings::default())
    }

    /// With sources far away.
    pub fn with_sources(sources: Settings) -> Self {
        let far = sources;
        let folder = tempfile::tempdir().expect("a folder");
        let sources = std::fs::canonicalize(folder.path()).expect("its path").join("sources");
        std::fs::create_dir_all(&sources).expect("a folder");
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/models");
        let models = Models::discover(&ModelsOptions {
            folders: vec![fixtures],
            runtime: RuntimeChoice::Tract,
            places: Places::default(),
            threads: 2,
            remote: None,
        });
        let models = Arc::new(models.expect("models"));
        let store = Store::open(&folder.path().join("store"), StoreOptions::default());
        let catalog = Catalog::open(Arc::new(store.expect("a store")), Arc::new(Still));
        let ingest = Ingest {
            catalog: Arc::new(catalog.expect("a catalog")),
            models: models.clone(),
            clock: Arc::new(Still),
            sources: Arc::new(Sources::new(far)),
            threads: 2,
        };
        Self { sources, ingest, cases: Cases::new(models), _folder: folder }
    }

    /// Puts bytes into the folder of sources.
    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.sources.join(name);
        std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        std::fs::write(&path, bytes).expect("a file");
        path
    }

    /// An ingest of all sources by the small model into the collection `c`.
    pub fn spec(&self) -> IngestSpec {
        let mut spec = IngestSpec::new("c".parse().expect("a name"), vec![self.sources.clone()]);
        spec.model = Some(MODEL.to_owned());
        spec
    }

    pub fn run(&self, spec: &IngestSpec) -> Progress {
        self.run_until(spec, u64::MAX).summary
    }

    /// Runs until so many points are acknowledged, then cancels.
    pub fn run_until(&self, spec: &IngestSpec, points: u64) -> Ended {
        let watch = StopAt { cancel: Cancel::new(), points, seen: AtomicU64::new(0) };
        run_ingest(&self.ingest, spec, &watch.cancel, &watch).expect("an ingest")
    }

    pub fn collection(&self) -> Arc<Collection> {
        self.ingest.catalog.get(&"c".parse().expect("a name")).expect("a collection")
    }

    /// Every point.
    pub fn records(&self) -> Vec<PointRecord> {
        let collection = self.collection();
        let slots: Vec<_> = collection.view().live.iter().collect();
        slots.into_iter().filter_map(|slot| collection.store().record(slot)).collect()
    }
}

struct StopAt {
    cancel: Cancel,
    points: u64,
    seen: AtomicU64,
}

impl Watch for StopAt {
    fn acknowledged(&self, ids: &[PointId]) {
        let seen = self.seen.fetch_add(ids.len() as u64, Ordering::SeqCst) + ids.len() as u64;
        if seen >= self.points {
            self.cancel.cancel();
        }
    }

    fn moved(&self, _: &Progress) {}
}

/// What stands in a payload under these keys, one within the other.
pub fn within<'a>(record: &'a PointRecord, keys: &[&str]) -> &'a Value {
    let mut at = record.payload.fields().get(keys[0]).unwrap_or(&Value::Null);
    for key in &keys[1..] {
        at = &at[*key];
    }
    at
}

/// The folder of real pictures, or `None` with a word where it is absent.
pub fn test_data() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").into();
    let folder = PathBuf::from(std::env::var_os("VITRAIL_TEST_DATA").unwrap_or_else(beside));
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var("VITRAIL_TEST_DATA_REQUIRED").as_deref() != Ok("1"),
        "the real pictures are required and {} is not there",
        folder.display()
    );
    println!("skipped: no real pictures in {}", folder.display());
    None
}
