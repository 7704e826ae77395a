//! A model is a manifest: one TOML file that says everything that changes its numbers.

mod graph;
mod identity;
mod picture;
mod proof;
mod text;

use std::path::{Path, PathBuf};

use serde::Deserialize;
use vitrail_domain::limits::MANIFEST_BYTES_MAX;

pub use graph::{Output, Post, Search, Stage, StageInput, TensorSpec};
pub use identity::{Identity, Licence, ModelDomain, ModelFile};
pub use picture::{Colour, Dicom, Geometry, Scaling, Source, Tiling};
pub use proof::{Bounds, Golden, Verification, Vertex};
pub use text::{Rewrite, Text};

use crate::contract::ContractHash;
use crate::error::EmbedError;
use crate::vocabulary::{Kernel, ModelKind, OutputRole, ResizeType};

/// Everything that is known of one model. Unknown keys and values are errors that list the
/// known ones. `schemas/model-manifest.schema.json` is the same for editors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How vectors come about.
    pub kind: ModelKind,
    /// Which model this is.
    pub identity: Identity,
    /// The model's files; the first one is the graph, where no stages are linked.
    #[serde(default)]
    pub files: Vec<ModelFile>,
    /// What may be done with the weights and the vectors.
    pub licence: Licence,
    /// What the model was made for.
    #[serde(default)]
    pub domain: ModelDomain,
    /// How slides are cut for it.
    #[serde(default)]
    pub tiling: Tiling,
    /// How a file is decoded.
    #[serde(default)]
    pub source: Source,
    /// How DICOM values become grey levels.
    #[serde(default)]
    pub dicom: Dicom,
    /// Colour management.
    #[serde(default)]
    pub colour: Colour,
    /// Picture to square.
    #[serde(default)]
    pub geometry: Geometry,
    /// The resampling filter.
    #[serde(default)]
    pub kernel: Option<Kernel>,
    /// Numbers that come out of it; left out: bytes, of TensorFlow's kernels floats.
    #[serde(default)]
    pub resize_dtype: Option<ResizeType>,
    /// Bytes to floats.
    #[serde(default)]
    pub scaling: Scaling,
    /// The graph's input.
    #[serde(default)]
    pub tensor: TensorSpec,
    /// Graphs that are linked, in order; none: the first of `files` alone.
    #[serde(default)]
    pub stages: Vec<Stage>,
    /// The graph's outputs; one has the role `image`.
    pub outputs: Vec<Output>,
    /// The text tower.
    #[serde(default)]
    pub text: Option<Text>,
    /// After the graph.
    #[serde(default)]
    pub post: Post,
    /// How its vectors are compared.
    pub search: Search,
    /// How far it has been proved.
    pub verification: Verification,
    /// Bounds of what it is asked.
    #[serde(default)]
    pub limits: Bounds,
    /// How it is spoken to over HTTP.
    #[serde(default)]
    pub vertex: Option<Vertex>,
}

impl Manifest {
    /// Reads and checks a manifest. `origin` names it in errors until its own name is known.
    ///
    /// # Errors
    /// A key or value outside the vocabulary (the message lists the known ones), a field that
    /// contradicts another, a number outside its bound.
    pub fn parse(text: &str, origin: &str) -> Result<Self, EmbedError> {
        let refuse = |reason: String| EmbedError::Manifest { model: origin.to_owned(), reason };
        if text.len() as u64 > MANIFEST_BYTES_MAX {
            return Err(refuse(format!("more than {MANIFEST_BYTES_MAX} bytes")));
        }
        let manifest: Self =
            toml::from_str(text).map_err(|error| refuse(error.to_string().trim().to_owned()))?;
        manifest.check().map_err(refuse)?;
        Ok(manifest)
    }

    /// The name by which the model is asked for.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.identity.name
    }

    /// The output that is the picture's vector, or vectors.
    #[must_use]
    pub fn image_output(&self) -> Option<&Output> {
        self.outputs.iter().find(|output| output.role == OutputRole::Image)
    }

    /// The output that is the text's vector.
    #[must_use]
    pub fn text_output(&self) -> Option<&Output> {
        self.outputs.iter().find(|output| output.role == OutputRole::Text)
    }

    /// Whether a picture has many vectors, compared by their best pairs.
    #[must_use]
    pub fn is_multi(&self) -> bool {
        self.search.late_interaction.is_some()
    }

    /// Whether text can be embedded into the pictures' space.
    #[must_use]
    pub fn has_text(&self) -> bool {
        self.text_output().is_some()
            && (self.text.is_some() || matches!(self.kind, ModelKind::HttpVertex))
    }

    /// The hash of everything that changes numbers, 64 hex digits.
    #[must_use]
    pub fn contract_hash(&self) -> String {
        ContractHash::of(self).to_string()
    }

    /// The graph's path in the model's folder.
    #[must_use]
    pub fn graph_path(&self, folder: &Path) -> Option<PathBuf> {
        self.files.first().map(|file| folder.join(&file.path))
    }

    /// The side of a tile in pixels, as it is cut from a slide at the model's scale.
    #[must_use]
    pub fn tile_px(&self) -> u32 {
        match self.tiling.tile_px_at_mpp {
            0 => self.geometry.side(),
            side => side,
        }
    }
}
