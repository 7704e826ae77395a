//! The routes, one file a resource.

mod body;
mod collections;
mod dashboard;
mod facets;
mod health;
mod images;
mod jobs;
mod models;
mod openapi;
mod points;
mod similar;
mod slides;
mod upload;

use actix_web::web;
use utoipa_actix_web::service_config::ServiceConfig;

use crate::error::ApiError;

/// Every route, for the application and for its document.
pub fn configure(config: &mut ServiceConfig<'_>) {
    config
        .service(health::health)
        .service(health::root)
        .service(models::list)
        .service(models::show)
        .service(models::explain)
        .service(models::predict)
        .service(collections::list)
        .service(collections::create)
        .service(collections::show)
        .service(collections::drop)
        .service(images::add)
        .service(images::list)
        .service(images::show)
        .service(images::thumbnail)
        .service(images::file)
        .service(slides::slide_description)
        .service(slides::slide_tile)
        .service(slides::slide_tissue)
        .service(slides::slide_grid)
        .service(slides::slide_tiles)
        .service(points::upsert)
        .service(points::delete)
        .service(points::payload)
        .service(points::scroll)
        .service(points::thumbnail)
        .service(points::show)
        .service(facets::facets)
        .service(similar::similar)
        .service(similar::similar_features)
        .service(jobs::list)
        .service(jobs::show)
        .service(jobs::cancel)
        .service(jobs::resume)
        .service(jobs::events)
        .service(openapi::document)
        .service(dashboard::index)
        .service(dashboard::file);
}

/// Runs work that blocks on a thread that may.
async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, ApiError>
where
    T: Send + 'static,
    E: Into<ApiError> + Send + 'static,
{
    web::block(work).await?.map_err(Into::into)
}

/// A page's size: what the caller says, within its bound.
fn page(limit: Option<usize>, default: usize, most: usize) -> Result<usize, ApiError> {
    match limit.unwrap_or(default) {
        limit if (1..=most).contains(&limit) => Ok(limit),
        _ => Err(ApiError::invalid("limit", format!("limit must be from 1 to {most}"))),
    }
}
