//! How far a model has been proved, and within what bounds it is asked.

use serde::Deserialize;

use super::picture::yes;
use crate::vocabulary::{GoldenInput, Nonfinite, Verified, VertexSchema};

/// How far the model has been proved, and how it is proved again.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verification {
    /// What was done when the manifest was written.
    pub verified: Verified,
    /// Whether a picture alone must give what it gives among others.
    #[serde(default = "yes")]
    pub batch_invariance: bool,
    /// Components that are not finite.
    #[serde(default = "reject")]
    pub nonfinite: Nonfinite,
    /// Inputs whose vectors are known.
    #[serde(default)]
    pub golden: Vec<Golden>,
}

fn reject() -> Nonfinite {
    Nonfinite::Reject
}

/// One input and the vector that it must give: by its first components and its length, or by a
/// file that holds all of it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// Which input.
    pub input: GoldenInput,
    /// The picture's file, for `picture`.
    #[serde(default)]
    pub file: Option<String>,
    /// The text, for `text`.
    #[serde(default)]
    pub text: Option<String>,
    /// SHA-256 of the input tensor (little-endian 32-bit floats) that the recipe makes of the
    /// picture.
    #[serde(default)]
    pub pixels_sha256: Option<String>,
    /// The vector's first components, as many as were written down.
    #[serde(default)]
    pub prefix: Vec<f32>,
    /// The vector's Euclidean length.
    #[serde(default)]
    pub norm: f32,
    /// Largest difference, as a share of `norm`, of each component and of the length.
    #[serde(default)]
    pub tolerance: f32,
    /// A file of the whole vector, little-endian 32-bit floats.
    #[serde(default)]
    pub vector_file: Option<String>,
    /// Smallest cosine with it (0.9999 for fp32, 0.999 for others).
    #[serde(default)]
    pub min_cosine: Option<f64>,
}

/// Bounds of what the model is asked.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Bounds {
    /// Pixels of one picture, in millions.
    pub max_megapixels: Option<f64>,
    /// Patches of one prediction request.
    pub max_tiles_per_request: Option<usize>,
    /// Seconds of one call over HTTP.
    pub timeout_s: Option<u64>,
    /// Memory that the model takes, in megabytes: for people.
    pub memory_mb: Option<u64>,
}

/// How the model is spoken to over HTTP.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vertex {
    /// Whose requests and answers.
    pub schema: VertexSchema,
    /// Where the container is, for `http_vertex` and `http_generic`.
    #[serde(default)]
    pub url: Option<String>,
}
