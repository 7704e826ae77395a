//! What an `onnx` model runs: its recipe, its graphs, its text tower.

use std::path::Path;

use vitrail_domain::limits::{EMBED_THREADS_MAX, MODEL_SHARED_SESSION_BYTES};

use crate::manifest::{Manifest, Output};
use crate::pipeline::{Given, Loading, Pipeline};
use crate::preprocess::Recipe;
use crate::runtime::{RawOutput, Runtime};
use crate::take::{finish, mean_of_views, vectors};
use crate::text::{Tokenization, Tokens};
use crate::vocabulary::OutputRole;

/// A text tower.
pub(crate) struct Tower {
    tokenization: Tokenization,
    /// None: the linked stages take the tokens.
    pipeline: Option<Pipeline>,
    output: Output,
}

/// The loaded graphs of one model.
pub(crate) struct Graphs {
    pub recipe: Recipe,
    pub images: Pipeline,
    tower: Option<Tower>,
    manifest: Manifest,
    output: Output,
    center: Option<Vec<f32>>,
}

impl Graphs {
    pub(crate) fn load(
        folder: &Path,
        manifest: &Manifest,
        runtime: &Runtime,
        threads: usize,
    ) -> Result<Self, String> {
        let output = manifest.image_output().cloned().ok_or("no output has the role image")?;
        let size = |path: &str| std::fs::metadata(folder.join(path)).map_or(0, |file| file.len());
        let bytes: u64 = manifest.files.iter().map(|file| size(&file.path)).sum();
        let loading = Loading {
            folder,
            runtime,
            threads: threads.clamp(1, EMBED_THREADS_MAX),
            shared: bytes > MODEL_SHARED_SESSION_BYTES,
        };
        let center = manifest.post.center.as_ref();
        let center = center.map(|file| floats(&folder.join(file), output.dim)).transpose()?;
        Ok(Self {
            recipe: Recipe::of(manifest),
            images: Pipeline::of_images(manifest, loading)?,
            tower: Tower::load(manifest, loading)?,
            manifest: manifest.clone(),
            output,
            center,
        })
    }

    /// Whether text can be embedded.
    pub(crate) fn tower(&self) -> Option<&Tower> {
        self.tower.as_ref()
    }

    /// The graph of a text tower that stands alone.
    pub(crate) fn text_pipeline(&self) -> Option<&Pipeline> {
        self.tower.as_ref().and_then(|tower| tower.pipeline.as_ref())
    }

    /// Vectors of `squares` prepared squares, one for each, in calls of the size that the graph
    /// takes.
    pub(crate) fn run(&self, data: &[f32], squares: usize) -> Result<Vec<Vec<f32>>, String> {
        let mut all = Vec::with_capacity(squares);
        self.each_call(data, squares, |count, outputs| {
            let raw = self.of(outputs, &self.output)?;
            all.extend(vectors(raw, &self.output, count)?);
            Ok(())
        })?;
        Ok(all)
    }

    /// Vectors of pictures: the squares of each become one, then centred and scaled.
    pub(crate) fn pictures(&self, data: &[f32], pictures: usize) -> Result<Vec<Vec<f32>>, String> {
        let views = self.recipe.views();
        let squares = self.run(data, pictures * views)?;
        Ok(self.finished(mean_of_views(squares, views)))
    }

    /// Every output but the text's of one prepared square, by its name.
    pub(crate) fn named(&self, data: &[f32]) -> Result<Vec<(String, Vec<f32>)>, String> {
        let mut all = Vec::new();
        self.each_call(data, 1, |_, outputs| {
            let wanted = self.manifest.outputs.iter();
            for output in wanted.filter(|output| output.role != OutputRole::Text) {
                let rows = vectors(self.of(outputs, output)?, output, 1)?;
                all.extend(rows.into_iter().map(|row| (output.name.clone(), row)));
            }
            Ok(())
        })?;
        Ok(all)
    }

    /// Vectors of texts in the pictures' space.
    pub(crate) fn texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, String> {
        let tower = self.tower.as_ref().ok_or("the model has no text tower")?;
        let mut all = Vec::with_capacity(texts.len());
        for texts in texts.chunks(self.manifest.tensor.max_batch) {
            let tokens: Vec<Tokens> =
                texts.iter().map(|text| tower.tokenization.encode(text)).collect::<Result<_, _>>()?;
            let ids: Vec<f32> = tokens.iter().flat_map(|tokens| tokens.ids.clone()).collect();
            let mask: Vec<f32> = tokens.iter().flat_map(|tokens| tokens.mask.clone()).collect();
            let given =
                Given { count: texts.len(), pixels: None, tokens: Some((&ids, &mask)) };
            let pipeline = tower.pipeline.as_ref().unwrap_or(&self.images);
            let outputs = pipeline.run(&given)?;
            let at = pipeline.outputs().iter().position(|name| *name == tower.output.name);
            let raw = at.and_then(|at| outputs.get(at)).ok_or("the text's output is missing")?;
            all.extend(vectors(raw, &tower.output, texts.len())?);
        }
        Ok(self.finished(all))
    }

    /// Numbers of the tokens that a text becomes.
    pub(crate) fn tokens(&self, text: &str) -> Result<Tokens, String> {
        let tower = self.tower.as_ref().ok_or("the model has no text tower")?;
        tower.tokenization.encode(text)
    }

    fn finished(&self, mut all: Vec<Vec<f32>>) -> Vec<Vec<f32>> {
        let center = self.center.as_deref();
        let unit = self.manifest.post.l2_normalize;
        all.iter_mut().for_each(|values| finish(values, self.output.dim, center, unit));
        all
    }

    /// Calls of at most `max_batch` squares.
    fn each_call(
        &self,
        data: &[f32],
        squares: usize,
        mut take: impl FnMut(usize, &[RawOutput]) -> Result<(), String>,
    ) -> Result<(), String> {
        let each = self.recipe.floats();
        if data.len() != squares * each {
            return Err(format!("{} numbers for {squares} squares of {each}", data.len()));
        }
        let most = match self.manifest.tensor.fixed_batch {
            0 => self.manifest.tensor.max_batch,
            fixed => fixed,
        };
        for rows in data.chunks(most * each) {
            let count = rows.len() / each;
            let given = Given { count, pixels: Some(rows), tokens: None };
            take(count, &self.images.run(&given)?)?;
        }
        Ok(())
    }

    fn of<'a>(&self, outputs: &'a [RawOutput], output: &Output) -> Result<&'a RawOutput, String> {
        let at = self.images.outputs().iter().position(|name| *name == output.name);
        at.and_then(|at| outputs.get(at)).ok_or_else(|| format!("no output {}", output.name))
    }
}

impl Tower {
    fn load(manifest: &Manifest, loading: Loading<'_>) -> Result<Option<Self>, String> {
        let (Some(text), Some(output)) = (&manifest.text, manifest.text_output()) else {
            return Ok(None);
        };
        let tokenization = Tokenization::load(loading.folder, text)?;
        let pipeline = Pipeline::of_text(manifest, text, loading)?;
        Ok(Some(Self { tokenization, pipeline, output: output.clone() }))
    }
}

/// Reads a file of so many little-endian 32-bit floats.
pub(crate) fn floats(path: &Path, count: usize) -> Result<Vec<f32>, String> {
    let name = || path.file_name().map(|name| name.to_string_lossy().into_owned());
    let unreadable = |error: std::io::Error| format!("{}: {error}", path.display());
    let size = std::fs::metadata(path).map_err(unreadable)?.len();
    if size != 4 * count as u64 {
        let name = name().unwrap_or_default();
        return Err(format!("{name} has {size} bytes, {count} floats are {}", 4 * count));
    }
    let bytes = std::fs::read(path).map_err(unreadable)?;
    let chunks = bytes.as_chunks::<4>().0;
    Ok(chunks.iter().map(|four| f32::from_le_bytes(*four)).collect())
}
