//! Pictures in small, and the files they come from.

use std::path::PathBuf;

use vitrail_collection::Collection;
use vitrail_domain::{ImageId, ImageRecord, PointId};

use crate::error::CaseError;
use crate::similar::Cases;

impl Cases {
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
        stored
            .map_err(vitrail_collection::CollectionError::from)?
            .ok_or(CaseError::UnknownImage(image))
    }

    /// A point's picture in small, as JPEG bytes.
    ///
    /// # Errors
    /// No such point, or one that was made from no image.
    pub fn point_thumbnail(
        &self,
        collection: &Collection,
        id: PointId,
    ) -> Result<Vec<u8>, CaseError> {
        let (_, record) = collection.point(id).ok_or(CaseError::UnknownPoint(id))?;
        let image = record.image.ok_or(CaseError::NoImage(id))?;
        self.image_thumbnail(collection, image)
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
            None => collection.blob_path(&record.sha256),
        };
        Ok((record, path))
    }
}
