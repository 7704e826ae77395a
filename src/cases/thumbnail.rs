//! A point's picture in small. Photographs have theirs in the store; a tile's is cut from its slide
//! on demand, from the file that the operator keeps.

use std::path::PathBuf;

use serde_json::Value;
use vitrail_collection::Collection;
use vitrail_domain::limits::THUMBNAIL_SIDE;
use vitrail_domain::{ImageId, ImageRecord, Payload, PointId, Region};
use vitrail_ingest::slide::Slide;
use vitrail_ingest::thumbnail_jpeg;

use crate::error::CaseError;
use crate::similar::Cases;

impl Cases {
    /// The point's picture in small, as JPEG bytes.
    ///
    /// # Errors
    /// No such point; a point without a picture; a slide that is gone.
    pub fn point_thumbnail(
        &self,
        collection: &Collection,
        id: PointId,
    ) -> Result<Vec<u8>, CaseError> {
        let (_, record) = collection.point(id).ok_or(CaseError::UnknownPoint(id))?;
        let image = record.image.ok_or(CaseError::UnknownPoint(id))?;
        match tile_region(&record.payload) {
            None => self.image_thumbnail(collection, image),
            Some(region) => self.cut(collection, image, region),
        }
    }

    /// An image's picture in small, as JPEG bytes.
    ///
    /// # Errors
    /// No such image.
    pub fn image_thumbnail(
        &self,
        collection: &Collection,
        image: ImageId,
    ) -> Result<Vec<u8>, CaseError> {
        let stored = collection.store().thumbnail(image);
        stored.map_err(vitrail_collection::CollectionError::from)?.ok_or(CaseError::UnknownImage(image))
    }

    /// The image's record and the file that holds its bytes.
    ///
    /// # Errors
    /// No such image.
    pub fn image_file(
        &self,
        collection: &Collection,
        image: ImageId,
    ) -> Result<(ImageRecord, PathBuf), CaseError> {
        let store = collection.store();
        let record = store.image(image).map_err(vitrail_collection::CollectionError::from)?;
        let record = record.ok_or(CaseError::UnknownImage(image))?;
        let path = match &record.root {
            Some(root) => PathBuf::from(root).join(&record.uri),
            None => store.blob_path(&record.sha256),
        };
        Ok((record, path))
    }

    fn cut(
        &self,
        collection: &Collection,
        image: ImageId,
        region: Region,
    ) -> Result<Vec<u8>, CaseError> {
        let (_, path) = self.image_file(collection, image)?;
        let slide = Slide::open(&path).map_err(vitrail_ingest::Refusal::from)?;
        let raster = slide
            .region_at(region, THUMBNAIL_SIDE, THUMBNAIL_SIDE)
            .map_err(vitrail_ingest::Refusal::from)?;
        Ok(thumbnail_jpeg(&raster)?)
    }
}

/// The level-0 box that a tile's payload names; `None` for a photograph.
#[must_use]
pub fn tile_region(payload: &Payload) -> Option<Region> {
    let tile = payload.fields().get(Payload::RESERVED)?.get("tile")?;
    let side = |key: &str| tile.get(key).and_then(Value::as_u64);
    Some(Region { x: side("x")?, y: side("y")?, width: side("width")?, height: side("height")? })
}
