//! A picture while it is drawn: colours as `f32`, coverage masks, soft strokes, blur.

use vitrail_domain::Raster;

use crate::maths::{Colour, blend, byte, smooth};
use crate::rng::Rng;

/// Colours while a picture is drawn, row major.
pub(crate) struct Canvas {
    pub(crate) width: usize,
    pub(crate) height: usize,
    pub(crate) pixels: Vec<Colour>,
}

/// How much of each pixel is covered, 0 to 1.
pub(crate) struct Mask {
    width: usize,
    height: usize,
    cover: Vec<f32>,
}

/// A point of a stroke: pixels, and half the stroke's width there.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dab {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) radius: f32,
}

impl Canvas {
    /// A picture whose every pixel is asked from `shade(x, y)`.
    pub(crate) fn shaded(
        width: usize,
        height: usize,
        mut shade: impl FnMut(f32, f32) -> Colour,
    ) -> Self {
        let mut pixels = Vec::with_capacity(width * height);
        for y in 0..height {
            pixels.extend((0..width).map(|x| shade(x as f32 + 0.5, y as f32 + 0.5)));
        }
        Self { width, height, pixels }
    }

    /// Lays one colour over what the mask covers.
    pub(crate) fn lay(&mut self, mask: &Mask, colour: Colour, opacity: f32) {
        for (pixel, &cover) in self.pixels.iter_mut().zip(&mask.cover) {
            if cover > 0.0 {
                *pixel = blend(*pixel, colour, cover * opacity);
            }
        }
    }

    /// Multiplies what the mask covers: pigment, shadow.
    pub(crate) fn tint(&mut self, mask: &Mask, colour: Colour, opacity: f32) {
        for (pixel, &cover) in self.pixels.iter_mut().zip(&mask.cover) {
            let strength = cover * opacity;
            if strength > 0.0 {
                for (channel, by) in pixel.iter_mut().zip(colour) {
                    *channel *= 1.0 + (by - 1.0) * strength;
                }
            }
        }
    }

    /// Changes every pixel by its place.
    pub(crate) fn map(&mut self, mut change: impl FnMut(f32, f32, Colour) -> Colour) {
        for (y, row) in self.pixels.chunks_exact_mut(self.width).enumerate() {
            for (x, pixel) in row.iter_mut().enumerate() {
                *pixel = change(x as f32 + 0.5, y as f32 + 0.5, *pixel);
            }
        }
    }

    /// Blurs by `passes` box filters of `2 radius + 1` pixels: three are near a Gaussian of
    /// standard deviation `radius`. Linear in pixels, whatever the radius.
    pub(crate) fn blur(&mut self, radius: usize, passes: usize) {
        let longest = self.width.max(self.height);
        let mut line = vec![[0.0; 3]; longest];
        for _ in 0..passes {
            for row in self.pixels.chunks_exact_mut(self.width) {
                box_line(row, 1, &mut line, radius);
            }
            for x in 0..self.width {
                box_line(&mut self.pixels[x..], self.width, &mut line, radius);
            }
        }
    }

    /// Bytes, with a little seeded sensor noise of amplitude `grain` (0 to 1); equal noise in all
    /// channels where `grey`.
    pub(crate) fn develop(&self, grain: f32, grey: bool, rng: &mut Rng) -> Raster {
        let mut bytes = Vec::with_capacity(self.pixels.len() * Raster::CHANNELS);
        for pixel in &self.pixels {
            let bits = rng.bits();
            let noise = |shift: u32| ((bits >> shift) & 0xffff) as f32 / 65_535.0 - 0.5;
            let common = noise(0);
            for (channel, shift) in pixel.iter().zip([0u32, 16, 32]) {
                let own = if grey { common } else { 0.5 * (common + noise(shift)) };
                bytes.push(byte(channel + grain * own));
            }
        }
        raster(self.width, self.height, bytes)
    }
}

/// Wraps bytes whose length the caller made to fit.
pub(crate) fn raster(width: usize, height: usize, bytes: Vec<u8>) -> Raster {
    let made = Raster::new(width as u32, height as u32, bytes);
    made.unwrap_or_else(|_| unreachable!("the atlas draws pictures of fixed, small sizes"))
}

/// One running-mean pass over a line of every `step`-th pixel, edges repeated.
fn box_line(pixels: &mut [Colour], step: usize, line: &mut [Colour], radius: usize) {
    let count = pixels.len().div_ceil(step);
    for (slot, pixel) in line.iter_mut().zip(pixels.iter().step_by(step)) {
        *slot = *pixel;
    }
    let line = &line[..count];
    let (first, last) = (line[0], line[count - 1]);
    let read = |at: isize| match usize::try_from(at) {
        Ok(at) => line.get(at).copied().unwrap_or(last),
        Err(_) => first,
    };
    let reach = radius as isize;
    let mut sum = [0.0f32; 3];
    for at in -reach..=reach {
        let pixel = read(at);
        sum = [sum[0] + pixel[0], sum[1] + pixel[1], sum[2] + pixel[2]];
    }
    let share = 1.0 / (2 * radius + 1) as f32;
    for (at, pixel) in pixels.iter_mut().step_by(step).enumerate() {
        *pixel = [sum[0] * share, sum[1] * share, sum[2] * share];
        let (enter, leave) = (read(at as isize + reach + 1), read(at as isize - reach));
        for channel in 0..3 {
            sum[channel] += enter[channel] - leave[channel];
        }
    }
}

impl Mask {
    /// Nothing covered.
    pub(crate) fn new(width: usize, height: usize) -> Self {
        Self { width, height, cover: vec![0.0; width * height] }
    }

    /// Covers a soft disc: full up to the radius minus half the edge, none beyond plus half.
    pub(crate) fn disc(&mut self, dab: Dab, edge: f32) {
        let reach = dab.radius + edge;
        let low = |centre: f32| (centre - reach).max(0.0) as usize;
        let high = |centre: f32, end: usize| ((centre + reach + 1.0).max(0.0) as usize).min(end);
        for y in low(dab.y)..high(dab.y, self.height) {
            for x in low(dab.x)..high(dab.x, self.width) {
                let (dx, dy) = (x as f32 + 0.5 - dab.x, y as f32 + 0.5 - dab.y);
                let distance = (dx * dx + dy * dy).sqrt();
                let cover =
                    1.0 - smooth(dab.radius - edge * 0.5, dab.radius + edge * 0.5, distance);
                let slot = &mut self.cover[y * self.width + x];
                *slot = slot.max(cover);
            }
        }
    }

    /// Covers a smooth line through the dabs, straight between them.
    pub(crate) fn stroke(&mut self, dabs: &[Dab], edge: f32) {
        for pair in dabs.windows(2) {
            let [a, b] = pair else { continue };
            let length = ((b.x - a.x) * (b.x - a.x) + (b.y - a.y) * (b.y - a.y)).sqrt();
            let pitch = (a.radius.min(b.radius) * 0.6).clamp(0.5, 4.0);
            // A line that leaves the picture is cut by `disc`; the count bounds a wild one.
            let steps = ((length / pitch) as usize + 1).min(4_096);
            for step in 0..steps {
                let at = step as f32 / steps as f32;
                let dab = Dab {
                    x: a.x + (b.x - a.x) * at,
                    y: a.y + (b.y - a.y) * at,
                    radius: a.radius + (b.radius - a.radius) * at,
                };
                self.disc(dab, edge);
            }
        }
    }
}

/// A curve from `from` through the pull of `bend` to `to`, thinning from `thick` to `thin`.
pub(crate) fn curve(
    from: (f32, f32),
    bend: (f32, f32),
    to: (f32, f32),
    width: (f32, f32),
) -> Vec<Dab> {
    (0..=16)
        .map(|step| {
            let t = step as f32 / 16.0;
            let (a, b, c) = ((1.0 - t) * (1.0 - t), 2.0 * t * (1.0 - t), t * t);
            Dab {
                x: a * from.0 + b * bend.0 + c * to.0,
                y: a * from.1 + b * bend.1 + c * to.1,
                radius: width.0 + (width.1 - width.0) * t,
            }
        })
        .collect()
}

/// A branching tree of strokes: vessels. Starts at `at` towards `towards`, splits `depth` times.
pub(crate) fn tree(rng: &mut Rng, at: Dab, towards: (f32, f32), depth: u32) -> Vec<Vec<Dab>> {
    let mut done = Vec::new();
    // Each branch makes two or three of the next depth; depth is at most 6 at every call.
    let mut growing = vec![(at, towards, depth)];
    while let Some((from, way, left)) = growing.pop() {
        let mut dabs = vec![from];
        let (mut here, mut way) = (from, way);
        for _ in 0..6 {
            let turn = rng.bell() * 0.35;
            way = (way.0 - way.1 * turn, way.1 + way.0 * turn);
            here = Dab { x: here.x + way.0, y: here.y + way.1, radius: here.radius * 0.965 };
            dabs.push(here);
        }
        done.push(dabs);
        if left > 0 {
            for side in [-1.0, 1.0] {
                let turn = side * rng.range(0.25, 0.8);
                let shrink = rng.range(0.7, 0.95) / (1.0 + turn * turn).sqrt();
                let next = ((way.0 - way.1 * turn) * shrink, (way.1 + way.0 * turn) * shrink);
                let thin = Dab { radius: here.radius * rng.range(0.6, 0.8), ..here };
                growing.push((thin, next, left - 1));
            }
        }
    }
    done
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blur_keeps_the_mean_of_a_flat_picture_and_spreads_a_point() {
        let mut canvas =
            Canvas::shaded(9, 9, |x, y| if (x, y) == (4.5, 4.5) { [1.0; 3] } else { [0.0; 3] });
        canvas.blur(1, 1);
        assert!((canvas.pixels[4 * 9 + 4][0] - 1.0 / 9.0).abs() < 1e-6);
        assert!((canvas.pixels[3 * 9 + 3][0] - 1.0 / 9.0).abs() < 1e-6);
        assert!(canvas.pixels[2 * 9 + 2][0].abs() < 1e-6);
    }

    #[test]
    fn a_stroke_covers_its_line_and_not_the_rest() {
        let mut mask = Mask::new(20, 20);
        let dab = |x| Dab { x, y: 10.0, radius: 2.0 };
        mask.stroke(&[dab(2.0), dab(18.0)], 1.0);
        assert!(mask.cover[10 * 20 + 10] > 0.9 && mask.cover[20 + 10] == 0.0);
    }
}
