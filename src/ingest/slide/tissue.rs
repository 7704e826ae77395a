//! Where a slide holds tissue: a mask at about 8 um a pixel, by saturation and optical density.
//!
//! Both are measured against the slide's own glass. Otsu's thresholds follow the stain, but only
//! between a floor and a ceiling: without a floor a blank slide's noise is parted in two, without
//! a ceiling a crop that is all tissue is.

use vitrail_domain::limits::SLIDE_MASK_SIDE_MAX;
use vitrail_domain::{Cancel, Code, Raster, Region};

use super::error::SlideError;
use super::shapes::{Bits, otsu};
use super::slide::Slide;
use crate::encode::{fitted, thumbnail};
use crate::refusal::Refusal;

/// Micrometres a mask pixel: a few cells; glands and folds show, single cells don't.
const MASK_MPP: f64 = 8.0;
/// Longest side of the mask of a slide without a scale.
const MASK_SIDE_WITHOUT_SCALE: u32 = 1_024;
/// Source pixels a side that are read at once: 12 MB, whatever the slide's size.
const BLOCK_SIDE: f64 = 2_048.0;

/// Hundredths of optical density; a pixel above the threshold is tissue. Floor: 8 % darker than
/// glass, beyond noise, shading and stitch seams (up to 7 % on real slides). Ceiling: 10 %; above
/// it stroma that only the counterstain colours is lost.
const DENSITY_RANGE: (u8, u8) = (3, 4);
/// Grey levels between the largest and smallest channel. Floor: twice the tint left on glass after
/// balancing. Ceiling: the palest haematoxylin found in the test slides at 8 um.
const CHROMA_RANGE: (u8, u8) = (8, 12);

/// Glass is pale and nearly neutral, and at least this share of a picture that shows any.
const GLASS_SHARE_MIN: f64 = 0.005;
/// What glass is taken to be where none is in sight (a crop that is all tissue).
const GLASS_DEFAULT: f64 = 245.0;

/// Pieces and gaps below this many mask pixels are noise: 64 um squared at 8 um a pixel.
const PIECE_PIXELS_MIN: usize = 64;

/// Where there is tissue. One mask pixel is `step x step` level-0 pixels.
#[derive(Debug, Clone)]
pub struct TissueMask {
    bits: Bits,
    step: u32,
    /// `sums[y][x]`: tissue pixels above and left of (x, y); one column and row more than `bits`.
    sums: Vec<u32>,
}

impl TissueMask {
    /// The mask of a slide. Reads the level nearest to the mask's scale, block by block; memory is
    /// bounded by the mask (at most 2,048 pixels a side) and one block. A slide of one huge level
    /// is read whole, which takes minutes: `cancel` is looked at before each block.
    ///
    /// # Errors
    /// A stored tile can't be read or decoded, or the work was cancelled.
    pub fn of(slide: &Slide, cancel: &Cancel) -> Result<Self, SlideError> {
        let step = mask_step(slide);
        Ok(Self::of_thumbnail(&shrunk(slide, step, cancel)?, step))
    }

    /// [`TissueMask::of`] with a picture of the whole slide, its longest side at most `side`: the
    /// mask's own picture made smaller, so that a slide of one huge level is read once; or, where
    /// that one is smaller than `side`, one read from the level that fits.
    ///
    /// # Errors
    /// As [`TissueMask::of`].
    pub fn with_overview(
        slide: &Slide,
        side: u32,
        cancel: &Cancel,
    ) -> Result<(Self, Raster), Refusal> {
        let step = mask_step(slide);
        let picture = shrunk(slide, step, cancel)?;
        let mask = Self::of_thumbnail(&picture, step);
        if picture.width().max(picture.height()) >= side {
            return Ok((mask, thumbnail(&picture, side)?));
        }
        let (width, height) = slide.size();
        let whole = Region { x: 0, y: 0, width: width.into(), height: height.into() };
        let (w, h) = fitted(width, height, side);
        Ok((mask, slide.region_at(whole, w, h)?))
    }

    /// The mask of a picture whose pixels are `step` level-0 pixels wide.
    #[must_use]
    pub fn of_thumbnail(thumbnail: &Raster, step: u32) -> Self {
        let glass = glass_colour(thumbnail);
        let balance = [0, 1, 2].map(|channel| levels_over(glass[channel]));
        let balanced = |p: &[u8]| [0, 1, 2].map(|c| balance[c][usize::from(p[c])]);
        // Measured twice rather than kept: a mask of a large slide has millions of pixels.
        let measured = || thumbnail.pixels().chunks_exact(3).map(|p| measure(balanced(p)));
        let density = threshold(measured().map(|m| m.density), DENSITY_RANGE);
        let chroma = threshold(measured().map(|m| m.chroma), CHROMA_RANGE);
        let is_tissue = |m: Measured| !m.foreign && (m.density > density || m.chroma > chroma);
        let bits = Bits {
            width: thumbnail.width() as usize,
            height: thumbnail.height() as usize,
            set: measured().map(is_tissue).collect(),
        };
        let piece = PIECE_PIXELS_MIN.min(bits.set.len() / PIECE_PIXELS_MIN);
        let mut bits = bits.majority();
        bits.drop_small(piece);
        bits.fill_small(piece);
        Self { sums: summed(&bits), bits, step: step.max(1) }
    }

    /// Mask pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.bits.width as u32
    }

    /// Mask pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.bits.height as u32
    }

    /// Level-0 pixels in a mask pixel, across and down.
    #[must_use]
    pub fn step(&self) -> u32 {
        self.step
    }

    /// All mask pixels, row major; true is tissue.
    #[must_use]
    pub fn pixels(&self) -> &[bool] {
        &self.bits.set
    }

    /// Share of the whole mask that is tissue, 0 to 1.
    #[must_use]
    pub fn tissue_share(&self) -> f64 {
        let all = self.bits.set.len().max(1) as f64;
        f64::from(self.sums.last().copied().unwrap_or(0)) / all
    }

    /// Share of a level-0 box that is tissue, 0 to 1; what lies outside the slide is none.
    /// Four look-ups, whatever the box's size; mask pixels cut by its edge count by their part.
    #[must_use]
    pub fn share(&self, region: Region) -> f64 {
        let mask = |level0: u64| level0 as f64 / f64::from(self.step);
        let (left, top) = (mask(region.x), mask(region.y));
        let (width, height) = (mask(region.width), mask(region.height));
        if width <= 0.0 || height <= 0.0 {
            return 0.0;
        }
        let (right, bottom) = (left + width, top + height);
        let inside =
            self.sum_to(right, bottom) - self.sum_to(left, bottom) - self.sum_to(right, top)
                + self.sum_to(left, top);
        (inside / (width * height)).clamp(0.0, 1.0)
    }

    /// Tissue above and left of a point between mask pixels; bilinear is exact here.
    fn sum_to(&self, x: f64, y: f64) -> f64 {
        let x = x.min(self.bits.width as f64);
        let y = y.min(self.bits.height as f64);
        let (column, row) = (x as usize, y as usize);
        let stride = self.bits.width + 1;
        let at = |column: usize, row: usize| {
            let (column, row) = (column.min(self.bits.width), row.min(self.bits.height));
            f64::from(self.sums.get(row * stride + column).copied().unwrap_or(0))
        };
        let (fx, fy) = (x.fract(), y.fract());
        let upper = at(column, row) * (1.0 - fx) + at(column + 1, row) * fx;
        let lower = at(column, row + 1) * (1.0 - fx) + at(column + 1, row + 1) * fx;
        upper * (1.0 - fy) + lower * fy
    }
}

/// The whole slide, one pixel for `step x step` of level 0, read block by block.
fn shrunk(slide: &Slide, step: u32, cancel: &Cancel) -> Result<Raster, SlideError> {
    let (width, height) = slide.size();
    let (columns, rows) = (width.div_ceil(step), height.div_ceil(step));
    let down = slide.levels().get(slide.level_for(f64::from(step)));
    let down = down.map_or(1.0, |level| level.downsample.0.min(level.downsample.1));
    let block = ((BLOCK_SIDE * down / f64::from(step)) as u32).clamp(1, SLIDE_MASK_SIDE_MAX);
    let mut thumbnail = Raster::filled(columns, rows, [255; 3])
        .map_err(|error| SlideError::too_large(format!("the tissue mask: {error}")))?;
    for top in (0..rows).step_by(block as usize) {
        for left in (0..columns).step_by(block as usize) {
            if cancel.is_cancelled() {
                return Err(SlideError::new(Code::Cancelled, "the tissue mask was cancelled"));
            }
            let (w, h) = (block.min(columns - left), block.min(rows - top));
            let level0 = |pixels: u32| u64::from(pixels) * u64::from(step);
            let region =
                Region { x: level0(left), y: level0(top), width: level0(w), height: level0(h) };
            let part = slide.region_at(region, w, h)?;
            for y in 0..h {
                let at = ((top + y) as usize * columns as usize + left as usize) * 3;
                let row = part.row(y);
                thumbnail.pixels_mut()[at..at + row.len()].copy_from_slice(row);
            }
        }
    }
    Ok(thumbnail)
}

/// Level-0 pixels a mask pixel.
fn mask_step(slide: &Slide) -> u32 {
    let (width, height) = slide.size();
    let longest = width.max(height);
    let wanted = match slide.scale() {
        Some(scale) => (MASK_MPP / scale.x.get().max(scale.y.get())).round() as u32,
        None => longest.div_ceil(MASK_SIDE_WITHOUT_SCALE),
    };
    wanted.max(longest.div_ceil(SLIDE_MASK_SIDE_MAX)).max(1)
}

/// What one pixel says of tissue.
struct Measured {
    density: u8,
    chroma: u8,
    foreign: bool,
}

/// Measures a pixel after glass has been made white.
fn measure([r, g, b]: [u8; 3]) -> Measured {
    let (high, low) = (r.max(g).max(b), r.min(g).min(b));
    let mean = (f64::from(r) + f64::from(g) + f64::from(b)) / 3.0;
    Measured {
        density: (-100.0 * (mean.max(1.0) / 255.0).log10()).round().clamp(0.0, 255.0) as u8,
        chroma: high - low,
        foreign: is_foreign([r, g, b]),
    }
}

/// Pen ink and the black of slide edges: colours that no stained tissue has at 8 um a pixel.
fn is_foreign([r, g, b]: [u8; 3]) -> bool {
    let [r, g, b] = [r, g, b].map(i32::from);
    let black = r.max(g).max(b) < 60 && r.max(g).max(b) - r.min(g).min(b) < 20;
    // Green marker; counterstains in green keep blue near it.
    let green = g > r + 30 && g > b + 20;
    // Blue marker; haematoxylin keeps red within 80 levels of blue.
    let blue = b > r + 90 && b > g + 30;
    black || green || blue
}

/// The colour of empty glass: the bright end of what is pale and nearly neutral.
fn glass_colour(thumbnail: &Raster) -> [f64; 3] {
    let mut histograms = [[0u64; 256]; 3];
    let mut pale = 0u64;
    for p in thumbnail.pixels().chunks_exact(3) {
        let (high, low) = (p[0].max(p[1]).max(p[2]), p[0].min(p[1]).min(p[2]));
        if low >= 200 && high - low <= 20 {
            pale += 1;
            for (histogram, &value) in histograms.iter_mut().zip(p) {
                histogram[usize::from(value)] += 1;
            }
        }
    }
    let all = u64::from(thumbnail.width()) * u64::from(thumbnail.height());
    if (pale as f64) < all as f64 * GLASS_SHARE_MIN {
        return [GLASS_DEFAULT; 3];
    }
    // The twentieth part that is brighter is left to glare and to white padding.
    histograms.map(|histogram| {
        let mut left = pale / 20;
        let reached = histogram.iter().enumerate().rev().find(|(_, count)| {
            let enough = **count > left;
            left = left.saturating_sub(**count);
            enough
        });
        reached.map_or(GLASS_DEFAULT, |(value, _)| value as f64)
    })
}

/// A channel's 256 values over its glass, so that glass becomes 255.
fn levels_over(glass: f64) -> [u8; 256] {
    let mut levels = [0; 256];
    for (value, level) in levels.iter_mut().enumerate() {
        *level = (value as f64 * 255.0 / glass.max(1.0)).round().min(255.0) as u8;
    }
    levels
}

fn threshold(values: impl Iterator<Item = u8>, (floor, ceiling): (u8, u8)) -> u8 {
    let mut histogram = [0; 256];
    values.for_each(|value| histogram[usize::from(value)] += 1);
    otsu(&histogram).clamp(floor, ceiling)
}

fn summed(bits: &Bits) -> Vec<u32> {
    let stride = bits.width + 1;
    let mut sums = vec![0u32; stride * (bits.height + 1)];
    for y in 0..bits.height {
        let mut row = 0;
        for x in 0..bits.width {
            row += u32::from(bits.set[y * bits.width + x]);
            sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture painted by a function of (x, y), with a little deterministic noise.
    fn painted(side: u32, colour: impl Fn(u32, u32) -> [u8; 3]) -> Raster {
        let mut seed = 7u32;
        let mut pixels = Vec::new();
        for y in 0..side {
            for x in 0..side {
                seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = (seed >> 24) % 5;
                pixels.extend(colour(x, y).map(|c| c.saturating_sub(noise as u8)));
            }
        }
        Raster::new(side, side, pixels).unwrap()
    }

    const GLASS: [u8; 3] = [242, 240, 246];
    const EOSIN: [u8; 3] = [225, 160, 190];
    const NUCLEI: [u8; 3] = [110, 80, 150];

    #[test]
    fn blank_glass_has_no_tissue() {
        for glass in [GLASS, [255; 3], [222, 220, 218]] {
            let mask = TissueMask::of_thumbnail(&painted(100, |_, _| glass), 16);
            assert_eq!(mask.tissue_share(), 0.0, "{glass:?}");
        }
    }

    #[test]
    fn pure_tissue_is_not_parted() {
        let checks =
            |x: u32, y: u32| if (x / 5 + y / 5).is_multiple_of(3) { NUCLEI } else { EOSIN };
        let mask = TissueMask::of_thumbnail(&painted(100, checks), 16);
        assert_eq!(mask.tissue_share(), 1.0);
    }

    #[test]
    fn a_square_of_tissue_is_found_and_measured() {
        let inside = |x: u32, y: u32| (20..60).contains(&x) && (30..70).contains(&y);
        let picture = painted(100, |x, y| if inside(x, y) { EOSIN } else { GLASS });
        let mask = TissueMask::of_thumbnail(&picture, 10);
        assert!((mask.tissue_share() - 0.16).abs() < 0.002, "{}", mask.tissue_share());
        let share = |x, y, width, height| mask.share(Region { x, y, width, height });
        assert_eq!(share(250, 350, 100, 100), 1.0);
        assert_eq!(share(0, 0, 150, 150), 0.0);
        assert!((share(150, 400, 100, 100) - 0.5).abs() < 1e-9, "half of the box is tissue");
        assert!((share(195, 400, 10, 10) - 0.5).abs() < 1e-9, "mask pixels count by their part");
        assert_eq!(share(5_000, 5_000, 100, 100), 0.0, "outside the slide");
    }

    #[test]
    fn pen_and_edge_are_no_tissue() {
        for ink in [[20, 140, 60], [30, 60, 190], [15, 15, 18]] {
            let stroke = |x: u32, _| if (40..60).contains(&x) { ink } else { GLASS };
            let mask = TissueMask::of_thumbnail(&painted(100, stroke), 16);
            assert_eq!(mask.tissue_share(), 0.0, "{ink:?}");
        }
    }

    #[test]
    fn specks_go() {
        let speck = |x: u32, y: u32| if x.abs_diff(50) < 3 && y < 5 { NUCLEI } else { GLASS };
        let mask = TissueMask::of_thumbnail(&painted(100, speck), 16);
        assert_eq!(mask.tissue_share(), 0.0);
    }
}
