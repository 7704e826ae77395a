//! Which model it is, what may be done with it, what it was made for.

use serde::Deserialize;

use crate::vocabulary::Precision;

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
