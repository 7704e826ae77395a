//! Where the slide's three tissues lie, and what fills them between their cells.

use crate::maths::{bump, lerp, smooth};
use crate::noise::Noise;
use crate::stain::Sheet;

/// Pixels from one sampled place of the tissues' outlines to the next.
const LATTICE: i64 = 16;

/// What a piece of tissue is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tissue {
    /// Round glands in a loose bed.
    Gland,
    /// Densely packed small round cells with pale follicles.
    Lymphoid,
    /// Nests of large irregular cells between fibres.
    Tumour,
}

impl Tissue {
    /// The value of the field `label`.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Gland => "glandular",
            Self::Lymphoid => "lymphoid",
            Self::Tumour => "tumour",
        }
    }
}

/// One piece of tissue on the glass: an ellipse before its border is frayed.
struct Piece {
    tissue: Tissue,
    centre: (f32, f32),
    half_axes: (f32, f32),
}

/// The three pieces, in level-0 pixels.
const PIECES: [Piece; 3] = [
    Piece { tissue: Tissue::Gland, centre: (2_150.0, 2_250.0), half_axes: (1_750.0, 1_600.0) },
    Piece { tissue: Tissue::Lymphoid, centre: (5_950.0, 2_050.0), half_axes: (1_500.0, 1_350.0) },
    Piece { tissue: Tissue::Tumour, centre: (4_150.0, 5_900.0), half_axes: (3_000.0, 1_500.0) },
];

/// The tissue at a place and how deep inside it the place lies: 1 in the middle, below 0 outside.
pub(crate) fn at(noise: &Noise, x: f32, y: f32) -> (Tissue, f32) {
    let ragged = noise.layered(x / 620.0 + 3.0, y / 620.0, 4) - 0.5;
    let mut best = (Tissue::Gland, f32::MIN);
    for Piece { tissue, centre, half_axes } in PIECES {
        let (dx, dy) = ((x - centre.0) / half_axes.0, (y - centre.1) / half_axes.1);
        let depth = 1.0 - (dx * dx + dy * dy).sqrt() + 0.42 * ragged;
        if depth > best.1 {
            best = (tissue, depth);
        }
    }
    best
}

/// True in a nest of the tumour, with the strength of the place: above 0.5 inside.
pub(crate) fn nest(noise: &Noise, x: f32, y: f32) -> f32 {
    noise.layered(x / 210.0 + 40.0, y / 210.0 + 11.0, 3)
}

/// 0 to 1: how near the middle of a lymph follicle a place is.
pub(crate) fn follicle(noise: &Noise, x: f32, y: f32) -> f32 {
    let cell = noise.cells(x / 620.0 + 7.0, y / 620.0 + 21.0);
    bump(cell.near * cell.near * 6.5)
}

/// Lays the ground of the tissues: everything but glands and nuclei.
pub(crate) fn ground(sheet: &mut Sheet, noise: &Noise) {
    let left = sheet.x.div_euclid(LATTICE);
    let top = sheet.y.div_euclid(LATTICE);
    let columns = sheet.width / LATTICE as usize + 3;
    let rows = sheet.height / LATTICE as usize + 3;
    let mut outline = Vec::with_capacity(columns * rows);
    for row in 0..rows as i64 {
        for column in 0..columns as i64 {
            let (x, y) = ((left + column) * LATTICE, (top + row) * LATTICE);
            outline.push(at(noise, x as f32, y as f32));
        }
    }
    for row in 0..sheet.height {
        let y = sheet.y + row as i64;
        let (lattice_y, share_y) = step(y, top);
        for column in 0..sheet.width {
            let x = sheet.x + column as i64;
            let (lattice_x, share_x) = step(x, left);
            let corner = lattice_y * columns + lattice_x;
            let (above, below) = (&outline[corner..corner + 2], &outline[corner + columns..]);
            let depth = lerp(
                lerp(above[0].1, above[1].1, share_x),
                lerp(below[0].1, below[1].1, share_x),
                share_y,
            );
            if depth > -0.02 {
                let dye = between(above[0].0, noise, x as f32, y as f32);
                let fray = 0.012 * (noise.value(x as f32 / 9.0, y as f32 / 9.0) - 0.5);
                let cover = smooth(-0.003, 0.003, depth + fray);
                sheet.dye[row * sheet.width + column] = [dye[0] * cover, dye[1] * cover];
            }
        }
    }
}

/// The lattice column (or row) before a pixel, and the pixel's share of the way to the next.
fn step(pixel: i64, first: i64) -> (usize, f32) {
    let at = pixel.div_euclid(LATTICE);
    ((at - first) as usize, pixel.rem_euclid(LATTICE) as f32 / LATTICE as f32)
}

/// Fibres: 0 between them, 1 on them; they run in waves from left to right.
fn fibres(noise: &Noise, x: f32, y: f32) -> f32 {
    let bend = noise.layered(x / 170.0, y / 170.0 + 5.0, 2) * 150.0;
    let coarse = noise.value((x + bend) / 70.0, (y + bend * 1.1) / 9.0);
    let fine = noise.value((x - bend) / 30.0 + 60.0, (y + bend * 1.1) / 4.0);
    0.65 * coarse + 0.35 * fine
}

/// Haematoxylin and eosin of what fills a tissue between its cells.
fn between(tissue: Tissue, noise: &Noise, x: f32, y: f32) -> [f32; 2] {
    match tissue {
        Tissue::Gland => {
            let fibre = fibres(noise, x, y);
            let gap = smooth(0.30, 0.42, noise.layered(x / 34.0 + 9.0, y / 34.0, 2));
            [(0.05 + 0.06 * fibre) * gap, (0.20 + 0.52 * fibre * fibre) * gap]
        }
        Tissue::Lymphoid => {
            let haze = noise.layered(x / 13.0, y / 13.0, 2);
            let pale = follicle(noise, x, y);
            [0.20 + 0.16 * haze - 0.07 * pale, 0.16 + 0.12 * haze + 0.08 * pale]
        }
        Tissue::Tumour => {
            let strength = nest(noise, x, y);
            let inside = smooth(0.505, 0.520, strength);
            let shrunk = smooth(0.470, 0.490, strength) * (1.0 - inside);
            let fibre = fibres(noise, x, y);
            let cleft = smooth(0.20, 0.30, noise.layered(x / 40.0 + 3.0, y / 14.0, 2));
            let bed = [0.05 + 0.05 * fibre, (0.26 + 0.62 * fibre * fibre) * cleft];
            let grain = noise.layered(x / 8.0, y / 8.0, 2);
            let cells = [0.20 + 0.14 * grain, 0.26 + 0.22 * grain];
            let loose = 1.0 - 0.8 * shrunk;
            [lerp(bed[0] * loose, cells[0], inside), lerp(bed[1] * loose, cells[1], inside)]
        }
    }
}
