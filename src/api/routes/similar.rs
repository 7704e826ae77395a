//! The similar-case search.

use std::sync::Arc;
use std::time::Instant;

use actix_web::{HttpRequest, HttpResponse, post, web};
use vitrail_domain::Code;

use crate::contract::error::ErrorBody;
use crate::contract::geojson::hits_as_features;
use crate::contract::similar::{
    SimilarAnswer, SimilarForm, SimilarRequest, answer, request as read,
};
use crate::error::ApiError;
use crate::routes::{blocking, body};
use crate::state::ApiState;

/// Finds the stored points most like a picture, a stored point or a vector.
#[utoipa::path(
    tag = "search",
    request_body(content(
        (SimilarRequest = "application/json"),
        (SimilarForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, body = SimilarAnswer),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 429, description = "The model's queue is full", body = ErrorBody),
    ),
)]
#[post("/v1/collections/{collection}/similar")]
pub async fn similar(
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<web::Json<SimilarAnswer>, ApiError> {
    Ok(web::Json(asked(path, request, payload, state).await?))
}

/// The same search, its hits that are tiles as GeoJSON: boxes in level-0 pixels of their slides.
#[utoipa::path(
    tag = "search",
    request_body(content(
        (SimilarRequest = "application/json"),
        (SimilarForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, content_type = "application/geo+json", body = Object),
        (status = 400, body = ErrorBody),
        (status = 404, body = ErrorBody),
        (status = 429, description = "The model's queue is full", body = ErrorBody),
    ),
)]
#[post("/v1/collections/{collection}/similar.geojson")]
pub async fn similar_features(
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let answer = asked(path, request, payload, state).await?;
    let shown =
        serde_json::to_value(answer).map_err(|error| ApiError::new(Code::Internal, error))?;
    Ok(geojson(&hits_as_features(&shown)))
}

/// GeoJSON as an answer.
pub fn geojson(features: &serde_json::Value) -> HttpResponse {
    HttpResponse::Ok().content_type("application/geo+json").body(features.to_string())
}

async fn asked(
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<SimilarAnswer, ApiError> {
    let started = Instant::now();
    let (wire, picture) = if body::is_form(&request) {
        asked_by_form(&request, payload).await?
    } else {
        (body::json(payload).await?, None)
    };
    let work = move || {
        let collection = state.collection(&path)?;
        let asked = read(&wire, picture, &collection.spec().roles)?;
        let found = state.cases.similar(&collection, &asked)?;
        Ok::<_, ApiError>(answer(&found, started.elapsed().as_secs_f64() * 1000.0))
    };
    blocking(work).await
}

async fn asked_by_form(
    request: &HttpRequest,
    payload: web::Payload,
) -> Result<(SimilarRequest, Option<Arc<[u8]>>), ApiError> {
    let (mut wire, mut picture) = (SimilarRequest::default(), None);
    for part in body::form(request, payload, &["image", "request"]).await? {
        match part.name.as_str() {
            "image" if picture.is_some() => {
                return Err(ApiError::invalid("image", "one picture at a time"));
            }
            "image" => picture = Some(part.bytes),
            _ => wire = part.json()?,
        }
    }
    Ok((wire, picture))
}
