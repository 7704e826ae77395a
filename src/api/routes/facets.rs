//! Counts of values.

use actix_web::{post, web};
use vitrail_domain::limits::{FACET_VALUES_MAX, FILTER_CONDITIONS_MAX};
use vitrail_domain::{Path, PathError};

use crate::contract::error::ErrorBody;
use crate::contract::facets::{FacetsAnswer, FacetsRequest, facets as wire};
use crate::contract::filter;
use crate::error::ApiError;
use crate::routes::{blocking, page};
use crate::state::ApiState;

/// Values of a path where the caller says nothing.
const VALUES_DEFAULT: usize = 20;

/// Counts the values of fields among the points that pass.
#[utoipa::path(tag = "points", request_body = FacetsRequest, responses(
    (status = 200, body = FacetsAnswer),
    (status = 400, body = ErrorBody),
))]
#[post("/v1/collections/{collection}/facets")]
pub async fn facets(
    path: web::Path<String>,
    body: web::Json<FacetsRequest>,
    state: web::Data<ApiState>,
) -> Result<web::Json<FacetsAnswer>, ApiError> {
    let work = move || {
        let limit = page(body.limit, VALUES_DEFAULT, FACET_VALUES_MAX)?;
        if body.paths.len() > FILTER_CONDITIONS_MAX {
            return Err(ApiError::invalid("paths", "too many paths"));
        }
        let filter = body.filter.as_ref().map(filter::parse).transpose()?.unwrap_or_default();
        let parse = |text: &String| text.parse::<Path>();
        let paths: Result<Vec<_>, PathError> = body.paths.iter().map(parse).collect();
        let paths = paths.map_err(|error| ApiError::invalid("paths", error))?;
        let counted = state.collection(&path)?.facets(&filter, &paths, limit)?;
        Ok::<_, ApiError>(wire(&body.paths, &counted))
    };
    Ok(web::Json(blocking(work).await?))
}
