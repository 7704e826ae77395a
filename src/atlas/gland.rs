//! Glands of the glandular tissue: a lumen, pale goblet cells, dark nuclei at the rim.

use crate::maths::{lerp, smooth, wave};
use crate::noise::Noise;
use crate::nuclei::{Nucleus, stamp};
use crate::rng::Rng;
use crate::stain::{Ellipse, Sheet};
use crate::tissue::{Tissue, at};

/// Pixels from one gland's place to the next.
const PITCH: f32 = 205.0;
/// No gland reaches farther from its centre, in pixels.
const REACH: f32 = 150.0;

/// One gland.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Gland {
    shape: Ellipse,
    seed: u64,
}

/// The gland of one place of the grid, if the tissue has one there.
fn gland(seed: u64, noise: &Noise, column: i64, row: i64) -> Option<Gland> {
    let mut rng = Rng::of(seed, &[11, column as u64, row as u64]);
    let shift = if row.rem_euclid(2) == 0 { 0.0 } else { 0.5 };
    let x = (column as f32 + shift + rng.range(-0.12, 0.12)) * PITCH;
    let y = (row as f32 + rng.range(-0.12, 0.12)) * PITCH * 0.9;
    let size = rng.range(70.0, 88.0);
    let long = rng.range(1.0, 1.28);
    let (tissue, depth) = at(noise, x, y);
    let shape = Ellipse { x, y, axes: (size * long, size / long.sqrt()), way: rng.direction() };
    (tissue == Tissue::Gland && depth > 0.06 && !rng.chance(0.04))
        .then(|| Gland { shape, seed: rng.bits() })
}

/// Every gland that may touch a box of the slide, row by row.
pub(crate) fn glands(seed: u64, noise: &Noise, corner: (f32, f32), size: (f32, f32)) -> Vec<Gland> {
    let cell = |at: f32, pitch: f32| (at / pitch) as i64;
    let mut found = Vec::new();
    for row in
        cell(corner.1 - REACH, PITCH * 0.9) - 1..=cell(corner.1 + size.1 + REACH, PITCH * 0.9) + 1
    {
        for column in cell(corner.0 - REACH, PITCH) - 1..=cell(corner.0 + size.0 + REACH, PITCH) + 1
        {
            found.extend(gland(seed, noise, column, row));
        }
    }
    found
}

impl Gland {
    /// True where the gland, with a margin, covers a place.
    pub(crate) fn holds(&self, x: f32, y: f32) -> bool {
        let (dx, dy) = (x - self.shape.x, y - self.shape.y);
        let (c, s) = self.shape.way;
        let along = (dx * c + dy * s) / (self.shape.axes.0 + 6.0);
        let across = (dy * c - dx * s) / (self.shape.axes.1 + 6.0);
        along * along + across * across < 1.0
    }

    /// The place at a turn round the gland and a share of the way to its rim, and the way outwards.
    fn place(&self, turn: f32, share: f32) -> ((f32, f32), (f32, f32)) {
        let (along, across) = (wave(turn + 0.25), wave(turn));
        let (a, b) = (along * self.shape.axes.0, across * self.shape.axes.1);
        let (c, s) = self.shape.way;
        let (dx, dy) = (a * c - b * s, a * s + b * c);
        let length = (dx * dx + dy * dy).sqrt().max(1.0);
        ((self.shape.x + dx * share, self.shape.y + dy * share), (dx / length, dy / length))
    }

    /// Draws the gland's cells, then their nuclei.
    pub(crate) fn draw(&self, sheet: &mut Sheet, noise: &Noise) {
        let mut rng = Rng::of(self.seed, &[]);
        let lumen = rng.range(0.16, 0.34);
        sheet.stamp(self.shape, 1.08, |x, y, distance, dye| {
            let wobble = 0.08 * (noise.value(x / 22.0, y / 22.0) - 0.5);
            let d = distance + wobble;
            let grain = noise.layered(x / 7.0, y / 7.0, 2) - 0.5;
            let rim = smooth(0.60, 0.85, d);
            let mut cells = [lerp(0.16, 0.34, rim) + 0.10 * grain, lerp(0.20, 0.36, rim)];
            let empty = 1.0 - smooth(lumen - 0.03, lumen + 0.03, d);
            cells = [lerp(cells[0], 0.02, empty), lerp(cells[1], 0.03, empty)];
            let outside = smooth(0.97, 1.0, d);
            let sheath = [0.04, 0.12];
            let inner = [lerp(cells[0], sheath[0], outside), lerp(cells[1], sheath[1], outside)];
            let away = smooth(1.02, 1.05, d);
            *dye = [lerp(inner[0], dye[0], away), lerp(inner[1], dye[1], away)];
        });
        self.goblets(sheet, lumen, &mut rng);
        let round = (self.shape.axes.0 + self.shape.axes.1) * std::f32::consts::PI;
        let count = (round * 0.86 / 9.5) as usize;
        for number in 0..count {
            let turn = (number as f32 + rng.range(-0.25, 0.25)) / count as f32;
            let ((x, y), way) = self.place(turn, rng.range(0.82, 0.90));
            let axes = (rng.range(6.5, 9.0), rng.range(3.6, 4.8));
            let strength = rng.range(0.75, 1.05);
            stamp(
                sheet,
                noise,
                Nucleus { shape: Ellipse { x, y, axes, way }, strength, clear: 0.0 },
            );
        }
    }

    /// Drops of mucus: pale, with a thin wall.
    fn goblets(&self, sheet: &mut Sheet, lumen: f32, rng: &mut Rng) {
        let count = rng.whole(13, 18);
        let middle = (lumen + 0.74) * 0.5;
        for number in 0..count {
            let turn = (number as f32 + rng.range(-0.2, 0.2)) / count as f32;
            let ((x, y), way) = self.place(turn, middle + rng.range(-0.04, 0.04));
            let axes = (rng.range(13.0, 18.0), rng.range(8.5, 11.5));
            sheet.stamp(Ellipse { x, y, axes, way }, 1.2, |_, _, d, dye| {
                let wall = smooth(0.80, 0.98, d) * (1.0 - smooth(1.0, 1.18, d));
                let full = 1.0 - smooth(0.84, 1.0, d);
                *dye = [
                    lerp(dye[0], 0.13, full * 0.85) + 0.10 * wall,
                    lerp(dye[1], 0.07, full * 0.85) + 0.05 * wall,
                ];
            });
        }
    }
}
