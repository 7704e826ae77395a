//! Counts of values on the wire.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::contract::filter::{FilterDoc, print_value};

/// Which fields to count.
#[derive(Debug, Clone, PartialEq, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FacetsRequest {
    /// Payload paths.
    pub paths: Vec<String>,
    /// Among the points that pass.
    #[schema(value_type = Option<FilterDoc>)]
    pub filter: Option<Value>,
    /// Values of a path, 1 to 1,000; 20 when absent.
    pub limit: Option<usize>,
}

/// Exact counts.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FacetsAnswer {
    /// Points that pass.
    pub matched: usize,
    /// One facet a path, in the order asked.
    pub facets: Vec<Facet>,
}

/// The values at one path.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Facet {
    /// The path as asked.
    pub path: String,
    /// The most frequent first.
    pub values: Vec<FacetValue>,
    /// Points with nothing there.
    pub missing: usize,
    /// Points with something there that is no value to count: a fraction, an object, a long text.
    pub other: usize,
    /// Different values in all.
    pub distinct: usize,
}

/// One value and how often it is there.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FacetValue {
    /// The value, of its own type.
    #[schema(value_type = Value)]
    pub value: Value,
    /// Points that have it.
    pub count: usize,
}

/// The counts on the wire.
#[must_use]
pub fn facets(paths: &[String], counted: &vitrail_collection::Facets) -> FacetsAnswer {
    FacetsAnswer {
        matched: counted.matched,
        facets: paths
            .iter()
            .zip(&counted.facets)
            .map(|(path, facet)| Facet {
                path: path.clone(),
                values: facet
                    .values
                    .iter()
                    .map(|(_, value, count)| FacetValue {
                        value: print_value(value),
                        count: *count,
                    })
                    .collect(),
                missing: facet.missing,
                other: facet.other,
                distinct: facet.distinct,
            })
            .collect(),
    }
}
