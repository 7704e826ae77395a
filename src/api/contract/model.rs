//! Models on the wire.

use serde::Serialize;
use utoipa::ToSchema;

/// One model as installed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Components of its vectors.
    pub dim: usize,
    /// How they are compared.
    pub metric: &'static str,
    /// `verified`, `unverified` or `refused`.
    pub state: &'static str,
    /// Why it is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The licence of its weights.
    pub licence: String,
    /// The hash of all that makes its vectors what they are.
    pub contract: String,
    /// What it is meant for.
    pub note: String,
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

impl ModelList {
    /// The models on the wire.
    #[must_use]
    pub fn of(models: &vitrail_embed::Models) -> Self {
        Self { models: models.list().iter().map(model).collect() }
    }
}

/// One model on the wire.
#[must_use]
pub fn model(info: &vitrail_embed::ModelInfo) -> Model {
    Model {
        name: info.name.clone(),
        dim: info.dim.get(),
        metric: info.metric.name(),
        state: info.state.name(),
        reason: info.reason.clone(),
        licence: info.licence.clone(),
        contract: info.contract.clone(),
        note: info.note.clone(),
        default_mpp: info.default_mpp.map(vitrail_domain::Mpp::get),
        runtime: info.runtime.clone(),
    }
}
