//! Pictures in small, regions of slides, and the files they come from. A photograph's small picture
//! is in the store; a tile's is cut from its slide, the file that the operator keeps.

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use vitrail_collection::{Collection, CollectionError};
use vitrail_domain::limits::{PICTURE_SIDE_MAX, REGION_SIDE_MAX, THUMBNAIL_SIDE};
use vitrail_domain::{ImageId, ImageRecord, Payload, PointId, Raster, Region};
use vitrail_ingest::slide::Slide;
use vitrail_ingest::{
    ReadOptions, Refusal, catch_panic, encode_jpeg, fitted, read_image_bytes,
    read_picture_guarded_with, thumbnail,
};

use crate::error::CaseError;
use crate::named;
use crate::similar::Cases;

/// Quality of pictures that are made on demand, as libjpeg counts it.
const QUALITY: u8 = 90;

impl Cases {
    /// The point's picture, its longest side at most `side`, as JPEG bytes. A tile is cut from its
    /// slide at no more pixels than level 0 has there; a photograph's stored thumbnail serves
    /// every `side` up to its own, above it the file is decoded again. The last few are kept.
    ///
    /// # Errors
    /// No such point; a point without a picture; a side out of range; a file that is gone, changed
    /// or damaged.
    pub fn point_thumbnail(
        &self,
        collection: &Collection,
        id: PointId,
        side: u32,
    ) -> Result<Vec<u8>, CaseError> {
        if !(1..=PICTURE_SIDE_MAX).contains(&side) {
            return Err(CaseError::Side { side, max: PICTURE_SIDE_MAX });
        }
        let (_, record) = collection.point(id).ok_or(CaseError::UnknownPoint(id))?;
        let image = record.image.ok_or(CaseError::NoPicture(id))?;
        match tile_region(&record.payload) {
            Some(region) => self.cuts.jpeg((image, Some(region), side), || {
                let clamped = |level0: u64| u32::try_from(level0).unwrap_or(u32::MAX);
                let (w, h) = fitted(clamped(region.width), clamped(region.height), side);
                self.slide_region_jpeg(collection, image, region, (w, h))
            }),
            None if side <= THUMBNAIL_SIDE => self.image_thumbnail(collection, image),
            None => self.cuts.jpeg((image, None, side), || {
                photo(self, collection, image, (side, named::reading(Some(&record.payload))))
            }),
        }
    }

    /// A level-0 box of a slide as `width x height` pixels. What lies outside the slide is white.
    ///
    /// # Errors
    /// No such image; one that is no slide; sides out of range; a file that is gone, changed or
    /// damaged.
    pub fn slide_region(
        &self,
        collection: &Collection,
        image: ImageId,
        region: Region,
        width: u32,
        height: u32,
    ) -> Result<Raster, CaseError> {
        if let Some(side) = [width, height].into_iter().find(|side| *side > REGION_SIDE_MAX) {
            return Err(CaseError::Side { side, max: REGION_SIDE_MAX });
        }
        let slide = self.open_slide(collection, image)?;
        catch_panic(|| Ok(slide.region_at(region, width, height)?))
            .map_err(|why| CaseError::Stored { image, why })
    }

    /// The slide of an image, held open for the next call.
    ///
    /// # Errors
    /// No such image; one that is no slide; a file that is gone, changed or damaged.
    pub(crate) fn open_slide(
        &self,
        collection: &Collection,
        image: ImageId,
    ) -> Result<Arc<Slide>, CaseError> {
        let (_, path) = self.unchanged_file(collection, image)?;
        self.cuts.slide(image, &path).map_err(|why| CaseError::Stored { image, why })
    }

    /// [`Cases::slide_region`] as JPEG bytes; `(width, height)` in pixels.
    ///
    /// # Errors
    /// As [`Cases::slide_region`].
    pub fn slide_region_jpeg(
        &self,
        collection: &Collection,
        image: ImageId,
        region: Region,
        (width, height): (u32, u32),
    ) -> Result<Vec<u8>, CaseError> {
        let raster = self.slide_region(collection, image, region, width, height)?;
        encode_jpeg(&raster, QUALITY).map_err(|why| CaseError::Stored { image, why })
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
        let stored = collection.store().thumbnail(image).map_err(CollectionError::from)?;
        stored.ok_or(CaseError::UnknownImage(image))
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
        let record = collection.store().image(image).map_err(CollectionError::from)?;
        let record = record.ok_or(CaseError::UnknownImage(image))?;
        if record.root.as_deref() == Some("") {
            return Err(CaseError::Elsewhere { image, uri: record.uri });
        }
        let located = named::located(&self.named, &record, collection.key());
        let path = match located.map_err(|why| CaseError::Stored { image, why })? {
            Some((path, _)) => path,
            None => collection.blob_path(&record.sha256),
        };
        Ok((record, path))
    }

    /// [`Cases::image_file`], if the file has the length that was stored: its digest would take as
    /// long as reading it.
    fn unchanged_file(
        &self,
        collection: &Collection,
        image: ImageId,
    ) -> Result<(ImageRecord, PathBuf), CaseError> {
        let (record, path) = self.image_file(collection, image)?;
        let shown = || match &record.root {
            Some(root) => PathBuf::from(root).join(&record.uri),
            None => path.clone(),
        };
        match std::fs::metadata(&path) {
            Ok(now) if now.len() == record.bytes => Ok((record, path)),
            Ok(_) => Err(CaseError::Changed { image, path: shown() }),
            Err(error) => Err(CaseError::Gone { image, path: shown(), error }),
        }
    }
}

fn photo(
    cases: &Cases,
    collection: &Collection,
    image: ImageId,
    (side, options): (u32, ReadOptions),
) -> Result<Vec<u8>, CaseError> {
    let refused = |why: Refusal| CaseError::Stored { image, why };
    let (record, path) = cases.unchanged_file(collection, image)?;
    let bytes = read_image_bytes(&path).map_err(refused)?;
    let picture = read_picture_guarded_with(bytes, options).map_err(refused)?;
    if picture.pixel_hash != record.pixel_hash {
        let path = record.root.as_ref().map_or(path, |root| PathBuf::from(root).join(&record.uri));
        return Err(CaseError::Changed { image, path });
    }
    thumbnail(&picture.raster, side).and_then(|small| encode_jpeg(&small, QUALITY)).map_err(refused)
}

/// The level-0 box that a tile's payload names; `None` for a photograph.
pub(crate) fn tile_region(payload: &Payload) -> Option<Region> {
    let tile = payload.fields().get(Payload::RESERVED)?.get("tile")?;
    let number = |key: &str| tile.get(key).and_then(Value::as_u64);
    Some(Region {
        x: number("x")?,
        y: number("y")?,
        width: number("width")?,
        height: number("height")?,
    })
}
