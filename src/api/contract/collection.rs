//! Collections on the wire.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vitrail_collection::CollectionError;
use vitrail_domain::{Comparator, Payload};

use crate::reading;

/// One collection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Collection {
    /// Its name.
    pub name: String,
    /// Points that exist.
    pub points: usize,
    /// Images that exist.
    pub images: u64,
    /// RFC 3339, UTC.
    pub created_at: String,
    /// Its vectors by name.
    pub vectors: BTreeMap<String, Vector>,
    /// Roles and the payload paths that play them.
    pub roles: BTreeMap<String, String>,
    /// The payload's fields as found in it.
    pub fields: Vec<Field>,
}

/// One named vector.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Vector {
    /// Components.
    pub dim: usize,
    /// How two rows are compared.
    pub metric: &'static str,
    /// `max_sim` where points have many rows: how lists of rows are compared; null where one.
    pub multi: Option<&'static str>,
    /// The model that makes it; null where writers do.
    pub model: Option<String>,
    /// That model's contract.
    pub contract: Option<String>,
    /// Points that have it.
    pub points: usize,
    /// Points that a graph covers; the others are scanned.
    pub graph_points: usize,
}

/// One field of the payload.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Field {
    /// Its path.
    pub path: String,
    /// What most points have there: `keyword`, `integer`, `float` or `bool`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Points with something there.
    pub points: usize,
}

/// Every collection.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CollectionList {
    /// By name.
    pub collections: Vec<Collection>,
    /// Collections that can't be opened, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub damaged: Vec<DamagedCollection>,
}

/// A collection that can't be opened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DamagedCollection {
    /// Its name.
    pub name: String,
    /// What was found.
    pub why: String,
}

/// What a new collection is.
#[derive(Debug, Clone, PartialEq, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateCollection {
    /// Vectors that writers fill.
    #[serde(default)]
    pub vectors: BTreeMap<String, CreateVector>,
    /// A model whose vector is bound at once; without it the first ingest binds its own.
    pub model: Option<String>,
    /// Roles and the payload paths that play them: `{"patient": "patient_id"}`.
    #[serde(default)]
    pub roles: BTreeMap<String, String>,
}

/// A vector that writers fill.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVector {
    /// Components, 1 to 16,384.
    pub dim: usize,
    /// `cosine`, `dot`, `euclid` or `manhattan`; cosine when absent.
    pub metric: Option<String>,
    /// `max_sim`: points have from 1 to 256 rows of `dim` components (262,144 in all), and each row
    /// of a query is compared with the nearest row of a point. One row when absent.
    pub multi: Option<String>,
}

/// That something is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Dropped {
    /// True.
    pub deleted: bool,
}

impl CollectionList {
    /// Every collection of the store on the wire.
    ///
    /// # Errors
    /// The store or a field index can't be read.
    pub fn of(catalog: &vitrail_collection::Catalog) -> Result<Self, CollectionError> {
        let damaged = catalog.damaged().into_iter();
        let damaged =
            damaged.map(|one| DamagedCollection { name: one.name.to_string(), why: one.why });
        let open = catalog.list();
        let collections = open.iter().map(|collection| describe(collection));
        Ok(Self { collections: collections.collect::<Result<_, _>>()?, damaged: damaged.collect() })
    }
}

/// The collection on the wire. Cost: one pass over the known paths, not over points.
///
/// # Errors
/// The store or the field index can't be read.
pub fn describe(
    collection: &vitrail_collection::Collection,
) -> Result<Collection, CollectionError> {
    let (spec, view) = (collection.spec(), collection.view());
    let vectors = spec.vectors.iter().map(|(name, bound)| {
        let index = view.vectors.get(name);
        let vector = Vector {
            dim: bound.dim.get(),
            metric: bound.metric.name(),
            multi: bound.multi.map(Comparator::name),
            model: bound.model.clone(),
            contract: bound.contract.clone(),
            points: index.map_or(0, |index| index.len()),
            graph_points: index.map_or(0, |index| index.graph_len()),
        };
        (name.to_string(), vector)
    });
    Ok(Collection {
        name: spec.name.to_string(),
        points: view.live.len(),
        images: reading::image_count(collection)?,
        created_at: spec.created_at.rfc3339(),
        vectors: vectors.collect(),
        roles: spec
            .roles
            .0
            .iter()
            .map(|(role, path)| (role.to_string(), path.to_string()))
            .collect(),
        fields: fields(&view)?,
    })
}

fn fields(view: &vitrail_collection::View) -> Result<Vec<Field>, CollectionError> {
    let mut fields = Vec::new();
    for info in view.fields.paths()? {
        let path = info.path.to_string();
        let most = info.types.iter().filter_map(|(kind, count)| Some((*count, wire(kind.name())?)));
        let reserved = info.path.steps().first()
            == vitrail_domain::Path::key(Payload::RESERVED).steps().first();
        if let (false, Some((_, kind))) = (reserved, most.max()) {
            fields.push(Field { path, kind, points: info.points });
        }
    }
    Ok(fields)
}

/// The type on the wire; objects, lists and null are no field of their own.
fn wire(kind: &str) -> Option<&'static str> {
    match kind {
        "text" => Some("keyword"),
        "integer" => Some("integer"),
        "float" => Some("float"),
        "bool" => Some("bool"),
        _ => None,
    }
}
