//! Images: brought in, listed, shown.

use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use futures::stream::{self, Stream};
use serde_json::Value;
use uuid::Uuid;
use vitrail_cases::Original;
use vitrail_collection::Collection;
use vitrail_domain::{Code, CollectionName, Filter, ImageId, ImageRecord};

use crate::contract::error::ErrorBody;
use crate::contract::filter;
use crate::contract::image::{Image, ImageList, ImagesQuery, image as wire};
use crate::contract::ingest::Uploaded;
use crate::contract::job::{IngestRequest, JobAccepted, job};
use crate::error::ApiError;
use crate::reading;
use crate::routes::points::jpeg;
use crate::routes::{blocking, body, page, upload};
use crate::state::ApiState;

/// Images of a page where the caller says nothing.
const PAGE_DEFAULT: usize = 50;

/// Images of a page at most: each is a few hundred bytes and one look-up of its points.
const PAGE_MAX: usize = 1_000;

/// Bytes of a file that are read at a time.
const CHUNK: usize = 256 * 1024;

/// A form of pictures.
#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "it is only documented; the form is read part by part")]
struct UploadForm {
    /// Encoded pictures, one part each.
    #[schema(value_type = Vec<String>, format = Binary)]
    file: Vec<Vec<u8>>,
    /// Payload for all of them, as JSON.
    #[schema(value_type = Option<Object>)]
    fields: Option<Value>,
    /// The model; the default one when absent.
    model: Option<String>,
}

/// Brings pictures in: uploaded in a form, answered file by file; or by their paths on the server,
/// answered with a job.
#[utoipa::path(
    tag = "images",
    request_body(content(
        (IngestRequest = "application/json"),
        (UploadForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "A form: what became of each file", body = Uploaded),
        (status = 202, description = "Paths: the job", body = JobAccepted),
        (status = 400, body = ErrorBody),
        (status = 403, description = "A path that may not be read", body = ErrorBody),
        (status = 429, description = "Too many jobs wait", body = ErrorBody),
    ),
)]
#[post("/v1/collections/{collection}/images")]
pub async fn add(
    path: web::Path<String>,
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let name: CollectionName = path.parse()?;
    if body::is_form(&request) {
        let pictures = upload::pictures(&request, payload).await?;
        let uploaded = blocking(move || upload::store(&state, &name, pictures)).await?;
        return Ok(HttpResponse::Ok().json(uploaded));
    }
    let asked: IngestRequest = body::json(payload).await?;
    let work = move || {
        let spec = upload::spec_of(&state, name, &asked)?;
        Ok::<_, ApiError>(state.jobs.submit(spec)?)
    };
    let submitted = blocking(work).await?;
    Ok(HttpResponse::Accepted().json(JobAccepted { job: job(&submitted) }))
}

/// A page of images.
#[utoipa::path(tag = "images", params(ImagesQuery), responses(
    (status = 200, body = ImageList),
    (status = 400, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images")]
pub async fn list(
    path: web::Path<String>,
    query: web::Query<ImagesQuery>,
    state: web::Data<ApiState>,
) -> Result<web::Json<ImageList>, ApiError> {
    let work = move || page_of(&*state.collection(&path)?, &query);
    Ok(web::Json(blocking(work).await?))
}

/// One image.
#[utoipa::path(tag = "images", responses(
    (status = 200, body = Image),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}")]
pub async fn show(
    path: web::Path<(String, String)>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Image>, ApiError> {
    let work = move || {
        let collection = state.collection(&path.0)?;
        let id = id_of(&path.1)?;
        let record = reading::image(&collection, id)?.ok_or_else(|| unknown(&path.1))?;
        shown(&collection, &record)
    };
    Ok(web::Json(blocking(work).await?))
}

/// The image in small.
#[utoipa::path(tag = "images", responses(
    (status = 200, content_type = "image/jpeg", body = Vec<u8>),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/thumbnail")]
pub async fn thumbnail(
    path: web::Path<(String, String)>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || {
        let collection = state.collection(&path.0)?;
        Ok::<_, ApiError>(state.cases.image_thumbnail(&collection, id_of(&path.1)?)?)
    };
    Ok(jpeg(blocking(work).await?))
}

/// The image's original bytes; of a DICOM file its pixels as a PNG, since its own bytes carry words
/// about a person.
#[utoipa::path(tag = "images", responses(
    (status = 200, content_type = "application/octet-stream", body = Vec<u8>),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/file")]
pub async fn file(
    path: web::Path<(String, String)>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || {
        let collection = state.collection(&path.0)?;
        Ok::<_, ApiError>(match state.cases.original(&collection, id_of(&path.1)?)? {
            Original::File(record, path) => Ok(open(*record, path)?),
            Original::Png(png) => Err(png),
        })
    };
    let original = blocking(work).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, max-age=3600"));
    response.insert_header((CONTENT_DISPOSITION, "inline"));
    Ok(match original {
        Ok((record, opened)) => {
            response.content_type(media_type(&record.format)).streaming(chunks(opened))
        }
        Err(png) => response.content_type("image/png").body(png),
    })
}

fn open(record: ImageRecord, path: PathBuf) -> Result<(ImageRecord, File), ApiError> {
    let opened = File::open(&path)
        .map_err(|error| ApiError::new(Code::FileUnreadable, format!("{}: {error}", record.uri)))?;
    Ok((record, opened))
}

/// A file in chunks, each read on a thread that may block: slides have gigabytes.
fn chunks(source: File) -> impl Stream<Item = Result<Bytes, ApiError>> {
    stream::unfold(Some(source), |source| async move {
        let mut source = source?;
        let read = move || {
            let mut chunk = vec![0; CHUNK];
            let length = source.read(&mut chunk)?;
            chunk.truncate(length);
            Ok::<_, std::io::Error>((chunk, source))
        };
        match web::block(read).await {
            Ok(Ok((chunk, _))) if chunk.is_empty() => None,
            Ok(Ok((chunk, source))) => Some((Ok(Bytes::from(chunk)), Some(source))),
            Ok(Err(error)) => Some((Err(ApiError::new(Code::FileUnreadable, error)), None)),
            Err(error) => Some((Err(error.into()), None)),
        }
    })
}

fn media_type(format: &str) -> &'static str {
    match format {
        "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "bmp" => "image/bmp",
        "tiff" | "tiled_tiff" | "svs" | "ome_tiff" | "ndpi" | "scn" | "bif" | "philips" => {
            "image/tiff"
        }
        _ => "application/octet-stream",
    }
}

fn page_of(collection: &Collection, asked: &ImagesQuery) -> Result<ImageList, ApiError> {
    let limit = page(asked.limit, PAGE_DEFAULT, PAGE_MAX)?;
    let after = asked.after.as_deref().map(id_of).transpose()?;
    let filter = filter_of(asked.filter.as_deref())?;
    let mut records = match &filter {
        Some(filter) => reading::images_matching(collection, filter, after, limit + 1)?,
        None => reading::images(collection, after, limit + 1)?,
    };
    let more = records.len() > limit;
    records.truncate(limit);
    let next = records.last().filter(|_| more).map(|record| record.id.to_string());
    let images = records.iter().map(|record| shown(collection, record));
    Ok(ImageList { images: images.collect::<Result<_, _>>()?, next })
}

/// A filter that an address carries as JSON text.
pub fn filter_of(text: Option<&str>) -> Result<Option<Filter>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let value: Value = serde_json::from_str(text)
        .map_err(|error| ApiError::new(Code::InvalidFilter, error).at("filter"))?;
    Ok(Some(filter::parse(&value)?))
}

fn shown(collection: &Collection, record: &ImageRecord) -> Result<Image, ApiError> {
    Ok(wire(record, reading::points_of_image(collection, record.id)?))
}

/// An image's id.
pub fn id_of(text: &str) -> Result<ImageId, ApiError> {
    Uuid::parse_str(text).map(ImageId).map_err(|_| unknown(text))
}

/// The refusal of an image that there is not.
pub fn unknown(text: &str) -> ApiError {
    let text: String = text.chars().take(64).flat_map(char::escape_debug).collect();
    ApiError::new(Code::UnknownImage, format!("the collection has no image {text}"))
}
