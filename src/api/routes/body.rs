//! Bodies of routes that take JSON or a form, read within their bounds.

use std::sync::Arc;

use actix_multipart::{Field, Multipart};
use actix_web::http::header::CONTENT_TYPE;
use actix_web::{HttpRequest, web};
use futures::StreamExt;
use serde::de::DeserializeOwned;
use vitrail_domain::Code;
use vitrail_domain::limits::{IMAGE_BYTES_MAX, JSON_BYTES_MAX, UPLOAD_BYTES_MAX, UPLOAD_FILES_MAX};

use crate::error::ApiError;

/// Parts of a form that are no files: the fields, the model, the request.
const OTHER_PARTS_MAX: usize = 8;

/// One part of a form.
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name as sent, without folders.
    pub file: Option<String>,
    /// Its bytes.
    pub bytes: Arc<[u8]>,
}

impl Part {
    /// The part as JSON.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, ApiError> {
        let read = serde_json::from_slice(&self.bytes);
        read.map_err(|error| ApiError::invalid(&self.name, error))
    }

    /// The part as a text.
    pub fn text(&self) -> Result<String, ApiError> {
        let text = String::from_utf8(self.bytes.to_vec());
        text.map(|text| text.trim().to_owned())
            .map_err(|error| ApiError::invalid(&self.name, error))
    }
}

/// Whether the body is a form.
pub fn is_form(request: &HttpRequest) -> bool {
    let kind = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    kind.is_some_and(|kind| kind.to_ascii_lowercase().starts_with("multipart/form-data"))
}

/// Reads a body of plain bytes: one picture.
pub async fn bytes(payload: web::Payload) -> Result<Vec<u8>, ApiError> {
    let most = usize::try_from(IMAGE_BYTES_MAX).unwrap_or(usize::MAX);
    let bytes = payload.to_bytes_limited(most).await.map_err(|_| {
        ApiError::new(Code::TooLarge, format!("the body has more than {most} bytes"))
    })?;
    let bytes = bytes.map_err(|error| ApiError::new(Code::InvalidRequest, error))?;
    Ok(bytes.to_vec())
}

/// Reads a body of JSON.
pub async fn json<T: DeserializeOwned>(payload: web::Payload) -> Result<T, ApiError> {
    parse(&bytes_of(payload).await?)
}

/// The same where no body at all leaves everything to the defaults.
pub async fn json_or_nothing<T>(payload: web::Payload) -> Result<T, ApiError>
where
    T: DeserializeOwned + Default,
{
    let bytes = bytes_of(payload).await?;
    if bytes.is_empty() { Ok(T::default()) } else { parse(&bytes) }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| ApiError::new(Code::InvalidRequest, error))
}

async fn bytes_of(payload: web::Payload) -> Result<web::Bytes, ApiError> {
    let bytes = payload.to_bytes_limited(JSON_BYTES_MAX).await.map_err(|_| {
        let message = format!("the body has more than {JSON_BYTES_MAX} bytes");
        ApiError::new(Code::TooLarge, message)
    })?;
    bytes.map_err(|error| ApiError::new(Code::InvalidRequest, error))
}

/// Reads a form whose parts have these names.
pub async fn form(
    request: &HttpRequest,
    payload: web::Payload,
    names: &[&str],
) -> Result<Vec<Part>, ApiError> {
    let mut form = Multipart::new(request.headers(), payload);
    let (mut parts, mut left) = (Vec::new(), UPLOAD_BYTES_MAX);
    while let Some(field) = form.next().await {
        let field = field.map_err(|error| ApiError::new(Code::InvalidRequest, error))?;
        if parts.len() == UPLOAD_FILES_MAX + OTHER_PARTS_MAX {
            let message = format!("a form has {UPLOAD_FILES_MAX} files at most");
            return Err(ApiError::new(Code::TooLarge, message));
        }
        let part = part(field, names, left).await?;
        left = left.saturating_sub(part.bytes.len());
        parts.push(part);
    }
    Ok(parts)
}

async fn part(mut field: Field, names: &[&str], left: usize) -> Result<Part, ApiError> {
    let name = field.name().unwrap_or_default().to_owned();
    if !names.contains(&name.as_str()) {
        let message = format!("a form takes the parts {}", names.join(", "));
        return Err(ApiError::new(Code::InvalidRequest, message));
    }
    let file = field.content_disposition().and_then(|disposition| disposition.get_filename());
    let file = file.map(bare);
    let most = left.min(usize::try_from(IMAGE_BYTES_MAX).unwrap_or(usize::MAX));
    let mut bytes = Vec::new();
    while let Some(chunk) = field.next().await {
        let chunk = chunk.map_err(|error| ApiError::new(Code::InvalidRequest, error))?;
        if bytes.len() + chunk.len() > most {
            let message = "the form, or one file in it, is larger than its bound";
            return Err(ApiError::new(Code::TooLarge, message).at(name));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Part { name, file, bytes: bytes.into() })
}

/// The file's own name: folders that a browser or a hostile caller sent are dropped.
fn bare(name: &str) -> String {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    last.chars().filter(|c| !c.is_control()).take(255).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_in_a_files_name_are_dropped() {
        assert_eq!(bare("../../etc/passwd"), "passwd");
        assert_eq!(bare("C:\\pictures\\a.jpg"), "a.jpg");
        assert_eq!(bare("a\u{0}\nb.png"), "ab.png");
    }
}
