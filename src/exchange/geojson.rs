//! GeoJSON (RFC 7946) as pathology viewers write it: polygons in level-0 pixels in, boxes out.

use std::path::Path;

use serde_json::{Map, Value, json};
use vitrail_domain::Region;
use vitrail_domain::limits::{GEOJSON_BYTES_MAX, GEOJSON_VERTICES_MAX, NESTING_MAX};

use crate::error::ExchangeError;

/// The areas of a drawing: polygons with holes, in level-0 pixels of one slide.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Areas {
    polygons: Vec<Polygon>,
}

/// Closed rings, the first around the others; a point is inside where an odd number of edges lie
/// to its right.
#[derive(Debug, Clone, PartialEq)]
struct Polygon {
    rings: Vec<Vec<[f64; 2]>>,
    low: [f64; 2],
    high: [f64; 2],
}

impl Areas {
    /// Reads a FeatureCollection, a Feature, a geometry, or a bare list of Features (QuPath before
    /// 0.3). Points and lines are passed over: they have no inside.
    ///
    /// # Errors
    /// No JSON, no GeoJSON, coordinates that are no finite numbers, more vertices than the bound,
    /// or no polygon at all.
    pub fn read(bytes: &[u8]) -> Result<Self, ExchangeError> {
        if bytes.len() as u64 > GEOJSON_BYTES_MAX {
            return refuse(format!("it has more than {GEOJSON_BYTES_MAX} bytes"));
        }
        let value = serde_json::from_slice(bytes);
        Self::of_value(&value.or_else(|error| refuse(format!("it is no JSON: {error}")))?)
    }

    /// [`Areas::read`] of a file.
    ///
    /// # Errors
    /// As [`Areas::read`], and a file that can't be read.
    pub fn read_file(path: &Path) -> Result<Self, ExchangeError> {
        let failed = |source| ExchangeError::Read { path: path.to_owned(), source };
        if std::fs::metadata(path).map_err(failed)?.len() > GEOJSON_BYTES_MAX {
            return refuse(format!("it has more than {GEOJSON_BYTES_MAX} bytes"));
        }
        Self::read(&std::fs::read(path).map_err(failed)?)
    }

    /// [`Areas::read`] of JSON that was read already.
    ///
    /// # Errors
    /// As [`Areas::read`].
    pub fn of_value(value: &Value) -> Result<Self, ExchangeError> {
        let mut areas = Self::default();
        let mut left = GEOJSON_VERTICES_MAX;
        areas.take(value, &mut left, NESTING_MAX)?;
        if areas.polygons.is_empty() {
            return refuse("it holds no polygon".to_owned());
        }
        Ok(areas)
    }

    /// Whether a place in level-0 pixels lies in one of the polygons. Work: the vertices of the
    /// polygons whose bounds hold the place.
    #[must_use]
    pub fn contains(&self, x: f64, y: f64) -> bool {
        self.polygons.iter().any(|polygon| polygon.contains(x, y))
    }

    /// Whether the middle of a box lies in one of the polygons.
    #[must_use]
    pub fn hold(&self, region: Region) -> bool {
        let middle = |start: u64, length: u64| start as f64 + length as f64 / 2.0;
        self.contains(middle(region.x, region.width), middle(region.y, region.height))
    }

    fn take(&mut self, value: &Value, left: &mut usize, depth: usize) -> Result<(), ExchangeError> {
        let Some(depth) = depth.checked_sub(1) else {
            return refuse(format!("it is nested deeper than {NESTING_MAX} levels"));
        };
        if let Value::Array(features) = value {
            return features.iter().try_for_each(|feature| self.take(feature, left, depth));
        }
        let list = |key: &str| match value.get(key).and_then(Value::as_array) {
            Some(list) => Ok(list),
            None => refuse(format!("a {} has no list `{key}`", kind(value))),
        };
        match kind(value) {
            "FeatureCollection" => {
                list("features")?.iter().try_for_each(|one| self.take(one, left, depth))
            }
            "GeometryCollection" => {
                list("geometries")?.iter().try_for_each(|one| self.take(one, left, depth))
            }
            "Feature" => match value.get("geometry") {
                None | Some(Value::Null) => Ok(()),
                Some(geometry) => self.take(geometry, left, depth),
            },
            "Polygon" => self.polygon(list("coordinates")?, left),
            "MultiPolygon" => {
                for polygon in list("coordinates")? {
                    let Some(rings) = polygon.as_array() else {
                        return refuse("a MultiPolygon holds what is no list of rings".to_owned());
                    };
                    self.polygon(rings, left)?;
                }
                Ok(())
            }
            "Point" | "MultiPoint" | "LineString" | "MultiLineString" => Ok(()),
            other => refuse(format!("`{}` is no type of GeoJSON", shortened(other))),
        }
    }

    fn polygon(&mut self, rings: &[Value], left: &mut usize) -> Result<(), ExchangeError> {
        let read: Vec<_> = rings.iter().map(|one| ring(one, left)).collect::<Result<_, _>>()?;
        let (mut low, mut high) = ([f64::INFINITY; 2], [f64::NEG_INFINITY; 2]);
        for vertex in read.iter().flatten() {
            for axis in 0..2 {
                low[axis] = low[axis].min(vertex[axis]);
                high[axis] = high[axis].max(vertex[axis]);
            }
        }
        self.polygons.push(Polygon { rings: read, low, high });
        Ok(())
    }
}

impl Polygon {
    fn contains(&self, x: f64, y: f64) -> bool {
        let [left, top] = self.low;
        let [right, bottom] = self.high;
        if !(left..=right).contains(&x) || !(top..=bottom).contains(&y) {
            return false;
        }
        let crossed: usize = self.rings.iter().map(|ring| crossings(ring, x, y)).sum();
        crossed % 2 == 1
    }
}

/// Edges of a ring that a ray to the right crosses; the last vertex is joined to the first.
fn crossings(ring: &[[f64; 2]], x: f64, y: f64) -> usize {
    let before = ring.last().into_iter().chain(ring);
    let crosses = |(a, b): (&[f64; 2], &[f64; 2])| {
        (a[1] > y) != (b[1] > y) && x < a[0] + (y - a[1]) / (b[1] - a[1]) * (b[0] - a[0])
    };
    before.zip(ring).filter(|edge| crosses(*edge)).count()
}

fn ring(value: &Value, left: &mut usize) -> Result<Vec<[f64; 2]>, ExchangeError> {
    let Some(vertices) = value.as_array() else {
        return refuse("a ring is no list of places".to_owned());
    };
    let Some(fewer) = left.checked_sub(vertices.len()) else {
        return refuse(format!("it has more than {GEOJSON_VERTICES_MAX} vertices"));
    };
    *left = fewer;
    let vertex = |value: &Value| {
        let number = |axis| value.get(axis).and_then(Value::as_f64).filter(|n| n.is_finite());
        match (number(0), number(1)) {
            (Some(x), Some(y)) => Ok([x, y]),
            _ => refuse("a vertex is not two finite numbers".to_owned()),
        }
    };
    let ring: Vec<_> = vertices.iter().map(vertex).collect::<Result<_, _>>()?;
    if ring.len() < 3 {
        return refuse(format!("a ring has {} vertices: 3 make an area", ring.len()));
    }
    Ok(ring)
}

fn kind(value: &Value) -> &str {
    value.get("type").and_then(Value::as_str).unwrap_or("(none)")
}

fn shortened(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

fn refuse<T>(why: String) -> Result<T, ExchangeError> {
    Err(ExchangeError::GeoJson { why })
}

/// A box as a Feature that QuPath reads as an annotation: a closed ring from its top left corner,
/// in level-0 pixels.
#[must_use]
pub fn box_feature(id: &str, region: Region, properties: Map<String, Value>) -> Value {
    let (left, top) = (region.x, region.y);
    let (right, bottom) = (left.saturating_add(region.width), top.saturating_add(region.height));
    let ring = [[left, top], [right, top], [right, bottom], [left, bottom], [left, top]];
    json!({
        "type": "Feature",
        "id": id,
        "geometry": {"type": "Polygon", "coordinates": [ring]},
        "properties": properties,
    })
}

/// Features as one document.
#[must_use]
pub fn feature_collection(features: Vec<Value>) -> Value {
    json!({"type": "FeatureCollection", "features": features})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(left: f64, top: f64, side: f64) -> Value {
        let (right, bottom) = (left + side, top + side);
        json!([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
    }

    fn feature(geometry: &Value) -> Value {
        json!({"type": "Feature", "geometry": geometry, "properties": {"objectType": "annotation"}})
    }

    #[test]
    fn every_form_that_viewers_write_is_read() {
        let holed = json!({"type": "Polygon",
            "coordinates": [square(0.0, 0.0, 100.0), square(40.0, 40.0, 20.0)]});
        let two = json!({"type": "MultiPolygon",
            "coordinates": [[square(0.0, 0.0, 100.0), square(40.0, 40.0, 20.0)],
                [square(200.5, 0.0, 10.0)]]});
        let point = json!({"type": "Point", "coordinates": [50, 50]});
        let forms = [
            holed.clone(),
            feature(&holed),
            json!([feature(&point), feature(&holed)]),
            json!({"type": "FeatureCollection", "features": [feature(&holed), feature(&point)]}),
            json!({"type": "GeometryCollection", "geometries": [point, two.clone()]}),
            two,
        ];
        for form in forms {
            let areas = Areas::read(form.to_string().as_bytes()).expect("areas");
            for (x, y, inside) in [
                (10.0, 10.0, true),
                (50.0, 50.0, false),
                (39.9, 50.0, true),
                (99.9, 99.9, true),
                (100.1, 50.0, false),
                (-0.1, 50.0, false),
            ] {
                assert_eq!(areas.contains(x, y), inside, "({x}, {y}) in {form}");
            }
            assert_eq!(areas.contains(205.0, 5.0), form.to_string().contains("200.5"));
        }
    }

    #[test]
    fn what_is_no_area_is_refused_in_words() {
        let deep = "[".repeat(60) + &"]".repeat(60);
        for (text, why) in [
            ("{", "no JSON"),
            ("{}", "no type of GeoJSON"),
            (r#"{"type": "FeatureCollection", "features": []}"#, "no polygon"),
            (r#"{"type": "Polygon", "coordinates": [[[0, 0], [1, 1]]]}"#, "2 vertices"),
            (r#"{"type": "Polygon", "coordinates": [[[0, 0], [1, "a"], [2, 2]]]}"#, "finite"),
            (r#"{"type": "Polygon", "coordinates": 4}"#, "no list `coordinates`"),
            (deep.as_str(), "nested"),
        ] {
            let error = Areas::read(text.as_bytes()).expect_err(text);
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn a_box_comes_back_as_the_area_that_it_was() {
        let region = Region { x: 448, y: 896, width: 448, height: 224 };
        let out = feature_collection(vec![box_feature("a", region, Map::new())]);
        let areas = Areas::of_value(&out).expect("areas");
        assert!(areas.hold(region));
        assert!(areas.contains(448.5, 896.5) && areas.contains(895.5, 1_119.5));
        assert!(!areas.contains(447.5, 900.0) && !areas.contains(500.0, 1_120.5));
    }
}
