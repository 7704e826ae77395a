//! Pictures that come in: uploaded with the request, or named by their paths on the server.

use std::path::PathBuf;

use actix_web::{HttpRequest, web};
use serde_json::{Map, Value};
use vitrail_domain::limits::UPLOAD_FILES_MAX;
use vitrail_domain::{Code, CollectionName, Mpp, Payload};
use vitrail_exchange::Areas;
use vitrail_jobs::{IngestSpec, Regions, Upload, UploadOutcome, ingest_uploads};
use vitrail_sources::Address;

use crate::contract::ingest::{Uploaded, UploadedItem};
use crate::contract::job::{IngestRequest, Scales};
use crate::error::ApiError;
use crate::routes::body::{self, Part};
use crate::routes::collections::roles_of;
use crate::state::ApiState;

/// A form of pictures, read.
pub struct Pictures {
    files: Vec<Part>,
    fields: Map<String, Value>,
    model: Option<String>,
}

/// Reads a form of pictures.
pub async fn pictures(request: &HttpRequest, payload: web::Payload) -> Result<Pictures, ApiError> {
    let mut read = Pictures { files: Vec::new(), fields: Map::new(), model: None };
    for part in body::form(request, payload, &["file", "fields", "model"]).await? {
        match part.name.as_str() {
            "file" => read.files.push(part),
            "fields" => read.fields = part.json()?,
            _ => read.model = Some(part.text()?),
        }
    }
    match read.files.len() {
        0 => Err(ApiError::invalid("file", "the form has no part named file")),
        count if count > UPLOAD_FILES_MAX => {
            let message = format!("{count} files in one form; the limit is {UPLOAD_FILES_MAX}");
            Err(ApiError::new(Code::TooLarge, message).at("file"))
        }
        _ => Ok(read),
    }
}

/// Stores and embeds a form's pictures; each is stored, skipped or refused for itself.
pub fn store(
    state: &ApiState,
    collection: &CollectionName,
    pictures: Pictures,
) -> Result<Uploaded, ApiError> {
    let fields = Payload::checked(pictures.fields);
    let fields = fields.map_err(|error| ApiError::new(Code::InvalidPayload, error).at("fields"))?;
    let uploads: Vec<Upload> = pictures
        .files
        .into_iter()
        .enumerate()
        .map(|(index, part)| Upload {
            name: part
                .file
                .filter(|name| !name.is_empty())
                .unwrap_or_else(|| format!("upload-{index}")),
            bytes: part.bytes,
            fields: fields.fields().clone(),
        })
        .collect();
    let names: Vec<String> = uploads.iter().map(|upload| upload.name.clone()).collect();
    let model = pictures.model.as_deref();
    let outcomes = ingest_uploads(state.jobs.ingest(), collection, model, uploads)?;
    Ok(Uploaded { items: names.into_iter().zip(outcomes).map(item).collect() })
}

fn item((name, outcome): (String, UploadOutcome)) -> UploadedItem {
    let empty = UploadedItem {
        name,
        status: "refused",
        image_id: None,
        point_ids: Vec::new(),
        code: None,
        message: None,
    };
    match outcome {
        UploadOutcome::Stored { image, point } => UploadedItem {
            status: "stored",
            image_id: Some(image.to_string()),
            point_ids: vec![point.into()],
            ..empty
        },
        UploadOutcome::Skipped { image, point } => UploadedItem {
            status: "skipped",
            image_id: Some(image.to_string()),
            point_ids: vec![point.into()],
            ..empty
        },
        UploadOutcome::Refused(refused) => UploadedItem {
            code: Some(refused.code.name()),
            message: Some(refused.message),
            ..empty
        },
    }
}

/// Where a path of a request leads.
enum Place {
    Here(PathBuf),
    Far(String),
}

/// A path under a folder that may be read, or an address that may be fetched from.
fn place_of(state: &ApiState, path: &str) -> Result<Place, ApiError> {
    if !Address::is_meant(path) {
        return Ok(Place::Here(state.allowed("paths", path)?));
    }
    let at = |error| ApiError::from(error).at("paths");
    match Address::parse(path).map_err(at)? {
        Address::File(path) => Ok(Place::Here(state.allowed("paths", &path.to_string_lossy())?)),
        address => {
            state.jobs.ingest().sources.check(&address).map_err(at)?;
            Ok(Place::Far(address.to_string()))
        }
    }
}

/// What a request by paths asks for. Every path is under a folder that the server may read.
pub fn spec_of(
    state: &ApiState,
    collection: CollectionName,
    wire: &IngestRequest,
) -> Result<IngestSpec, ApiError> {
    if wire.paths.is_empty() || wire.paths.len() > UPLOAD_FILES_MAX {
        let message = format!("give 1 to {UPLOAD_FILES_MAX} files or folders");
        return Err(ApiError::invalid("paths", message));
    }
    let (mut paths, mut sources) = (Vec::new(), Vec::new());
    for path in &wire.paths {
        match place_of(state, path)? {
            Place::Here(path) => paths.push(path),
            Place::Far(address) => sources.push(address),
        }
    }
    let metadata = wire.metadata.as_ref().map(|path| state.allowed("metadata", path));
    let mut spec = IngestSpec::new(collection, paths);
    spec.sources = sources;
    if let Some(credentials) = &wire.credentials {
        let read = credentials.read();
        spec.credentials = read.map_err(|why| ApiError::invalid("credentials", why))?;
    }
    spec.metadata = metadata.transpose()?;
    spec.model.clone_from(&wire.model);
    spec.slide_mpp = wire.mpp.map(Mpp::new).transpose()?;
    spec.tile_mpp = wire.tile_mpp.as_ref().map(Scales::read).transpose()?.unwrap_or_default();
    spec.regions = wire.regions.as_ref().map(|regions| regions_of(state, regions)).transpose()?;
    spec.roles = roles_of(&wire.roles)?;
    spec.include.clone_from(&wire.include);
    spec.exclude.clone_from(&wire.exclude);
    Ok(spec)
}

/// A path that the server may read, or the areas themselves.
fn regions_of(state: &ApiState, regions: &Value) -> Result<Regions, ApiError> {
    match regions {
        Value::String(path) => Ok(Regions::Path(state.allowed("regions", path)?)),
        areas => {
            Areas::of_value(areas).map_err(|error| ApiError::new(error.code(), error))?;
            Ok(Regions::Inline(areas.clone()))
        }
    }
}
