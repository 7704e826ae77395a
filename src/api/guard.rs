//! What every request passes: a request id, who may ask, security headers, one log line.

use std::time::Instant;

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{
    AUTHORIZATION, CACHE_CONTROL, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use actix_web::middleware::Next;
use actix_web::{Error, web};
use uuid::Uuid;
use vitrail_domain::Code;

use crate::error::{ApiError, of_actix};
use crate::state::ApiState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const API_KEY: HeaderName = HeaderName::from_static("api-key");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// Characters of a request id that a caller gives: a UUID and a little more.
const REQUEST_ID_CHARS_MAX: usize = 64;

/// Lets a request through to its route, or answers for it.
pub async fn guard(
    request: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let id = request_id(request.headers());
    let checked = match request.app_data::<web::Data<ApiState>>() {
        Some(state) => check(state, request.path(), request.headers()),
        None => Err(ApiError::new(Code::Internal, "the server has no state")),
    };
    let response = match checked {
        Ok(()) => next.call(request).await?,
        Err(error) => request.error_response(error),
    };
    let error = response.response().error().map(of_actix);
    let mut response = match &error {
        Some(error) => response.into_response(error.response(&id)),
        None => response,
    };
    let headers = response.headers_mut();
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    if !headers.contains_key(CACHE_CONTROL) {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    log(&response, error.as_ref(), &id, started);
    Ok(response)
}

fn log(response: &ServiceResponse<BoxBody>, error: Option<&ApiError>, id: &str, started: Instant) {
    let (request, status) = (response.request(), response.status().as_u16());
    let (method, path) = (request.method(), request.path());
    let ms = started.elapsed().as_secs_f64() * 1000.0;
    match error {
        Some(error) if status >= 500 => {
            tracing::error!(request_id = id, %method, path, status, ms, %error, "failed");
        }
        _ => tracing::info!(request_id = id, %method, path, status, ms, "answered"),
    }
}

/// The caller's own id where it is harmless, else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let harmless = |text: &&str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        (1..=REQUEST_ID_CHARS_MAX).contains(&text.len()) && text.chars().all(plain)
    };
    given.filter(harmless).map_or_else(|| Uuid::new_v4().to_string(), str::to_owned)
}

/// Whether the caller may ask. With a key: it must be sent, except for what holds no data. Without:
/// the page that asks must be the server's own, else any web page could reach it through the
/// user's browser (DNS rebinding, cross-site requests).
fn check(state: &ApiState, path: &str, headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(key) = &state.key else { return check_host(headers) };
    if is_open(path) || sent_key(headers).is_some_and(|sent| same(sent, key)) {
        return Ok(());
    }
    Err(ApiError::new(Code::Unauthorized, "the key is missing or wrong"))
}

/// Health and the dashboard's own files hold no data.
fn is_open(path: &str) -> bool {
    matches!(path, "/" | "/healthz" | "/dashboard") || path.starts_with("/dashboard/")
}

fn sent_key(headers: &HeaderMap) -> Option<&str> {
    let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    text(&API_KEY).or_else(|| {
        let (scheme, key) = text(&AUTHORIZATION)?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| key.trim())
    })
}

/// Compared by digest: `blake3::Hash` is compared in constant time, whatever the lengths are.
fn same(sent: &str, key: &str) -> bool {
    blake3::hash(sent.as_bytes()) == blake3::hash(key.as_bytes())
}

fn check_host(headers: &HeaderMap) -> Result<(), ApiError> {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let host = text(HOST).unwrap_or_default();
    if !is_loopback(host) {
        let message = "the Host header names no address of this machine";
        return Err(ApiError::new(Code::ForbiddenHost, message));
    }
    let own = |origin: &str| origin.strip_prefix("http://").is_some_and(|rest| rest == host);
    match text(ORIGIN) {
        Some(origin) if !own(origin) => {
            Err(ApiError::new(Code::ForbiddenHost, "the Origin header is another site's"))
        }
        _ => Ok(()),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.split_once(':').map_or(host, |(name, _)| name),
    };
    let address = name.parse::<std::net::IpAddr>();
    name.eq_ignore_ascii_case("localhost") || address.is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(HeaderName, &'static str)]) -> HeaderMap {
        let pairs = pairs.iter().cloned();
        pairs.map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn only_this_machines_own_pages_may_ask() {
        for host in ["localhost:7700", "127.0.0.1:7700", "[::1]:7700", "127.0.0.1", "LOCALHOST"] {
            assert!(check_host(&headers(&[(HOST, host)])).is_ok(), "{host}");
        }
        for host in ["evil.example:7700", "127.0.0.1.evil.example", "", "[::1.evil", "0.0.0.0"] {
            assert!(check_host(&headers(&[(HOST, host)])).is_err(), "{host}");
        }
        let host = (HOST, "127.0.0.1:7700");
        let origin = |origin| check_host(&headers(&[host.clone(), (ORIGIN, origin)]));
        assert!(origin("http://127.0.0.1:7700").is_ok());
        for other in ["http://127.0.0.1:7701", "https://evil.example", "null"] {
            assert!(origin(other).is_err(), "{other}");
        }
    }

    #[test]
    fn keys_are_read_from_either_header() {
        assert_eq!(sent_key(&headers(&[(API_KEY, "k1")])), Some("k1"));
        assert_eq!(sent_key(&headers(&[(AUTHORIZATION, "Bearer k2")])), Some("k2"));
        assert_eq!(sent_key(&headers(&[(AUTHORIZATION, "Basic k2")])), None);
        assert!(same("a long key", "a long key") && !same("a long key", "a long kez"));
    }

    #[test]
    fn a_hostile_request_id_is_replaced() {
        assert_eq!(request_id(&headers(&[(REQUEST_ID, "abc-1")])), "abc-1");
        assert_ne!(request_id(&headers(&[(REQUEST_ID, "a b\"c")])), "a b\"c");
    }
}
