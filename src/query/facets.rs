//! Exact counts of a field's values among the points that pass a filter.

use vitrail_domain::{Filter, Path};
use vitrail_field_index::Facet;

use crate::error::QueryError;
use crate::view::View;

/// The count of matching points, and each path's values among them.
#[derive(Debug)]
pub struct Facets {
    /// Points that pass.
    pub matched: usize,
    /// One facet a path, in the order asked.
    pub facets: Vec<Facet>,
}

/// Counts the values at each of `paths`, at most `limit` values each, most frequent first.
///
/// # Errors
/// A filter over its bounds, or a field index that can't be read.
pub fn facets(
    view: &View,
    filter: &Filter,
    paths: &[Path],
    limit: usize,
) -> Result<Facets, QueryError> {
    let within = view.matching(filter)?.slots;
    let counted = paths
        .iter()
        .map(|path| Ok(view.fields.facet(path, &within, limit, view.records.as_ref())?))
        .collect::<Result<Vec<_>, QueryError>>()?;
    Ok(Facets { matched: within.len(), facets: counted })
}
