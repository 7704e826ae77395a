//! The models of this installation by name. They belong to the installation, not to a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use vitrail_domain::limits::{MANIFEST_BYTES_MAX, MODELS_MAX};

use crate::error::EmbedError;
use crate::locate::Places;
use crate::manifest::Manifest;
use crate::model::Model;
use crate::runtime::{Runtime, RuntimeChoice};
use crate::serving::Serving;

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
}

/// Where a model stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelState {
    /// It passed every check of registration.
    Verified,
    /// It serves nothing, for this reason.
    Refused(String),
}

/// The models of this installation.
pub struct Models {
    runtime: Runtime,
    threads: usize,
    found: BTreeMap<String, Found>,
    loaded: Mutex<BTreeMap<String, Arc<Serving>>>,
}

struct Found {
    folder: PathBuf,
    manifest: Result<Manifest, EmbedError>,
}

impl Models {
    /// The model that is used where nobody names one.
    pub const DEFAULT: &'static str = "efficientnet-lite0";

    /// The manifest's file name in a model's folder.
    pub const MANIFEST: &'static str = "model.toml";

    /// Reads the manifests of every folder; graphs are loaded when they are first used. Where two
    /// folders have a model of one name, the first wins.
    ///
    /// # Errors
    /// A runtime library that was named and can't be opened.
    pub fn discover(options: &ModelsOptions) -> Result<Self, EmbedError> {
        let runtime = Runtime::open(&options.runtime, &options.places)?;
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
                    found.entry(name).or_insert(Found { folder: place, manifest });
                }
            }
        }
        Ok(Self {
            runtime,
            threads: options.threads.max(1),
            found,
            loaded: Mutex::new(BTreeMap::new()),
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

    /// Loads the model where it is not loaded yet, and says whether it passed.
    #[must_use]
    pub fn state(&self, name: &str) -> ModelState {
        match self.serving(name) {
            Ok(_) => ModelState::Verified,
            Err(error) => ModelState::Refused(error.to_string()),
        }
    }

    /// The model of this name, verified, with its queue. Loaded at the first call (a tenth of a
    /// second for the default model), then shared.
    ///
    /// # Errors
    /// No such model, or one that did not pass its verification.
    pub fn serving(&self, name: &str) -> Result<Arc<Serving>, EmbedError> {
        let mut loaded = self.loaded.lock();
        if let Some(serving) = loaded.get(name) {
            return Ok(serving.clone());
        }
        let found = self
            .found
            .get(name)
            .ok_or_else(|| EmbedError::Unknown { model: name.to_owned(), known: self.known() })?;
        let manifest = found.manifest.clone()?;
        let model = Arc::new(Model::load(&found.folder, manifest, &self.runtime, self.threads)?);
        let serving = Arc::new(Serving::start(model, self.threads)?);
        loaded.insert(name.to_owned(), serving.clone());
        Ok(serving)
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.names().collect();
        if names.is_empty() { "none; run deploy/setup".to_owned() } else { names.join(", ") }
    }
}

/// The folders in `folder` that hold a manifest, in order of their names.
fn folders_within(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut places: Vec<PathBuf> = entries
        .map(|entry| entry.path())
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
