//! Points: written, read, changed, deleted, paged through.

use std::sync::Arc;

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, delete, get, post, web};
use serde_json::Value;
use vitrail_collection::{Applied, Collection, CollectionSpec};
use vitrail_domain::limits::{THUMBNAIL_SIDE, WRITE_POINTS_MAX};
use vitrail_domain::{
    Change, Code, Path, PathError, Payload, PointId, PointWrite, RecordSource, VectorName,
};

use crate::contract::error::ErrorBody;
use crate::contract::filter;
use crate::contract::id::Id;
use crate::contract::point::{
    Changed, DeleteRequest, Deleted, PayloadRequest, PictureQuery, Point, PointQuery, ScrollAnswer,
    ScrollRequest, UpsertPoint, UpsertRequest, Written, point as wire,
};
use crate::error::ApiError;
use crate::reading;
use crate::routes::{blocking, page};
use crate::state::ApiState;

/// Points of a page where the caller says nothing.
const PAGE_DEFAULT: usize = 50;

/// Adds or replaces points: all of them or none.
#[utoipa::path(tag = "points", request_body = UpsertRequest, responses(
    (status = 200, body = Written),
    (status = 400, body = ErrorBody),
))]
#[post("/v1/collections/{collection}/points")]
pub async fn upsert(
    path: web::Path<String>,
    body: web::Json<UpsertRequest>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Written>, ApiError> {
    let work = move || {
        let points = body.into_inner().points;
        bounded("points", points.len())?;
        let collection = state.collection(&path)?;
        let spec = collection.spec();
        let each = |(index, point)| {
            write_of(&collection, &spec, point).map_err(|error| within(error, index))
        };
        let changes: Vec<Change> =
            points.into_iter().enumerate().map(each).collect::<Result<_, _>>()?;
        let written = changes.len();
        let applied = collection.apply(changes)?;
        Ok::<_, ApiError>(Written { written, seq: applied.seq.0 })
    };
    Ok(web::Json(blocking(work).await?))
}

/// Deletes points by id or by filter.
#[utoipa::path(tag = "points", request_body = DeleteRequest, responses(
    (status = 200, body = Deleted),
    (status = 400, body = ErrorBody),
))]
#[delete("/v1/collections/{collection}/points")]
pub async fn delete(
    path: web::Path<String>,
    body: web::Json<DeleteRequest>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Deleted>, ApiError> {
    let work = move || {
        let collection = state.collection(&path)?;
        let ids = chosen(&collection, body.ids.as_deref(), body.filter.as_ref())?;
        let applied = apply_each(&collection, &ids, |id| vec![Change::Delete(id)])?;
        Ok::<_, ApiError>(Deleted { deleted: applied.points, seq: applied.seq.0 })
    };
    Ok(web::Json(blocking(work).await?))
}

/// Sets and takes out fields of points, by id or by filter.
#[utoipa::path(tag = "points", request_body = PayloadRequest, responses(
    (status = 200, body = Changed),
    (status = 400, body = ErrorBody),
))]
#[post("/v1/collections/{collection}/points/payload")]
pub async fn payload(
    path: web::Path<String>,
    body: web::Json<PayloadRequest>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Changed>, ApiError> {
    let work = move || {
        let PayloadRequest { set, remove, ids, filter } = body.into_inner();
        let set = checked(set)?.into_fields();
        let remove = removable(&remove)?;
        if set.is_empty() && remove.is_empty() {
            return Err(ApiError::invalid("set", "give fields to set or paths to remove"));
        }
        let collection = state.collection(&path)?;
        let ids = chosen(&collection, ids.as_deref(), filter.as_ref())?;
        let present = |id: &PointId| collection.store().slot(*id).is_some();
        let ids: Vec<PointId> = ids.into_iter().filter(present).collect();
        let applied = apply_each(&collection, &ids, |id| {
            let mut changes = Vec::with_capacity(2);
            if !remove.is_empty() {
                changes.push(Change::RemovePayload(id, remove.clone()));
            }
            if !set.is_empty() {
                changes.push(Change::MergePayload(id, set.clone()));
            }
            changes
        })?;
        Ok::<_, ApiError>(Changed { changed: ids.len(), seq: applied.seq.0 })
    };
    Ok(web::Json(blocking(work).await?))
}

/// A page of the points that pass, oldest first.
#[utoipa::path(tag = "points", request_body = ScrollRequest, responses(
    (status = 200, body = ScrollAnswer),
    (status = 400, body = ErrorBody),
))]
#[post("/v1/collections/{collection}/points/scroll")]
pub async fn scroll(
    path: web::Path<String>,
    body: web::Json<ScrollRequest>,
    state: web::Data<ApiState>,
) -> Result<web::Json<ScrollAnswer>, ApiError> {
    let work = move || page_of(&*state.collection(&path)?, &body);
    Ok(web::Json(blocking(work).await?))
}

/// One point.
#[utoipa::path(tag = "points", params(PointQuery), responses(
    (status = 200, body = Point),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/points/{id}")]
pub async fn show(
    path: web::Path<(String, String)>,
    query: web::Query<PointQuery>,
    state: web::Data<ApiState>,
) -> Result<web::Json<Point>, ApiError> {
    let work = move || {
        let collection = state.collection(&path.0)?;
        let id: PointId = path.1.parse()?;
        let (slot, record) = collection.point(id).ok_or_else(|| unknown(id))?;
        let vectors =
            query.with_vectors.then(|| reading::vectors(&collection, slot)).transpose()?;
        Ok::<_, ApiError>(wire(record, vectors))
    };
    Ok(web::Json(blocking(work).await?))
}

/// The point's picture in small; a tile's is cut from its slide.
#[utoipa::path(tag = "points", params(PictureQuery), responses(
    (status = 200, content_type = "image/jpeg", body = Vec<u8>),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/points/{id}/thumbnail")]
pub async fn thumbnail(
    path: web::Path<(String, String)>,
    query: web::Query<PictureQuery>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let side = query.side.unwrap_or(THUMBNAIL_SIDE);
    let work = move || {
        let collection: Arc<Collection> = state.collection(&path.0)?;
        Ok::<_, ApiError>(state.cases.point_thumbnail(&collection, path.1.parse()?, side)?)
    };
    Ok(jpeg(blocking(work).await?))
}

/// A thumbnail as an answer. Ids are derived from bytes, so it does not change within the hour.
pub fn jpeg(bytes: Vec<u8>) -> HttpResponse {
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, max-age=3600"));
    response.content_type("image/jpeg").body(bytes)
}

fn page_of(collection: &Collection, asked: &ScrollRequest) -> Result<ScrollAnswer, ApiError> {
    let limit = page(asked.limit, PAGE_DEFAULT, WRITE_POINTS_MAX)?;
    let filter = asked.filter.as_ref().map(filter::parse).transpose()?.unwrap_or_default();
    let after = asked.after.as_ref().map(Id::parse).transpose()?;
    let after = match after {
        None => None,
        Some(id) => Some(collection.store().slot(id).ok_or_else(|| unknown(id).at("after"))?),
    };
    let mut found = reading::points_after(collection, &filter, after, limit + 1)?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found.last().filter(|_| more).map(|(_, record)| record.id.into());
    let shown = |(slot, record)| {
        let vectors = asked.with_vectors.then(|| reading::vectors(collection, slot)).transpose()?;
        Ok::<_, ApiError>(wire(record, vectors))
    };
    Ok(ScrollAnswer { points: found.into_iter().map(shown).collect::<Result<_, _>>()?, next })
}

fn write_of(
    collection: &Collection,
    spec: &CollectionSpec,
    point: UpsertPoint,
) -> Result<Change, ApiError> {
    let id = point.id.parse()?;
    let mut vectors = std::collections::BTreeMap::new();
    for (name, vector) in point.vectors.into_iter().flatten() {
        let at = format!("vectors.{name}");
        let vector = vector.read().map_err(|error| error.at(at))?;
        vectors.insert(name.parse::<VectorName>()?, vector);
    }
    if let Some(vector) = point.vector {
        let mut names = spec.vectors.keys();
        let (Some(only), None) = (names.next(), names.next()) else {
            let message = "vector needs a collection with one vector; name them in vectors";
            return Err(ApiError::invalid("vector", message));
        };
        let vector = vector.read().map_err(|error| error.at("vector"))?;
        vectors.insert(only.clone(), vector);
    }
    let fields = point.payload.map(checked).transpose()?;
    let stored = collection.point(id).map(|(_, record)| record);
    let fields = fields.map(|fields| with_server_fields(fields, stored.as_ref()));
    let image = stored.and_then(|record| record.image);
    Ok(Change::Upsert(PointWrite { id, image, payload: fields, vectors }))
}

/// A new payload replaces users' fields; what the server wrote of the point's source stays.
fn with_server_fields(mut new: Payload, stored: Option<&vitrail_domain::PointRecord>) -> Payload {
    let own = stored.and_then(|record| record.payload.fields().get(Payload::RESERVED));
    if let Some(own) = own {
        new.fields_mut().insert(Payload::RESERVED.to_owned(), own.clone());
    }
    new
}

fn checked(fields: serde_json::Map<String, Value>) -> Result<Payload, ApiError> {
    Payload::checked(fields)
        .map_err(|error| ApiError::new(Code::InvalidPayload, error).at("payload"))
}

fn removable(paths: &[String]) -> Result<Vec<Path>, ApiError> {
    let reserved = Path::key(Payload::RESERVED);
    let parse = |text: &String| {
        let path: Path =
            text.parse().map_err(|error: PathError| ApiError::invalid("remove", error))?;
        if path.steps().first() == reserved.steps().first() {
            let message = PathError::Reserved;
            return Err(ApiError::new(Code::InvalidPayload, message).at("remove"));
        }
        Ok(path)
    };
    paths.iter().map(parse).collect()
}

/// The points that a request means: by id or by filter, one of the two.
fn chosen(
    collection: &Collection,
    ids: Option<&[Id]>,
    filter: Option<&Value>,
) -> Result<Vec<PointId>, ApiError> {
    match (ids, filter) {
        (Some(ids), None) => {
            bounded("ids", ids.len())?;
            Ok(ids.iter().map(Id::parse).collect::<Result<_, _>>()?)
        }
        (None, Some(filter)) => Ok(reading::ids_matching(collection, &filter::parse(filter)?)?),
        _ => Err(ApiError::invalid("ids", "give either ids or filter")),
    }
}

/// Applies the changes of many points in durable batches within the bound.
fn apply_each(
    collection: &Collection,
    ids: &[PointId],
    changes: impl Fn(PointId) -> Vec<Change>,
) -> Result<Applied, ApiError> {
    let mut all = Applied { seq: collection.store().last_seq(), points: 0 };
    for batch in ids.chunks(WRITE_POINTS_MAX / 2) {
        let changes: Vec<Change> = batch.iter().flat_map(|&id| changes(id)).collect();
        let applied = collection.apply(changes)?;
        all = Applied { seq: applied.seq, points: all.points + applied.points };
    }
    Ok(all)
}

fn bounded(field: &str, count: usize) -> Result<(), ApiError> {
    match count {
        0 => Err(ApiError::invalid(field, format!("{field} is empty"))),
        count if count > WRITE_POINTS_MAX => {
            let message = format!("{count} points in one call; the limit is {WRITE_POINTS_MAX}");
            Err(ApiError::new(Code::TooLarge, message).at(field))
        }
        _ => Ok(()),
    }
}

fn within(error: ApiError, index: usize) -> ApiError {
    let field = match &error.field {
        Some(field) => format!("points[{index}].{field}"),
        None => format!("points[{index}]"),
    };
    error.at(field)
}

fn unknown(id: PointId) -> ApiError {
    ApiError::new(Code::UnknownPoint, format!("the collection has no point {id}"))
}
