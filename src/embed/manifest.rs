//! A model is a manifest: one TOML file that says everything that changes its numbers.

use std::path::{Component, Path, PathBuf};

use serde::Deserialize;
use vitrail_domain::limits::{
    DIM_MAX, EMBED_BATCH_MAX, MANIFEST_BYTES_MAX, MODEL_FILES_MAX, MODEL_SIDE_MAX, NAME_BYTES_MAX,
};
use vitrail_domain::{Dim, Mpp};

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
    /// ONNX operator set of the graph.
    pub opset: u32,
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

    fn check(&self) -> Result<(), String> {
        self.check_name()?;
        self.check_files()?;
        self.check_geometry()?;
        self.check_scaling()?;
        self.check_tiling()?;
        self.check_tensor()?;
        self.check_golden()
    }

    fn check_name(&self) -> Result<(), String> {
        let name = &self.identity.name;
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
        if begins && name.len() <= NAME_BYTES_MAX && name.chars().all(plain) {
            return Ok(());
        }
        Err(format!(
            "identity.name is {name:?}: 1 to {NAME_BYTES_MAX} of a-z, 0-9, '-', '_', '.', \
             beginning with a letter or digit"
        ))
    }

    fn check_files(&self) -> Result<(), String> {
        if self.files.len() > MODEL_FILES_MAX {
            return Err(format!("files: {} where {MODEL_FILES_MAX} are allowed", self.files.len()));
        }
        for file in &self.files {
            let path = Path::new(&file.path);
            let inside = path.components().all(|part| matches!(part, Component::Normal(_)));
            if file.path.is_empty() || !inside {
                return Err(format!("files.path {:?} leaves the model's folder", file.path));
            }
            let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            if file.sha256.len() != 64 || !file.sha256.chars().all(hex) {
                return Err(format!(
                    "files.sha256 of {} is not 64 lower-case hex digits",
                    file.path
                ));
            }
        }
        Ok(())
    }

    fn check_geometry(&self) -> Result<(), String> {
        let Geometry { rule, size_px, resize_px, crop_px } = self.geometry;
        let good = |side: u32| (1..=MODEL_SIDE_MAX).contains(&side);
        let (fits, needs) = match rule {
            GeometryRule::Exact | GeometryRule::Squash => {
                (good(size_px) && resize_px == 0 && crop_px == 0, "size_px alone")
            }
            GeometryRule::ShortestThenCenterCrop => (
                good(resize_px) && good(crop_px) && crop_px <= resize_px && size_px == 0,
                "resize_px and a crop_px that is not larger",
            ),
        };
        if !fits {
            let rule = rule.word();
            return Err(format!("geometry {rule} takes {needs}, each 1 to {MODEL_SIDE_MAX}"));
        }
        match (rule, self.kernel) {
            (GeometryRule::Exact, Some(_)) => {
                Err("geometry exact resamples nothing: leave kernel out".to_owned())
            }
            (GeometryRule::Exact, None) | (_, Some(_)) => Ok(()),
            (_, None) => {
                let known: Vec<_> = Kernel::ALL.iter().map(|kernel| kernel.word()).collect();
                Err(format!("kernel is missing: one of {}", known.join(", ")))
            }
        }
    }

    fn check_scaling(&self) -> Result<(), String> {
        let numbers = self.scaling.mean.iter().chain(&self.scaling.std).flatten();
        let zero = self.scaling.std.iter().flatten().any(|&divisor| divisor == 0.0);
        if zero || numbers.into_iter().any(|number| !number.is_finite()) {
            return Err("scaling.mean and std must be finite, and std not zero".to_owned());
        }
        Ok(())
    }

    fn check_tiling(&self) -> Result<(), String> {
        let tiling = &self.tiling;
        for &mpp in tiling.mpp.iter().chain([&tiling.default_mpp]) {
            Mpp::new(mpp).map_err(|error| format!("tiling: {error}"))?;
        }
        if !(0.0..=1.0).contains(&tiling.mpp_tolerance) || tiling.tile_px_at_mpp > MODEL_SIDE_MAX {
            return Err(format!(
                "tiling: mpp_tolerance is a share of 0 to 1, tile_px_at_mpp at most \
                 {MODEL_SIDE_MAX}"
            ));
        }
        Ok(())
    }

    fn check_tensor(&self) -> Result<(), String> {
        let TensorSpec { fixed_batch, max_batch, .. } = self.tensor;
        if !(1..=EMBED_BATCH_MAX).contains(&max_batch) || fixed_batch > EMBED_BATCH_MAX {
            return Err(format!("tensor: batches are of 1 to {EMBED_BATCH_MAX} pictures"));
        }
        let images: Vec<_> = self.outputs.iter().filter(|o| o.role == OutputRole::Image).collect();
        let [output] = images.as_slice() else {
            return Err(format!("outputs: {} have the role image, one must", images.len()));
        };
        Dim::new(output.dim).map_err(|error| format!("outputs: {error}, at most {DIM_MAX}"))?;
        if output.take == Take::ClsConcatMeanPatch && output.dim % 2 == 1 {
            return Err("outputs: cls_concat_mean_patch makes an even dim".to_owned());
        }
        Ok(())
    }

    fn check_golden(&self) -> Result<(), String> {
        let Verification { verified, golden } = &self.verification;
        if (*verified == Verified::Golden) == golden.is_empty() {
            return Err("verification: \"golden\" and a golden entry go together".to_owned());
        }
        let dim = self.image_output().map_or(0, |output| output.dim);
        for one in golden {
            let finite = one.prefix.iter().all(|value| value.is_finite());
            let length = one.norm.is_finite() && one.norm > 0.0;
            let share = one.tolerance > 0.0 && one.tolerance <= 0.05;
            if one.prefix.is_empty() || one.prefix.len() > dim || !finite || !length || !share {
                return Err(format!(
                    "verification.golden {}: 1 to {dim} finite prefix values, a norm above 0, a \
                     tolerance above 0 and up to 0.05",
                    one.input.word()
                ));
            }
        }
        Ok(())
    }
}
