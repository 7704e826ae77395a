//! Damage that is put into a picture is named; a good picture passes.

use vitrail_domain::Raster;

use super::judge::SIGNS;
use super::{Quality, Subject, Verdict, judge};

/// Cells of two stains and a little texture: sharp, well lit, in colour.
fn tissue(side: u32) -> Vec<[f64; 3]> {
    let mut seed = 11u32;
    let mut pixels = Vec::new();
    for y in 0..side {
        for x in 0..side {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let grain = f64::from(seed >> 24) / 255.0 * 12.0;
            let (cx, cy) = (f64::from(x % 23) - 11.0, f64::from(y % 19) - 9.0);
            let nucleus = cx.hypot(cy) < 5.0 + f64::from((x / 23 * 7 + y / 19 * 3) % 4);
            let base = if nucleus { [105.0, 75.0, 150.0] } else { [222.0, 165.0, 195.0] };
            pixels.push(base.map(|channel| channel + grain));
        }
    }
    pixels
}

fn raster(side: u32, pixels: &[[f64; 3]]) -> Raster {
    let bytes = pixels.iter().flatten().map(|c| c.round().clamp(0.0, 255.0) as u8).collect();
    Raster::new(side, side, bytes).expect("a raster")
}

const SIDE: u32 = 224;

/// Mean of `2 r + 1` pixels across, then down: twice is near a Gaussian.
fn blurred(pixels: &[[f64; 3]], radius: usize) -> Vec<[f64; 3]> {
    let side = SIDE as usize;
    let mut now = pixels.to_vec();
    for across in [true, false, true, false] {
        let at = |line: usize, k: usize| if across { line * side + k } else { k * side + line };
        let mut next = now.clone();
        for line in 0..side {
            for k in 0..side {
                let span = k.saturating_sub(radius)..(k + radius + 1).min(side);
                let count = span.len() as f64;
                let mut sum = [0.0; 3];
                for j in span {
                    (0..3).for_each(|c| sum[c] += now[at(line, j)][c]);
                }
                next[at(line, k)] = sum.map(|value| value / count);
            }
        }
        now = next;
    }
    now
}

fn seen(pixels: &[[f64; 3]]) -> Quality {
    judge(&raster(SIDE, pixels), Subject::Tile(None))
}

#[test]
fn damage_is_named() {
    let good = tissue(SIDE);
    let quality = seen(&good);
    assert_eq!((quality.verdict, quality.reasons.len()), (Verdict::Pass, 0), "{quality:?}");
    let pen = |at: usize, pixel: [f64; 3]| {
        let x = at % SIDE as usize;
        if (60..100).contains(&x) { [25.0, 140.0, 70.0] } else { pixel }
    };
    let penned: Vec<_> = good.iter().enumerate().map(|(at, p)| pen(at, *p)).collect();
    let glass = vec![[243.0, 242.0, 245.0]; good.len()];
    let bright: Vec<_> = good.iter().map(|p| p.map(|c| c * 1.9)).collect();
    let dark: Vec<_> = good.iter().map(|p| p.map(|c| c * 0.12)).collect();
    let mut seed = 3u32;
    let mut noise = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        f64::from(seed >> 24) - 127.5
    };
    let noisy: Vec<_> = good.iter().map(|p| p.map(|c| c + noise() * 0.7)).collect();
    for (pixels, reason) in [
        (blurred(&good, 4), "blurred"),
        (penned, "pen"),
        (glass, "empty"),
        (bright, "overexposed"),
        (dark, "underexposed"),
        (noisy, "noise"),
    ] {
        let quality = seen(&pixels);
        assert_eq!(quality.verdict, Verdict::Fail, "{reason}: {quality:?}");
        assert!(quality.reasons.iter().any(|known| known == reason), "{reason}: {quality:?}");
    }
}

#[test]
fn a_tail_of_one_colour_is_named() {
    let mut pixels = tissue(SIDE);
    let from = pixels.len() * 2 / 3;
    pixels[from..].fill([128.0; 3]);
    let quality = judge(&raster(SIDE, &pixels), Subject::Photograph);
    assert!(quality.reasons.iter().any(|reason| reason == "cut_short"), "{quality:?}");
    let tail = quality.sign("tail").expect("measured");
    assert!((tail - 1.0 / 3.0).abs() < 0.01, "{tail}");
}

#[test]
fn letters_in_a_corner_are_flagged_and_are_no_verdict() {
    let mut pixels = vec![[0.0; 3]; (SIDE * SIDE) as usize];
    // A soft disc, as a film shows, and strokes of letters in the upper left corner.
    for (at, pixel) in pixels.iter_mut().enumerate() {
        let (x, y) = ((at % SIDE as usize) as f64, (at / SIDE as usize) as f64);
        let far = (x - 112.0).hypot(y - 112.0);
        *pixel = [(190.0 - far * 1.2).max(20.0) + ((x * 7.0 + y * 13.0) % 5.0); 3];
    }
    let plain = judge(&raster(SIDE, &pixels), Subject::Photograph);
    for y in 6..26 {
        for x in 6..90 {
            if x % 6 < 2 {
                pixels[y * SIDE as usize + x] = [250.0; 3];
            }
        }
    }
    let lettered = judge(&raster(SIDE, &pixels), Subject::Photograph);
    assert_eq!((plain.flags.len(), lettered.flags.as_slice()), (0, &["text".to_owned()][..]));
    assert_eq!(plain.verdict, lettered.verdict);
}

#[test]
fn every_sign_becomes_a_number_of_the_payload() {
    let quality = judge(&raster(SIDE, &tissue(SIDE)), Subject::Tile(Some(0.75)));
    let shown = quality.to_json();
    for sign in SIGNS {
        assert!(shown[sign].is_number(), "{sign}: {shown}");
    }
    assert_eq!((shown["tissue"].as_f64(), shown["verdict"].as_str()), (Some(0.75), Some("pass")));
    assert_eq!(shown.as_object().map(serde_json::Map::len), Some(SIGNS.len() + 3));
}

#[test]
fn pictures_of_a_few_pixels_are_judged_too() {
    for (width, height) in [(8, 8), (8, 1_000), (3, 3), (1, 1)] {
        let raster = Raster::filled(width, height, [90, 80, 70]).expect("a raster");
        for subject in [Subject::Photograph, Subject::Tile(None)] {
            let shown = judge(&raster, subject).to_json();
            assert_eq!(shown["verdict"], "fail", "{width} x {height}: {shown}");
        }
    }
}
