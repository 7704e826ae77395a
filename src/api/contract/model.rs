//! Models on the wire.

use serde::Serialize;
use utoipa::ToSchema;
use vitrail_domain::Mpp;
use vitrail_embed::Models;

/// One model as installed.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Model {
    /// Its name.
    pub name: String,
    /// Components of its vectors; null for a model that can't be loaded.
    pub dim: Option<usize>,
    /// How they are compared.
    pub metric: Option<&'static str>,
    /// `verified` or `refused`.
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

/// The models on the wire. Each is loaded where it is not loaded yet, so the first call takes a
/// while.
#[must_use]
pub fn list(models: &Models) -> ModelList {
    ModelList { models: models.names().map(|name| model(models, name)).collect() }
}

/// One model on the wire.
#[must_use]
pub fn model(models: &Models, name: &str) -> Model {
    let (serving, reason) = match models.serving(name) {
        Ok(serving) => (Some(serving), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let loaded = serving.as_ref().map(|serving| serving.model());
    let manifest = models.manifest(name);
    let runtime = models.runtime();
    Model {
        name: name.to_owned(),
        dim: loaded.map(|model| model.dim().get()),
        metric: loaded.map(|model| model.metric().name()),
        state: if reason.is_none() { "verified" } else { "refused" },
        reason,
        licence: manifest.map(|manifest| manifest.licence.spdx_or_name.clone()),
        contract: loaded.map(|model| model.contract_hash().to_owned()),
        note: manifest.map(|manifest| manifest.domain.intended_use_note.clone()),
        default_mpp: loaded.map(|model| Mpp::get(model.default_mpp())),
        runtime: format!("{} {}", runtime.engine().name(), runtime.version()).trim().to_owned(),
    }
}
