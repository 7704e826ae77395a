//! What routes read from a collection's store: the one place that names its reading calls.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use vitrail_collection::{Collection, CollectionError};
use vitrail_domain::{
    Filter, ImageId, ImageRecord, PointId, PointRecord, RecordSource, Slot, Vector, VectorName,
};

/// Images that exist.
pub fn image_count(collection: &Collection) -> Result<u64, CollectionError> {
    Ok(collection.store().images_len()?)
}

/// One image's record.
pub fn image(collection: &Collection, id: ImageId) -> Result<Option<ImageRecord>, CollectionError> {
    Ok(collection.store().image(id)?)
}

/// The next images in order of their ids.
pub fn images(
    collection: &Collection,
    after: Option<ImageId>,
    limit: usize,
) -> Result<Vec<ImageRecord>, CollectionError> {
    let mut images = Vec::new();
    collection.store().for_each_image(after, |image| {
        images.push(image);
        if images.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    Ok(images)
}

/// The next images that have a point which passes, in order of their ids. Cost: one record for each
/// point that passes.
pub fn images_matching(
    collection: &Collection,
    filter: &Filter,
    after: Option<ImageId>,
    limit: usize,
) -> Result<Vec<ImageRecord>, CollectionError> {
    let view = collection.view();
    let mut found = BTreeSet::new();
    for slot in view.matching(filter)?.slots.iter() {
        let image = view.records.record(slot).and_then(|record| record.image);
        found.extend(image.filter(|image| after.is_none_or(|after| *image > after)));
        // Only the first of them are wanted, so the set need not grow with the collection.
        if found.len() > limit {
            found.pop_last();
        }
    }
    let mut images = Vec::with_capacity(found.len());
    for id in found {
        images.extend(image(collection, id)?);
    }
    Ok(images)
}

/// Points of one image that are named: a photograph has one, a slide has thousands of tiles, which
/// are read by a filter on their image.
const IMAGE_POINTS_NAMED: usize = 64;

/// The ids of an image's first points.
pub fn points_of_image(
    collection: &Collection,
    image: ImageId,
) -> Result<Vec<PointId>, CollectionError> {
    let store = collection.store();
    let slots = store.points_of_image(image, Slot(0), IMAGE_POINTS_NAMED)?;
    Ok(slots.into_iter().filter_map(|slot| store.record(slot)).map(|record| record.id).collect())
}

/// A point's vectors by name.
pub fn vectors(
    collection: &Collection,
    slot: Slot,
) -> Result<BTreeMap<VectorName, Vector>, CollectionError> {
    let mut vectors = BTreeMap::new();
    for name in collection.spec().vectors.into_keys() {
        if let Some(vector) = collection.vector(slot, &name)? {
            vectors.insert(name, vector);
        }
    }
    Ok(vectors)
}

/// The ids of the points that pass.
pub fn ids_matching(
    collection: &Collection,
    filter: &Filter,
) -> Result<Vec<PointId>, CollectionError> {
    let view = collection.view();
    let slots = view.matching(filter)?.slots;
    Ok(slots.iter().filter_map(|slot| view.records.record(slot)).map(|record| record.id).collect())
}

/// The next points that pass after a slot, oldest first.
pub fn points_after(
    collection: &Collection,
    filter: &Filter,
    after: Option<Slot>,
    limit: usize,
) -> Result<Vec<(Slot, PointRecord)>, CollectionError> {
    let view = collection.view();
    let slots = view.matching(filter)?.slots;
    let next = slots.iter().skip_while(|&slot| after.is_some_and(|after| slot <= after));
    Ok(next.filter_map(|slot| Some((slot, view.records.record(slot)?))).take(limit).collect())
}
