//! Models on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use vitrail_cases::{Check, Explanation, ModelCard, ModelStanding};

/// One model as installed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Components of its vectors; null for a model that is refused.
    pub dim: Option<usize>,
    /// Vectors of one picture, compared by their best pairs; left out where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<usize>,
    /// Whether text can be searched for by it.
    pub text: bool,
    /// How they are compared.
    pub metric: Option<&'static str>,
    /// `verified`, `unverified` (it runs, but no golden vector proves its numbers) or `refused`.
    pub state: &'static str,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The licence of its weights; null where its manifest can't be read.
    pub licence: Option<String>,
    /// The hash of all that makes its vectors what they are.
    pub contract: Option<String>,
    /// What it is meant for.
    pub note: Option<String>,
    /// The scale of its tiles, micrometres per pixel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_mpp: Option<f64>,
    /// What runs it: `onnxruntime 1.31` or `tract`.
    pub runtime: String,
    /// The checks that it passed when it was verified, in their order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<ModelCheck>,
}

/// One check of a model's registration.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ModelCheck {
    /// Which: `files`, `graph`, `inputs and outputs`, `finite`, `batch`, `golden ...`
    pub name: String,
    /// What was found.
    pub found: String,
}

/// What a model does to one picture.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelExplanation {
    /// The model.
    pub model: String,
    /// Its contract.
    pub contract: Option<String>,
    /// One sentence a step.
    pub steps: Vec<String>,
    /// Axes of the tensor, the number of squares first.
    pub shape: [usize; 4],
    /// The tensor as NumPy's `.npy` (little-endian 32-bit floats), in base64.
    pub tensor_npy: String,
    /// What the network sees before numbers are scaled, as PNG, in base64.
    pub seen_png: String,
}

/// An explanation on the wire.
#[must_use]
pub fn explanation(card: &ModelCard, found: &Explanation) -> ModelExplanation {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    let explained = &found.explained;
    ModelExplanation {
        model: card.name.clone(),
        contract: card.made.as_ref().map(|made| made.contract.clone()),
        steps: explained.steps.clone(),
        shape: explained.shape,
        tensor_npy: STANDARD.encode(npy(&explained.shape, &explained.tensor)),
        seen_png: STANDARD.encode(&found.png),
    }
}

/// Checks on the wire.
#[must_use]
pub fn checks(checks: &[Check]) -> Vec<ModelCheck> {
    let check = |check: &Check| ModelCheck { name: check.name.clone(), found: check.found.clone() };
    checks.iter().map(check).collect()
}

/// A C-ordered array of little-endian `f32` in NumPy's format, version 1.0.
fn npy(shape: &[usize; 4], values: &[f32]) -> Vec<u8> {
    let [n, a, b, c] = shape;
    let words = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({n}, {a}, {b}, {c}), }}");
    let unpadded = 6 + 4 + words.len() + 1;
    let padding = unpadded.next_multiple_of(64) - unpadded;
    let length = (words.len() + padding + 1) as u16;
    let mut bytes = [&b"\x93NUMPY\x01\x00"[..], &length.to_le_bytes(), words.as_bytes()].concat();
    bytes.extend(std::iter::repeat_n(b' ', padding));
    bytes.push(b'\n');
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}

/// The models of this server.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ModelList {
    /// By name.
    pub models: Vec<Model>,
}

/// The models on the wire.
#[must_use]
pub fn list(cards: &[ModelCard]) -> ModelList {
    ModelList { models: cards.iter().map(model).collect() }
}

/// One model on the wire.
#[must_use]
pub fn model(card: &ModelCard) -> Model {
    let (state, reason) = match &card.standing {
        ModelStanding::Verified => ("verified", None),
        ModelStanding::Unverified => ("unverified", None),
        ModelStanding::Refused(reason) => ("refused", Some(reason.clone())),
    };
    let made = card.made.as_ref();
    Model {
        name: card.name.clone(),
        dim: made.and_then(|made| made.dim),
        rows: made.map(|made| made.rows).filter(|&rows| rows > 1),
        text: made.is_some_and(|made| made.text),
        metric: made.map(|made| made.metric.name()),
        state,
        reason,
        licence: card.licence.clone(),
        contract: made.map(|made| made.contract.clone()),
        note: card.note.clone(),
        default_mpp: made.map(|made| made.default_mpp),
        runtime: card.runtime.clone(),
        checks: checks(&card.checks),
    }
}
