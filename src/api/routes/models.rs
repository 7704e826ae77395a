//! The models of this server.

use actix_web::{get, web};
use vitrail_cases::model_cards;

use crate::contract::model::{self, ModelList};
use crate::error::ApiError;
use crate::routes::blocking;
use crate::state::ApiState;

/// The models of this server, and whether they may be used.
#[utoipa::path(tag = "models", responses((status = 200, body = ModelList)))]
#[get("/v1/models")]
pub async fn list(state: web::Data<ApiState>) -> Result<web::Json<ModelList>, ApiError> {
    let work = move || Ok::<_, ApiError>(model::list(&model_cards(state.cases.models())));
    Ok(web::Json(blocking(work).await?))
}
