//! Slides to look at: Deep Zoom tiles, overlays, and tiles as GeoJSON.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::{HttpResponse, get, web};
use serde_json::Value;
use vitrail_collection::Collection;
use vitrail_domain::limits::{GEOJSON_FEATURES_MAX, OVERLAY_SIDE_MAX};
use vitrail_domain::{Code, Condition, Filter, MatchValue, Path, Payload, Range, Test};
use vitrail_exchange::feature_collection;

use crate::contract::error::ErrorBody;
use crate::contract::geojson::tile_feature;
use crate::contract::image::{GridQuery, TilesQuery};
use crate::error::ApiError;
use crate::reading;
use crate::routes::images::{filter_of, id_of, unknown};
use crate::routes::points::jpeg;
use crate::routes::similar::geojson;
use crate::routes::{blocking, page};
use crate::state::ApiState;

/// Pixels of a grid's longest side where the caller says nothing.
const GRID_SIDE: u32 = 2_048;

/// How far a tile's scale may lie from the one asked for: it is written in decimals.
const SCALE_SLACK: f64 = 1e-9;

/// A slide as a Deep Zoom image, as OpenSeadragon reads it; its tiles stand under `slide_files`.
#[utoipa::path(tag = "slides", responses(
    (status = 200, content_type = "application/xml", body = String),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/slide.dzi")]
pub async fn slide_description(
    path: web::Path<(String, String)>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || {
        let collection = state.collection(&path.0)?;
        Ok::<_, ApiError>(state.cases.deep_zoom(&collection, id_of(&path.1)?)?.xml())
    };
    Ok(HttpResponse::Ok().content_type("application/xml").body(blocking(work).await?))
}

/// One Deep Zoom tile, cut from the original: level from the smallest, `COLUMN_ROW.jpg`.
#[utoipa::path(tag = "slides", responses(
    (status = 200, content_type = "image/jpeg", body = Vec<u8>),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/slide_files/{level}/{tile}")]
pub async fn slide_tile(
    path: web::Path<(String, String, String, String)>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || {
        let (name, image, level, tile) = &*path;
        let collection = state.collection(name)?;
        let image = id_of(image)?;
        let (level, place) = place_of(level, tile).ok_or_else(|| no_tile(level, tile))?;
        Ok::<_, ApiError>(state.cases.deep_zoom_tile(&collection, image, level, place)?)
    };
    Ok(jpeg(blocking(work).await?))
}

fn place_of(level: &str, tile: &str) -> Option<(u32, (u32, u32))> {
    let (column, row) = tile.strip_suffix(".jpg")?.split_once('_')?;
    Some((level.parse().ok()?, (column.parse().ok()?, row.parse().ok()?)))
}

fn no_tile(level: &str, tile: &str) -> ApiError {
    unknown(&format!("tile {level}/{tile}"))
}

/// The tissue of a slide as a transparent PNG. The header `vitrail-step` says how many level-0
/// pixels one of its pixels is wide.
#[utoipa::path(tag = "slides", responses(
    (status = 200, content_type = "image/png", body = Vec<u8>),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/overlays/tissue.png")]
pub async fn slide_tissue(
    path: web::Path<(String, String)>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || {
        let collection = state.collection(&path.0)?;
        Ok::<_, ApiError>(state.cases.tissue_overlay(&collection, id_of(&path.1)?)?)
    };
    let (bytes, step) = blocking(work).await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "private, max-age=3600"));
    response.insert_header(("vitrail-step", step.to_string()));
    Ok(response.content_type("image/png").body(bytes))
}

/// The tiles of a slide that are stored, as outlines coloured by their verdict.
#[utoipa::path(tag = "slides", params(GridQuery), responses(
    (status = 200, content_type = "image/png", body = Vec<u8>),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/overlays/grid.png")]
pub async fn slide_grid(
    path: web::Path<(String, String)>,
    query: web::Query<GridQuery>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let side = match query.side.unwrap_or(GRID_SIDE) {
        side if (1..=OVERLAY_SIDE_MAX).contains(&side) => side,
        _ => {
            let message = format!("side must be from 1 to {OVERLAY_SIDE_MAX}");
            return Err(ApiError::invalid("side", message));
        }
    };
    let work = move || {
        let collection = state.collection(&path.0)?;
        let image = id_of(&path.1)?;
        Ok::<_, ApiError>(state.cases.grid_overlay(&collection, image, query.mpp, side)?)
    };
    Ok(HttpResponse::Ok().content_type("image/png").body(blocking(work).await?))
}

/// The tiles of a slide as GeoJSON in level-0 pixels, with their verdict as class and their numbers
/// as measurements: QuPath reads it as it is.
#[utoipa::path(tag = "slides", params(TilesQuery), responses(
    (status = 200, content_type = "application/geo+json", body = Object),
    (status = 404, body = ErrorBody),
))]
#[get("/v1/collections/{collection}/images/{id}/tiles.geojson")]
pub async fn slide_tiles(
    path: web::Path<(String, String)>,
    query: web::Query<TilesQuery>,
    state: web::Data<ApiState>,
) -> Result<HttpResponse, ApiError> {
    let work = move || features_of(&*state.collection(&path.0)?, &path.1, &query);
    Ok(geojson(&blocking(work).await?))
}

fn features_of(
    collection: &Collection,
    image: &str,
    asked: &TilesQuery,
) -> Result<Value, ApiError> {
    let id = id_of(image)?;
    reading::image(collection, id)?.ok_or_else(|| unknown(image))?;
    let limit = page(asked.limit, GEOJSON_FEATURES_MAX, GEOJSON_FEATURES_MAX)?;
    let server = Path::key(Payload::RESERVED);
    let of_image = Test::Match(MatchValue::Text(id.to_string()));
    let mut must = vec![Condition::Field(server.join("image"), of_image)];
    if let Some(mpp) = asked.mpp {
        let (low, high) = (mpp * (1.0 - SCALE_SLACK), mpp * (1.0 + SCALE_SLACK));
        let range = Range { gte: Some(low), lte: Some(high), ..Range::default() };
        must.push(Condition::Field(server.join("tile").join("mpp"), Test::Range(range)));
    }
    let own = Filter { must, ..Filter::default() };
    let filter = own.and(filter_of(asked.filter.as_deref())?.unwrap_or_default());
    filter.check().map_err(|error| ApiError::new(Code::InvalidFilter, error).at("filter"))?;
    let records = reading::points_after(collection, &filter, None, limit)?;
    let features = records.into_iter().filter_map(|(_, record)| {
        let payload = Value::Object(record.payload.into_fields());
        tile_feature(&record.id.to_string(), &payload, std::iter::empty())
    });
    Ok(feature_collection(features.collect()))
}
