//! The dashboard's files, out of the program itself.

use actix_web::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH, X_FRAME_OPTIONS,
};
use actix_web::{HttpRequest, HttpResponse, get, web};
use vitrail_domain::Code;

use crate::error::ApiError;
use crate::state::ApiState;

/// Only the server's own files; pictures that the page made itself; nobody may frame it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    img-src 'self' blob: data:; connect-src 'self'; font-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// The dashboard.
#[utoipa::path(tag = "dashboard", responses((status = 200, content_type = "text/html", body = String)))]
#[get("/dashboard")]
pub async fn index(
    request: HttpRequest,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    answer(&request, &state, "index.html")
}

/// One file of the dashboard.
#[utoipa::path(tag = "dashboard", responses((status = 200, content_type = "application/octet-stream", body = String)))]
#[get("/dashboard/{file:.*}")]
pub async fn file(
    request: HttpRequest,
    path: web::Path<String>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let name = if path.is_empty() { "index.html" } else { path.as_str() };
    answer(&request, &state, name)
}

fn answer(request: &HttpRequest, state: &ApiState, name: &str) -> Result<HttpResponse, ApiError> {
    let found = (state.dashboard)(name)
        .ok_or_else(|| ApiError::new(Code::UnknownRoute, "the dashboard has no such file"))?;
    let etag = format!("\"{}\"", found.etag);
    let known = request.headers().get(IF_NONE_MATCH).and_then(|value| value.to_str().ok());
    let mut response =
        if known == Some(&etag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    response
        .insert_header((ETAG, etag.as_str()))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .insert_header((X_FRAME_OPTIONS, "DENY"));
    if known == Some(&etag) {
        return Ok(response.finish());
    }
    Ok(response.content_type(found.content_type).body(found.bytes))
}
