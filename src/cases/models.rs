//! What there is to know of the installed models before one is used.

use vitrail_domain::Metric;
use vitrail_embed::{Check, ModelState, Models};

/// Whether a model may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelStanding {
    /// It passed every check of its registration, golden vectors among them.
    Verified,
    /// It runs as declared, but no golden vector proves its numbers.
    Unverified,
    /// It serves nothing, for this reason.
    Refused(String),
}

/// What a model makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Made {
    /// Components of its vectors.
    pub dim: Option<usize>,
    /// Vectors of one picture, compared by their best pairs; 1 for most models.
    pub rows: usize,
    /// Whether text can be embedded.
    pub text: bool,
    /// How they are compared.
    pub metric: Metric,
    /// The hash of all that makes them what they are.
    pub contract: String,
    /// The scale of its tiles, micrometres per pixel.
    pub default_mpp: f64,
}

/// One model as installed.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelCard {
    /// Its name.
    pub name: String,
    /// Whether it may be used.
    pub standing: ModelStanding,
    /// What it makes; `None` for one that is refused.
    pub made: Option<Made>,
    /// The licence of its weights; `None` where its manifest can't be read.
    pub licence: Option<String>,
    /// What it is meant for.
    pub note: Option<String>,
    /// What runs it.
    pub runtime: String,
    /// The checks that it passed, where they are known.
    pub checks: Vec<Check>,
}

/// Every installed model by name. One that was verified before is not loaded for this; any other
/// is, so the first call takes a while.
#[must_use]
pub fn model_cards(models: &Models) -> Vec<ModelCard> {
    models.names().map(|name| card(models, name)).collect()
}

fn card(models: &Models, name: &str) -> ModelCard {
    let standing = match models.state(name) {
        ModelState::Verified => ModelStanding::Verified,
        ModelState::Unverified => ModelStanding::Unverified,
        ModelState::Refused(reason) => ModelStanding::Refused(reason),
    };
    let manifest = models.manifest(name);
    let serves = manifest.filter(|_| !matches!(standing, ModelStanding::Refused(_)));
    let runtime = models.runtime();
    ModelCard {
        name: name.to_owned(),
        made: serves.map(|manifest| Made {
            dim: manifest.image_output().map(|output| output.dim),
            rows: manifest.image_output().map_or(1, |output| output.n),
            text: manifest.has_text(),
            metric: Metric::from(manifest.search.metric),
            contract: manifest.contract_hash(),
            default_mpp: manifest.tiling.default_mpp,
        }),
        licence: manifest.map(|manifest| manifest.licence.spdx_or_name.clone()),
        note: manifest.map(|manifest| manifest.domain.intended_use_note.clone()),
        runtime: format!("{} {}", runtime.engine().name(), runtime.version()).trim().to_owned(),
        checks: models.report(name).map(|report| report.checks).unwrap_or_default(),
        standing,
    }
}

/// One installed model by its name.
#[must_use]
pub fn model_card(models: &Models, name: &str) -> Option<ModelCard> {
    models.names().any(|known| known == name).then(|| card(models, name))
}
