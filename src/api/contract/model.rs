//! Models on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use vitrail_domain::Metric;
use vitrail_embed::{ModelState, Models};

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

/// The models on the wire. One that was verified before is not loaded for this; any other is, so
/// the first call takes a while.
#[must_use]
pub fn list(models: &Models) -> ModelList {
    ModelList { models: models.names().map(|name| model(models, name)).collect() }
}

/// One model on the wire.
#[must_use]
pub fn model(models: &Models, name: &str) -> Model {
    let (state, reason) = match models.state(name) {
        ModelState::Verified => ("verified", None),
        ModelState::Unverified => ("unverified", None),
        ModelState::Refused(reason) => ("refused", Some(reason)),
    };
    let manifest = models.manifest(name);
    let serves = manifest.filter(|_| reason.is_none());
    let runtime = models.runtime();
    Model {
        name: name.to_owned(),
        dim: serves.and_then(|manifest| manifest.image_output()).map(|output| output.dim),
        metric: serves.map(|manifest| Metric::from(manifest.search.metric).name()),
        state,
        reason,
        licence: manifest.map(|manifest| manifest.licence.spdx_or_name.clone()),
        contract: serves.map(|manifest| manifest.contract_hash()),
        note: manifest.map(|manifest| manifest.domain.intended_use_note.clone()),
        default_mpp: serves.map(|manifest| manifest.tiling.default_mpp),
        runtime: format!("{} {}", runtime.engine().name(), runtime.version()).trim().to_owned(),
    }
}
