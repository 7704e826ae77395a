//! A manifest bound to its files: verified when it is loaded, then pictures become vectors.

use std::path::{Path, PathBuf};

use parking_lot::Mutex;
use vitrail_domain::{Comparator, Dim, Metric, Mpp, MultiVector, Raster, Vector};

use crate::error::EmbedError;
use crate::explain::{Explained, explain};
use crate::graphs::Graphs;
use crate::manifest::{Manifest, Output};
use crate::remote::Remote;
use crate::runtime::Runtime;
use crate::stamps::Stamps;
use crate::verify::{self, Report, Subject};
use crate::vocabulary::ModelKind;

/// Makes vectors of pictures. The seam between the queue and a model; tests have their own.
pub trait Embedder: Send + Sync {
    /// The name in messages.
    fn name(&self) -> &str;
    /// Pictures of one call at most.
    fn max_batch(&self) -> usize;
    /// The numbers of each picture, in order: its vector, or its rows one after another.
    ///
    /// # Errors
    /// A picture that the recipe does not take, or a graph that fails.
    fn embed(&self, pictures: &[Raster]) -> Result<Vec<Vec<f32>>, EmbedError>;
}

/// What makes the vectors.
enum Works {
    Graphs(Box<Graphs>),
    Remote(Remote),
}

/// Everything a manifest may need to become a model.
#[derive(Clone, Copy)]
pub(crate) struct Needs<'a> {
    pub runtime: &'a Runtime,
    pub threads: usize,
    pub remote: Option<&'a Remote>,
    pub stamps: &'a Stamps,
}

/// A model that has passed its verification.
pub struct Model {
    manifest: Manifest,
    folder: PathBuf,
    contract: String,
    output: Output,
    dim: Dim,
    default_mpp: Mpp,
    works: Works,
    report: Report,
    /// Input tensors that are not in use: each call takes one and gives it back.
    tensors: Mutex<Vec<Vec<f32>>>,
}

impl Model {
    /// Loads the graphs of `folder` for `threads` threads and verifies them: files' SHA-256, names
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
        let stamps = &Stamps::default();
        Self::load_with(folder, manifest, Needs { runtime, threads, remote: None, stamps })
    }

    /// As `load`; the checks that cost time are left out where the same files passed them before
    /// on the same engine. What runs elsewhere can change at any time and is always checked.
    pub(crate) fn load_with(
        folder: &Path,
        manifest: Manifest,
        needs: Needs<'_>,
    ) -> Result<Self, EmbedError> {
        let name = manifest.name().to_owned();
        let refuse = |reason: String| EmbedError::Refused { model: name.clone(), reason };
        if let Some(reason) = manifest.unserved() {
            return Err(refuse(reason));
        }
        let local = manifest.kind == ModelKind::Onnx;
        let mark = verify::mark(folder, &manifest, needs.runtime).filter(|_| local);
        let known = mark.as_ref().filter(|mark| needs.stamps.has(mark));
        let mut report = Report::default();
        if known.is_none() {
            verify::files(folder, &manifest).map_err(refuse)?;
            report.add("files", format!("{} with the SHA-256 declared", manifest.files.len()));
        }
        let mut model = Self::open(folder, manifest, needs).map_err(refuse)?;
        match known {
            Some(mark) => model.report = needs.stamps.report(mark).unwrap_or_default(),
            None => {
                if local {
                    let runtime = needs.runtime;
                    let engine = format!("{} {}", runtime.engine().name(), runtime.version());
                    report.add("graph", format!("loads in {engine}"));
                }
                model.check(&mut report).map_err(refuse)?;
                mark.iter().for_each(|mark| needs.stamps.set(mark, &report));
                model.report = report;
            }
        }
        Ok(model)
    }

    fn open(folder: &Path, manifest: Manifest, needs: Needs<'_>) -> Result<Self, String> {
        let output = manifest.image_output().cloned().ok_or("no output has the role image")?;
        let works = match manifest.kind {
            ModelKind::Onnx => {
                let Needs { runtime, threads, .. } = needs;
                Works::Graphs(Box::new(Graphs::load(folder, &manifest, runtime, threads)?))
            }
            _ => Works::Remote(
                needs.remote.cloned().ok_or("no transport to models elsewhere is open")?,
            ),
        };
        if let Works::Graphs(graphs) = &works {
            verify::ports(graphs, &manifest)?;
        }
        Ok(Self {
            contract: manifest.contract_hash(),
            dim: Dim::new(output.dim).map_err(|error| error.to_string())?,
            default_mpp: Mpp::new(manifest.tiling.default_mpp)
                .map_err(|error| error.to_string())?,
            folder: folder.to_owned(),
            manifest,
            output,
            works,
            report: Report::default(),
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

    /// Components of its vectors, or of each of a picture's many.
    #[must_use]
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// Numbers of one picture, all rows together.
    #[must_use]
    pub fn values(&self) -> usize {
        self.output.values()
    }

    /// How its vectors are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.manifest.search.metric.into()
    }

    /// How the many vectors of a picture are compared; `None` where it has one.
    #[must_use]
    pub fn comparator(&self) -> Option<Comparator> {
        self.manifest.is_multi().then_some(Comparator::MaxSim)
    }

    /// The numbers of one picture as what a collection stores.
    ///
    /// # Errors
    /// Numbers that are no whole rows; the model's own never are.
    pub fn vector(&self, values: Vec<f32>) -> Result<Vector, EmbedError> {
        if !self.manifest.is_multi() {
            return Ok(values.into());
        }
        let rows = MultiVector::new(self.dim, values);
        rows.map(Vector::from).map_err(|error| self.failed(error.to_string()))
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

    /// The checks that it passed.
    #[must_use]
    pub fn report(&self) -> &Report {
        &self.report
    }

    /// Repeats the checks of registration.
    ///
    /// # Errors
    /// The check that failed, with both values.
    pub fn verify(&self) -> Result<Report, EmbedError> {
        let refuse =
            |reason: String| EmbedError::Refused { model: self.name().to_owned(), reason };
        let mut report = Report::default();
        verify::files(&self.folder, &self.manifest).map_err(refuse)?;
        report.add("files", format!("{} with the SHA-256 declared", self.manifest.files.len()));
        self.check(&mut report).map_err(refuse)?;
        Ok(report)
    }

    fn check(&self, report: &mut Report) -> Result<(), String> {
        let text = |error: EmbedError| match error {
            EmbedError::Picture { reason, .. } | EmbedError::Run { reason, .. } => reason,
            other => other.to_string(),
        };
        let pictures = |pictures: &[Raster]| self.embed(pictures).map_err(text);
        let texts = |texts: &[&str]| self.embed_texts(texts).map_err(text);
        let tensors = |data: &[f32]| match &self.works {
            Works::Graphs(graphs) => {
                let squares = data.len() / graphs.recipe.floats().max(1);
                graphs.run(data, squares)
            }
            Works::Remote(_) => Err("a model elsewhere takes no tensor".to_owned()),
        };
        let recipe = match &self.works {
            Works::Graphs(graphs) => {
                report.add("inputs and outputs", verify::ports(graphs, &self.manifest)?);
                Some(&graphs.recipe)
            }
            Works::Remote(_) => None,
        };
        let subject = Subject {
            folder: &self.folder,
            manifest: &self.manifest,
            tensors: recipe.map(|recipe| (recipe, &tensors as _)),
            pictures: &pictures,
            texts: self.has_text().then_some(&texts as _),
        };
        verify::numbers(&subject, report)
    }

    /// Whether text can be embedded into the pictures' space.
    #[must_use]
    pub fn has_text(&self) -> bool {
        match &self.works {
            Works::Graphs(graphs) => graphs.tower().is_some(),
            Works::Remote(_) => self.manifest.text_output().is_some(),
        }
    }

    /// One vector a text, in order.
    ///
    /// # Errors
    /// A model without a text tower, a text that its tokenizer refuses, or a graph that fails.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        if !self.has_text() {
            return Err(EmbedError::NoText { model: self.name().to_owned() });
        }
        let found = match &self.works {
            Works::Graphs(graphs) => graphs.texts(texts),
            Works::Remote(remote) => remote.texts(&self.manifest, texts),
        };
        found.map_err(|reason| self.failed(reason))
    }

    /// Every named output of a picture but the text's, flat; of a model elsewhere its vector alone.
    ///
    /// # Errors
    /// A picture that the recipe does not take, or a graph that fails.
    pub fn outputs(&self, picture: &Raster) -> Result<Vec<(String, Vec<f32>)>, EmbedError> {
        let one = || {
            let vector = self.embed(std::slice::from_ref(picture))?.pop().unwrap_or_default();
            Ok(vec![(self.output.name.clone(), vector)])
        };
        match &self.works {
            Works::Graphs(graphs) if graphs.recipe.views() == 1 => {
                let mut tensor = Vec::new();
                let prepared = graphs.recipe.append(picture, &mut tensor);
                prepared.map_err(|reason| self.refused(reason))?;
                let mut all = graphs.named(&tensor).map_err(|reason| self.failed(reason))?;
                let own = graphs.pictures(&tensor, 1).map_err(|reason| self.failed(reason))?;
                let image = all.iter_mut().find(|(name, _)| *name == self.output.name);
                if let (Some(image), Some(own)) = (image, own.into_iter().next()) {
                    image.1 = own;
                }
                Ok(all)
            }
            _ => one(),
        }
    }

    /// What happens to a picture before the network sees it, step by step.
    ///
    /// # Errors
    /// A picture that the recipe does not take, or a model elsewhere, whose recipe is its own.
    pub fn explain(&self, picture: &Raster) -> Result<Explained, EmbedError> {
        match &self.works {
            Works::Graphs(graphs) => explain(&self.manifest, &graphs.recipe, picture)
                .map_err(|reason| self.refused(reason)),
            Works::Remote(_) => {
                Err(self.refused("its recipe is the container's own".to_owned()))
            }
        }
    }

    /// The numbers of the tokens that a text becomes, ends and padding among them.
    ///
    /// # Errors
    /// A model without a text tower here, or a text that its tokenizer refuses.
    pub fn token_ids(&self, text: &str) -> Result<Vec<u32>, EmbedError> {
        let Works::Graphs(graphs) = &self.works else {
            return Err(EmbedError::NoText { model: self.name().to_owned() });
        };
        let tokens = graphs.tokens(text).map_err(|reason| self.failed(reason))?;
        Ok(tokens.ids.into_iter().map(|id| id as u32).collect())
    }

    fn failed(&self, reason: String) -> EmbedError {
        EmbedError::Run { model: self.name().to_owned(), reason }
    }

    fn refused(&self, reason: String) -> EmbedError {
        EmbedError::Picture { model: self.name().to_owned(), reason }
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
        let graphs = match &self.works {
            Works::Graphs(graphs) => graphs,
            Works::Remote(remote) => {
                let vectors = remote.pictures(&self.manifest, pictures);
                return vectors.map_err(|reason| self.failed(reason));
            }
        };
        let mut tensor = self.tensors.lock().pop().unwrap_or_default();
        tensor.clear();
        let prepared =
            pictures.iter().try_for_each(|picture| graphs.recipe.append(picture, &mut tensor));
        let found = match prepared {
            Ok(()) => {
                graphs.pictures(&tensor, pictures.len()).map_err(|reason| self.failed(reason))
            }
            Err(reason) => Err(self.refused(reason)),
        };
        self.tensors.lock().push(tensor);
        found
    }
}
