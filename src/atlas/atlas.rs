//! The atlas's face: rows that draw themselves when they are asked for.

use serde_json::{Map, Value};
use vitrail_domain::Raster;

use crate::film::Chest;
use crate::noise::Noise;
use crate::people;
use crate::rng::Rng;
use crate::row::{Row, Shot};
use crate::skin::Lesion;
use crate::slide::SyntheticSlide;

/// The synthetic atlas of one seed: about 400 photographs of skin-like lesions, 100 chest-film-like
/// pictures and one slide. Making it plans the rows (milliseconds); pictures are drawn when taken.
pub struct Atlas {
    seed: u64,
    noise: Noise,
    lesions: Vec<Lesion>,
    skin: Vec<Row>,
    chests: Vec<Chest>,
    films: Vec<Row>,
}

/// One picture and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Drawn {
    /// `skin-001`, `film-042`: unique in the atlas, safe as a file's name, without an ending.
    pub name: String,
    /// The picture.
    pub raster: Raster,
    /// The fields of the table, each a text, number or flag; a missing value has no key. Always:
    /// `synthetic` (true), `source`, `licence`, `modality`, `label`, `true_label`, `patient_id`,
    /// `split`. Where something was planted: `planted` (`exact_duplicate`, `near_duplicate`,
    /// `off_topic`, `wrong_label`, `blurred`, `leak`) and `planted_of` (the name of its twin).
    pub fields: Map<String, Value>,
}

impl Atlas {
    /// Plans the atlas of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let (lesions, skin) = people::skin(seed);
        let (chests, films) = people::films(seed);
        Self { seed, noise: Noise::new(seed), lesions, skin, chests, films }
    }

    /// The photographs of lesions, 450 x 338 px, in the table's order; about 20 ms each.
    pub fn skin(&self) -> impl ExactSizeIterator<Item = Drawn> + '_ {
        self.skin.iter().map(|row| self.drawn(row))
    }

    /// The films, 448 x 432 px, in the table's order; about 20 ms each.
    pub fn films(&self) -> impl ExactSizeIterator<Item = Drawn> + '_ {
        self.films.iter().map(|row| self.drawn(row))
    }

    /// Names and fields of the photographs, without drawing them.
    pub fn skin_table(&self) -> impl ExactSizeIterator<Item = (&str, &Map<String, Value>)> + '_ {
        self.skin.iter().map(|row| (row.name.as_str(), &row.fields))
    }

    /// Names and fields of the films, without drawing them.
    pub fn films_table(&self) -> impl ExactSizeIterator<Item = (&str, &Map<String, Value>)> + '_ {
        self.films.iter().map(|row| (row.name.as_str(), &row.fields))
    }

    /// How many photographs [`Self::skin`] gives.
    #[must_use]
    pub fn skin_len(&self) -> usize {
        self.skin.len()
    }

    /// How many films [`Self::films`] gives.
    #[must_use]
    pub fn films_len(&self) -> usize {
        self.films.len()
    }

    /// One photograph by its place, for drawing on several threads.
    #[must_use]
    pub fn skin_at(&self, index: usize) -> Option<Drawn> {
        self.skin.get(index).map(|row| self.drawn(row))
    }

    /// One film by its place, for drawing on several threads.
    #[must_use]
    pub fn film_at(&self, index: usize) -> Option<Drawn> {
        self.films.get(index).map(|row| self.drawn(row))
    }

    /// The slide, 8,000 x 8,000 px; nothing of it is drawn yet.
    #[must_use]
    pub fn slide(&self) -> SyntheticSlide {
        SyntheticSlide::new(self.seed)
    }

    fn drawn(&self, row: &Row) -> Drawn {
        let raster = match &row.shot {
            Shot::Skin { lesion, photo } => photo.draw(&self.lesions[*lesion], &self.noise),
            Shot::Film { chest, film } => film.draw(&self.chests[*chest], &self.noise),
            Shot::Odd { odd, seed, size } => odd.draw(*size, &self.noise, &mut Rng::of(*seed, &[])),
        };
        Drawn { name: row.name.clone(), raster, fields: row.fields.clone() }
    }
}
