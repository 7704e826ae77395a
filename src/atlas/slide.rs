//! One slide like a stained section, 8,000 x 8,000 px: drawn region by region, never held whole.

use serde_json::{Map, Value};
use vitrail_domain::Raster;

use crate::canvas::{curve, raster};
use crate::gland::glands;
use crate::maths::{byte, lerp, smooth};
use crate::noise::Noise;
use crate::nuclei::scatter;
use crate::row::{LICENCE, SOURCE};
use crate::stain::Sheet;
use crate::tissue::{at, ground};

/// Level-0 pixels of each side.
const SIDE: u32 = 8_000;
/// Micrometres of one level-0 pixel: an objective of 20 times.
const MPP: f64 = 0.5;
/// Rows drawn at once: bounds the memory of a wide region (8,000 px: 12 MB).
const STRIP: u32 = 128;
/// Centre and radius of the patch that is out of focus.
const SOFT: (f32, f32, f32) = (5_550.0, 5_950.0, 620.0);
/// Box filter of that patch, passes, and the margin that both need.
const SOFT_RADIUS: usize = 5;
const SOFT_PASSES: usize = 3;
const SOFT_MARGIN: i64 = (SOFT_RADIUS * SOFT_PASSES) as i64;
/// The pen's line: where it starts, what pulls it, where it ends.
const PEN_FROM: (f32, f32) = (6_300.0, 520.0);
const PEN_PULL: (f32, f32) = (7_900.0, 1_250.0);
const PEN_TO: (f32, f32) = (6_750.0, 3_350.0);
/// Half the pen's width.
const PEN_RADIUS: f32 = 62.0;
const PEN_COLOUR: [f32; 3] = [0.10, 0.36, 0.30];

/// The slide of one seed. Any region of it is drawn when it is asked for and has the same pixels
/// however the slide is cut into regions.
pub struct SyntheticSlide {
    seed: u64,
    noise: Noise,
    /// Points of the pen's line.
    pen: Vec<(f32, f32)>,
}

impl SyntheticSlide {
    pub(crate) fn new(seed: u64) -> Self {
        let line = curve(PEN_FROM, PEN_PULL, PEN_TO, (1.0, 1.0));
        let pen = line.into_iter().map(|dab| (dab.x, dab.y)).collect();
        Self { seed, noise: Noise::new(seed ^ 0x51de), pen }
    }

    /// Level-0 pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        SIDE
    }

    /// Level-0 pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        SIDE
    }

    /// Micrometres of one level-0 pixel.
    #[must_use]
    pub fn mpp(&self) -> f64 {
        MPP
    }

    /// The fields of the slide itself.
    #[must_use]
    pub fn fields(&self) -> Map<String, Value> {
        let texts = [
            ("source", SOURCE),
            ("licence", LICENCE),
            ("modality", "histology_like"),
            ("stain", "haematoxylin and eosin (drawn)"),
            ("slide_id", "slide-001"),
            ("patient_id", "H001"),
        ];
        let mut fields: Map<String, Value> =
            texts.into_iter().map(|(key, value)| (key.to_owned(), value.into())).collect();
        fields.insert("synthetic".to_owned(), true.into());
        fields.insert("mpp".to_owned(), MPP.into());
        fields
    }

    /// What is true at a level-0 place: `label` (`glandular`, `lymphoid`, `tumour`, `background`)
    /// and, where something was planted, `planted` (`pen` or `blurred`).
    #[must_use]
    pub fn truth_at(&self, x: u32, y: u32) -> Map<String, Value> {
        let (x, y) = (x as f32, y as f32);
        let (tissue, depth) = at(&self.noise, x, y);
        let label = if depth > 0.0 { tissue.label() } else { "background" };
        let mut truth = Map::new();
        truth.insert("label".to_owned(), label.into());
        if self.pen_distance(x, y) < PEN_RADIUS {
            truth.insert("planted".to_owned(), "pen".into());
        } else if softness(x, y) > 0.5 && depth > 0.0 {
            truth.insert("planted".to_owned(), "blurred".into());
        }
        truth
    }

    /// Draws `width` x `height` pixels, each the mean of `downsample` x `downsample` level-0
    /// pixels, from the level-0 place (`x`, `y`) on. Beyond the slide there is bare glass.
    ///
    /// About 0.1 us a level-0 pixel on one core; memory is the picture's and at most
    /// 128 level-0 rows of working space. A side or a downsample of 0 counts as 1.
    #[must_use]
    pub fn region(&self, x: u32, y: u32, width: u32, height: u32, downsample: u32) -> Raster {
        let (width, height, by) = (width.max(1), height.max(1), downsample.max(1));
        let rows_at_once = (STRIP / by).max(1);
        let mut bytes = Vec::with_capacity(width as usize * height as usize * Raster::CHANNELS);
        let mut row = 0;
        while row < height {
            let rows = rows_at_once.min(height - row);
            let corner = (i64::from(x), i64::from(y) + i64::from(row) * i64::from(by));
            let size = (width as usize * by as usize, rows as usize * by as usize);
            let level0 = self.level0(corner, size);
            if by == 1 {
                bytes.extend_from_slice(&level0);
            } else {
                shrink(&level0, size.0, by as usize, &mut bytes);
            }
            row += rows;
        }
        raster(width as usize, height as usize, bytes)
    }

    /// Level-0 pixels of a box, the soft patch and the pen included.
    fn level0(&self, corner: (i64, i64), size: (usize, usize)) -> Vec<u8> {
        let mut bytes = self.sharp(corner, size);
        if touches_soft(corner, size) {
            let wide = (size.0 + 2 * SOFT_MARGIN as usize, size.1 + 2 * SOFT_MARGIN as usize);
            let mut soft = self.sharp((corner.0 - SOFT_MARGIN, corner.1 - SOFT_MARGIN), wide);
            for _ in 0..SOFT_PASSES {
                box_blur(&mut soft, wide.0, SOFT_RADIUS);
            }
            mix_soft(&mut bytes, &soft, corner, size);
        }
        self.pen(&mut bytes, corner, size);
        bytes
    }

    fn sharp(&self, corner: (i64, i64), size: (usize, usize)) -> Vec<u8> {
        let mut sheet = Sheet::new(corner.0, corner.1, size.0, size.1);
        ground(&mut sheet, &self.noise);
        let at = (corner.0 as f32, corner.1 as f32);
        let glands = glands(self.seed, &self.noise, at, (size.0 as f32, size.1 as f32));
        for gland in &glands {
            gland.draw(&mut sheet, &self.noise);
        }
        scatter(&mut sheet, self.seed, &self.noise, &glands);
        sheet.lit()
    }

    fn pen_distance(&self, x: f32, y: f32) -> f32 {
        let mut nearest = f32::MAX;
        for pair in self.pen.windows(2) {
            let ((ax, ay), (bx, by)) = (pair[0], pair[1]);
            let (dx, dy) = (bx - ax, by - ay);
            let share = ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy).max(1.0);
            let share = share.clamp(0.0, 1.0);
            let (gx, gy) = (x - ax - dx * share, y - ay - dy * share);
            nearest = nearest.min(gx * gx + gy * gy);
        }
        nearest.sqrt()
    }

    /// Lays the pen's ink over what the box shows; skips 32-pixel blocks that are far from it.
    fn pen(&self, bytes: &mut [u8], corner: (i64, i64), size: (usize, usize)) {
        const BLOCK: usize = 32;
        for top in (0..size.1).step_by(BLOCK) {
            for left in (0..size.0).step_by(BLOCK) {
                let middle =
                    (corner.0 + (left + BLOCK / 2) as i64, corner.1 + (top + BLOCK / 2) as i64);
                if self.pen_distance(middle.0 as f32, middle.1 as f32) > PEN_RADIUS + BLOCK as f32 {
                    continue;
                }
                for row in top..(top + BLOCK).min(size.1) {
                    for column in left..(left + BLOCK).min(size.0) {
                        let at = (row * size.0 + column) * 3;
                        let place = (corner.0 + column as i64, corner.1 + row as i64);
                        self.ink(&mut bytes[at..at + 3], place.0 as f32, place.1 as f32);
                    }
                }
            }
        }
    }

    fn ink(&self, pixel: &mut [u8], x: f32, y: f32) {
        let ragged = 10.0 * (self.noise.value(x / 30.0, y / 30.0) - 0.5);
        let edge = self.pen_distance(x, y) + ragged;
        let streak = 0.72 + 0.28 * self.noise.layered(x / 9.0, y / 60.0, 2);
        let cover = (1.0 - smooth(PEN_RADIUS - 7.0, PEN_RADIUS, edge)) * streak;
        for (channel, ink) in pixel.iter_mut().zip(PEN_COLOUR) {
            let light = f32::from(*channel) / 255.0;
            *channel = byte(light * lerp(1.0, ink, cover));
        }
    }
}

/// 1 in the patch that is out of focus, 0 outside, smooth between.
fn softness(x: f32, y: f32) -> f32 {
    let (dx, dy) = (x - SOFT.0, y - SOFT.1);
    1.0 - smooth(SOFT.2 * 0.9, SOFT.2, (dx * dx + dy * dy).sqrt())
}

fn touches_soft(corner: (i64, i64), size: (usize, usize)) -> bool {
    let near = |low: i64, length: usize, middle: f32| {
        (low as f32) < middle + SOFT.2 && (low + length as i64) as f32 > middle - SOFT.2
    };
    near(corner.0, size.0, SOFT.0) && near(corner.1, size.1, SOFT.1)
}

fn mix_soft(bytes: &mut [u8], soft: &[u8], corner: (i64, i64), size: (usize, usize)) {
    let margin = SOFT_MARGIN as usize;
    let wide = size.0 + 2 * margin;
    for row in 0..size.1 {
        for column in 0..size.0 {
            let (x, y) = (corner.0 + column as i64, corner.1 + row as i64);
            let share = softness(x as f32, y as f32);
            if share <= 0.0 {
                continue;
            }
            let (at, from) =
                ((row * size.0 + column) * 3, ((row + margin) * wide + column + margin) * 3);
            for channel in 0..3 {
                let (sharp, soft) =
                    (f32::from(bytes[at + channel]), f32::from(soft[from + channel]));
                bytes[at + channel] = byte(lerp(sharp, soft, share) / 255.0);
            }
        }
    }
}

/// One pass of a box filter in both directions. On whole numbers: a running sum of `f32` would
/// round differently in regions that start elsewhere.
fn box_blur(bytes: &mut [u8], width: usize, radius: usize) {
    let height = bytes.len() / (width * 3);
    let mut line = vec![0u8; width.max(height)];
    for row in bytes.chunks_exact_mut(width * 3) {
        for channel in 0..3 {
            blur_line(&mut row[channel..], 3, &mut line[..width], radius);
        }
    }
    for column in 0..width * 3 {
        blur_line(&mut bytes[column..], width * 3, &mut line[..height], radius);
    }
}

fn blur_line(bytes: &mut [u8], step: usize, line: &mut [u8], radius: usize) {
    for (slot, byte) in line.iter_mut().zip(bytes.iter().step_by(step)) {
        *slot = *byte;
    }
    let last = line.len() - 1;
    let read = |at: usize| u32::from(line[at.saturating_sub(radius).min(last)]);
    let count = 2 * radius as u32 + 1;
    // `read(at + radius)` is the byte at `at`, edges repeated.
    let mut sum: u32 = (0..=2 * radius).map(read).sum();
    for (at, byte) in bytes.iter_mut().step_by(step).enumerate() {
        *byte = ((sum + count / 2) / count) as u8;
        sum = sum + read(at + 2 * radius + 1) - read(at);
    }
}

/// Means of `by` x `by` pixels, rounded.
fn shrink(level0: &[u8], width: usize, by: usize, into: &mut Vec<u8>) {
    let count = (by * by) as u32;
    let mut sums = vec![0u32; width / by * 3];
    for rows in level0.chunks_exact(width * 3 * by) {
        sums.fill(0);
        for row in rows.chunks_exact(width * 3) {
            for (sum, block) in sums.chunks_exact_mut(3).zip(row.chunks_exact(by * 3)) {
                for pixel in block.chunks_exact(3) {
                    for (slot, &channel) in sum.iter_mut().zip(pixel) {
                        *slot += u32::from(channel);
                    }
                }
            }
        }
        into.extend(sums.iter().map(|sum| ((sum + count / 2) / count) as u8));
    }
}
