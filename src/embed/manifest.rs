//! A model is a manifest: one TOML file that says everything that changes its numbers.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use vitrail_domain::limits::MANIFEST_BYTES_MAX;

use crate::contract::ContractHash;
use crate::error::EmbedError;
use crate::vocabulary::{
    GeometryRule, GoldenInput, Kernel, Layout, ModelKind, OutputRole, Precision, ScalingBase,
    SearchMetric, Take, TensorType, Verified,
};

/// Everything that is known of one model. Unknown keys and values are errors that list the
/// known ones. `schemas/model-manifest.schema.json` is the same for editors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// How vectors come about.
    pub kind: ModelKind,
    /// Which model this is.
    pub identity: Identity,
    /// The model's files; the first one is the graph.
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
    /// Picture to square.
    pub geometry: Geometry,
    /// The resampling filter.
    #[serde(default)]
    pub kernel: Option<Kernel>,
    /// Bytes to floats.
    pub scaling: Scaling,
    /// The graph's input.
    pub tensor: TensorSpec,
    /// The graph's outputs; one has the role `image`.
    pub outputs: Vec<Output>,
    /// After the graph.
    #[serde(default)]
    pub post: Post,
    /// How its vectors are compared.
    pub search: Search,
    /// How far it has been proved.
    pub verification: Verification,
}

/// Which model, in which state.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity {
    /// The name by which it is asked for: lower-case letters, digits, `-`, `_`, `.`.
    pub name: String,
    /// The state of the weights, in their source's own words.
    pub revision: String,
    /// A sentence for people.
    #[serde(default)]
    pub description: String,
    /// ONNX operator set of the graph, where it is known.
    #[serde(default)]
    pub opset: Option<u32>,
    /// Numbers of the weights.
    pub precision: Precision,
}

/// One file beside the manifest.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Relative to the manifest's folder, without `..`.
    pub path: String,
    /// SHA-256 of its bytes, 64 hex digits.
    pub sha256: String,
}

/// What may be done with weights and vectors.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Licence {
    /// SPDX identifier, or the terms' own name.
    pub spdx_or_name: String,
    /// Whether the source asks for an agreement first.
    pub gated: bool,
    /// Whether commercial use is allowed.
    pub commercial: bool,
    /// Whether models and data made from the outputs count as derivatives.
    #[serde(default)]
    pub derivatives_include_outputs: bool,
    /// Data sets that the model has seen: a figure measured on them means little.
    #[serde(default)]
    pub trained_on: Vec<String>,
    /// Where weights and terms are.
    pub source_url: String,
}

/// What the model was made for.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelDomain {
    /// `pathology`, `dermatology`, `radiology` ...
    #[serde(default)]
    pub specialties: Vec<String>,
    /// DICOM modalities.
    #[serde(default)]
    pub modalities: Vec<String>,
    /// Stains of the slides it has seen.
    #[serde(default)]
    pub stains: Vec<String>,
    /// Shown wherever the model is offered.
    #[serde(default)]
    pub intended_use_note: String,
}

/// How slides are cut for this model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiling {
    /// Micrometres per pixel that it takes; empty: any.
    #[serde(default)]
    pub mpp: Vec<f64>,
    /// Micrometres per pixel where nobody says otherwise.
    #[serde(default = "one")]
    pub default_mpp: f64,
    /// Share by which a slide's scale may differ from an entry of `mpp`.
    #[serde(default = "one_fifth")]
    pub mpp_tolerance: f64,
    /// Side of a tile in pixels at that scale; 0: the network's own side.
    #[serde(default)]
    pub tile_px_at_mpp: u32,
}

fn one() -> f64 {
    1.0
}

fn one_fifth() -> f64 {
    0.2
}

impl Default for Tiling {
    fn default() -> Self {
        Self { mpp: Vec::new(), default_mpp: one(), mpp_tolerance: one_fifth(), tile_px_at_mpp: 0 }
    }
}

/// Picture to the square that the network sees.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// Which rule.
    pub rule: GeometryRule,
    /// Side for `exact` and `squash`, in pixels.
    #[serde(default)]
    pub size_px: u32,
    /// Shortest side after the resize, for `shortest_then_center_crop`.
    #[serde(default)]
    pub resize_px: u32,
    /// Side of the crop, for `shortest_then_center_crop`.
    #[serde(default)]
    pub crop_px: u32,
}

impl Geometry {
    /// Side of the network's input in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        match self.rule {
            GeometryRule::Exact | GeometryRule::Squash => self.size_px,
            GeometryRule::ShortestThenCenterCrop => self.crop_px,
        }
    }
}

/// Bytes to floats.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scaling {
    /// First step.
    pub base: ScalingBase,
    /// Subtracted from each channel after it.
    #[serde(default)]
    pub mean: Option<[f32; 3]>,
    /// Each channel is divided by it at last.
    #[serde(default)]
    pub std: Option<[f32; 3]>,
}

/// The graph's input.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Order of the axes.
    pub layout: Layout,
    /// Numbers.
    pub dtype: TensorType,
    /// The input's name in the graph.
    pub input_name: String,
    /// Pictures of every call where the graph is fixed to a number; 0: any number.
    #[serde(default)]
    pub fixed_batch: usize,
    /// Pictures of one call at most.
    #[serde(default = "sixteen")]
    pub max_batch: usize,
}

fn sixteen() -> usize {
    16
}

/// One output of the graph.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// Its name in the graph.
    pub name: String,
    /// What it says.
    pub role: OutputRole,
    /// How it becomes one vector.
    pub take: Take,
    /// Class token and registers in front of the patches.
    #[serde(default = "one_token")]
    pub prefix_tokens: usize,
    /// Components of the vector that comes out.
    pub dim: usize,
}

fn one_token() -> usize {
    1
}

/// After the graph.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Post {
    /// Scale the vector to length 1.
    #[serde(default)]
    pub l2_normalize: bool,
    /// A hint: no component is negative, so cosines are all positive.
    #[serde(default)]
    pub nonnegative: bool,
}

/// How vectors of this model are compared.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Search {
    /// Distance.
    pub metric: SearchMetric,
}

/// How far the model has been proved, and how it is proved again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// What was done when the manifest was written.
    pub verified: Verified,
    /// Inputs whose vectors are known.
    #[serde(default)]
    pub golden: Vec<Golden>,
}

/// One made input and the vector that it must give.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Which input.
    pub input: GoldenInput,
    /// The vector's first components, as many as were written down.
    pub prefix: Vec<f32>,
    /// The vector's Euclidean length.
    pub norm: f32,
    /// Largest difference, as a share of `norm`, of each component and of the length.
    pub tolerance: f32,
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

    /// The output that is the picture's vector.
    #[must_use]
    pub fn image_output(&self) -> Option<&Output> {
        self.outputs.iter().find(|output| output.role == OutputRole::Image)
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
