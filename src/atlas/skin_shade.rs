//! The colour of a point of a lesion or of the skin round it.

use crate::maths::{Colour, blend, lerp, scale, smooth, wave};
use crate::noise::Noise;
use crate::skin::{Lesion, SkinKind};

/// A point of the lesion's plane, with what every kind asks about it.
struct Spot {
    /// The point, moved to the lesion's own part of the noise.
    x: f32,
    y: f32,
    /// 0 in the middle, 1 on the border, frayed.
    depth: f32,
    skin: Colour,
}

/// The colour at (`u`, `v`) of the lesion's plane.
pub(crate) fn shade(lesion: &Lesion, noise: &Noise, u: f32, v: f32) -> Colour {
    let (x, y) = (u + lesion.offset.0, v + lesion.offset.1);
    let skin = bare_skin(lesion, noise, x, y);
    let radius = (u * u + v * v).sqrt().max(1e-4);
    let border = lesion.border(u / radius, v / radius);
    if radius > border * 1.5 {
        return skin;
    }
    let fray = noise.layered(x * 5.0, y * 5.0, 3) - 0.5;
    let spot = Spot { x, y, depth: radius / border + lesion.fray * fray, skin };
    match lesion.kind {
        SkinKind::Naevus => naevus(lesion, noise, &spot),
        SkinKind::Melanoma => melanoma(lesion, noise, &spot),
        SkinKind::Keratosis => keratosis(lesion, noise, &spot),
        SkinKind::BasalCell => basal(lesion, noise, &spot),
        SkinKind::Vascular => vascular(lesion, noise, &spot),
        SkinKind::Dermatofibroma => dermatofibroma(lesion, noise, &spot),
    }
}

/// Mottled skin with shallow furrows.
fn bare_skin(lesion: &Lesion, noise: &Noise, x: f32, y: f32) -> Colour {
    let flush = noise.layered(x * 1.7, y * 1.7, 2) - 0.5;
    let (fine_x, fine_y) = (x * 15.0, y * 11.0);
    let bend = noise.value(x * 4.0, y * 4.0) * 1.5;
    let cell = noise.cells(fine_x + bend, fine_y - bend);
    let furrow = 1.0 - smooth(0.0, 0.16, cell.wall);
    let grain = noise.value(x * 60.0, y * 60.0) - 0.5;
    let light = 1.0 + 0.035 * grain - 0.045 * furrow + 0.03 * (cell.id - 0.5);
    let [r, g, b] = scale(lesion.skin, light);
    [r - 0.02 * flush.abs(), g - 0.16 * flush, b - 0.12 * flush]
}

/// A net of pigment: 1 on its lines, 0 in its holes.
fn net(noise: &Noise, spot: &Spot, fineness: f32, thickness: f32) -> f32 {
    let bend = noise.value(spot.x * 7.0, spot.y * 7.0) * 0.9;
    let cell = noise.cells(spot.x * fineness + bend, spot.y * fineness + bend);
    1.0 - smooth(thickness * 0.25, thickness, cell.wall)
}

fn naevus(lesion: &Lesion, noise: &Noise, spot: &Spot) -> Colour {
    let cover = 1.0 - smooth(0.72, 1.12, spot.depth);
    let mottle = noise.layered(spot.x * 6.0, spot.y * 6.0, 2) - 0.5;
    let [core, rim, line] = lesion.colours;
    let ground = blend(core, rim, smooth(0.15, 0.95, spot.depth + 0.5 * mottle));
    let lines = net(noise, spot, lesion.fineness, 0.34);
    let strength = (0.35 + 0.35 * lesion.traits[0]) * smooth(0.0, 0.45, spot.depth + 0.2);
    let pigment = blend(ground, line, lines * strength);
    let holes = blend(pigment, spot.skin, (1.0 - lines) * 0.25);
    blend(spot.skin, holes, cover * 0.93)
}

fn melanoma(lesion: &Lesion, noise: &Noise, spot: &Spot) -> Colour {
    let [black, brown, veil] = lesion.colours;
    let (x, y) = (spot.x, spot.y);
    let patches = noise.layered(x * 2.4 + 31.0, y * 2.4, 4);
    let mut colour = blend(brown, black, smooth(0.36, 0.62, patches));
    let lines = net(noise, spot, lesion.fineness, 0.38) * smooth(0.25, 0.8, spot.depth);
    colour = blend(colour, scale(black, 0.8), lines * 0.55);
    let red = smooth(0.56, 0.72, noise.layered(x * 1.9, y * 1.9 + 47.0, 3));
    colour = blend(colour, [0.66, 0.33, 0.30], red * 0.65);
    let haze = smooth(0.50, 0.64, noise.layered(x * 1.6 + 71.0, y * 1.6 + 13.0, 3));
    colour = blend(colour, veil, haze * (0.45 + 0.35 * lesion.traits[0]));
    let pale = smooth(0.62, 0.74, noise.layered(x * 2.2 - 17.0, y * 2.2 + 90.0, 2));
    colour = blend(colour, spot.skin, pale * 0.6);
    let grain = noise.value(x * 30.0, y * 30.0) - 0.5;
    colour = scale(colour, 1.0 + 0.2 * grain);
    let sharp = 0.10 + 0.14 * noise.value(x * 1.3, y * 1.3 + 5.0);
    blend(spot.skin, colour, (1.0 - smooth(0.97 - sharp, 1.0 + sharp, spot.depth)) * 0.97)
}

fn keratosis(lesion: &Lesion, noise: &Noise, spot: &Spot) -> Colour {
    let [tan, grey, furrow] = lesion.colours;
    let (x, y) = (spot.x * lesion.fineness, spot.y * lesion.fineness);
    let swirl = noise.layered(x * 0.9, y * 0.9, 3) * (3.2 + 2.0 * lesion.traits[0]);
    let ridge = wave(swirl * 1.5 + 0.35 * x).abs();
    let valley = 1.0 - smooth(0.05, 0.55, ridge);
    let mottle = noise.layered(spot.x * 3.0 + 9.0, spot.y * 3.0, 3);
    let wax = noise.value(spot.x * 26.0, spot.y * 26.0) - 0.5;
    let mut colour = blend(tan, grey, smooth(0.35, 0.65, mottle));
    colour = scale(colour, 1.0 + 0.13 * wax + 0.10 * ridge);
    colour = blend(colour, furrow, valley * (0.45 + 0.3 * lesion.traits[1]));
    let rim = smooth(0.80, 0.97, spot.depth);
    colour = blend(colour, scale(furrow, 1.25), rim * 0.35);
    blend(spot.skin, colour, 1.0 - smooth(0.97, 1.03, spot.depth))
}

fn basal(lesion: &Lesion, noise: &Noise, spot: &Spot) -> Colour {
    let [pearl, flush, shine] = lesion.colours;
    let mottle = noise.layered(spot.x * 3.4, spot.y * 3.4 + 3.0, 3);
    let mut colour = blend(pearl, flush, smooth(0.35, 0.65, mottle));
    let (x, y) = (spot.x * lesion.fineness, spot.y * lesion.fineness);
    let gleam = smooth(0.60, 0.78, noise.layered(x, y * 2.2, 3));
    colour = blend(colour, shine, gleam * (0.35 + 0.4 * lesion.traits[0]));
    let rolled = smooth(0.70, 0.88, spot.depth) * (1.0 - smooth(0.92, 1.08, spot.depth));
    colour = blend(colour, shine, rolled * 0.35);
    blend(spot.skin, colour, (1.0 - smooth(0.85, 1.15, spot.depth)) * 0.92)
}

fn vascular(lesion: &Lesion, noise: &Noise, spot: &Spot) -> Colour {
    let [red, purple, wall] = lesion.colours;
    let bend = noise.value(spot.x * 5.0, spot.y * 5.0) * 0.8;
    let cell = noise.cells(spot.x * lesion.fineness + bend, spot.y * lesion.fineness - bend);
    let lagoon = smooth(0.10, 0.26, cell.wall);
    let deep = smooth(0.25, 0.85, cell.id + 0.35 * (lesion.traits[0] - 0.5));
    let mut blood = blend(red, purple, deep);
    blood = scale(blood, lerp(1.12, 0.82, smooth(0.0, 0.5, cell.near)));
    if cell.id > 0.9 {
        blood = blend(blood, [0.10, 0.06, 0.12], 0.75);
    }
    let halo = 1.0 - smooth(0.9, 1.45, spot.depth);
    let reddened = blend(spot.skin, [0.86, 0.50, 0.50], halo * 0.45);
    let colour = blend(wall, blood, lagoon);
    blend(reddened, colour, 1.0 - smooth(0.93, 1.04, spot.depth))
}

fn dermatofibroma(lesion: &Lesion, noise: &Noise, spot: &Spot) -> Colour {
    let [scar, rim, line] = lesion.colours;
    let mottle = noise.layered(spot.x * 4.0, spot.y * 4.0 + 8.0, 2) - 0.5;
    let middle = 1.0 - smooth(0.28, 0.58, spot.depth + 0.35 * mottle);
    let lines = net(noise, spot, lesion.fineness, 0.26) * (0.25 + 0.25 * lesion.traits[0]);
    let ring = blend(rim, line, lines);
    let pink = blend(ring, [0.86, 0.56, 0.52], 0.25 * lesion.traits[1]);
    let colour = blend(pink, scar, middle * 0.85);
    blend(spot.skin, colour, (1.0 - smooth(0.62, 1.15, spot.depth)) * 0.85)
}
