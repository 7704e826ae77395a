//! The models of this installation by name. They belong to the installation, not to a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use vitrail_domain::limits::{MANIFEST_BYTES_MAX, MODELS_MAX};

use crate::error::EmbedError;
use crate::locate::Places;
use crate::manifest::Manifest;
use crate::model::{Model, Needs};
use crate::remote::Remote;
use crate::runtime::{Runtime, RuntimeChoice};
use crate::serving::Serving;
use crate::stamps::Stamps;
use crate::verify::{self, Report};

/// Where models are looked for and how they run.
#[derive(Debug, Clone, Default)]
pub struct ModelsOptions {
    /// Folders of models, before the usual places.
    pub folders: Vec<PathBuf>,
    /// Which engine.
    pub runtime: RuntimeChoice,
    /// The usual places.
    pub places: Places,
    /// Threads that run one model.
    pub threads: usize,
    /// The way to models that run elsewhere; none: they are refused in words.
    pub remote: Option<Remote>,
}

/// Where a model stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelState {
    /// It passed every check of registration, golden vectors among them.
    Verified,
    /// Its graph runs as declared, but its manifest has no golden vector to prove the numbers by.
    Unverified,
    /// It serves nothing, for this reason.
    Refused(String),
}

/// The models of this installation.
pub struct Models {
    runtime: Runtime,
    threads: usize,
    remote: Option<Remote>,
    found: BTreeMap<String, Found>,
    stamps: Stamps,
}

struct Found {
    folder: PathBuf,
    manifest: Result<Manifest, EmbedError>,
    /// Once tried, what came of it. A lock for each model: loading one never holds up another.
    loaded: Mutex<Option<Result<Arc<Serving>, EmbedError>>>,
}

impl Models {
    /// The model that is used where nobody names one.
    pub const DEFAULT: &'static str = "efficientnet-lite0";

    /// The manifest's file name in a model's folder.
    pub const MANIFEST: &'static str = "model.toml";

    /// Reads the manifests of every folder (`FOLDER/model.toml`, `FOLDER/NAME/model.toml`); graphs
    /// are loaded when they are first used. Where two have one name, the first wins.
    ///
    /// # Errors
    /// A runtime library that was named and can't be opened, or a folder that was named and can't
    /// be read.
    pub fn discover(options: &ModelsOptions) -> Result<Self, EmbedError> {
        let runtime = Runtime::open(&options.runtime, &options.places)?;
        for folder in options.folders.iter().chain(&options.places.named_models) {
            std::fs::read_dir(folder).map_err(|error| EmbedError::Unreadable {
                path: folder.clone(),
                reason: error.to_string(),
            })?;
        }
        let named = options.folders.iter().chain(&options.places.named_models);
        let mut found = BTreeMap::new();
        for folder in named.chain(&options.places.models) {
            for place in folders_within(folder) {
                if found.len() < MODELS_MAX {
                    let manifest = read_manifest(&place);
                    let name = match &manifest {
                        Ok(manifest) => manifest.name().to_owned(),
                        Err(_) => folder_name(&place),
                    };
                    let loaded = Mutex::new(None);
                    found.entry(name).or_insert(Found { folder: place, manifest, loaded });
                }
            }
        }
        Ok(Self {
            runtime,
            threads: options.threads.max(1),
            remote: options.remote.clone(),
            found,
            stamps: Stamps(options.places.verified.clone()),
        })
    }

    /// The engine that runs them.
    #[must_use]
    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    /// Names in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.found.keys().map(String::as_str)
    }

    /// The manifest of a model, verified or not.
    #[must_use]
    pub fn manifest(&self, name: &str) -> Option<&Manifest> {
        self.found.get(name).and_then(|found| found.manifest.as_ref().ok())
    }

    /// Where the model stands. One that passed before, in the same files and on the same engine,
    /// is not loaded for this; any other is loaded and verified.
    #[must_use]
    pub fn state(&self, name: &str) -> ModelState {
        let passed = match self.found.get(name) {
            Some(found) if self.remembered(found) => Ok(()),
            _ => self.serving(name).map(|_| ()),
        };
        match (passed, self.manifest(name)) {
            (Err(error), _) => ModelState::Refused(error.to_string()),
            (Ok(()), Some(manifest)) if manifest.verification.golden.is_empty() => {
                ModelState::Unverified
            }
            (Ok(()), _) => ModelState::Verified,
        }
    }

    /// The checks that the model passed when it was verified; `None` where it has not, or where no
    /// report was kept.
    #[must_use]
    pub fn report(&self, name: &str) -> Option<Report> {
        let found = self.found.get(name)?;
        if let Some(Ok(serving)) = found.loaded.lock().as_ref() {
            return Some(serving.model().report().clone());
        }
        let manifest = found.manifest.as_ref().ok()?;
        let mark = verify::mark(&found.folder, manifest, &self.runtime)?;
        self.stamps.report(&mark)
    }

    /// Whether the model is not tried yet, and its mark is set.
    fn remembered(&self, found: &Found) -> bool {
        let Ok(manifest) = &found.manifest else { return false };
        found.loaded.lock().is_none()
            && verify::mark(&found.folder, manifest, &self.runtime)
                .is_some_and(|mark| self.stamps.has(&mark))
    }

    /// The model of this name, verified, with its queue. Loaded and verified at the first call,
    /// then shared; a model that was refused stays refused until the next start.
    ///
    /// # Errors
    /// No such model, or one that did not pass its verification.
    pub fn serving(&self, name: &str) -> Result<Arc<Serving>, EmbedError> {
        let found = self
            .found
            .get(name)
            .ok_or_else(|| EmbedError::Unknown { model: name.to_owned(), known: self.known() })?;
        found.loaded.lock().get_or_insert_with(|| self.load(found)).clone()
    }

    fn load(&self, found: &Found) -> Result<Arc<Serving>, EmbedError> {
        let manifest = found.manifest.clone()?;
        let Self { runtime, threads, stamps, .. } = self;
        let remote = self.remote.as_ref();
        let needs = Needs { runtime, threads: *threads, remote, stamps };
        let model = Model::load_with(&found.folder, manifest, needs)?;
        Ok(Arc::new(Serving::start(Arc::new(model), *threads)?))
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.names().collect();
        if names.is_empty() { "none; run deploy/setup".to_owned() } else { names.join(", ") }
    }
}

/// `folder` itself and the folders in it, where they hold a manifest, in order of their names.
fn folders_within(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = std::iter::once(folder.to_owned())
        .chain(entries.map(|entry| entry.path()))
        .filter(|place| place.join(Models::MANIFEST).is_file())
        .take(MODELS_MAX)
        .collect();
    places.sort();
    places
}

fn read_manifest(place: &Path) -> Result<Manifest, EmbedError> {
    let path = place.join(Models::MANIFEST);
    let unreadable = |reason: String| EmbedError::Unreadable { path: path.clone(), reason };
    let bytes = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?.len();
    if bytes > MANIFEST_BYTES_MAX {
        return Err(unreadable(format!("{bytes} bytes, more than {MANIFEST_BYTES_MAX}")));
    }
    let text = std::fs::read_to_string(&path).map_err(|error| unreadable(error.to_string()))?;
    Manifest::parse(&text, &folder_name(place))
}

fn folder_name(place: &Path) -> String {
    place.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
