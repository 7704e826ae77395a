//! Images, their thumbnails, and the hashes that find them again.

use std::ops::ControlFlow;

use vitrail_domain::limits::THUMBNAIL_BYTES_MAX;
use vitrail_domain::{ImageId, ImageRecord, Slot};

use crate::codec::{self, ImageOnDisk, Kind};
use crate::collection::CollectionStore;
use crate::convert::{image_from_disk, image_to_disk};
use crate::error::StoreError;
use crate::keys::{self, HASH_FILE, HASH_PIXELS};
use crate::rocks::{Batch, HASHES, IMAGE_POINTS, IMAGES, THUMBNAILS};

impl CollectionStore {
    /// Stores or replaces an image's record, and its thumbnail (a JPEG) if one is given. Not synced
    /// on its own: the next [`Self::write`] makes it durable with its points, [`Self::sync`]
    /// without.
    ///
    /// # Errors
    /// A thumbnail above its bound, no space, or a failing disk.
    pub fn put_image(
        &self,
        image: &ImageRecord,
        thumbnail: Option<&[u8]>,
    ) -> Result<(), StoreError> {
        let got = thumbnail.map_or(0, <[u8]>::len);
        if got > THUMBNAIL_BYTES_MAX {
            let (got, max) = (got as u64, THUMBNAIL_BYTES_MAX as u64);
            return Err(StoreError::TooLarge { what: "bytes of a thumbnail", got, max });
        }
        let db = self.db();
        let key = image.id.0.into_bytes();
        let mut counted = self.images_lock().lock();
        let before = self.image(image.id)?;
        let mut batch = Batch::default();
        if let Some(before) = &before {
            for key in hash_keys(before) {
                batch.delete(db, HASHES, &key)?;
            }
        }
        for key in hash_keys(image) {
            batch.put(db, HASHES, &key, &codec::seal(Kind::Mark, &key, &[]))?;
        }
        batch.put_record(db, IMAGES, &key, &image_to_disk(image))?;
        if let Some(thumbnail) = thumbnail {
            let value = codec::seal(Kind::Thumbnail, &key, thumbnail);
            batch.put(db, THUMBNAILS, &key, &value)?;
        }
        self.write_unsynced(batch)?;
        if let (None, Some(count)) = (before, counted.as_mut()) {
            *count += 1;
        }
        Ok(())
    }

    /// Removes an image's record, thumbnail and hashes; whether there was one. Its points stay.
    /// Not synced on its own.
    ///
    /// # Errors
    /// No space, or a failing disk.
    pub fn remove_image(&self, id: ImageId) -> Result<bool, StoreError> {
        let db = self.db();
        let key = id.0.into_bytes();
        let mut counted = self.images_lock().lock();
        let Some(before) = self.image(id)? else { return Ok(false) };
        let mut batch = Batch::default();
        for key in hash_keys(&before) {
            batch.delete(db, HASHES, &key)?;
        }
        batch.delete(db, IMAGES, &key)?;
        batch.delete(db, THUMBNAILS, &key)?;
        self.write_unsynced(batch)?;
        if let Some(count) = counted.as_mut() {
            *count = count.saturating_sub(1);
        }
        Ok(true)
    }

    /// One image's record.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn image(&self, id: ImageId) -> Result<Option<ImageRecord>, StoreError> {
        let (db, key) = (self.db(), id.0.into_bytes());
        let found = db.record::<ImageOnDisk>(IMAGES, &key)?;
        let image = found.map(|found| image_from_disk(id, found)).transpose();
        image.map_err(|why| db.damaged(IMAGES, &key, why))
    }

    /// One image's thumbnail, a JPEG.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn thumbnail(&self, id: ImageId) -> Result<Option<Vec<u8>>, StoreError> {
        self.db().raw(THUMBNAILS, Kind::Thumbnail, &id.0.into_bytes())
    }

    /// How many images there are. Counted once, by a walk over them all, then kept.
    ///
    /// # Errors
    /// A failing disk.
    pub fn images_len(&self) -> Result<u64, StoreError> {
        let mut counted = self.images_lock().lock();
        if let Some(count) = *counted {
            return Ok(count);
        }
        let mut count = 0;
        self.db().walk(IMAGES, &[], None, &mut |_, _| {
            count += 1;
            Ok(ControlFlow::Continue(()))
        })?;
        *counted = Some(count);
        Ok(count)
    }

    /// Walks images in the order of their ids, from the one after `after`, until `each` breaks.
    ///
    /// # Errors
    /// The first damaged record, by its key, or a failing disk.
    pub fn for_each_image(
        &self,
        after: Option<ImageId>,
        mut each: impl FnMut(ImageRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let db = self.db();
        // The least key above a key is the key and a zero.
        let from = after.map_or(Vec::new(), |id| [&id.0.as_bytes()[..], &[0]].concat());
        db.walk(IMAGES, &from, None, &mut |key, value| {
            let damaged = |why| db.damaged(IMAGES, key, why);
            let id = keys::parse_uuid(key).ok_or_else(|| damaged("the key is no id".into()))?;
            let image = codec::decode::<ImageOnDisk>(key, value).map_err(damaged)?;
            Ok(each(image_from_disk(ImageId(id), image).map_err(damaged)?))
        })
    }

    /// Images whose decoded pixels have this BLAKE3, at most `count_max` of them.
    ///
    /// # Errors
    /// A failing disk.
    pub fn images_by_pixel_hash(
        &self,
        hash: &[u8; 32],
        count_max: usize,
    ) -> Result<Vec<ImageId>, StoreError> {
        self.images_by_hash(HASH_PIXELS, hash, count_max)
    }

    /// Images whose file has this SHA-256, at most `count_max` of them.
    ///
    /// # Errors
    /// A failing disk.
    pub fn images_by_sha256(
        &self,
        hash: &[u8; 32],
        count_max: usize,
    ) -> Result<Vec<ImageId>, StoreError> {
        self.images_by_hash(HASH_FILE, hash, count_max)
    }

    fn images_by_hash(
        &self,
        tag: u8,
        hash: &[u8; 32],
        count_max: usize,
    ) -> Result<Vec<ImageId>, StoreError> {
        let db = self.db();
        let prefix = [&[tag][..], hash].concat();
        let mut images = Vec::new();
        db.walk(HASHES, &prefix, keys::after_prefix(&prefix).as_deref(), &mut |key, _| {
            if images.len() >= count_max {
                return Ok(ControlFlow::Break(()));
            }
            let id = key.get(33..).and_then(keys::parse_uuid);
            let broken = || db.damaged(HASHES, key, "the key ends in no id".into());
            images.push(ImageId(id.ok_or_else(broken)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(images)
    }

    /// The slots of an image's points in rising order, from `from` upwards, at most `count_max`.
    ///
    /// # Errors
    /// A failing disk.
    pub fn points_of_image(
        &self,
        image: ImageId,
        from: Slot,
        count_max: usize,
    ) -> Result<Vec<Slot>, StoreError> {
        let db = self.db();
        let end = keys::after_prefix(image.0.as_bytes());
        let mut slots = Vec::new();
        let start = keys::image_point(image, from);
        db.walk(IMAGE_POINTS, &start, end.as_deref(), &mut |key, _| {
            if slots.len() >= count_max {
                return Ok(ControlFlow::Break(()));
            }
            let broken = || db.damaged(IMAGE_POINTS, key, "the key ends in no slot".into());
            slots.push(keys::parse_image_point(key).ok_or_else(broken)?.1);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(slots)
    }

    /// Makes durable what was written without a sync.
    ///
    /// # Errors
    /// A failing disk.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.db().sync()
    }

    pub(crate) fn write_unsynced(&self, batch: Batch) -> Result<(), StoreError> {
        self.writable(batch.bytes())?;
        self.db().write(batch, false)
    }
}

fn hash_keys(image: &ImageRecord) -> [[u8; 49]; 2] {
    [
        keys::hash(HASH_FILE, &image.sha256, image.id),
        keys::hash(HASH_PIXELS, &image.pixel_hash, image.id),
    ]
}
