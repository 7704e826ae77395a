//! Room `atlas`: the seeded synthetic atlas. Draws pictures and says what is on them, and what was
//! planted in them for curation to find. Knows no files, models or HTTP.
//!
//! | Module | Holds |
//! |---|---|
//! | `atlas` | the face: [`Atlas`], its three parts and their rows |
//! | `row`, `people`, `plant` | who is photographed, the fields of a row, what is planted |
//! | `skin`, `skin_shade`, `skin_photo` | lesions of six kinds and their photographs |
//! | `film` | chest films |
//! | `slide`, `tissue`, `gland`, `nuclei`, `stain` | one stained slide, drawn region by region |
//! | `odd`, `letters` | pictures that do not belong, letters |
//! | `canvas`, `noise`, `maths`, `rng` | drawing, seeded noise, exact arithmetic, numbers |
//!
//! Everything is drawn from one seed with additions, multiplications, divisions and square roots,
//! so the bytes are the same on every machine.

mod atlas;
mod canvas;
mod film;
mod gland;
mod letters;
mod maths;
mod noise;
mod nuclei;
mod odd;
mod people;
mod plant;
mod rng;
mod row;
mod skin;
mod skin_photo;
mod skin_shade;
mod slide;
mod stain;
mod tissue;

#[cfg(test)]
mod tests;

pub use atlas::{Atlas, Drawn};
pub use row::{LICENCE, SOURCE};
pub use skin::SkinKind;
pub use slide::SyntheticSlide;
