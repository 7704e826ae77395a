//! Whether the server lives, and what it is.

use actix_web::http::header::{ACCEPT, LOCATION};
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

use crate::state::ApiState;

/// That the server answers.
#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    /// `ok`.
    pub status: &'static str,
    /// The program's version.
    pub version: &'static str,
    /// Points of all collections.
    pub points: usize,
}

/// What answers here.
#[derive(Debug, Serialize, ToSchema)]
pub struct About {
    /// The program's name.
    pub title: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The commit that it was built from.
    pub commit: &'static str,
}

/// Whether the server lives.
#[utoipa::path(tag = "server", responses((status = 200, body = Health)))]
#[get("/healthz")]
pub async fn health(state: web::Data<ApiState>) -> web::Json<Health> {
    let points = state.catalog.list().iter().map(|collection| collection.len()).sum();
    web::Json(Health { status: "ok", version: state.version, points })
}

/// What answers here; browsers are sent to the dashboard.
#[utoipa::path(tag = "server", responses(
    (status = 200, body = About),
    (status = 303, description = "To the dashboard, for browsers"),
))]
#[get("/")]
pub async fn root(request: HttpRequest, state: web::Data<ApiState>) -> HttpResponse {
    let accept = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    if accept.is_some_and(|accept| accept.contains("text/html")) {
        return HttpResponse::SeeOther().insert_header((LOCATION, "/dashboard")).finish();
    }
    let (title, version, commit) = (state.title, state.version, state.commit);
    HttpResponse::Ok().json(About { title, version, commit })
}
