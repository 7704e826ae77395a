//! The dashboard's files, out of the program itself.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, get, web};
use vitrail_domain::Code;

use crate::error::ApiError;
use crate::state::ApiState;

/// The dashboard.
#[utoipa::path(tag = "dashboard", responses(
    (status = 200, content_type = "text/html", body = String),
))]
#[get("/dashboard")]
pub async fn index(
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    answer(&request, &state, "")
}

/// One file of the dashboard.
#[utoipa::path(tag = "dashboard", responses(
    (status = 200, content_type = "application/octet-stream", body = String),
))]
#[get("/dashboard/{file:.*}")]
pub async fn file(
    request: HttpRequest,
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    answer(&request, &state, &path)
}

fn answer(request: &HttpRequest, state: &ApiState, name: &str) -> Result<HttpResponse, ApiError> {
    let found = (state.dashboard.file)(name)
        .ok_or_else(|| ApiError::new(Code::UnknownRoute, "the dashboard has no such file"))?;
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response =
        if known == Some(found.etag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, found.etag))
        .insert_header((CACHE_CONTROL, found.cache_control))
        .insert_header((CONTENT_SECURITY_POLICY, state.dashboard.policy))
        .insert_header((X_FRAME_OPTIONS, "DENY"));
    if known == Some(found.etag) {
        return Ok(response.finish());
    }
    Ok(response.content_type(found.content_type).body(found.bytes))
}
