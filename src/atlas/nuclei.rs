//! Nuclei: where they lie in each tissue, and how one looks.

use crate::gland::Gland;
use crate::maths::{lerp, smooth};
use crate::noise::Noise;
use crate::rng::Rng;
use crate::stain::{Ellipse, Sheet};
use crate::tissue::{Tissue, at, follicle, nest};

/// Pixels from one possible nucleus to the next: about a small cell's width.
const PITCH: f32 = 15.0;
/// No nucleus reaches farther from its place of the grid, in pixels.
const REACH: f32 = 34.0;

/// One nucleus.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Nucleus {
    pub(crate) shape: Ellipse,
    /// Haematoxylin in its darkest part.
    pub(crate) strength: f32,
    /// 0 for an even nucleus, 1 for an empty one with a dark rim.
    pub(crate) clear: f32,
}

/// Draws a nucleus. Where two lie over each other, the darker wins, in whatever order.
pub(crate) fn stamp(sheet: &mut Sheet, noise: &Noise, nucleus: Nucleus) {
    sheet.stamp(nucleus.shape, 1.25, |x, y, distance, dye| {
        let d = distance + 0.22 * (noise.value(x / 5.0 + 50.0, y / 5.0) - 0.5);
        let cover = 1.0 - smooth(0.86, 1.08, d);
        let clumps = 0.72 + 0.56 * noise.value(x / 2.6, y / 2.6 + 90.0);
        let hollow = 1.0 - nucleus.clear * (1.0 - smooth(0.45, 0.85, d));
        let dark = nucleus.strength * clumps * hollow * cover;
        dye[0] = dye[0].max(dark);
        dye[1] = lerp(dye[1], dye[1].max(0.22), cover);
    });
}

/// Draws the free nuclei of a box of the slide: all but those of the glands.
pub(crate) fn scatter(sheet: &mut Sheet, seed: u64, noise: &Noise, glands: &[Gland]) {
    let cell = |at: f32| (at / PITCH) as i64;
    let (left, top) = (sheet.x as f32, sheet.y as f32);
    let (right, bottom) = (left + sheet.width as f32, top + sheet.height as f32);
    for row in cell(top - REACH) - 1..=cell(bottom + REACH) {
        for column in cell(left - REACH) - 1..=cell(right + REACH) {
            if let Some(nucleus) = nucleus(seed, noise, glands, (column, row)) {
                stamp(sheet, noise, nucleus);
            }
        }
    }
}

/// The nucleus of one place of the grid, if its tissue has one there.
fn nucleus(seed: u64, noise: &Noise, glands: &[Gland], place: (i64, i64)) -> Option<Nucleus> {
    let mut rng = Rng::of(seed, &[12, place.0 as u64, place.1 as u64]);
    let x = (place.0 as f32 + rng.range(0.1, 0.9)) * PITCH;
    let y = (place.1 as f32 + rng.range(0.1, 0.9)) * PITCH;
    let (tissue, depth) = at(noise, x, y);
    if depth < 0.004 {
        return None;
    }
    match tissue {
        Tissue::Gland => {
            let free = rng.chance(0.26) && !glands.iter().any(|gland| gland.holds(x, y));
            free.then(
                || if rng.chance(0.6) { small(x, y, &mut rng) } else { spindle(x, y, &mut rng) },
            )
        }
        Tissue::Lymphoid => {
            let pale = follicle(noise, x, y);
            if pale > 0.35 && rng.chance(0.6) {
                return rng.chance(0.5).then(|| large(x, y, 0.85, &mut rng));
            }
            rng.chance(0.90).then(|| small(x, y, &mut rng))
        }
        Tissue::Tumour => {
            if nest(noise, x, y) > 0.52 {
                return rng.chance(0.36).then(|| large(x, y, 1.25, &mut rng));
            }
            if rng.chance(0.10) {
                return Some(spindle(x, y, &mut rng));
            }
            rng.chance(0.04).then(|| small(x, y, &mut rng))
        }
    }
}

/// A small dark round nucleus.
fn small(x: f32, y: f32, rng: &mut Rng) -> Nucleus {
    let size = rng.range(4.8, 6.4);
    let axes = (size * rng.range(1.0, 1.15), size);
    let shape = Ellipse { x, y, axes, way: rng.direction() };
    Nucleus { shape, strength: rng.range(0.85, 1.15), clear: 0.0 }
}

/// A thin nucleus that lies along the fibres.
fn spindle(x: f32, y: f32, rng: &mut Rng) -> Nucleus {
    let tilt = rng.bell() * 0.7 - 0.2;
    let length = (1.0 + tilt * tilt).sqrt();
    let way = (1.0 / length, tilt / length);
    let axes = (rng.range(9.0, 15.0), rng.range(2.4, 3.6));
    Nucleus { shape: Ellipse { x, y, axes, way }, strength: rng.range(0.7, 1.0), clear: 0.0 }
}

/// A large nucleus of uneven size, often clear with a dark rim.
fn large(x: f32, y: f32, by: f32, rng: &mut Rng) -> Nucleus {
    let size = by * rng.range(6.0, 10.0) * if rng.chance(0.08) { 1.45 } else { 1.0 };
    let axes = (size * rng.range(1.0, 1.35), size * rng.range(0.8, 1.0));
    let shape = Ellipse { x, y, axes, way: rng.direction() };
    Nucleus { shape, strength: rng.range(0.62, 1.1), clear: rng.range(0.0, 0.55) }
}
