//! What damage leaves in pixels: steps at the borders of 8 x 8 blocks (after Wang, Sheikh and
//! Bovik, ICIP 2002), and a flat tail where a cut file was filled up.

use vitrail_domain::Raster;

/// Rows that are looked at for blocks: every 7th is enough, and no multiple of 8.
const ROW_STEP: usize = 7;

/// Largest difference within rows that count as filled.
const FLAT: u8 = 2;

/// What damage is judged by. Measured on the pixels as stored, before any resizing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Damage {
    /// Mean step over the borders of blocks, over that within them: 1 without blocks.
    pub blocks: f64,
    /// Share of the height, at the lower end, that is all of one colour; 0 where all of it is.
    pub tail: f64,
}

pub(super) fn damage(raster: &Raster) -> Damage {
    Damage { blocks: blocks(raster), tail: tail(raster) }
}

fn blocks(raster: &Raster) -> f64 {
    let (mut at_border, mut within) = ((0u64, 0u64), (0u64, 0u64));
    for y in (0..raster.height()).step_by(ROW_STEP) {
        // Green carries most of luminance.
        let row = raster.row(y);
        let pairs = row.chunks_exact(3).zip(row.chunks_exact(3).skip(1)).enumerate();
        for (x, (left, right)) in pairs {
            let step = u64::from(left[1].abs_diff(right[1]));
            let sums = if x % 8 == 7 { &mut at_border } else { &mut within };
            sums.0 += step;
            sums.1 += 1;
        }
    }
    let mean = |(sum, count): (u64, u64)| sum as f64 / count.max(1) as f64;
    // A tenth of a level keeps flat pictures at 1.
    (mean(at_border) + 0.1) / (mean(within) + 0.1)
}

fn tail(raster: &Raster) -> f64 {
    let last = raster.pixel(0, raster.height().saturating_sub(1));
    let flat = |y: &u32| {
        let mut pixels = raster.row(*y).chunks_exact(3);
        pixels.all(|p| p.iter().zip(last).all(|(a, b)| a.abs_diff(b) <= FLAT))
    };
    let rows = (0..raster.height()).rev().take_while(flat).count();
    if rows == raster.height() as usize { 0.0 } else { rows as f64 / f64::from(raster.height()) }
}
