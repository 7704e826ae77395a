//! Collections.

use std::collections::BTreeMap;

use actix_web::{HttpResponse, delete, get, put, web};
use vitrail_collection::VectorSpec;
use vitrail_domain::limits::VECTOR_NAMES_MAX;
use vitrail_domain::{CollectionName, Comparator, Dim, Metric, Roles, VectorName};

use crate::contract::collection::{
    Collection, CollectionList, CreateCollection, CreateVector, Dropped, describe,
};
use crate::contract::error::ErrorBody;
use crate::error::ApiError;
use crate::routes::blocking;
use crate::state::ApiState;

/// Every collection.
#[utoipa::path(tag = "collections", responses((status = 200, body = CollectionList)))]
#[get("/v1/collections")]
pub async fn list(state: web::Data<ApiState>) -> Result<web::Json<CollectionList>, ApiError> {
    let work = move || CollectionList::of(&state.catalog);
    Ok(web::Json(blocking(work).await?))
}

/// Makes a collection.
#[utoipa::path(tag = "collections", request_body = CreateCollection, responses(
    (status = 201, body = Collection),
    (status = 409, description = "The name is taken", body = ErrorBody),
))]
#[put("/v1/collections/{collection}")]
pub async fn create(
    path: web::Path<String>,
    body: web::Json<CreateCollection>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || {
        let name: CollectionName = path.parse()?;
        let wanted = body.into_inner();
        let roles = roles_of(&wanted.roles)?;
        let vectors = vectors_of(&state, &wanted)?;
        let collection = state.catalog.create(&name, vectors, roles)?;
        Ok::<_, ApiError>(describe(&collection)?)
    };
    Ok(HttpResponse::Created().json(blocking(work).await?))
}

/// One collection.
#[utoipa::path(tag = "collections", responses(
    (status = 200, body = Collection),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}")]
pub async fn show(
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Collection>, ApiError> {
    let work = move || Ok::<_, ApiError>(describe(&*state.collection(&path)?)?);
    Ok(web::Json(blocking(work).await?))
}

/// Drops a collection and all that is in it.
#[utoipa::path(tag = "collections", responses(
    (status = 200, body = Dropped),
    (status = 404, body = ErrorBody),
))]
#[delete("/v1/collections/{collection}")]
pub async fn drop(
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Dropped>, ApiError> {
    let work = move || {
        state.catalog.drop_collection(&path.parse()?)?;
        Ok::<_, ApiError>(Dropped { deleted: true })
    };
    Ok(web::Json(blocking(work).await?))
}

/// Roles as the wire gives them.
pub fn roles_of(wire: &BTreeMap<String, String>) -> Result<Roles, ApiError> {
    let mut roles = Roles::default();
    for (name, path) in wire {
        let field = || format!("roles.{name}");
        let role = name.parse().map_err(|error: String| ApiError::invalid(&field(), error))?;
        let path = path
            .parse()
            .map_err(|error: vitrail_domain::PathError| ApiError::invalid(&field(), error))?;
        roles.0.insert(role, path);
    }
    Ok(roles)
}

fn vectors_of(
    state: &ApiState,
    wanted: &CreateCollection,
) -> Result<BTreeMap<VectorName, VectorSpec>, ApiError> {
    let mut vectors = BTreeMap::new();
    for (name, vector) in &wanted.vectors {
        let at = |error: ApiError| error.at(format!("vectors.{name}"));
        let name: VectorName = name.parse().map_err(|error| at(ApiError::from(error)))?;
        vectors.insert(name, vector_of(vector).map_err(at)?);
    }
    if let Some(model) = &wanted.model {
        vectors.insert(model.parse()?, bound_to(state, model)?);
    }
    if vectors.len() > VECTOR_NAMES_MAX {
        let message = format!("a collection has {VECTOR_NAMES_MAX} vectors at most");
        return Err(ApiError::invalid("vectors", message));
    }
    Ok(vectors)
}

fn vector_of(wire: &CreateVector) -> Result<VectorSpec, ApiError> {
    let metric = wire.metric.as_deref().map(str::parse::<Metric>).transpose();
    let metric = metric.map_err(|error| ApiError::invalid("metric", error))?;
    let multi = wire.multi.as_deref().map(str::parse::<Comparator>).transpose();
    Ok(VectorSpec {
        dim: Dim::new(wire.dim)?,
        metric: metric.unwrap_or(Metric::Cosine),
        multi: multi.map_err(|error| ApiError::invalid("multi", error))?,
        model: None,
        contract: None,
    })
}

/// The vector that a model fills.
fn bound_to(state: &ApiState, name: &str) -> Result<VectorSpec, ApiError> {
    let serving = state.cases.models().serving(name).map_err(vitrail_cases::CaseError::from)?;
    let model = serving.model();
    Ok(VectorSpec {
        dim: model.dim(),
        metric: model.metric(),
        multi: model.comparator(),
        model: Some(name.to_owned()),
        contract: Some(model.contract_hash().to_owned()),
    })
}
