//! The models of this server.

use actix_web::{HttpResponse, get, post, web};
use vitrail_cases::{model_card, model_cards};
use vitrail_domain::Code;

use crate::contract::error::ErrorBody;
use crate::contract::model::{self, Model, ModelExplanation, ModelList};
use crate::contract::predict::{self, PredictDoc};
use crate::error::ApiError;
use crate::routes::{blocking, body};
use crate::state::ApiState;

/// The models of this server, and whether they may be used.
#[utoipa::path(tag = "models", responses((status = 200, body = ModelList)))]
#[get("/v1/models")]
pub async fn list(state: web::Data<ApiState>) -> Result<web::Json<ModelList>, ApiError> {
    let work = move || Ok::<_, ApiError>(model::list(&model_cards(state.cases.models())));
    Ok(web::Json(blocking(work).await?))
}

/// One model: its contract, its licence, and the checks that it passed.
#[utoipa::path(tag = "models", responses(
    (status = 200, body = Model),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/models/{model}")]
pub async fn show(
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Model>, ApiError> {
    let work = move || {
        let card = model_card(state.cases.models(), &path).ok_or_else(|| unknown(&path))?;
        Ok::<_, ApiError>(model::model(&card))
    };
    Ok(web::Json(blocking(work).await?))
}

fn unknown(name: &str) -> ApiError {
    let name: String = name.chars().take(128).flat_map(char::escape_debug).collect();
    ApiError::new(Code::UnknownModel, format!("no model is named {name}"))
}

/// What the model does to a picture before its graph sees it: the recipe step by step, the tensor,
/// and what the network sees.
#[utoipa::path(
    tag = "models",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses(
        (status = 200, body = ModelExplanation),
        (status = 404, body = ErrorBody),
        (status = 415, description = "The bytes are no picture", body = ErrorBody),
    ),
)]
#[post("/v1/models/{model}/explain")]
pub async fn explain(
    path: web::Path<String>,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<web::Json<ModelExplanation>, ApiError> {
    let picture = body::bytes(payload).await?;
    let work = move || {
        let card = model_card(state.cases.models(), &path).ok_or_else(|| unknown(&path))?;
        let found = state.cases.explain(&path, &picture.into())?;
        Ok::<_, ApiError>(model::explanation(&card, &found))
    };
    Ok(web::Json(blocking(work).await?))
}

/// Vectors of pictures, patches or texts: requests and answers of Google's health model containers.
/// One failed instance does not fail the others.
#[utoipa::path(
    tag = "models",
    request_body = PredictDoc,
    responses(
        (status = 200, description = "predictions, or the error of the whole request",
         body = serde_json::Value),
        (status = 400, description = "The body is no JSON", body = ErrorBody),
        (status = 404, body = ErrorBody),
    ),
)]
#[post("/v1/models/{model}:predict")]
pub async fn predict(
    path: web::Path<String>,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let asked: serde_json::Value = body::json(payload).await?;
    let work = move || predict::answer(&state.cases, &path, &asked);
    Ok(HttpResponse::Ok().json(blocking(work).await?))
}
