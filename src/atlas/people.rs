//! Who is photographed: patients, their splits, lesions and chests.

use crate::film::{Chest, Film, HEIGHT as FILM_HEIGHT, Opacity, WIDTH as FILM_WIDTH};
use crate::plant::{Counts, plant};
use crate::rng::Rng;
use crate::row::{Row, Shot};
use crate::skin::{Complexion, Lesion, SkinKind};
use crate::skin_photo::{HEIGHT as SKIN_HEIGHT, Photo, WIDTH as SKIN_WIDTH};

/// Rows of the skin part before anything is added to them; 400 with what is planted.
const SKIN_ROWS: usize = 374;
/// Films before anything is added to them; 100 with what is planted.
const FILM_ROWS: usize = 90;

const SKIN_PLANTS: Counts =
    Counts { exact: 8, near: 12, off_topic: 6, wrong_label: 14, blurred: 10, leaks: 3 };
const FILM_PLANTS: Counts =
    Counts { exact: 3, near: 4, off_topic: 3, wrong_label: 4, blurred: 4, leaks: 2 };

/// What all rows of one patient share.
struct Patient {
    id: String,
    age: Option<usize>,
    female: bool,
    hospital: &'static str,
    split: &'static str,
}

impl Patient {
    fn drawn(prefix: &str, number: usize, rng: &mut Rng) -> Self {
        let split = match rng.below(20) {
            0..14 => "train",
            14..17 => "validation",
            _ => "test",
        };
        Self {
            id: format!("{prefix}{:03}", number + 1),
            age: (!rng.chance(0.06)).then(|| rng.whole(19, 88)),
            female: rng.chance(0.5),
            hospital: rng.pick(["north", "north", "south", "east"]),
            split,
        }
    }

    fn write(&self, row: &mut Row) {
        row.set("patient_id", self.id.as_str());
        if let Some(age) = self.age {
            row.set("age", age);
        }
        row.set("sex", if self.female { "female" } else { "male" });
        row.set("hospital", self.hospital);
        row.set("split", self.split);
    }
}

/// The skin part: its lesions, and a row a photograph.
pub(crate) fn skin(seed: u64) -> (Vec<Lesion>, Vec<Row>) {
    let mut rng = Rng::of(seed, &[1]);
    let (mut lesions, mut rows) = (Vec::new(), Vec::with_capacity(SKIN_ROWS));
    for number in 0..SKIN_ROWS {
        let patient = Patient::drawn("S", number, &mut rng);
        let complexion = Complexion::drawn(&mut rng);
        for _ in 0..rng.whole(1, 4) {
            let kind = SkinKind::ALL[lesions.len() % SkinKind::ALL.len()];
            let lesion = Lesion::drawn(kind, complexion, &mut rng);
            skin_rows(&patient, &lesion, lesions.len(), &mut rows, &mut rng);
            lesions.push(lesion);
        }
        if rows.len() >= SKIN_ROWS {
            break;
        }
    }
    rows.truncate(SKIN_ROWS);
    let odd_size = (SKIN_WIDTH, SKIN_HEIGHT);
    plant(&mut rows, &SKIN_PLANTS, odd_size, &mut rng);
    name(&mut rows, "skin", &mut rng);
    (lesions, rows)
}

fn skin_rows(patient: &Patient, lesion: &Lesion, at: usize, rows: &mut Vec<Row>, rng: &mut Rng) {
    let body_site = rng.pick([
        "back",
        "trunk",
        "face",
        "scalp",
        "upper extremity",
        "lower extremity",
        "abdomen",
    ]);
    let label = lesion.kind.label();
    for photograph in 0..rng.whole(1, 4) {
        let shot = Shot::Skin { lesion: at, photo: Box::new(Photo::drawn(rng)) };
        let name = format!("{}-L{:03}-{}", patient.id, at + 1, photograph + 1);
        let mut row = Row::new(name, shot, "dermoscopy_like");
        row.set("label", label);
        row.set("true_label", label);
        patient.write(&mut row);
        row.set("lesion_id", format!("L{:03}", at + 1));
        row.set("body_site", body_site);
        row.set("device", rng.pick(["scope-a", "scope-a", "scope-b"]));
        rows.push(row);
    }
}

/// The part of the films: the chests, and a row a film.
pub(crate) fn films(seed: u64) -> (Vec<Chest>, Vec<Row>) {
    let mut rng = Rng::of(seed, &[2]);
    let (mut chests, mut rows) = (Vec::new(), Vec::with_capacity(FILM_ROWS));
    for number in 0..FILM_ROWS {
        let patient = Patient::drawn("F", number, &mut rng);
        let chest = Chest::drawn(patient.female, &mut rng);
        film_rows(&patient, chests.len(), &mut rows, &mut rng);
        chests.push(chest);
        if rows.len() >= FILM_ROWS {
            break;
        }
    }
    rows.truncate(FILM_ROWS);
    plant(&mut rows, &FILM_PLANTS, (FILM_WIDTH, FILM_HEIGHT), &mut rng);
    name(&mut rows, "film", &mut rng);
    (chests, rows)
}

fn film_rows(patient: &Patient, chest: usize, rows: &mut Vec<Row>, rng: &mut Rng) {
    // A shadow stays where it is between two films of one illness; its strength changes.
    let opacity = rng.chance(0.5).then(|| Opacity {
        side: rng.pick([-1.0, 1.0]),
        zone: rng.range(-0.7, 1.0),
        size: rng.range(0.24, 0.40),
        strength: rng.range(0.30, 0.48),
    });
    for number in 0..rng.whole(1, 3) {
        let seen = opacity
            .map(|shadow| Opacity { strength: shadow.strength * rng.range(0.85, 1.15), ..shadow });
        let film = Film::drawn(seen, rng);
        let lying = film.lying;
        let name = format!("{}-{}", patient.id, number + 1);
        let mut row = Row::new(name, Shot::Film { chest, film }, "chest_film_like");
        let label = if opacity.is_some() { "opacity" } else { "clear" };
        row.set("label", label);
        row.set("true_label", label);
        patient.write(&mut row);
        row.set("case_id", format!("{}-c1", patient.id));
        row.set("projection", if lying { "ap" } else { "pa" });
        if let Some(shadow) = opacity {
            row.set("lung", if shadow.side < 0.0 { "right" } else { "left" });
        }
        rows.push(row);
    }
}

/// Mixes the rows, so that neighbours in the table are no hint, and makes their names plain
/// numbers; rows that speak of each other are told the new names.
fn name(rows: &mut [Row], prefix: &str, rng: &mut Rng) {
    rng.shuffle(rows);
    let renamed: std::collections::BTreeMap<String, String> = rows
        .iter()
        .enumerate()
        .map(|(at, row)| (row.name.clone(), format!("{prefix}-{:03}", at + 1)))
        .collect();
    for row in rows {
        if let Some(of) = renamed.get(row.text("planted_of")).cloned() {
            row.set("planted_of", of);
        }
        if let Some(new) = renamed.get(&row.name) {
            row.name = new.clone();
        }
    }
}
