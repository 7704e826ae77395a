//! A manifest bound to its files. It is verified when it is loaded; a model that fails is listed
//! with the reason and serves nothing.

use std::fmt::Write as _;
use std::path::Path;

use crossbeam_channel::{Receiver, Sender, bounded};
use sha2::{Digest, Sha256};
use vitrail_domain::limits::EMBED_THREADS_MAX;
use vitrail_domain::{Dim, Metric, Mpp, Raster};

use crate::contract::ContractHash;
use crate::error::EmbedError;
use crate::manifest::{Golden, Manifest, Output};
use crate::preprocess::Recipe;
use crate::runtime::{Axis, GraphPlace, Port, Runtime, Session};
use crate::take::{l2_normalize, norm, vectors};
use crate::vocabulary::GoldenInput;

/// Makes vectors of pictures. The seam between the batcher and a model; tests have their own.
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
    sessions: Pool,
}

/// Sessions that are free; a caller takes one and puts it back.
struct Pool {
    free: Receiver<Session>,
    back: Sender<Session>,
}

/// Vectors of one picture alone and among others may differ by rounding, no more.
const BATCH_TOLERANCE: f64 = 1e-4;

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
        let name = manifest.name().to_owned();
        let refuse = |reason: String| EmbedError::Refused { model: name.clone(), reason };
        check_files(folder, &manifest)?;
        let output = manifest.image_output().cloned();
        let output = output.ok_or_else(|| refuse("no output has the role image".to_owned()))?;
        let graph = manifest.graph_path(folder).ok_or_else(|| refuse("no file".to_owned()))?;
        let recipe = Recipe::of(&manifest);
        let place = GraphPlace {
            path: &graph,
            input: &manifest.tensor.input_name,
            output: &output.name,
            shape: recipe.shape(manifest.tensor.fixed_batch.max(1)),
        };
        let sessions = Pool::fill(runtime, &place, threads).map_err(refuse)?;
        let dim = Dim::new(output.dim).map_err(|error| refuse(error.to_string()))?;
        let mpp = Mpp::new(manifest.tiling.default_mpp);
        let default_mpp = mpp.map_err(|error| refuse(error.to_string()))?;
        let contract = ContractHash::of(&manifest).to_string();
        let model = Self { manifest, contract, output, dim, default_mpp, recipe, sessions };
        model.verify()?;
        Ok(model)
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
        self.sessions
            .with(|session| check_ports(session, &self.manifest, &self.output))
            .map_err(|reason| self.refused(reason))?;
        let floats = self.recipe.floats();
        let one = self.run(&pattern(floats), 1)?;
        let single = one.first().ok_or_else(|| self.refused("no vector".to_owned()))?;
        if single.iter().all(|value| value == &single[0]) {
            return Err(self.refused("the output is constant".to_owned()));
        }
        let three: Vec<f32> = pattern(3 * floats);
        let batch = self.run(&three, 3)?;
        let first = batch.first().ok_or_else(|| self.refused("no vector".to_owned()))?;
        let gap = single.iter().zip(first).map(|(a, b)| f64::from((a - b).abs()));
        let gap = gap.fold(0.0, f64::max);
        if gap > BATCH_TOLERANCE * norm(single).max(1.0) {
            return Err(self.refused(format!("a batch of 3 differs from a batch of 1 by {gap}")));
        }
        self.manifest.verification.golden.iter().try_for_each(|golden| self.check_golden(golden))
    }

    fn check_golden(&self, golden: &Golden) -> Result<(), EmbedError> {
        let floats = self.recipe.floats();
        let mut found = match golden.input {
            GoldenInput::Tensor7919 => self.run(&pattern(floats), 1)?,
            GoldenInput::Picture7919 => self.embed(&[self.pattern_picture()?])?,
        };
        let vector = found.pop().unwrap_or_default();
        let length = norm(&vector);
        let bound = f64::from(golden.tolerance) * f64::from(golden.norm);
        let far = |got: f64, wanted: f32| (got - f64::from(wanted)).abs() > bound;
        if far(length, golden.norm) {
            let wanted = golden.norm;
            return Err(self.refused(format!("golden vector has length {length}, not {wanted}")));
        }
        for (at, (&got, &wanted)) in vector.iter().zip(&golden.prefix).enumerate() {
            if far(f64::from(got), wanted) {
                let reason = format!("golden component {at} is {got}, not {wanted}");
                return Err(self.refused(reason));
            }
        }
        Ok(())
    }

    fn pattern_picture(&self) -> Result<Raster, EmbedError> {
        let exact = self.manifest.geometry.size_px;
        let (width, height) = if exact > 0 { (exact, exact) } else { (320, 280) };
        let bytes = u64::from(width) * u64::from(height) * 3;
        let pixels = (0..bytes).map(|i| ((i * 7919) % 255) as u8).collect();
        Raster::new(width, height, pixels).map_err(|error| self.refused(error.to_string()))
    }

    fn refused(&self, reason: String) -> EmbedError {
        EmbedError::Refused { model: self.manifest.name().to_owned(), reason }
    }

    /// Runs the graph over `pictures` prepared pictures; fixed-batch graphs are cut and padded.
    fn run(&self, data: &[f32], pictures: usize) -> Result<Vec<Vec<f32>>, EmbedError> {
        let floats = self.recipe.floats();
        let fixed = self.manifest.tensor.fixed_batch;
        let most = if fixed > 0 { fixed } else { self.manifest.tensor.max_batch };
        let mut all = Vec::with_capacity(pictures);
        for rows in data.chunks(most * floats) {
            let count = rows.len() / floats;
            let batch = if fixed > 0 { fixed } else { count };
            let mut input = rows.to_vec();
            input.resize(batch * floats, 0.0);
            let found = self.sessions.with(|session| {
                let shape = self.recipe.shape(batch);
                let name = &self.manifest.tensor.input_name;
                let raw = session.run(name, &self.output.name, shape, &input)?;
                vectors(&raw, &self.output, count)
            });
            let model = || self.manifest.name().to_owned();
            all.extend(found.map_err(|reason| EmbedError::Run { model: model(), reason })?);
        }
        if self.manifest.post.l2_normalize {
            all.iter_mut().for_each(|vector| l2_normalize(vector));
        }
        Ok(all)
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
        let mut data = Vec::with_capacity(pictures.len() * self.recipe.floats());
        for picture in pictures {
            self.recipe.append(picture, &mut data).map_err(|reason| EmbedError::Picture {
                model: self.manifest.name().to_owned(),
                reason,
            })?;
        }
        self.run(&data, pictures.len())
    }
}

impl Pool {
    fn fill(runtime: &Runtime, place: &GraphPlace<'_>, threads: usize) -> Result<Self, String> {
        let count = threads.clamp(1, EMBED_THREADS_MAX);
        let (back, free) = bounded(count);
        let first = runtime.load(place, 1)?;
        for _ in 1..count {
            let next = match first.share() {
                Some(shared) => shared,
                None => runtime.load(place, 1)?,
            };
            back.send(next).map_err(|error| error.to_string())?;
        }
        back.send(first).map_err(|error| error.to_string())?;
        Ok(Self { free, back })
    }

    /// Waits for a free session. The pool never holds fewer: each comes back.
    fn with<T>(&self, work: impl FnOnce(&mut Session) -> Result<T, String>) -> Result<T, String> {
        let mut session = self.free.recv().map_err(|error| error.to_string())?;
        let result = work(&mut session);
        self.back.send(session).map_err(|error| error.to_string())?;
        result
    }
}

fn check_files(folder: &Path, manifest: &Manifest) -> Result<(), EmbedError> {
    for file in &manifest.files {
        let path = folder.join(&file.path);
        let bytes = std::fs::read(&path)
            .map_err(|error| EmbedError::Unreadable { path, reason: error.to_string() })?;
        let mut found = String::with_capacity(64);
        for byte in Sha256::digest(&bytes) {
            let _ = write!(found, "{byte:02x}");
        }
        if found != file.sha256 {
            let reason = format!("{} has SHA-256 {found}, not {}", file.path, file.sha256);
            return Err(EmbedError::Refused { model: manifest.name().to_owned(), reason });
        }
    }
    Ok(())
}

fn check_ports(session: &Session, manifest: &Manifest, output: &Output) -> Result<(), String> {
    let (inputs, outputs) = session.ports();
    let named = |ports: &[Port], name: &str, what: &str| {
        let names: Vec<_> = ports.iter().map(|port| port.name.clone()).collect();
        let found = ports.iter().find(|port| port.name == name).cloned();
        found
            .ok_or_else(|| format!("no {what} is named {name}; the graph has {}", names.join(", ")))
    };
    let input = named(&inputs, &manifest.tensor.input_name, "input")?;
    named(&outputs, &output.name, "output")?;
    let wanted = Recipe::of(manifest).shape(1);
    let axes = input.axes.unwrap_or_default();
    let fits = axes.iter().zip(wanted).skip(1).all(|(axis, wanted)| match axis {
        Axis::Any => true,
        Axis::Fixed(fixed) => *fixed == wanted,
    });
    if axes.is_empty() || (axes.len() == 4 && fits) {
        return Ok(());
    }
    Err(format!("input {} takes {axes:?}, the recipe gives {wanted:?}", input.name))
}

/// The flat tensor of `Tensor7919`: `((i * 7919) mod 255) / 127.5 - 1`.
fn pattern(floats: usize) -> Vec<f32> {
    (0..floats as u64).map(|i| ((i * 7919) % 255) as f32 / 127.5 - 1.0).collect()
}
