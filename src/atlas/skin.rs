//! Skin-like lesions: what a lesion is made of, before anybody photographs it.

use crate::canvas::{Dab, curve, tree};
use crate::maths::{Colour, blend};
use crate::rng::Rng;

/// The six kinds of drawn lesions. The names say what they resemble, not what they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkinKind {
    /// Symmetric, brown, a regular net that fades at the border.
    Naevus,
    /// Asymmetric, of many colours, with a blue-white veil, dots and streaks.
    Melanoma,
    /// Sharp border, grey-brown furrows, white cysts and dark openings.
    Keratosis,
    /// Pink and pearly, with branching vessels and blue-grey nests.
    BasalCell,
    /// Red to purple lagoons between pale walls.
    Vascular,
    /// Faint brown with a delicate net and a white centre.
    Dermatofibroma,
}

impl SkinKind {
    /// Every kind.
    pub const ALL: [Self; 6] = [
        Self::Naevus,
        Self::Melanoma,
        Self::Keratosis,
        Self::BasalCell,
        Self::Vascular,
        Self::Dermatofibroma,
    ];

    /// The value of the field `label`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Naevus => "naevus",
            Self::Melanoma => "melanoma",
            Self::Keratosis => "keratosis",
            Self::BasalCell => "basal_cell",
            Self::Vascular => "vascular",
            Self::Dermatofibroma => "dermatofibroma",
        }
    }
}

/// One lesion and the skin round it, in its own plane: (0, 0) is the middle, 1 about half the
/// height of a photograph.
pub(crate) struct Lesion {
    pub(crate) kind: SkinKind,
    pub(crate) skin: Colour,
    /// Mean radius.
    pub(crate) reach: f32,
    /// Cosine and sine shares of the border's waves of 2 to 6 lobes.
    pub(crate) lobes: [(f32, f32); 5],
    /// How much noise frays the border.
    pub(crate) fray: f32,
    /// Where this lesion lies in the noise.
    pub(crate) offset: (f32, f32),
    /// From the centre outwards, and a third colour whose use depends on the kind.
    pub(crate) colours: [Colour; 3],
    /// Cells of the net or lagoons a unit.
    pub(crate) fineness: f32,
    /// The lesion's own strengths of texture, from 0 to 1.
    pub(crate) traits: [f32; 2],
    pub(crate) layers: Vec<Layer>,
    pub(crate) hairs: Vec<Vec<Dab>>,
    pub(crate) hair_colour: Colour,
}

/// Marks of one colour: dots (strokes of one dab) and lines, in the lesion's plane.
pub(crate) struct Layer {
    pub(crate) colour: Colour,
    pub(crate) opacity: f32,
    /// Multiplies what lies under it, instead of covering it.
    pub(crate) tint: bool,
    /// Softness of the marks' edges, in the lesion's plane.
    pub(crate) edge: f32,
    pub(crate) strokes: Vec<Vec<Dab>>,
}

/// What is common to one patient's pictures.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Complexion {
    pub(crate) skin: Colour,
    pub(crate) hair: Colour,
    pub(crate) hairy: f32,
}

impl Complexion {
    /// Fair to brown skin; hair from blond to black.
    pub(crate) fn drawn(rng: &mut Rng) -> Self {
        let fair = rng.pick([
            [0.93, 0.74, 0.68],
            [0.90, 0.69, 0.60],
            [0.94, 0.77, 0.66],
            [0.87, 0.66, 0.60],
            [0.83, 0.62, 0.50],
            [0.70, 0.49, 0.38],
        ]);
        let hair = rng.pick([[0.14, 0.10, 0.09], [0.30, 0.20, 0.13], [0.45, 0.33, 0.20]]);
        let shade = rng.range(0.96, 1.03);
        Self {
            skin: [fair[0] * shade, fair[1] * shade, fair[2] * shade],
            hair,
            hairy: if rng.chance(0.45) { rng.range(0.2, 1.0) } else { 0.0 },
        }
    }
}

impl Lesion {
    /// A lesion of a kind on a patient's skin.
    pub(crate) fn drawn(kind: SkinKind, complexion: Complexion, rng: &mut Rng) -> Self {
        let (lobe, fray): (f32, f32) = match kind {
            SkinKind::Naevus => (0.05, 0.10),
            SkinKind::Melanoma => (0.20, 0.30),
            SkinKind::Keratosis => (0.09, 0.12),
            SkinKind::BasalCell => (0.11, 0.20),
            SkinKind::Vascular => (0.10, 0.14),
            SkinKind::Dermatofibroma => (0.05, 0.14),
        };
        let reach = match kind {
            SkinKind::Melanoma => rng.range(0.48, 0.70),
            SkinKind::Vascular => rng.range(0.34, 0.56),
            _ => rng.range(0.38, 0.62),
        };
        let mut lobes = [(0.0, 0.0); 5];
        for (order, slot) in lobes.iter_mut().enumerate() {
            // The first wave of two lobes is the oval: every kind may have it.
            let size = if order == 0 { lobe.max(0.10) } else { lobe / (1.0 + 0.35 * order as f32) };
            *slot = (rng.bell() * size * 1.6, rng.bell() * size * 1.6);
        }
        let mut lesion = Self {
            kind,
            skin: complexion.skin,
            reach,
            lobes,
            fray,
            offset: (rng.range(0.0, 200.0), rng.range(0.0, 200.0)),
            colours: colours(kind, complexion.skin, rng),
            fineness: fineness(kind, rng),
            traits: [rng.unit(), rng.unit()],
            layers: Vec::new(),
            hairs: hairs(complexion.hairy, rng),
            hair_colour: complexion.hair,
        };
        lesion.layers = lesion.marks(rng);
        lesion
    }

    /// Radius of the border in the direction (`c`, `s`) of unit length.
    #[inline]
    pub(crate) fn border(&self, c: f32, s: f32) -> f32 {
        // Powers of (c + is) are the cosines and sines of multiple angles.
        let (mut re, mut im) = (c, s);
        let mut radius = 1.0;
        for (cosine, sine) in self.lobes {
            (re, im) = (re * c - im * s, re * s + im * c);
            radius += cosine * re + sine * im;
        }
        self.reach * radius.max(0.35)
    }

    /// A random place within `share` of the border, not nearer to the middle than `from`.
    fn inside(&self, from: f32, share: f32, rng: &mut Rng) -> (f32, f32) {
        let (c, s) = rng.direction();
        let spread = (rng.range(from * from, 1.0)).sqrt() * share;
        let radius = self.border(c, s) * spread;
        (c * radius, s * radius)
    }

    fn dots(
        &self,
        count: usize,
        size: (f32, f32),
        within: (f32, f32),
        rng: &mut Rng,
    ) -> Vec<Vec<Dab>> {
        (0..count)
            .map(|_| {
                let (x, y) = self.inside(within.0, within.1, rng);
                vec![Dab { x, y, radius: rng.range(size.0, size.1) }]
            })
            .collect()
    }

    fn marks(&self, rng: &mut Rng) -> Vec<Layer> {
        match self.kind {
            SkinKind::Naevus => self.naevus_marks(rng),
            SkinKind::Melanoma => self.melanoma_marks(rng),
            SkinKind::Keratosis => self.keratosis_marks(rng),
            SkinKind::BasalCell => self.basal_marks(rng),
            SkinKind::Vascular => Vec::new(),
            SkinKind::Dermatofibroma => self.scar_marks(rng),
        }
    }

    fn naevus_marks(&self, rng: &mut Rng) -> Vec<Layer> {
        let count = rng.whole(0, 24);
        let strokes = self.dots(count, (0.008, 0.018), (0.0, 0.75), rng);
        vec![Layer { colour: [0.55, 0.42, 0.38], opacity: 0.8, tint: true, edge: 0.014, strokes }]
    }

    fn melanoma_marks(&self, rng: &mut Rng) -> Vec<Layer> {
        // One side carries the dots: that is what makes the pattern asymmetric.
        let (side_x, side_y) = rng.direction();
        let count = rng.whole(40, 90);
        let mut strokes = self.dots(count, (0.008, 0.024), (0.2, 1.02), rng);
        strokes.retain(|dab| dab[0].x * side_x + dab[0].y * side_y > -0.05);
        let mut streaks = Vec::new();
        for _ in 0..rng.whole(16, 34) {
            let (c, s) = rng.direction();
            if c * side_x + s * side_y < 0.1 {
                continue;
            }
            let radius = self.border(c, s);
            let (from, to) = (radius * rng.range(0.80, 0.95), radius * rng.range(1.05, 1.2));
            let bend = rng.bell() * 0.05;
            streaks.push(curve(
                (c * from, s * from),
                ((c - s * bend) * (from + to) * 0.5, (s + c * bend) * (from + to) * 0.5),
                (c * to, s * to),
                (0.016, 0.006),
            ));
        }
        let dark = [0.13, 0.09, 0.10];
        vec![
            Layer { colour: dark, opacity: 0.75, tint: false, edge: 0.012, strokes },
            Layer {
                colour: [0.22, 0.13, 0.11],
                opacity: 0.6,
                tint: false,
                edge: 0.016,
                strokes: streaks,
            },
        ]
    }

    fn keratosis_marks(&self, rng: &mut Rng) -> Vec<Layer> {
        let (cysts, openings) = (rng.whole(10, 34), rng.whole(6, 26));
        let cysts = self.dots(cysts, (0.009, 0.024), (0.0, 0.9), rng);
        let openings = self.dots(openings, (0.012, 0.034), (0.0, 0.9), rng);
        vec![
            Layer {
                colour: [0.22, 0.15, 0.11],
                opacity: 0.8,
                tint: false,
                edge: 0.016,
                strokes: openings,
            },
            Layer {
                colour: [0.97, 0.93, 0.84],
                opacity: 0.85,
                tint: false,
                edge: 0.018,
                strokes: cysts,
            },
        ]
    }

    fn basal_marks(&self, rng: &mut Rng) -> Vec<Layer> {
        let mut vessels = Vec::new();
        for _ in 0..rng.whole(2, 4) {
            let (x, y) = self.inside(0.55, 1.0, rng);
            let (aim_x, aim_y) = self.inside(0.0, 0.4, rng);
            let (dx, dy) = (aim_x - x, aim_y - y);
            let length = (dx * dx + dy * dy).sqrt().max(0.05);
            let pace = 0.042 / length;
            let root = Dab { x, y, radius: rng.range(0.011, 0.017) };
            vessels.extend(tree(rng, root, (dx * pace, dy * pace), 4));
        }
        let mut nests = Vec::new();
        for _ in 0..rng.whole(2, 5) {
            let (x, y) = self.inside(0.2, 0.85, rng);
            for _ in 0..rng.whole(2, 6) {
                let (dx, dy) = (rng.bell() * 0.11, rng.bell() * 0.11);
                nests.push(vec![Dab { x: x + dx, y: y + dy, radius: rng.range(0.02, 0.06) }]);
            }
        }
        let mut sore = Vec::new();
        if rng.chance(0.5) {
            let (x, y) = self.inside(0.0, 0.5, rng);
            for _ in 0..7 {
                let (dx, dy) = (rng.bell() * 0.08, rng.bell() * 0.08);
                sore.push(vec![Dab { x: x + dx, y: y + dy, radius: rng.range(0.03, 0.06) }]);
            }
        }
        vec![
            Layer {
                colour: [0.42, 0.44, 0.54],
                opacity: 0.72,
                tint: false,
                edge: 0.035,
                strokes: nests,
            },
            Layer {
                colour: [0.72, 0.30, 0.16],
                opacity: 0.75,
                tint: false,
                edge: 0.05,
                strokes: sore,
            },
            Layer {
                colour: [0.72, 0.15, 0.17],
                opacity: 0.8,
                tint: false,
                edge: 0.010,
                strokes: vessels,
            },
        ]
    }

    fn scar_marks(&self, rng: &mut Rng) -> Vec<Layer> {
        let mut lines = Vec::new();
        for _ in 0..rng.whole(5, 12) {
            let (x, y) = self.inside(0.0, 0.35, rng);
            let (c, s) = rng.direction();
            let (length, bend) = (rng.range(0.06, 0.15), rng.bell() * 0.04);
            lines.push(curve(
                (x, y),
                (x + c * length * 0.5 - s * bend, y + s * length * 0.5 + c * bend),
                (x + c * length, y + s * length),
                (0.008, 0.004),
            ));
        }
        vec![Layer {
            colour: [0.99, 0.95, 0.92],
            opacity: 0.6,
            tint: false,
            edge: 0.014,
            strokes: lines,
        }]
    }
}

/// From the centre outwards, and the kind's third colour.
fn colours(kind: SkinKind, skin: Colour, rng: &mut Rng) -> [Colour; 3] {
    let vary = |rng: &mut Rng, colour: Colour| {
        let (light, warm) = (rng.range(0.86, 1.14), rng.range(-0.03, 0.03));
        [colour[0] * light + warm, colour[1] * light, colour[2] * light - warm]
    };
    match kind {
        SkinKind::Naevus => {
            let core = rng.pick([[0.36, 0.22, 0.15], [0.45, 0.28, 0.19], [0.30, 0.18, 0.13]]);
            let rim = blend(core, skin, 0.45);
            [vary(rng, core), vary(rng, rim), [0.24, 0.14, 0.10]]
        }
        SkinKind::Melanoma => [
            vary(rng, [0.20, 0.13, 0.12]),
            vary(rng, [0.44, 0.25, 0.17]),
            vary(rng, [0.50, 0.54, 0.62]),
        ],
        SkinKind::Keratosis => {
            let core = rng.pick([[0.60, 0.45, 0.32], [0.50, 0.38, 0.29], [0.66, 0.52, 0.38]]);
            [vary(rng, core), vary(rng, blend(core, [0.45, 0.36, 0.30], 0.5)), [0.30, 0.21, 0.15]]
        }
        SkinKind::BasalCell => [
            vary(rng, blend(skin, [0.90, 0.58, 0.56], 0.7)),
            vary(rng, blend(skin, [0.84, 0.50, 0.48], 0.6)),
            [0.97, 0.86, 0.82],
        ],
        SkinKind::Vascular => [
            vary(rng, [0.68, 0.10, 0.14]),
            vary(rng, [0.36, 0.08, 0.20]),
            blend(skin, [0.86, 0.55, 0.58], 0.6),
        ],
        SkinKind::Dermatofibroma => [
            blend(skin, [0.98, 0.93, 0.90], 0.75),
            vary(rng, blend(skin, [0.62, 0.42, 0.31], 0.75)),
            [0.50, 0.33, 0.25],
        ],
    }
}

/// Cells of the kind's texture a unit.
fn fineness(kind: SkinKind, rng: &mut Rng) -> f32 {
    match kind {
        SkinKind::Naevus => rng.range(17.0, 24.0),
        SkinKind::Melanoma => rng.range(10.0, 14.0),
        SkinKind::Keratosis => rng.range(2.4, 3.6),
        SkinKind::BasalCell => rng.range(3.0, 5.0),
        SkinKind::Vascular => rng.range(5.0, 8.5),
        SkinKind::Dermatofibroma => rng.range(19.0, 26.0),
    }
}

/// Hairs over the plane, most of them in one direction.
fn hairs(hairy: f32, rng: &mut Rng) -> Vec<Vec<Dab>> {
    let count = (hairy * 26.0) as usize;
    let (main_x, main_y) = rng.direction();
    (0..count)
        .map(|_| {
            let (x, y) = (rng.range(-1.5, 1.5), rng.range(-1.2, 1.2));
            let (c, s) = (main_x + rng.bell() * 0.6, main_y + rng.bell() * 0.6);
            let (length, bend) = (rng.range(0.4, 1.3), rng.bell() * 0.35);
            let thick = rng.range(0.005, 0.0095);
            curve(
                (x, y),
                (x + c * length * 0.5 - s * bend, y + s * length * 0.5 + c * bend),
                (x + c * length, y + s * length),
                (thick, thick * 0.45),
            )
        })
        .collect()
}
