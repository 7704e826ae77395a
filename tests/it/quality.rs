//! How well the quality verdict finds the damage that is labelled: on the half of the pictures that
//! its thresholds have not seen (`src/ingest/quality/thresholds.toml` says how it was parted).
#![expect(clippy::expect_used, reason = "a test's helpers may panic")]

use std::path::Path;
use std::time::Instant;

use vitrail_ingest::quality::{Quality, Subject, Verdict, judge};
use vitrail_ingest::{encode_jpeg, read_picture, read_picture_file};

use crate::bench::test_data;

/// Stained tiles of the folder `tiles` that nobody calls bad.
const STAINED: [&str; 9] = [
    "he_brightfield",
    "ihc_ki67",
    "he_head_neck_frozen",
    "he_brightfield_os1",
    "he_lymph_node",
    "lung_aca",
    "lung_n",
    "lung_scc",
    "ihc_colon",
];

/// Kinds of damage: what the table calls it, what the verdict does.
const DAMAGES: [(&str, &str); 11] = [
    ("blur_r4", "blurred"),
    ("blur_r1.5", "blurred"),
    ("noise", "noise"),
    ("overexposed", "overexposed"),
    ("underexposed", "underexposed"),
    ("blank", "empty"),
    ("almost white", "empty"),
    ("no tissue", "empty"),
    ("pen", "pen"),
    ("coverslip", "black"),
    ("jpeg_q5", "jpeg"),
];

/// One picture: what is wrong with it (empty: nothing), and what was found.
struct Judged {
    problem: String,
    quality: Quality,
    micros: u128,
}

/// Whether the thresholds have not seen it. Copies of one picture are parted together.
fn is_held_out(name: &str) -> bool {
    let made = name.strip_prefix("bad/made/").and_then(|rest| rest.split_once('_'));
    let key = made.filter(|(base, _)| *base != "blank").map_or(name, |(base, _)| base);
    key.bytes().map(u32::from).sum::<u32>() % 2 == 1
}

fn judged(path: &Path, problem: &str, subject: Subject) -> Judged {
    let raster = read_picture_file(path).expect("a picture").raster;
    let started = Instant::now();
    let quality = judge(&raster, subject);
    Judged { problem: problem.to_owned(), quality, micros: started.elapsed().as_micros() }
}

/// Columns of a table without quotes inside its fields.
fn rows(path: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(path).expect("a table");
    let fields = |line: &str| {
        let (mut fields, mut quoted) = (vec![String::new()], false);
        for c in line.chars() {
            match c {
                '"' => quoted = !quoted,
                ',' if !quoted => fields.push(String::new()),
                c => fields.last_mut().expect("a field").push(c),
            }
        }
        fields
    };
    text.lines().skip(1).map(fields).collect()
}

/// Tiles (`true`) or photographs of skin, good and bad, that were held out.
fn held_out(data: &Path, tiles: bool) -> Vec<Judged> {
    let subject = if tiles { Subject::Tile(None) } else { Subject::Photograph };
    let mut all = Vec::new();
    for row in rows(&data.join("quality/quality.csv")) {
        let (file, problem) = (&row[0], &row[2]);
        let own = if tiles { !file.contains("/skin") } else { file.contains("/skin") };
        if row[1] == "bad_quality" && own && is_held_out(file) {
            all.push(judged(&data.join("quality").join(file), problem, subject));
        }
    }
    let folder = if tiles { "tiles" } else { "skin" };
    for row in rows(&data.join(folder).join(format!("{folder}.csv"))) {
        let file = &row[0];
        let stained = file.split('/').next().is_some_and(|label| STAINED.contains(&label));
        if is_held_out(file) && (stained || !tiles) {
            all.push(judged(&data.join(folder).join(file), "", subject));
        }
    }
    all.extend(recompressed(data, folder, subject));
    all
}

/// Every twentieth held-out picture again, as JPEG of quality 5.
fn recompressed(data: &Path, folder: &str, subject: Subject) -> Vec<Judged> {
    let table = rows(&data.join(folder).join(format!("{folder}.csv")));
    let names = table.iter().map(|row| &row[0]).filter(|name| is_held_out(name));
    let again = |name: &String| {
        let raster = read_picture_file(&data.join(folder).join(name)).expect("a picture").raster;
        let bytes = encode_jpeg(&raster, 5).expect("a JPEG");
        let raster = read_picture(&bytes).expect("a picture").raster;
        let quality = judge(&raster, subject);
        Judged { problem: "jpeg_q5".to_owned(), quality, micros: 0 }
    };
    names.step_by(20).map(again).collect()
}

/// Found, damaged so, wrongly said of good pictures, good pictures.
fn counts(all: &[Judged], problem: &str, reason: &str) -> [usize; 4] {
    let says = |one: &&Judged| one.quality.reasons.iter().any(|known| known == reason);
    // A picture of a pen on glass is both.
    let has = |one: &&Judged| one.problem.contains(problem);
    let damaged: Vec<&Judged> = all.iter().filter(has).collect();
    let good = || all.iter().filter(|one| one.problem.is_empty());
    let found = damaged.iter().filter(|one| says(one)).count();
    [found, damaged.len(), good().filter(says).count(), good().count()]
}

#[test]
fn labelled_damage_is_found_on_pictures_that_were_held_out() {
    let Some(data) = test_data() else { return };
    for (name, tiles) in [("tiles", true), ("photographs", false)] {
        let all = held_out(&data, tiles);
        let good: Vec<&Judged> = all.iter().filter(|one| one.problem.is_empty()).collect();
        let passed = good.iter().filter(|one| one.quality.verdict == Verdict::Pass).count();
        let failed = good.iter().filter(|one| one.quality.verdict == Verdict::Fail).count();
        let bad = all.iter().filter(|one| !one.problem.is_empty());
        let caught = bad.clone().filter(|one| one.quality.verdict > Verdict::Pass).count();
        println!("{name}: {} good, {passed} pass, {failed} fail", good.len());
        println!("{name}: {} bad, {caught} warn or fail", bad.clone().count());
        for (problem, reason) in DAMAGES {
            let [found, damaged, wrongly, of] = counts(&all, problem, reason);
            if damaged == 0 {
                continue;
            }
            let precision = found as f64 / (found + wrongly).max(1) as f64;
            println!(
                "{name} {problem:13} {reason:13} recall {found}/{damaged}, wrongly {wrongly}/{of}, \
                 precision {precision:.2}"
            );
            if !["pen", "coverslip", "jpeg_q5", "blur_r1.5"].contains(&problem) {
                assert_eq!(found, damaged, "{name}: {problem}");
            }
            assert!(wrongly * 25 <= of, "{name}: {reason} is said of {wrongly} of {of} good ones");
        }
        assert!(passed * 10 >= good.len() * 9, "{passed} of {} good ones pass", good.len());
        assert!(caught * 10 >= bad.count() * 8, "{caught} of the bad ones are caught");
        let mut micros: Vec<u128> = all.iter().map(|one| one.micros).filter(|m| *m > 0).collect();
        micros.sort_unstable();
        println!("{name}: judged in {} us, median", micros[micros.len() / 2]);
    }
}
