//! The document of this interface.

use actix_web::{HttpResponse, get};

/// The OpenAPI document of this server.
#[utoipa::path(tag = "server", responses((status = 200, body = Object)))]
#[get("/v1/openapi.json")]
pub async fn document() -> HttpResponse {
    HttpResponse::Ok().json(crate::server::openapi())
}
