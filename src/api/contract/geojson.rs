//! Tiles and hits as GeoJSON that QuPath reads: boxes in level-0 pixels, numbers as measurements.

use serde_json::{Map, Value, json};
use vitrail_domain::Region;
use vitrail_exchange::{box_feature, feature_collection};

/// The hits of a search's answer that are tiles, as Features; of several slides each says its own.
#[must_use]
pub fn hits_as_features(answer: &Value) -> Value {
    let hits = answer.get("hits").and_then(Value::as_array).into_iter().flatten();
    let feature = |hit: &Value| {
        let numbers = ["score", "percentile"];
        let measured = numbers.into_iter().filter_map(|name| Some((name, hit.get(name)?.clone())));
        let id = hit.get("id")?;
        let id = id.as_str().map_or_else(|| id.to_string(), str::to_owned);
        tile_feature(&id, hit.get("payload")?, measured)
    };
    feature_collection(hits.filter_map(feature).collect())
}

/// A point's tile as a Feature; `None` for a photograph. Its verdict is its class.
#[must_use]
pub fn tile_feature<'a>(
    id: &str,
    payload: &Value,
    measured: impl Iterator<Item = (&'a str, Value)>,
) -> Option<Value> {
    let server = payload.get("vitrail")?;
    let tile = server.get("tile")?;
    let number = |key: &str| tile.get(key).and_then(Value::as_u64);
    let region = Region {
        x: number("x")?,
        y: number("y")?,
        width: number("width")?,
        height: number("height")?,
    };
    let mut numbers: Map<String, Value> =
        measured.filter(|(_, value)| value.is_number()).map(|(k, v)| (k.to_owned(), v)).collect();
    numbers.extend(tile.get("mpp").map(|mpp| ("mpp".to_owned(), mpp.clone())));
    let qc = server.get("qc").and_then(Value::as_object);
    let signs = qc.into_iter().flatten().filter(|(_, value)| value.is_number());
    numbers.extend(signs.map(|(name, value)| (format!("qc.{name}"), value.clone())));
    let verdict = qc.and_then(|qc| qc.get("verdict"));
    let mut properties = Map::new();
    properties.insert("objectType".to_owned(), json!("tile"));
    if let Some(verdict) = verdict {
        properties.insert("classification".to_owned(), json!({"name": verdict}));
    }
    properties.insert("measurements".to_owned(), Value::Object(numbers));
    properties.insert("image".to_owned(), server.get("image").cloned().unwrap_or_default());
    let uri = server.pointer("/source/uri").cloned().unwrap_or_default();
    properties.insert("uri".to_owned(), uri);
    Some(box_feature(id, region, properties))
}
