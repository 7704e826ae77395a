//! Photographs of lesions: framing, light, dermatoscope, ruler, hairs, focus.

use vitrail_domain::Raster;

use crate::canvas::{Canvas, Dab, Mask};
use crate::maths::{Colour, scale, smooth};
use crate::noise::Noise;
use crate::rng::Rng;
use crate::skin::Lesion;
use crate::skin_shade::shade;

/// Pixels across a photograph.
pub(crate) const WIDTH: usize = 450;
/// Pixels down a photograph.
pub(crate) const HEIGHT: usize = 338;

/// One photograph of a lesion: how it was framed and lit.
#[derive(Debug, Clone)]
pub(crate) struct Photo {
    /// Cosine and sine of the camera's turn.
    turn: (f32, f32),
    zoom: f32,
    shift: (f32, f32),
    gains: Colour,
    /// Direction and strength of uneven light.
    slope: (f32, f32),
    vignette: f32,
    /// A dark ring: the dermatoscope's edge.
    ring: Option<f32>,
    /// Ticks at a picture edge: pixels from one to the next, and whether at the bottom.
    ruler: Option<(f32, bool)>,
    bubbles: Vec<Dab>,
    grain: f32,
    /// Radius of the box filter, 0 for sharp.
    pub(crate) blur: usize,
    noise_seed: u64,
}

impl Photo {
    /// A photograph of its own: another turn, distance and light each time.
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let light = rng.range(0.90, 1.08);
        let warm = rng.range(-0.05, 0.05);
        let bubbles = if rng.chance(0.15) { rng.whole(3, 9) } else { 0 };
        Self {
            turn: rng.direction(),
            zoom: rng.range(0.85, 1.25),
            shift: (rng.bell() * 0.25, rng.bell() * 0.2),
            gains: [light * (1.0 + warm), light, light * (1.0 - warm)],
            slope: (rng.bell() * 0.10, rng.bell() * 0.10),
            vignette: rng.range(0.0, 0.35),
            ring: rng.chance(0.18).then(|| rng.range(1.04, 1.22)),
            ruler: rng.chance(0.2).then(|| (rng.range(13.0, 19.0), rng.chance(0.6))),
            bubbles: (0..bubbles)
                .map(|_| Dab {
                    x: rng.range(0.0, WIDTH as f32),
                    y: rng.range(0.0, HEIGHT as f32),
                    radius: rng.range(3.0, 13.0),
                })
                .collect(),
            grain: rng.range(0.012, 0.03),
            blur: 0,
            noise_seed: rng.bits(),
        }
    }

    /// The same photograph, taken a moment later or exported again: all but the same pixels.
    pub(crate) fn again(&self, rng: &mut Rng) -> Self {
        let mut again = self.clone();
        again.zoom *= rng.range(1.01, 1.05);
        again.shift = (self.shift.0 + rng.bell() * 0.02, self.shift.1 + rng.bell() * 0.02);
        let light = rng.range(0.96, 1.04);
        again.gains = scale(self.gains, light);
        again.noise_seed = rng.bits();
        again
    }

    fn to_plane(&self, x: f32, y: f32) -> (f32, f32) {
        let half = HEIGHT as f32 / 2.0 * self.zoom;
        let (px, py) = ((x - WIDTH as f32 / 2.0) / half, (y - HEIGHT as f32 / 2.0) / half);
        let (c, s) = self.turn;
        (c * px - s * py + self.shift.0, s * px + c * py + self.shift.1)
    }

    fn to_pixels(&self, dab: Dab) -> Dab {
        let half = HEIGHT as f32 / 2.0 * self.zoom;
        let (c, s) = self.turn;
        let (u, v) = (dab.x - self.shift.0, dab.y - self.shift.1);
        Dab {
            x: (c * u + s * v) * half + WIDTH as f32 / 2.0,
            y: (c * v - s * u) * half + HEIGHT as f32 / 2.0,
            radius: dab.radius * half,
        }
    }

    /// Draws the photograph: about 15 ms.
    pub(crate) fn draw(&self, lesion: &Lesion, noise: &Noise) -> Raster {
        let mut canvas = Canvas::shaded(WIDTH, HEIGHT, |x, y| {
            if self.behind_ring(x, y) {
                return [0.0; 3];
            }
            let (u, v) = self.to_plane(x, y);
            shade(lesion, noise, u, v)
        });
        for layer in &lesion.layers {
            let half = HEIGHT as f32 / 2.0 * self.zoom;
            let mask = self.cover(&layer.strokes, layer.edge * half);
            if layer.tint {
                canvas.tint(&mask, layer.colour, layer.opacity);
            } else {
                canvas.lay(&mask, layer.colour, layer.opacity);
            }
        }
        if !lesion.hairs.is_empty() {
            let mask = self.cover(&lesion.hairs, 1.2);
            canvas.lay(&mask, lesion.hair_colour, 0.85);
        }
        self.gel(&mut canvas);
        if self.blur > 0 {
            canvas.blur(self.blur, 3);
        }
        self.optics(&mut canvas);
        let mut rng = Rng::of(self.noise_seed, &[]);
        canvas.develop(self.grain, false, &mut rng)
    }

    /// True where the dermatoscope's edge hides the skin, so that nothing need be drawn.
    fn behind_ring(&self, x: f32, y: f32) -> bool {
        let mid = (WIDTH as f32 / 2.0, HEIGHT as f32 / 2.0);
        let (px, py) = ((x - mid.0) / mid.1, (y - mid.1) / mid.1);
        self.ring.is_some_and(|ring| (px * px + py * py).sqrt() > ring + 0.1)
    }

    fn cover(&self, strokes: &[Vec<Dab>], edge: f32) -> Mask {
        let mut mask = Mask::new(WIDTH, HEIGHT);
        for stroke in strokes {
            let dabs: Vec<Dab> = stroke.iter().map(|&dab| self.to_pixels(dab)).collect();
            match dabs.as_slice() {
                [one] => mask.disc(*one, edge),
                many => mask.stroke(many, edge),
            }
        }
        mask
    }

    /// Bubbles of the contact gel: a bright rim and a spark of light.
    fn gel(&self, canvas: &mut Canvas) {
        if self.bubbles.is_empty() {
            return;
        }
        let (mut outer, mut inner) = (Mask::new(WIDTH, HEIGHT), Mask::new(WIDTH, HEIGHT));
        for &bubble in &self.bubbles {
            outer.disc(bubble, 2.0);
            let off = bubble.radius * 0.35;
            let spark = Dab { x: bubble.x - off, y: bubble.y - off, radius: bubble.radius * 0.22 };
            inner.disc(spark, 1.5);
        }
        canvas.tint(&outer, [0.90, 0.90, 0.92], 0.8);
        canvas.lay(&inner, [1.0; 3], 0.85);
    }

    /// Light, lens and ruler: what lies between the skin and the sensor.
    fn optics(&self, canvas: &mut Canvas) {
        if let Some((pitch, bottom)) = self.ruler {
            canvas.lay(&ruler(pitch, bottom), [0.12, 0.12, 0.14], 0.85);
        }
        let (mid_x, mid_y) = (WIDTH as f32 / 2.0, HEIGHT as f32 / 2.0);
        canvas.map(|x, y, colour| {
            let (px, py) = ((x - mid_x) / mid_y, (y - mid_y) / mid_y);
            let squared = px * px + py * py;
            let mut light = 1.0 + self.slope.0 * px + self.slope.1 * py;
            light *= 1.0 - self.vignette * 0.42 * squared.min(2.8) / 2.8;
            if let Some(ring) = self.ring {
                light *= 1.0 - 0.995 * smooth(ring - 0.03, ring + 0.03, squared.sqrt());
            }
            let [r, g, b] = colour;
            [r * self.gains[0] * light, g * self.gains[1] * light, b * self.gains[2] * light]
        });
    }
}

/// Millimetre ticks along an edge, every fifth longer.
fn ruler(pitch: f32, bottom: bool) -> Mask {
    let mut mask = Mask::new(WIDTH, HEIGHT);
    let ticks = (WIDTH as f32 / pitch) as usize;
    for tick in 1..ticks {
        let length = if tick % 5 == 0 { 24.0 } else { 13.0 };
        let x = tick as f32 * pitch;
        let (from, to) = if bottom {
            (HEIGHT as f32 - 4.0, HEIGHT as f32 - 4.0 - length)
        } else {
            (4.0, 4.0 + length)
        };
        let dab = |y| Dab { x, y, radius: 1.0 };
        mask.stroke(&[dab(from), dab(to)], 0.8);
    }
    mask
}
