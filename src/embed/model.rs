//! A manifest bound to its files: verified when it is loaded, then pictures become vectors.

use std::path::Path;

use parking_lot::Mutex;
use vitrail_domain::limits::{EMBED_THREADS_MAX, MODEL_SHARED_SESSION_BYTES};
use vitrail_domain::{Dim, Metric, Mpp, Raster};

use crate::error::EmbedError;
use crate::manifest::{Manifest, Output};
use crate::preprocess::Recipe;
use crate::runtime::Runtime;
use crate::sessions::{Graph, Sessions};
use crate::stamps::Stamps;
use crate::take::{l2_normalize, vectors};
use crate::verify::{self, Subject};

/// Makes vectors of pictures. The seam between the queue and a model; tests have their own.
pub trait Embedder: Send + Sync {
    /// The name in messages.
    fn name(&self) -> &str;
    /// Pictures of one call at most.
    fn max_batch(&self) -> usize;
    /// One vector a picture, in order.
    ///
    /// # Errors
    /// A picture that the recipe does not take, or a graph that fails.
    fn embed(&self, pictures: &[Raster]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// A model that has passed its verification.
pub struct Model {
    manifest: Manifest,
    contract: String,
    output: Output,
    dim: Dim,
    default_mpp: Mpp,
    recipe: Recipe,
    sessions: Sessions,
    /// Input tensors that are not in use: each call takes one and gives it back.
    tensors: Mutex<Vec<Vec<f32>>>,
}

impl Model {
    /// Loads the graph of `folder` for `threads` threads and verifies it: files' SHA-256, names
    /// and shapes as declared, a batch of one equal to a batch of three, outputs finite and not
    /// constant, golden vectors.
    ///
    /// # Errors
    /// The check that failed, with both values.
    pub fn load(
        folder: &Path,
        manifest: Manifest,
        runtime: &Runtime,
        threads: usize,
    ) -> Result<Self, EmbedError> {
        Self::load_remembering(folder, manifest, runtime, threads, &Stamps::default())
    }

    /// As `load`; the checks that cost time are left out where the same files passed them before
    /// on the same engine.
    pub(crate) fn load_remembering(
        folder: &Path,
        manifest: Manifest,
        runtime: &Runtime,
        threads: usize,
        stamps: &Stamps,
    ) -> Result<Self, EmbedError> {
        let name = manifest.name().to_owned();
        let refuse = |reason: String| EmbedError::Refused { model: name.clone(), reason };
        let mark = verify::mark(folder, &manifest, runtime);
        let known = mark.as_ref().is_some_and(|mark| stamps.has(mark));
        if !known {
            verify::files(folder, &manifest).map_err(refuse)?;
        }
        let model = Self::open(folder, manifest, runtime, threads).map_err(refuse)?;
        if !known {
            model.verify()?;
            mark.iter().for_each(|mark| stamps.set(mark));
        }
        Ok(model)
    }

    fn open(
        folder: &Path,
        manifest: Manifest,
        runtime: &Runtime,
        threads: usize,
    ) -> Result<Self, String> {
        let output = manifest.image_output().cloned().ok_or("no output has the role image")?;
        let path = manifest.graph_path(folder).ok_or("the manifest names no file")?;
        let recipe = Recipe::of(&manifest);
        let graph = Graph {
            path,
            input: manifest.tensor.input_name.clone(),
            output: output.name.clone(),
            shape: recipe.shape(manifest.tensor.fixed_batch.max(1)),
        };
        let size = |path: &str| std::fs::metadata(folder.join(path)).map_or(0, |file| file.len());
        let bytes: u64 = manifest.files.iter().map(|file| size(&file.path)).sum();
        let threads = threads.clamp(1, EMBED_THREADS_MAX);
        let shared = bytes > MODEL_SHARED_SESSION_BYTES;
        let sessions = Sessions::load(runtime, graph, threads, shared)?;
        verify::ports(&sessions.ports(), &manifest, &output)?;
        Ok(Self {
            contract: manifest.contract_hash(),
            dim: Dim::new(output.dim).map_err(|error| error.to_string())?,
            default_mpp: Mpp::new(manifest.tiling.default_mpp)
                .map_err(|error| error.to_string())?,
            manifest,
            output,
            recipe,
            sessions,
            tensors: Mutex::new(Vec::new()),
        })
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The hash of everything that changes numbers, 64 hex digits.
    #[must_use]
    pub fn contract_hash(&self) -> &str {
        &self.contract
    }

    /// Components of its vectors.
    #[must_use]
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// How its vectors are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.manifest.search.metric.into()
    }

    /// The scale of its tiles where nobody says otherwise.
    #[must_use]
    pub fn default_mpp(&self) -> Mpp {
        self.default_mpp
    }

    /// The side of its tiles in pixels.
    #[must_use]
    pub fn tile_px(&self) -> u32 {
        self.manifest.tile_px()
    }

    /// Repeats the checks of registration, but for the files' checksums.
    ///
    /// # Errors
    /// The check that failed, with both values.
    pub fn verify(&self) -> Result<(), EmbedError> {
        let picture = |picture: &Raster| {
            let mut tensor = Vec::with_capacity(self.recipe.floats());
            self.recipe.append(picture, &mut tensor)?;
            Ok(self.run(&tensor, 1)?.pop().unwrap_or_default())
        };
        let subject = Subject {
            manifest: &self.manifest,
            recipe: &self.recipe,
            tensors: &|data, pictures| self.run(data, pictures),
            picture: &picture,
        };
        verify::ports(&self.sessions.ports(), &self.manifest, &self.output)
            .and_then(|()| verify::numbers(&subject))
            .map_err(|reason| EmbedError::Refused { model: self.name().to_owned(), reason })
    }

    /// Runs the graph over `pictures` prepared pictures, in calls of the size that it takes.
    fn run(&self, data: &[f32], pictures: usize) -> Result<Vec<Vec<f32>>, String> {
        let each = self.recipe.floats();
        let most = match self.manifest.tensor.fixed_batch {
            0 => self.manifest.tensor.max_batch,
            fixed => fixed,
        };
        let mut all = Vec::with_capacity(pictures);
        for rows in data.chunks(most * each) {
            let count = rows.len() / each;
            let raw = self.call(rows, count, most)?;
            all.extend(vectors(&raw, &self.output, count)?);
        }
        if self.manifest.post.l2_normalize {
            all.iter_mut().for_each(|vector| l2_normalize(vector));
        }
        Ok(all)
    }

    /// One call of the graph; a graph of a fixed batch is padded with zeros.
    fn call(
        &self,
        rows: &[f32],
        count: usize,
        most: usize,
    ) -> Result<crate::runtime::RawOutput, String> {
        if self.manifest.tensor.fixed_batch == 0 || count == most {
            return self.sessions.run(self.recipe.shape(count), rows);
        }
        let mut padded = rows.to_vec();
        padded.resize(most * self.recipe.floats(), 0.0);
        self.sessions.run(self.recipe.shape(most), &padded)
    }
}

impl Embedder for Model {
    fn name(&self) -> &str {
        self.manifest.name()
    }

    fn max_batch(&self) -> usize {
        self.manifest.tensor.max_batch
    }

    fn embed(&self, pictures: &[Raster]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let model = || self.name().to_owned();
        let mut tensor = self.tensors.lock().pop().unwrap_or_default();
        tensor.clear();
        let prepared =
            pictures.iter().try_for_each(|picture| self.recipe.append(picture, &mut tensor));
        let found = match prepared {
            Ok(()) => self
                .run(&tensor, pictures.len())
                .map_err(|reason| EmbedError::Run { model: model(), reason }),
            Err(reason) => Err(EmbedError::Picture { model: model(), reason }),
        };
        self.tensors.lock().push(tensor);
        found
    }
}
