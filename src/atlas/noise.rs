//! Seeded value noise and cell noise over the plane, from one table of random numbers.

use crate::maths::{floor, lerp};
use crate::rng::Rng;

/// Features from one repetition to the next. A table of 128 x 128 stays in a core's own cache.
const SIDE: usize = 128;

/// Tables of random numbers that wrap every `SIDE` units, one for each noise.
pub(crate) struct Noise {
    table: Vec<f32>,
    /// Where a cell's centre lies within its square, and the cell's own number.
    centres: Vec<[f32; 3]>,
}

/// What lies round a point in cell noise.
pub(crate) struct Cell {
    /// Distance to the nearest cell's centre.
    pub(crate) near: f32,
    /// Distance to the second nearest minus `near`: 0 on the wall between two cells.
    pub(crate) wall: f32,
    /// The nearest cell's own number, from 0 to 1.
    pub(crate) id: f32,
}

impl Noise {
    /// The tables of a seed: 256 KiB.
    pub(crate) fn new(seed: u64) -> Self {
        let mut rng = Rng::of(seed, &[0x6e_6f69_7365]);
        let table = (0..SIDE * SIDE).map(|_| rng.unit()).collect();
        let mut centre = || [rng.range(0.15, 0.85), rng.range(0.15, 0.85), rng.unit()];
        let centres = (0..SIDE * SIDE).map(|_| centre()).collect();
        Self { table, centres }
    }

    #[inline]
    fn place(x: i32, y: i32) -> usize {
        let mask = SIDE as i32 - 1;
        ((y & mask) as usize) * SIDE + (x & mask) as usize
    }

    #[inline]
    fn at(&self, x: i32, y: i32) -> f32 {
        self.table[Self::place(x, y)]
    }

    /// Smooth noise, from 0 to 1, of one feature a unit.
    #[inline]
    pub(crate) fn value(&self, x: f32, y: f32) -> f32 {
        let (x0, y0) = (floor(x), floor(y));
        let (fx, fy) = (x - x0 as f32, y - y0 as f32);
        let (sx, sy) = (fx * fx * (3.0 - 2.0 * fx), fy * fy * (3.0 - 2.0 * fy));
        let top = lerp(self.at(x0, y0), self.at(x0 + 1, y0), sx);
        let bottom = lerp(self.at(x0, y0 + 1), self.at(x0 + 1, y0 + 1), sx);
        lerp(top, bottom, sy)
    }

    /// Smooth noise of several scales, each twice as fine and half as strong; from 0 to 1.
    #[inline]
    pub(crate) fn layered(&self, x: f32, y: f32, octaves: u32) -> f32 {
        let (mut sum, mut weight, mut total, mut fine) = (0.0, 1.0, 0.0, 1.0);
        for octave in 0..octaves {
            let shift = octave as f32 * 17.37;
            sum += weight * self.value(x * fine + shift, y * fine - shift);
            total += weight;
            weight *= 0.5;
            fine *= 2.0;
        }
        sum / total
    }

    /// Cell noise (Worley 1996) of one jittered centre a unit square.
    #[inline]
    pub(crate) fn cells(&self, x: f32, y: f32) -> Cell {
        let (x0, y0) = (floor(x), floor(y));
        let (mut first, mut second, mut id) = (f32::MAX, f32::MAX, 0.0);
        for cy in y0 - 1..=y0 + 1 {
            for cx in x0 - 1..=x0 + 1 {
                let [left, top, own] = self.centres[Self::place(cx, cy)];
                let (dx, dy) = (cx as f32 + left - x, cy as f32 + top - y);
                let squared = dx * dx + dy * dy;
                second = second.min(squared.max(first));
                id = if squared < first { own } else { id };
                first = first.min(squared);
            }
        }
        let near = first.sqrt();
        Cell { near, wall: second.sqrt() - near, id }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_continuous_and_bounded() {
        let noise = Noise::new(3);
        let mut last = noise.layered(-5.0, 0.3, 4);
        for step in 1..4_000 {
            let x = -5.0 + step as f32 / 400.0;
            let now = noise.layered(x, 0.3, 4);
            assert!((0.0..=1.0).contains(&now) && (now - last).abs() < 0.05, "{x}");
            let cell = noise.cells(x, 0.3);
            assert!(cell.wall >= 0.0 && cell.near < 1.5);
            last = now;
        }
    }
}
