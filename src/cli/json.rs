//! What the command line prints as JSON.

use serde_json::{Map, Value, json};
use vitrail_cases::Similar;
use vitrail_collection::Collection;
use vitrail_domain::Metric;
use vitrail_embed::{ModelState, Models};

/// Larger is closer.
pub fn score(metric: Metric, distance: f32) -> f32 {
    match metric {
        Metric::Cosine => 1.0 - distance,
        Metric::Dot | Metric::Manhattan => -distance,
        Metric::Euclid => -distance.max(0.0).sqrt(),
    }
}

/// One collection.
pub fn collection(collection: &Collection) -> Value {
    let (spec, view) = (collection.spec(), collection.view());
    let vectors = spec.vectors.iter().map(|(name, vector)| {
        let points = view.vectors.get(name).map_or(0, |vectors| vectors.len());
        let value = json!({
            "dim": vector.dim.get(), "metric": vector.metric.name(), "model": vector.model,
            "contract": vector.contract, "points": points,
        });
        (name.to_string(), value)
    });
    let roles = spec.roles.0.iter().map(|(role, path)| (role.to_string(), json!(path.to_string())));
    json!({
        "name": spec.name.as_str(),
        "points": view.live.len(),
        "created_at": spec.created_at.rfc3339(),
        "vectors": vectors.collect::<Map<_, _>>(),
        "roles": roles.collect::<Map<_, _>>(),
    })
}

/// One model.
pub fn model(models: &Models, name: &str) -> Value {
    let (state, reason) = match models.state(name) {
        ModelState::Verified => ("verified", None),
        ModelState::Unverified => ("unverified", None),
        ModelState::Refused(reason) => ("refused", Some(reason)),
    };
    let manifest = models.manifest(name);
    let serves = manifest.filter(|_| reason.is_none());
    let output = serves.and_then(|manifest| manifest.image_output());
    json!({
        "name": name,
        "state": state,
        "reason": reason,
        "dim": output.map(|output| output.dim),
        "contract": serves.map(|manifest| manifest.contract_hash()),
        "licence": manifest.map(|manifest| manifest.licence.spdx_or_name.clone()),
        "note": manifest.map(|manifest| manifest.domain.intended_use_note.clone()),
        "runtime": format!("{} {}", models.runtime().engine().name(), models.runtime().version()),
    })
}

/// A similar-case answer.
pub fn similar(found: &Similar, total_ms: f64) -> Value {
    let metric = found.spec.metric;
    let hit = |hit: &vitrail_domain::Hit| {
        json!({
            "id": hit.id.to_string(),
            "score": score(metric, hit.distance),
            "percentile": hit.percentile,
            "payload": hit.payload.fields(),
        })
    };
    let excluded = found.excluded.iter();
    let excluded = excluded.map(|identity| (identity.role.to_string(), json!(identity.value)));
    let explain = &found.answer.explain;
    json!({
        "hits": found.answer.hits.iter().map(hit).collect::<Vec<_>>(),
        "explain": {
            "plan": explain.plan.name(),
            "vector": found.vector.as_str(),
            "metric": metric.name(),
            "model": found.spec.model,
            "contract": found.spec.contract,
            "points": explain.points,
            "matched": explain.matched,
            "compared": explain.compared,
            "unindexed": explain.unindexed,
            "filter_us": explain.filter_us,
            "search_us": explain.search_us,
            "decode_ms": found.decode_us.map(|us| us as f64 / 1000.0),
            "embed_ms": found.embed_us.map(|us| us as f64 / 1000.0),
            "total_ms": total_ms,
            "exclude_same": excluded.collect::<Map<_, _>>(),
            "known": {"exact": found.known.iter().map(ToString::to_string).collect::<Vec<_>>()},
        },
    })
}
