//! Points on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};
use vitrail_domain::{PointRecord, Vector, VectorName};

use crate::contract::filter::FilterDoc;
use crate::contract::id::Id;
use crate::contract::vector::{VectorDoc, by_name, numbered};

/// One point.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Point {
    /// Its id.
    pub id: Id,
    /// The image that it came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image_id: Option<String>,
    /// Its fields; the server's own stand under `vitrail`.
    #[schema(value_type = Object)]
    pub payload: Map<String, Value>,
    /// Its vectors by name, where asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vectors: Option<BTreeMap<String, VectorDoc>>,
}

/// The point on the wire.
#[must_use]
pub fn point(record: PointRecord, vectors: Option<BTreeMap<VectorName, Vector>>) -> Point {
    let named = |vectors: BTreeMap<VectorName, Vector>| {
        vectors.into_iter().map(|(name, vector)| (name.to_string(), vector.into())).collect()
    };
    Point {
        id: record.id.into(),
        image_id: record.image.map(|image| image.to_string()),
        payload: record.payload.into_fields(),
        vectors: vectors.map(named),
    }
}

/// Points to add or replace.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpsertRequest {
    /// 1 to 10,000 points; all of them are written or none.
    #[serde(deserialize_with = "numbered")]
    pub points: Vec<UpsertPoint>,
}

/// One point to add or replace.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpsertPoint {
    /// Its id.
    pub id: Id,
    /// Vectors by name; names left out keep what is there.
    #[serde(default, deserialize_with = "by_name")]
    pub vectors: Option<BTreeMap<String, VectorDoc>>,
    /// The one vector of a collection that has one.
    pub vector: Option<VectorDoc>,
    /// The whole new payload; left out, what is there stays.
    #[schema(value_type = Option<Object>)]
    pub payload: Option<Map<String, Value>>,
}

/// Points that were written: durable and visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Written {
    /// How many.
    pub written: usize,
    /// The batch's number in the change log.
    pub seq: u64,
}

/// Which points: by id or by filter, one of the two.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteRequest {
    /// These points.
    pub ids: Option<Vec<Id>>,
    /// Every point that passes.
    #[schema(value_type = Option<FilterDoc>)]
    pub filter: Option<Value>,
}

/// Points that were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Deleted {
    /// How many.
    pub deleted: usize,
    /// The last batch's number in the change log.
    pub seq: u64,
}

/// Fields to set and to take out.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayloadRequest {
    /// Top-level fields to set.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub set: Map<String, Value>,
    /// Paths to take out.
    #[serde(default)]
    pub remove: Vec<String>,
    /// Of these points.
    pub ids: Option<Vec<Id>>,
    /// Of every point that passes.
    #[schema(value_type = Option<FilterDoc>)]
    pub filter: Option<Value>,
}

/// Points whose fields were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Changed {
    /// How many.
    pub changed: usize,
    /// The last batch's number in the change log.
    pub seq: u64,
}

/// A page of points.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ScrollRequest {
    /// Points that pass.
    #[schema(value_type = Option<FilterDoc>)]
    pub filter: Option<Value>,
    /// Points of a page, 1 to 10,000; 50 when absent.
    pub limit: Option<usize>,
    /// The point after which the page starts.
    pub after: Option<Id>,
    /// Whether to show vectors.
    #[serde(default)]
    pub with_vectors: bool,
}

/// A page of points, oldest first.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ScrollAnswer {
    /// The points.
    pub points: Vec<Point>,
    /// What to give as `after` for the next page; left out at the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<Id>,
}

/// What of a point to show.
#[derive(Debug, Clone, Copy, PartialEq, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PointQuery {
    /// Whether to show vectors.
    #[serde(default)]
    pub with_vectors: bool,
}

/// How large a point's picture is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PictureQuery {
    /// Pixels of the longest side, 1 to 1,024; 256 when absent.
    pub side: Option<u32>,
}
