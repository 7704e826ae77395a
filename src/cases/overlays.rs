//! What is laid over a stored slide: its tissue, and its tiles by their verdict.

use vitrail_collection::{Collection, CollectionError};
use vitrail_domain::limits::GEOJSON_FEATURES_MAX;
use vitrail_domain::{Cancel, ImageId, PointRecord, RecordSource, Slot};
use vitrail_ingest::catch_panic;
use vitrail_ingest::slide::{ACCENT, AMBER, Ink, RED, TissueMask, grid_overlay, tissue_overlay};

use crate::error::CaseError;
use crate::similar::Cases;
use crate::thumbnail::tile_region;

/// Points that are read from the store at a time.
const PAGE: usize = 1_024;

impl Cases {
    /// The tissue of a slide as a transparent PNG, and the level-0 pixels of one of its pixels.
    /// Reads the level nearest to the mask's scale.
    ///
    /// # Errors
    /// As [`Cases::slide_region`].
    pub fn tissue_overlay(
        &self,
        collection: &Collection,
        image: ImageId,
    ) -> Result<(Vec<u8>, u32), CaseError> {
        let slide = self.open_slide(collection, image)?;
        let made = catch_panic(|| {
            let mask = TissueMask::of(&slide, &Cancel::new())?;
            Ok((tissue_overlay(&mask)?, mask.step()))
        });
        made.map_err(|why| CaseError::Stored { image, why })
    }

    /// The stored tiles of a slide, of one scale or all, as outlines coloured by their verdict: a
    /// transparent PNG, its longest side at most `side`.
    ///
    /// # Errors
    /// No such image; one that is no slide.
    pub fn grid_overlay(
        &self,
        collection: &Collection,
        image: ImageId,
        mpp: Option<f64>,
        side: u32,
    ) -> Result<Vec<u8>, CaseError> {
        let size = self.open_slide(collection, image)?.size();
        let mut boxes = Vec::new();
        each_point(collection, image, |record| {
            let same = mpp.is_none_or(|mpp| number(&record, "/vitrail/tile/mpp") == Some(mpp));
            let region = tile_region(&record.payload).filter(|_| same);
            boxes.extend(region.map(|region| (region, ink(&record))));
        })?;
        grid_overlay(size, boxes.into_iter(), side).map_err(|why| CaseError::Stored { image, why })
    }
}

/// Goes through an image's points in order of their slots, up to the bound.
fn each_point(
    collection: &Collection,
    image: ImageId,
    mut each: impl FnMut(PointRecord),
) -> Result<(), CaseError> {
    let store = collection.store();
    let (mut from, mut left) = (Slot(0), GEOJSON_FEATURES_MAX);
    while left > 0 {
        let slots = store.points_of_image(image, from, PAGE.min(left));
        let slots = slots.map_err(CollectionError::from)?;
        let Some(last) = slots.last() else { break };
        from = Slot(last.0.saturating_add(1));
        left -= slots.len();
        slots.into_iter().filter_map(|slot| store.record(slot)).for_each(&mut each);
    }
    Ok(())
}

fn number(record: &PointRecord, pointer: &str) -> Option<f64> {
    at(record, pointer)?.as_f64()
}

fn at<'a>(record: &'a PointRecord, pointer: &str) -> Option<&'a serde_json::Value> {
    let (first, rest) = pointer.strip_prefix('/')?.split_once('/')?;
    record.payload.fields().get(first)?.pointer(&format!("/{rest}"))
}

fn ink(record: &PointRecord) -> Ink {
    match at(record, "/vitrail/qc/verdict").and_then(serde_json::Value::as_str) {
        Some("fail") => RED,
        Some("warn") => AMBER,
        _ => ACCENT,
    }
}
