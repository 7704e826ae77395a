//! One row of the atlas's table: a name, a picture that is yet to be drawn, and its fields.

use serde_json::{Map, Value, json};

use crate::film::Film;
use crate::odd::Odd;
use crate::rng::Rng;
use crate::skin_photo::Photo;

/// The field `source` of every row.
pub const SOURCE: &str = "drawn by Vitrail";

/// The field `licence` of every row: nobody's work is in the pictures.
pub const LICENCE: &str = "CC0-1.0";

/// How a row's picture is drawn.
#[derive(Debug, Clone)]
pub(crate) enum Shot {
    /// A photograph of the lesion of this number.
    Skin { lesion: usize, photo: Box<Photo> },
    /// A film of the chest of this number.
    Film { chest: usize, film: Film },
    /// A picture that does not belong; of the size of its part.
    Odd { odd: Odd, seed: u64, size: (usize, usize) },
}

impl Shot {
    /// All but the same picture.
    pub(crate) fn again(&self, rng: &mut Rng) -> Self {
        match self {
            Self::Skin { lesion, photo } => {
                Self::Skin { lesion: *lesion, photo: Box::new(photo.again(rng)) }
            }
            Self::Film { chest, film } => Self::Film { chest: *chest, film: film.again(rng) },
            Self::Odd { .. } => self.clone(),
        }
    }

    /// The picture out of focus.
    pub(crate) fn blurred(mut self, radius: usize) -> Self {
        match &mut self {
            Self::Skin { photo, .. } => photo.blur = radius,
            Self::Film { film, .. } => film.blur = radius,
            Self::Odd { .. } => {}
        }
        self
    }
}

/// One row of the table.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) shot: Shot,
    pub(crate) fields: Map<String, Value>,
}

impl Row {
    /// A row with the fields that every row carries.
    pub(crate) fn new(name: String, shot: Shot, modality: &str) -> Self {
        let mut row = Self { name, shot, fields: Map::new() };
        row.set("synthetic", true);
        row.set("source", SOURCE);
        row.set("licence", LICENCE);
        row.set("modality", modality);
        row
    }

    /// Sets a field.
    pub(crate) fn set(&mut self, field: &str, value: impl Into<Value>) {
        self.fields.insert(field.to_owned(), value.into());
    }

    /// A field's text; empty where it has none.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.fields.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Records what was planted, and in which other row its twin is.
    pub(crate) fn planted(&mut self, what: &str, of: Option<&str>) {
        self.set("planted", what);
        if let Some(of) = of {
            self.set("planted_of", json!(of));
        }
    }

    /// True for a row in which nothing is planted yet.
    pub(crate) fn is_plain(&self) -> bool {
        !self.fields.contains_key("planted")
    }
}
