//! Tests of the whole room: the same bytes from the same seed, kinds that can be told apart, and
//! planted faults that are what the table says.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vitrail_domain::Raster;

use crate::{Atlas, Drawn, LICENCE, SOURCE, SkinKind};

const SEED: u64 = 7;

/// FNV-1a over the pictures' bytes.
fn checksum<'a>(rasters: impl IntoIterator<Item = &'a Raster>) -> u64 {
    let bytes = rasters.into_iter().flat_map(|raster| raster.pixels());
    bytes.fold(0xcbf2_9ce4_8422_2325, |sum, &byte| {
        (sum ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

fn text<'a>(drawn: &'a Drawn, field: &str) -> &'a str {
    drawn.fields.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[test]
fn the_same_seed_draws_the_same_bytes() {
    let atlas = Atlas::new(SEED);
    let skin: Vec<Raster> = atlas.skin().take(6).map(|drawn| drawn.raster).collect();
    let films: Vec<Raster> = atlas.films().take(3).map(|drawn| drawn.raster).collect();
    let slide = atlas.slide();
    let regions = [(2_000, 2_200), (5_900, 2_000), (3_000, 5_900), (5_500, 5_300), (7_000, 1_200)]
        .map(|(x, y)| slide.region(x, y, 128, 128, 1));
    let sums = (checksum(&skin), checksum(&films), checksum(&regions));
    assert_eq!(sums, GOLDEN, "found {sums:#x?}");
    let other = Atlas::new(SEED + 1);
    assert_ne!(other.skin_at(0).map(|drawn| drawn.raster), atlas.skin_at(0).map(|d| d.raster));
}

/// Sums of seed 7: six lesions, three films, five regions. A change means other demo pictures.
const GOLDEN: (u64, u64, u64) =
    (0xf131_7c3f_36a8_384b, 0x1c1a_648a_f46b_f788, 0xc793_723c_8958_7840);

#[test]
fn every_row_says_what_it_is() {
    let atlas = Atlas::new(SEED);
    assert_eq!((atlas.skin_len(), atlas.films_len()), (400, 100));
    let rows: Vec<Drawn> =
        (0..400).step_by(40).filter_map(|at| atlas.skin_at(at)).chain(atlas.film_at(0)).collect();
    for row in &rows {
        assert_eq!(row.fields.get("synthetic"), Some(&Value::Bool(true)));
        assert_eq!((text(row, "source"), text(row, "licence")), (SOURCE, LICENCE));
        for field in ["label", "true_label", "patient_id", "split", "modality"] {
            assert!(!text(row, field).is_empty(), "{} has no {field}", row.name);
        }
    }
    assert_eq!(atlas.slide().fields().get("synthetic"), Some(&Value::Bool(true)));
}

/// Mean and spread of each channel and of the differences between neighbours, over the middle of
/// the picture: fourteen numbers.
fn statistics(raster: &Raster) -> Vec<f32> {
    let (width, height) = (raster.width(), raster.height());
    let mut values: Vec<Vec<f32>> = vec![Vec::new(); 7];
    for y in height / 4..height * 3 / 4 {
        for x in width / 4..width * 3 / 4 {
            let [r, g, b] = raster.pixel(x, y).map(f32::from);
            let [right, ..] = raster.pixel(x + 2, y).map(f32::from);
            let below = f32::from(raster.pixel(x, y + 2)[1]);
            for (slot, value) in
                values.iter_mut().zip([r, g, b, r - g, g - b, (r - right).abs(), (g - below).abs()])
            {
                slot.push(value);
            }
        }
    }
    let mut found = Vec::new();
    for list in values {
        let mean = list.iter().sum::<f32>() / list.len() as f32;
        let spread = list.iter().map(|value| (value - mean) * (value - mean)).sum::<f32>();
        found.extend([mean, (spread / list.len() as f32).sqrt()]);
    }
    found
}

/// Share of rows whose nearest row of another patient has the same label, by standardised
/// statistics.
fn nearest_agree(rows: &[(String, String, Vec<f32>)]) -> f32 {
    let columns = rows[0].2.len();
    let scales: Vec<f32> = (0..columns)
        .map(|at| {
            let mean = rows.iter().map(|row| row.2[at]).sum::<f32>() / rows.len() as f32;
            let spread = rows.iter().map(|row| (row.2[at] - mean).powi(2)).sum::<f32>();
            (spread / rows.len() as f32).sqrt().max(1e-6)
        })
        .collect();
    let distance = |a: &[f32], b: &[f32]| -> f32 {
        a.iter().zip(b).zip(&scales).map(|((a, b), s)| ((a - b) / s).powi(2)).sum()
    };
    let right = rows.iter().filter(|row| {
        let others = rows.iter().filter(|other| other.1 != row.1);
        let nearest =
            others.min_by(|a, b| distance(&a.2, &row.2).total_cmp(&distance(&b.2, &row.2)));
        nearest.is_some_and(|nearest| nearest.0 == row.0)
    });
    right.count() as f32 / rows.len() as f32
}

#[test]
fn simple_statistics_tell_the_kinds_apart() {
    let atlas = Atlas::new(SEED);
    let rows: Vec<_> = (0..atlas.skin_len())
        .step_by(2)
        .filter_map(|at| atlas.skin_at(at))
        .filter(|drawn| !["off_topic", "blurred"].contains(&text(drawn, "planted")))
        .map(|drawn| {
            let label = text(&drawn, "true_label").to_owned();
            (label, text(&drawn, "patient_id").to_owned(), statistics(&drawn.raster))
        })
        .collect();
    let kinds: BTreeSet<&str> = rows.iter().map(|row| row.0.as_str()).collect();
    assert_eq!(kinds, SkinKind::ALL.map(SkinKind::label).into_iter().collect());
    let share = nearest_agree(&rows);
    assert!(share > 0.6, "{share} of the nearest of another patient are of the same kind");
}

#[test]
fn what_is_planted_is_there() {
    let atlas = Atlas::new(SEED);
    for rows in [atlas.skin().collect::<Vec<_>>(), atlas.films().collect()] {
        let by_name: BTreeMap<&str, &Drawn> = rows.iter().map(|r| (r.name.as_str(), r)).collect();
        assert_eq!(by_name.len(), rows.len(), "names are unique");
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for row in &rows {
            let planted = text(row, "planted");
            *counts.entry(planted).or_default() += 1;
            let twin = by_name.get(text(row, "planted_of")).copied();
            check_plant(row, planted, twin, &rows);
        }
        for what in
            ["exact_duplicate", "near_duplicate", "off_topic", "wrong_label", "blurred", "leak"]
        {
            assert!(counts.get(what).is_some_and(|&count| count >= 2), "{what}: {counts:?}");
        }
    }
}

fn check_plant(row: &Drawn, planted: &str, twin: Option<&Drawn>, rows: &[Drawn]) {
    let wrong = text(row, "label") != text(row, "true_label");
    assert_eq!(wrong, ["wrong_label", "off_topic"].contains(&planted), "{}", row.name);
    match planted {
        "exact_duplicate" => assert_eq!(twin.map(|twin| &twin.raster), Some(&row.raster)),
        "near_duplicate" => {
            let twin = twin.map(|twin| &twin.raster);
            assert!(twin.is_some_and(|twin| *twin != row.raster));
            let apart = twin.map(|twin| mean_difference(twin, &row.raster)).unwrap_or(255.0);
            assert!(apart < 16.0, "{} differs by {apart}", row.name);
        }
        "leak" => {
            let own = |other: &&Drawn| text(other, "patient_id") == text(row, "patient_id");
            let splits: BTreeSet<&str> =
                rows.iter().filter(own).map(|other| text(other, "split")).collect();
            assert!(splits.contains("train") && splits.contains("test"), "{splits:?}");
        }
        "blurred" => assert!(sharpness(&row.raster) < 12.0, "{}", row.name),
        _ => assert_eq!(twin, None),
    }
}

fn mean_difference(a: &Raster, b: &Raster) -> f32 {
    let sum: u64 = a.pixels().iter().zip(b.pixels()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
    sum as f32 / a.pixels().len() as f32
}

/// Mean absolute difference between pixels four apart: high with lines and hairs.
fn sharpness(raster: &Raster) -> f32 {
    let pixels = raster.pixels();
    let pairs = pixels.iter().zip(&pixels[12..]);
    pairs.map(|(a, b)| f32::from(a.abs_diff(*b))).sum::<f32>() / pixels.len() as f32
}

#[test]
fn splits_are_by_patient_but_for_the_leaks() {
    let atlas = Atlas::new(SEED);
    let mut splits: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (_, fields) in atlas.skin_table() {
        let field = |name| fields.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        if field("planted") != "leak" {
            splits.entry(field("patient_id")).or_default().insert(field("split"));
        }
    }
    assert!(splits.len() > 50);
    assert!(splits.values().all(|found| found.len() == 1), "{splits:?}");
}

/// The pixels do not depend on how the slide is cut: at tissue borders, in the soft patch, under
/// the pen.
#[test]
fn a_region_is_the_same_however_it_is_cut() {
    let slide = Atlas::new(SEED).slide();
    for (x, y) in [(1_990, 2_230), (5_400, 5_330), (6_950, 1_000), (480, 2_000), (7_950, 7_950)] {
        let whole = slide.region(x, y, 96, 160, 1);
        for (dx, dy) in [(0, 0), (37, 90), (61, 131)] {
            let part = slide.region(x + dx, y + dy, 29, 27, 1);
            for row in 0..27 {
                let start = dx as usize * 3;
                let expected = &whole.row(dy + row)[start..start + 29 * 3];
                assert_eq!(part.row(row), expected, "({x}, {y}) + ({dx}, {dy} + {row})");
            }
        }
    }
}

#[test]
fn a_coarser_region_is_the_mean_of_the_finer() {
    let slide = Atlas::new(SEED).slide();
    let fine = slide.region(2_000, 2_200, 64, 64, 1);
    let coarse = slide.region(2_000, 2_200, 16, 16, 4);
    let block = (0..4).flat_map(|y| (0..4).map(move |x| (x, y)));
    let sum: u32 = block.map(|(x, y)| u32::from(fine.pixel(20 + x, 40 + y)[1])).sum();
    assert_eq!(u32::from(coarse.pixel(5, 10)[1]), (sum + 8) / 16);
}

#[test]
fn the_slide_has_three_tissues_glass_a_pen_mark_and_a_soft_patch() {
    let slide = Atlas::new(SEED).slide();
    let truth = |x, y| {
        let truth = slide.truth_at(x, y);
        let text = |field: &str| truth.get(field).and_then(Value::as_str).unwrap_or("").to_owned();
        (text("label"), text("planted"))
    };
    let own = |label: &str, planted: &str| (label.to_owned(), planted.to_owned());
    assert_eq!(truth(2_150, 2_250), own("glandular", ""));
    assert_eq!(truth(5_950, 2_050), own("lymphoid", ""));
    assert_eq!(truth(4_150, 5_900), own("tumour", ""));
    assert_eq!(truth(40, 7_900), own("background", ""));
    assert_eq!(truth(5_550, 5_950).1, "blurred");
    let glass = slide.region(40, 7_800, 64, 64, 1);
    assert!(glass.pixels().iter().all(|&byte| byte > 235), "glass is bright");
    let tissue = statistics(&slide.region(2_000, 2_200, 256, 256, 1));
    assert!(tissue[0] > tissue[2], "stained tissue is redder than green");
}
