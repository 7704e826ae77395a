//! What curation has to find, planted on purpose and recorded in the fields `planted`,
//! `planted_of` and `true_label`.
//!
//! | `planted` | The row |
//! |---|---|
//! | `exact_duplicate` | has the pixels of `planted_of`; two are filed under another patient |
//! | `near_duplicate` | is `planted_of` again, cropped by a few percent, lit a little otherwise |
//! | `off_topic` | shows what `true_label` says, filed as a lesion or film |
//! | `wrong_label` | has another `label` than `true_label` |
//! | `blurred` | is out of focus |
//! | `leak` | is in the test split while its patient is in training |

use crate::odd::Odd;
use crate::rng::Rng;
use crate::row::{Row, Shot};

/// How many rows of each sort are planted. `leaks` counts patients.
pub(crate) struct Counts {
    pub(crate) exact: usize,
    pub(crate) near: usize,
    pub(crate) off_topic: usize,
    pub(crate) wrong_label: usize,
    pub(crate) blurred: usize,
    pub(crate) leaks: usize,
}

/// Plants into plain rows, one thing a row at most, and adds rows for the duplicates and the
/// off-topic pictures, which have the size `odd_size`.
pub(crate) fn plant(rows: &mut Vec<Row>, counts: &Counts, odd_size: (usize, usize), rng: &mut Rng) {
    leak(rows, counts.leaks);
    let mut order: Vec<usize> = (0..rows.len()).filter(|&at| rows[at].is_plain()).collect();
    rng.shuffle(&mut order);
    let mut take = |count: usize| order.split_off(order.len().saturating_sub(count));
    for at in take(counts.wrong_label) {
        mislabel(rows, at, rng);
    }
    for at in take(counts.blurred) {
        let radius = rng.whole(3, 6);
        let row = &mut rows[at];
        row.shot = row.shot.clone().blurred(radius);
        row.planted("blurred", None);
    }
    for (number, at) in take(counts.exact).into_iter().enumerate() {
        let mut twin = twin(&rows[at], "exact_duplicate");
        if number + 2 >= counts.exact {
            refile(&mut twin, rows, rng);
        }
        rows.push(twin);
    }
    for at in take(counts.near) {
        let mut twin = twin(&rows[at], "near_duplicate");
        twin.shot = rows[at].shot.again(rng);
        rows.push(twin);
    }
    for (number, at) in take(counts.off_topic).into_iter().enumerate() {
        let odd = Odd::ALL[number % Odd::ALL.len()];
        let mut row = rows[at].clone();
        row.name = format!("{}-odd", row.name);
        row.shot = Shot::Odd { odd, seed: rng.bits(), size: odd_size };
        row.set("true_label", odd.label());
        row.planted("off_topic", None);
        rows.push(row);
    }
}

/// A second row of the same picture.
fn twin(row: &Row, what: &str) -> Row {
    let mut twin = row.clone();
    twin.name = format!("{}-{what}", row.name);
    twin.planted(what, Some(&row.name));
    twin
}

/// Files a row under another patient, in that patient's split.
fn refile(row: &mut Row, rows: &[Row], rng: &mut Rng) {
    let own = row.text("patient_id").to_owned();
    let start = rng.below(rows.len());
    let other = rows.iter().cycle().skip(start).take(rows.len());
    let Some(other) = other.into_iter().find(|other| other.text("patient_id") != own) else {
        return;
    };
    for field in ["patient_id", "age", "sex", "hospital", "split", "lesion_id", "case_id"] {
        match other.fields.get(field) {
            Some(value) => row.set(field, value.clone()),
            None => drop(row.fields.remove(field)),
        }
    }
}

/// Moves the last picture of some training patients into the test split.
fn leak(rows: &mut [Row], patients: usize) {
    let mut leaked: Vec<String> = Vec::new();
    for at in (1..rows.len()).rev() {
        let patient = rows[at].text("patient_id").to_owned();
        let shared = rows[at - 1].text("patient_id") == patient;
        if leaked.len() == patients {
            return;
        }
        if shared && rows[at].text("split") == "train" && !leaked.contains(&patient) {
            rows[at].set("split", "test");
            rows[at].planted("leak", None);
            leaked.push(patient);
        }
    }
}

/// Gives a row the label of a row of another kind; `true_label` stays.
fn mislabel(rows: &mut [Row], at: usize, rng: &mut Rng) {
    let own = rows[at].text("true_label").to_owned();
    let start = rng.below(rows.len());
    let others = rows.iter().cycle().skip(start).take(rows.len());
    let wrong = others.map(|row| row.text("true_label")).find(|label| *label != own);
    if let Some(wrong) = wrong.map(str::to_owned) {
        rows[at].set("label", wrong);
        rows[at].planted("wrong_label", None);
    }
}
