//! Pictures that do not belong in a collection of lesions or films: off-topic on purpose.

use vitrail_domain::Raster;

use crate::canvas::{Canvas, Dab, Mask};
use crate::letters::letter;
use crate::maths::{Colour, blend, scale, smooth};
use crate::noise::Noise;
use crate::rng::Rng;

/// What an off-topic picture shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Odd {
    /// Hills under a sky.
    Landscape,
    /// A page of letters.
    Page,
    /// Coloured tiles, as on a test chart.
    Chart,
}

impl Odd {
    pub(crate) const ALL: [Self; 3] = [Self::Landscape, Self::Page, Self::Chart];

    /// The value of the field `true_label`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Landscape => "landscape",
            Self::Page => "page_of_text",
            Self::Chart => "test_chart",
        }
    }

    /// Draws the picture.
    pub(crate) fn draw(
        self,
        (width, height): (usize, usize),
        noise: &Noise,
        rng: &mut Rng,
    ) -> Raster {
        let canvas = match self {
            Self::Landscape => landscape(width, height, noise, rng),
            Self::Page => page(width, height, rng),
            Self::Chart => chart(width, height, rng),
        };
        canvas.develop(0.02, false, rng)
    }
}

fn landscape(width: usize, height: usize, noise: &Noise, rng: &mut Rng) -> Canvas {
    let (dx, sun_x) = (rng.range(0.0, 100.0), rng.range(0.2, 0.8));
    let dusk: Colour = rng.pick([[0.45, 0.68, 0.92], [0.95, 0.62, 0.42], [0.62, 0.74, 0.86]]);
    Canvas::shaded(width, height, |x, y| {
        let (u, v) = (x / height as f32, y / height as f32);
        let clouds = noise.layered(u * 3.0 + dx, v * 7.0, 4);
        let sky = blend(dusk, [0.97, 0.96, 0.93], smooth(0.45, 0.75, clouds) * 0.8 + v * 0.2);
        let (sx, sy) = (u - sun_x, v - 0.25);
        let mut colour = blend([1.0, 0.97, 0.82], sky, smooth(0.004, 0.008, sx * sx + sy * sy));
        for hill in 0..4 {
            let depth = hill as f32;
            let crest = 0.42
                + 0.13 * depth
                + (0.30 - 0.04 * depth)
                    * (noise.layered(u * 2.2 + dx + 31.0 * depth, depth, 4) - 0.5);
            if v > crest {
                let far = blend([0.16, 0.30, 0.16], [0.50, 0.60, 0.68], 0.75 - 0.25 * depth);
                let leaf = noise.layered(u * 30.0 + dx, v * 40.0, 3);
                colour = scale(far, 0.72 + 0.55 * leaf);
            }
        }
        colour
    })
}

fn page(width: usize, height: usize, rng: &mut Rng) -> Canvas {
    let mut canvas = Canvas::shaded(width, height, |x, _| {
        scale([0.96, 0.95, 0.91], 0.94 + 0.06 * smooth(0.0, 90.0, x))
    });
    let mut mask = Mask::new(width, height);
    let (dot, mut y) = (rng.range(1.5, 2.1), 24.0);
    while y < height as f32 - 24.0 {
        let mut x = 28.0;
        let end = width as f32 - rng.range(30.0, 110.0);
        while x < end {
            if rng.chance(0.82) {
                let symbol = rng.pick(['L', 'R', 'A', 'E', 'I', 'N', 'O', 'S', 'T', 'V']);
                letter(&mut mask, symbol, (x, y), dot);
            }
            x += dot * 6.4;
        }
        y += dot * 11.0;
    }
    canvas.lay(&mask, [0.12, 0.12, 0.15], 0.9);
    canvas
}

fn chart(width: usize, height: usize, rng: &mut Rng) -> Canvas {
    let (columns, rows) = (6, 4);
    let colours: Vec<Colour> =
        (0..columns * rows).map(|_| [rng.unit(), rng.unit(), rng.unit()]).collect();
    let mut canvas = Canvas::shaded(width, height, |x, y| {
        let (u, v) = (x / width as f32 * 6.0, y / height as f32 * 4.0);
        let (column, row) = ((u as usize).min(columns - 1), (v as usize).min(rows - 1));
        let (fu, fv) = (u - column as f32, v - row as f32);
        let frame = fu.min(fv).min(1.0 - fu).min(1.0 - fv);
        blend([0.10; 3], colours[row * columns + column], smooth(0.05, 0.07, frame))
    });
    let mut mask = Mask::new(width, height);
    mask.disc(Dab { x: width as f32 / 2.0, y: height as f32 / 2.0, radius: 16.0 }, 1.5);
    canvas.lay(&mask, [0.95; 3], 1.0);
    canvas
}
