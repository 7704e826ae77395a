//! A slide as a Deep Zoom image: a short description, and tiles cut from the original on demand.

use vitrail_collection::Collection;
use vitrail_domain::{ImageId, Region};

use crate::error::CaseError;
use crate::similar::Cases;

/// Pixels of a tile's side, without overlap: the side of most stored tiles, so that a tile at a
/// stored scale is one of them.
const TILE: u32 = 256;

/// The pyramid that a Deep Zoom viewer reads: each level has half the sides of the next, down to
/// one pixel; the last is level 0 of the slide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeepZoom {
    width: u32,
    height: u32,
}

impl DeepZoom {
    /// The pyramid of a picture.
    #[must_use]
    pub fn new(width: u32, height: u32) -> Self {
        Self { width: width.max(1), height: height.max(1) }
    }

    /// The description as XML, as OpenSeadragon and OpenSlide's tools read it.
    #[must_use]
    pub fn xml(self) -> String {
        format!(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Image \
             xmlns=\"http://schemas.microsoft.com/deepzoom/2008\" Format=\"jpg\" Overlap=\"0\" \
             TileSize=\"{TILE}\"><Size Width=\"{}\" Height=\"{}\"/></Image>\n",
            self.width, self.height
        )
    }

    /// The number of the largest level.
    #[must_use]
    pub fn last_level(self) -> u32 {
        self.width.max(self.height).next_power_of_two().trailing_zeros().max(self.ceiling())
    }

    /// Sides above 2^31 have no next power of two.
    fn ceiling(self) -> u32 {
        if self.width.max(self.height) > 1 << 31 { 32 } else { 0 }
    }

    /// The level-0 box of a tile and its size in pixels; `None` outside the pyramid.
    #[must_use]
    pub fn tile(self, level: u32, column: u32, row: u32) -> Option<(Region, (u32, u32))> {
        let scale = 1u64 << self.last_level().checked_sub(level)?;
        let axis = |whole: u32, at: u32| {
            let whole = u64::from(whole);
            let drawn = whole.div_ceil(scale);
            let first = u64::from(at) * u64::from(TILE);
            let length = drawn.checked_sub(first).filter(|left| *left > 0)?.min(TILE.into());
            let start = first * scale;
            Some((start, (length * scale).min(whole - start), length as u32))
        };
        let (x, width, across) = axis(self.width, column)?;
        let (y, height, down) = axis(self.height, row)?;
        Some((Region { x, y, width, height }, (across, down)))
    }
}

impl Cases {
    /// The pyramid of a stored slide.
    ///
    /// # Errors
    /// No such image, or one that is no slide.
    pub fn deep_zoom(
        &self,
        collection: &Collection,
        image: ImageId,
    ) -> Result<DeepZoom, CaseError> {
        let (width, height) = self.open_slide(collection, image)?.size();
        Ok(DeepZoom::new(width, height))
    }

    /// One tile of a slide's pyramid as JPEG bytes; `(column, row)` from the top left. The last few
    /// are kept.
    ///
    /// # Errors
    /// As [`Cases::slide_region_jpeg`]; a tile outside the pyramid.
    pub fn deep_zoom_tile(
        &self,
        collection: &Collection,
        image: ImageId,
        level: u32,
        (column, row): (u32, u32),
    ) -> Result<Vec<u8>, CaseError> {
        let zoom = self.deep_zoom(collection, image)?;
        let tile = zoom.tile(level, column, row);
        let (region, size) = tile.ok_or(CaseError::NoTile { level, column, row })?;
        // Levels are told apart from a thumbnail's side, which is smaller.
        let key = (image, Some(region), (level + 1) << 16);
        self.cuts.jpeg(key, || self.slide_region_jpeg(collection, image, region, size))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pyramid_is_the_one_that_viewers_expect() {
        let zoom = DeepZoom::new(1_000, 600);
        assert_eq!(zoom.last_level(), 10);
        assert!(zoom.xml().contains("Width=\"1000\" Height=\"600\""));
        let area = |x, y, width, height| Region { x, y, width, height };
        assert_eq!(zoom.tile(10, 0, 0), Some((area(0, 0, 256, 256), (256, 256))));
        assert_eq!(zoom.tile(10, 3, 2), Some((area(768, 512, 232, 88), (232, 88))));
        assert_eq!(zoom.tile(9, 1, 1), Some((area(512, 512, 488, 88), (244, 44))));
        assert_eq!(zoom.tile(0, 0, 0), Some((area(0, 0, 1_000, 600), (1, 1))));
        assert_eq!(zoom.tile(10, 4, 0), None);
        assert_eq!(zoom.tile(11, 0, 0), None);
        assert_eq!(DeepZoom::new(1, 1).last_level(), 0);
        assert_eq!(DeepZoom::new(1_024, 1).last_level(), 10);
        assert_eq!(DeepZoom::new(1_025, 1).last_level(), 11);
        assert_eq!(DeepZoom::new(u32::MAX, 1).last_level(), 32);
    }

    #[test]
    fn tiles_cover_each_pixel_once() {
        let zoom = DeepZoom::new(1_337, 911);
        for level in 5..=zoom.last_level() {
            let mut covered = 0;
            for row in 0.. {
                let before = covered;
                for column in 0.. {
                    let Some((area, _)) = zoom.tile(level, column, row) else { break };
                    covered += area.width * area.height;
                }
                if covered == before {
                    break;
                }
            }
            assert_eq!(covered, 1_337 * 911, "level {level}");
        }
    }
}
