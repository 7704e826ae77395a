//! Models on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use vitrail_cases::{ModelCard, ModelStanding};

/// One model as installed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Components of its vectors; null for a model that is refused.
    pub dim: Option<usize>,
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
        metric: made.map(|made| made.metric.name()),
        state,
        reason,
        licence: card.licence.clone(),
        contract: made.map(|made| made.contract.clone()),
        note: card.note.clone(),
        default_mpp: made.map(|made| made.default_mpp),
        runtime: card.runtime.clone(),
    }
}
