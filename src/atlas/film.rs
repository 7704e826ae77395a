//! X-ray-like chest films: one patient's chest, and one exposure of it.

use vitrail_domain::Raster;

use crate::canvas::{Canvas, Dab, Mask, curve, tree};
use crate::letters::letter;
use crate::maths::{Colour, bump, lerp, smooth, wave};
use crate::noise::Noise;
use crate::rng::Rng;

/// Pixels across a film.
pub(crate) const WIDTH: usize = 448;
/// Pixels down a film.
pub(crate) const HEIGHT: usize = 432;

/// What is to be seen on a film.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Opacity {
    /// -1 the patient's right lung (left on the film), 1 the left.
    pub(crate) side: f32,
    /// -1 at the top of the lung, 1 at its base.
    pub(crate) zone: f32,
    pub(crate) size: f32,
    pub(crate) strength: f32,
}

/// One patient's chest. Places: x from -1 (film's left) to 1, y from -1 (top) to 1.
#[derive(Debug, Clone)]
pub(crate) struct Chest {
    breadth: f32,
    height: f32,
    heart: f32,
    tilt: f32,
    dome: [f32; 2],
    ribs: f32,
    breast: f32,
    vessels_seed: u64,
    offset: (f32, f32),
}

/// One exposure of a chest.
#[derive(Debug, Clone)]
pub(crate) struct Film {
    pub(crate) opacity: Option<Opacity>,
    /// Taken from behind, standing (`pa`), or from the front, lying (`ap`): larger heart.
    pub(crate) lying: bool,
    shift: (f32, f32),
    zoom: f32,
    exposure: f32,
    contrast: f32,
    mark_left: bool,
    grain: f32,
    wires: bool,
    pub(crate) blur: usize,
    seed: u64,
}

impl Chest {
    /// A chest of its own.
    pub(crate) fn drawn(female: bool, rng: &mut Rng) -> Self {
        Self {
            breadth: rng.range(0.92, 1.08),
            height: rng.range(0.92, 1.08),
            heart: rng.range(0.88, 1.22),
            tilt: rng.bell() * 0.05,
            dome: [rng.range(0.40, 0.50), rng.range(0.45, 0.56)],
            ribs: rng.range(0.145, 0.175),
            breast: if female { rng.range(0.03, 0.09) } else { 0.0 },
            vessels_seed: rng.bits(),
            offset: (rng.range(0.0, 200.0), rng.range(0.0, 200.0)),
        }
    }

    /// How much of the beam's way at (x, y) lies in the lung of `side`: 0 to 1.
    fn lung(&self, x: f32, y: f32, side: f32) -> f32 {
        let across = x * side / self.breadth;
        let dome = self.dome[usize::from(side > 0.0)];
        // From the mediastinum to the chest wall, from the apex to the diaphragm.
        let down = (y / self.height + 0.80) / (dome + 0.80);
        let wall = 0.24
            + 0.47 * (1.0 - (1.0 - down.clamp(0.0, 1.0)) * (1.0 - down.clamp(0.0, 1.0))).sqrt();
        let inner = 0.115 + 0.04 * wave(down * 0.5 - 0.1).abs();
        let arch = across - 0.36;
        let floor = dome + 0.9 * arch * arch * if across > 0.36 { 2.0 } else { 0.55 };
        let top = -0.80 + 0.9 * (across - 0.30) * (across - 0.30);
        let sides = smooth(inner - 0.035, inner + 0.05, across)
            * (1.0 - smooth(wall - 0.05, wall + 0.01, across));
        let ends = smooth(top, top + 0.10, y / self.height)
            * (1.0 - smooth(floor - 0.02, floor + 0.02, y / self.height));
        sides * ends
    }

    /// Soft tissue in front of and behind the lungs: trunk, neck, shoulders; 0 outside the body.
    fn trunk(&self, x: f32, y: f32) -> f32 {
        let across = x.abs() / self.breadth;
        let shoulder = smooth(-1.05, -0.55, y + 0.22 * across);
        let half = lerp(0.20, 0.97, shoulder) - 0.10 * smooth(-0.2, 0.9, y);
        1.0 - smooth(half - 0.05, half + 0.015, across)
    }

    fn heart(&self, x: f32, y: f32, lying: bool) -> f32 {
        let size = self.heart * if lying { 1.18 } else { 1.0 };
        let round = |cx: f32, cy: f32, rx: f32, ry: f32| {
            let (dx, dy) = ((x - cx) / (rx * size), (y - cy) / (ry * size));
            1.0 - smooth(0.82, 1.06, (dx * dx + dy * dy).sqrt())
        };
        let tilted = round(0.10 + 0.12 * (y - 0.2), 0.22, 0.27, 0.30);
        let knob = round(0.085, -0.33, 0.085, 0.10) * 0.55;
        let apex = round(0.21, 0.33, 0.20, 0.17) * 0.9;
        tilted.max(knob).max(apex)
    }

    /// Spine, trachea and what else lies in the middle.
    fn middle(&self, x: f32, y: f32) -> f32 {
        let spine = 1.0 - smooth(0.055, 0.095, x.abs());
        let discs = 0.65 + 0.35 * smooth(-0.4, 0.4, wave(y * 5.6 + 0.2));
        let shade = 1.0 - smooth(0.09, 0.17, x.abs());
        let airway =
            (1.0 - smooth(0.02, 0.045, (x - 0.005).abs())) * (1.0 - smooth(-0.36, -0.26, y));
        0.075 * spine * discs + 0.10 * shade - 0.13 * airway
    }
}

impl Film {
    /// An exposure of its own.
    pub(crate) fn drawn(opacity: Option<Opacity>, rng: &mut Rng) -> Self {
        let lying = rng.chance(0.4);
        Self {
            opacity,
            lying,
            shift: (rng.bell() * 0.06, rng.bell() * 0.05),
            zoom: rng.range(0.94, 1.06),
            exposure: rng.range(0.88, 1.10),
            contrast: rng.range(0.85, 1.12),
            mark_left: rng.chance(0.5),
            grain: rng.range(0.02, 0.05),
            wires: lying && rng.chance(0.4),
            blur: 0,
            seed: rng.bits(),
        }
    }

    /// The same film, scanned a second time.
    pub(crate) fn again(&self, rng: &mut Rng) -> Self {
        let mut again = self.clone();
        again.zoom *= rng.range(1.005, 1.03);
        again.exposure *= rng.range(0.97, 1.03);
        again.seed = rng.bits();
        again
    }

    fn to_place(&self, x: f32, y: f32) -> (f32, f32) {
        let half = HEIGHT as f32 / 2.0 * self.zoom;
        let px = (x - WIDTH as f32 / 2.0) / half - self.shift.0;
        let py = (y - HEIGHT as f32 / 2.0) / half - self.shift.1;
        (px, py)
    }

    fn to_pixels(&self, dab: Dab) -> Dab {
        let half = HEIGHT as f32 / 2.0 * self.zoom;
        Dab {
            x: (dab.x + self.shift.0) * half + WIDTH as f32 / 2.0,
            y: (dab.y + self.shift.1) * half + HEIGHT as f32 / 2.0,
            radius: dab.radius * half,
        }
    }

    /// Draws the film: about 20 ms.
    pub(crate) fn draw(&self, chest: &Chest, noise: &Noise) -> Raster {
        let mut canvas = Canvas::shaded(WIDTH, HEIGHT, |x, y| {
            let (px, py) = self.to_place(x, y);
            [self.density(chest, noise, px, py); 3]
        });
        self.bones(chest, &mut canvas);
        self.vessels(chest, &mut canvas);
        canvas.blur(1, 2);
        self.mark(&mut canvas);
        if self.blur > 0 {
            canvas.blur(self.blur, 3);
        }
        let (exposure, contrast) = (self.exposure, self.contrast);
        canvas.map(|_, _, colour| grey(((colour[0] - 0.45) * contrast + 0.45) * exposure));
        let mut rng = Rng::of(self.seed, &[]);
        canvas.develop(self.grain, true, &mut rng)
    }

    /// Brightness of the film before bones and vessels.
    fn density(&self, chest: &Chest, noise: &Noise, x: f32, y: f32) -> f32 {
        let x = x + chest.tilt * y;
        let trunk = chest.trunk(x, y);
        if trunk <= 0.0 {
            return 0.03;
        }
        let (nx, ny) = (x + chest.offset.0, y + chest.offset.1);
        let flesh = noise.layered(nx * 2.5, ny * 2.5, 3) - 0.5;
        let lungs = [chest.lung(x, y, -1.0), chest.lung(x, y, 1.0)];
        let air = lungs[0] + lungs[1];
        let fabric = noise.layered(nx * 14.0, ny * 14.0, 3) - 0.5;
        let belly = smooth(0.35, 0.75, y);
        let mut light = 0.50 + 0.05 * flesh + 0.10 * belly + chest.middle(x, y);
        light -= air * (0.36 + 0.03 * y - 0.05 * fabric);
        light += 0.20 * chest.heart(x, y, self.lying) * (0.35 + 0.65 * air);
        if chest.breast > 0.0 {
            let (dx, dy) = ((x.abs() - 0.45) / 0.33, (y - 0.30) / 0.28);
            light += chest.breast * (1.0 - smooth(0.8, 1.02, dx * dx + dy * dy));
        }
        let (gx, gy) = ((x - 0.36) / 0.13, (y - chest.dome[1] - 0.17) / 0.10);
        light -= 0.14 * (1.0 - smooth(0.6, 1.1, gx * gx + gy * gy + 0.5 * flesh));
        if let Some(opacity) = self.opacity {
            let lung = lungs[usize::from(opacity.side > 0.0)];
            light += lung * cloud(&opacity, noise, (x, y), (nx, ny));
        }
        let edge = smooth(0.0, 1.0, trunk);
        lerp(0.03, light * (0.75 + 0.25 * edge), edge)
    }

    /// Ribs, collar bones, shoulder blades.
    fn bones(&self, chest: &Chest, canvas: &mut Canvas) {
        let mut filled = Mask::new(WIDTH, HEIGHT);
        let mut edges = Mask::new(WIDTH, HEIGHT);
        for bone in ribs(chest) {
            for offset in [0.0, -0.82, 0.82] {
                let mask = if offset == 0.0 { &mut filled } else { &mut edges };
                let line: Vec<Dab> = bone
                    .iter()
                    .map(|&dab| {
                        let radius = if offset == 0.0 { dab.radius } else { 0.0035 };
                        let y = dab.y + offset * dab.radius;
                        self.to_pixels(Dab { x: dab.x, y, radius })
                    })
                    .collect();
                mask.stroke(&line, 2.0);
            }
        }
        canvas.lay(&filled, grey(0.80), 0.075);
        canvas.lay(&edges, grey(0.85), 0.075);
        let mut heavy = Mask::new(WIDTH, HEIGHT);
        for bone in heavy_bones(chest) {
            let line: Vec<Dab> = bone.into_iter().map(|dab| self.to_pixels(dab)).collect();
            heavy.stroke(&line, 4.0);
        }
        canvas.lay(&heavy, grey(0.90), 0.20);
    }

    /// Vessels that branch from the hila into the lungs, and monitor wires over a lying patient.
    fn vessels(&self, chest: &Chest, canvas: &mut Canvas) {
        let mut mask = Mask::new(WIDTH, HEIGHT);
        let mut rng = Rng::of(chest.vessels_seed, &[]);
        for side in [-1.0f32, 1.0] {
            for (dx, dy) in
                [(0.05, -0.055), (0.07, -0.02), (0.065, 0.03), (0.04, 0.06), (0.02, 0.07)]
            {
                let root = Dab { x: side * 0.15, y: -0.08, radius: 0.017 };
                for branch in tree(&mut rng, root, (side * dx * 0.75, dy * 0.75), 4) {
                    let line: Vec<Dab> = branch
                        .into_iter()
                        .filter(|dab| chest.lung(dab.x + chest.tilt * dab.y, dab.y, side) > 0.3)
                        .map(|dab| self.to_pixels(dab))
                        .collect();
                    mask.stroke(&line, 2.4);
                }
            }
        }
        canvas.lay(&mask, grey(0.75), 0.15);
        if self.wires {
            let mut wires = Mask::new(WIDTH, HEIGHT);
            for _ in 0..2 {
                let (x, y) = (rng.range(-0.6, 0.6), rng.range(-0.5, 0.4));
                let line =
                    curve((x, y), (x * 0.3, y + 0.6), (rng.range(-0.9, 0.9), 1.3), (0.006, 0.006));
                let line: Vec<Dab> = line.into_iter().map(|dab| self.to_pixels(dab)).collect();
                wires.stroke(&line, 1.2);
                if let Some(&end) = line.first() {
                    wires.disc(Dab { radius: 6.0, ..end }, 1.0);
                }
            }
            canvas.lay(&wires, grey(0.95), 0.75);
        }
    }

    /// The letter of lead that says which side is which; the patient's left is the film's right.
    fn mark(&self, canvas: &mut Canvas) {
        let (symbol, x) = if self.mark_left { ('L', WIDTH as f32 - 42.0) } else { ('R', 22.0) };
        let mut mask = Mask::new(WIDTH, HEIGHT);
        letter(&mut mask, symbol, (x, 44.0), 4.0);
        canvas.lay(&mask, grey(0.97), 0.95);
    }
}

fn grey(light: f32) -> Colour {
    [light; 3]
}

/// How much a shadow adds at a place of the lung.
fn cloud(opacity: &Opacity, noise: &Noise, at: (f32, f32), seeded: (f32, f32)) -> f32 {
    let (cx, cy) = (opacity.side * 0.38, lerp(-0.50, 0.34, opacity.zone * 0.5 + 0.5));
    let (dx, dy) = ((at.0 - cx) / opacity.size, (at.1 - cy) / opacity.size);
    let ragged = noise.layered(seeded.0 * 5.0, seeded.1 * 5.0 + 7.0, 4);
    let body = bump((dx * dx + dy * dy) * 0.75 + 0.9 * (ragged - 0.5));
    opacity.strength * body * (0.55 + 0.9 * ragged)
}

/// Ten ribs a side: the hind parts sink outwards, the front parts sink inwards.
fn ribs(chest: &Chest) -> Vec<Vec<Dab>> {
    let mut bones = Vec::new();
    for side in [-1.0f32, 1.0] {
        for number in 0..10 {
            let order = number as f32;
            let y = -0.80 + chest.ribs * order;
            let wide = chest.breadth * (0.40 + 0.30 * smooth(-0.5, 4.5, order));
            bones.push(curve(
                (side * 0.07, y + 0.02),
                (side * wide * 0.75, y - 0.09),
                (side * wide, y + 0.15 + 0.012 * order),
                (0.021, 0.017),
            ));
            if (1..7).contains(&number) {
                bones.push(curve(
                    (side * wide, y + 0.15 + 0.012 * order),
                    (side * wide * 0.97, y + 0.34),
                    (side * wide * 0.42, y + 0.42),
                    (0.014, 0.018),
                ));
            }
        }
    }
    bones
}

/// Collar bones, shoulder blades, arms.
fn heavy_bones(chest: &Chest) -> Vec<Vec<Dab>> {
    let mut bones = Vec::new();
    for side in [-1.0f32, 1.0] {
        let x = |share: f32| side * share * chest.breadth;
        bones.push(curve((x(0.08), -0.58), (x(0.32), -0.62), (x(0.46), -0.74), (0.030, 0.022)));
        bones.push(curve((x(0.46), -0.74), (x(0.62), -0.84), (x(0.80), -0.74), (0.022, 0.028)));
        bones.push(curve((x(0.70), -0.66), (x(0.63), -0.30), (x(0.74), 0.02), (0.030, 0.012)));
        bones.push(curve((x(0.86), -0.66), (x(0.97), -0.40), (x(1.02), 0.10), (0.060, 0.050)));
    }
    bones
}
