//! The driver table over the real and the hostile files.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use vitrail_domain::Code;

use crate::*;

/// The folder of real pictures that tests use, or `None` with a word where it is absent.
pub(crate) fn test_data() -> Option<std::path::PathBuf> {
    let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into();
    let folder = std::env::var_os("VITRAIL_TEST_DATA").unwrap_or_else(beside);
    let folder = std::path::PathBuf::from(folder);
    if folder.is_dir() {
        return Some(folder);
    }
    assert!(
        std::env::var("VITRAIL_TEST_DATA_REQUIRED").as_deref() != Ok("1"),
        "the real pictures are required and {} is not there",
        folder.display()
    );
    println!("skipped: no real pictures in {}", folder.display());
    None
}

/// What the table of hostile files allows: accepted, refused.
fn allowed(label: &str) -> (bool, bool) {
    match label {
        "reject" | "reject_over_limit" => (false, true),
        "accept"
        | "accept_ignore_exif"
        | "accept_strip"
        | "accept_on_white"
        | "accept_first"
        | "accept_without_inflating" => (true, false),
        "either"
        | "reject_or_partial"
        | "accept_or_415"
        | "accept_or_422"
        | "accept_or_too_small"
        | "accept_first_or_415"
        | "accept_first_or_reject" => (true, true),
        other => panic!("the label {other} is not known"),
    }
}

/// Kilobytes of the process's highest resident size so far.
fn peak_kilobytes() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

#[test]
fn every_hostile_file_ends_as_its_label_allows() {
    let Some(data) = test_data() else { return };
    let table = Table::read(&data.join("broken/broken.csv")).expect("a table");
    let (mut accepted, mut refused, mut wrong) = (0, 0, Vec::new());
    let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
    for row in 0..table.len() {
        let file = table.file(row);
        let label =
            table.fields(row).get("label").and_then(|l| l.as_str()).expect("a label").to_owned();
        let started = Instant::now();
        let outcome = read_picture_file(&data.join("broken").join(&file));
        let seconds = started.elapsed().as_secs_f64();
        assert!(seconds < 5.0, "{file} took {seconds:.1} s");
        let (may_accept, may_refuse) = allowed(&label);
        let (ends_well, what) = match outcome {
            Ok(picture) => {
                accepted += 1;
                let (width, height) = (picture.raster.width(), picture.raster.height());
                (may_accept, format!("{} {width} x {height}", picture.format))
            }
            Err(refusal) => {
                refused += 1;
                assert!(refusal.message.len() > 20, "{file}: {refusal}");
                *codes.entry(refusal.code.name()).or_default() += 1;
                (may_refuse, format!("{}: {refusal}", refusal.code))
            }
        };
        println!("{} {label:<24} {file}: {what}", if ends_well { ' ' } else { '!' });
        if !ends_well {
            wrong.push(file);
        }
    }
    let peak = peak_kilobytes() / 1024;
    println!("accepted {accepted}, refused {refused} {codes:?}, peak {peak} MB");
    assert!(wrong.is_empty(), "against their labels: {wrong:?}");
    assert!(peak < 512, "{peak} MB");
}

fn broken(file: &str) -> Option<Result<Picture, Refusal>> {
    Some(read_picture_file(&test_data()?.join("broken").join(file)))
}

#[test]
fn refusals_name_what_is_wrong() {
    let cases = [
        ("made/empty.jpg", Code::ImageEmpty, "0 bytes"),
        ("made/text.jpg", Code::ImageUnknownFormat, "text"),
        ("made/html.png", Code::ImageUnknownFormat, "markup"),
        ("made/random_64k.bin", Code::ImageUnknownFormat, "no kind of picture"),
        ("pydicom/MR_truncated.dcm", Code::ImageTruncated, "cut short"),
        ("made/dicom_half.dcm", Code::ImageTruncated, "within its pixels"),
        ("made/dicom_preamble_only.dcm", Code::ImageTruncated, "no data set"),
        ("made/bomb_dicom_frames.dcm", Code::ImageTooLarge, "2000000000 frames"),
        ("pydicom/UN_sequence.dcm", Code::ImageUnsupported, "no pixels"),
        ("odd_valid/gif_animated.gif", Code::ImageUnknownFormat, "GIF"),
        ("odd_valid/jpeg_cmyk.jpg", Code::ImageUnsupported, "CMYK"),
        ("made/jpeg_half.jpg", Code::ImageTruncated, "JPEG ends"),
        ("made/jpeg_header_only.jpg", Code::ImageTruncated, "JPEG ends"),
        ("pillow/truncated_image.png", Code::ImageTruncated, "PNG ends"),
        ("made/bomb_jpeg_65535.jpg", Code::ImageTooLarge, "65535 x 65535"),
        ("made/bomb_real_30000x30000_1bit.png", Code::ImageTooLarge, "30000 x 30000"),
        ("odd_valid/png_interlace_1x1.png", Code::ImageTooSmall, "1 x 1"),
        ("made/png_bad_crc.png", Code::ImageDamaged, "PNG is damaged"),
    ];
    for (file, code, words) in cases {
        let Some(outcome) = broken(file) else { return };
        let refusal = outcome.expect_err(file);
        assert_eq!(refusal.code, code, "{file}: {refusal}");
        assert!(refusal.message.contains(words), "{file}: {refusal}");
    }
}

#[test]
fn orientation_is_applied_and_the_bytes_decide() {
    let Some(turned) = broken("odd_valid/jpeg_exif_orientation6_gps.jpg") else { return };
    let turned = turned.expect("a picture");
    assert_eq!((turned.raster.width(), turned.raster.height(), turned.oriented), (160, 240, true));
    let png = broken("odd_valid/png_named_as_jpg.jpg").expect("data").expect("a picture");
    assert_eq!((png.format, png.oriented), ("png", false));
}

/// BLAKE3 over the pixel hashes of skin/, tiles/ and cxr/, each folder's files sorted by path, as
/// Pillow 13 (libjpeg-turbo) decodes, turns (`exif_transpose`) and converts (`RGB`) them.
const PILLOWS_PIXELS: &str = "de2c53c0c4fd78d05e7b50b53b5c3809a141bbfa8bd90485550b7d43a9171cb0";

#[test]
fn the_real_pictures_have_pillows_pixels() {
    let Some(data) = test_data() else { return };
    let (started, mut read, mut hasher) = (Instant::now(), 0, blake3::Hasher::new());
    for folder in ["skin", "tiles", "cxr"] {
        let walked = walk(&[data.join(folder)], &WalkOptions::default()).expect("a walk");
        assert!(walked.refused.is_empty());
        for found in &walked.found {
            let picture =
                read_picture_file(&found.path).unwrap_or_else(|r| panic!("{found:?} {r}"));
            hasher.update(&picture.pixel_hash);
            read += 1;
        }
    }
    println!("{read} pictures in {:.2} s", started.elapsed().as_secs_f64());
    assert_eq!(read, 1385 + 822 + 608);
    assert_eq!(hasher.finalize().to_hex().as_str(), PILLOWS_PIXELS);
}

#[test]
fn cut_and_flipped_bytes_never_panic() {
    let raster = vitrail_domain::Raster::filled(40, 24, [200, 90, 30]).expect("a raster");
    let files = [encode_jpeg(&raster, 90).expect("jpeg"), encode_png(&raster).expect("png")];
    for bytes in files {
        for cut in (0..bytes.len()).step_by(7) {
            let refusal = read_picture(&bytes[..cut]).expect_err("cut short");
            assert!(!refusal.message.contains("gave up"), "{cut}: {refusal}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << (at % 8);
            if let Err(refusal) = read_picture(&flipped) {
                assert!(!refusal.message.contains("gave up"), "{at}: {refusal}");
            }
        }
    }
}

#[test]
fn a_scan_that_ends_early_is_damage_even_with_an_end_marker() {
    let mut noise = vitrail_domain::Raster::filled(64, 64, [0; 3]).expect("a raster");
    for (at, value) in noise.pixels_mut().iter_mut().enumerate() {
        *value = (at * 7919 % 251) as u8;
    }
    let whole = encode_jpeg(&noise, 95).expect("a jpeg");
    let cut = [&whole[..whole.len() / 2], &[0xff, 0xd9]].concat();
    assert_eq!(read_picture(&cut).expect_err("half a scan").code, Code::ImageDamaged);
    let trailing = [whole.as_slice(), b"PK\x03\x04 and more"].concat();
    assert!(read_picture(&trailing).is_ok(), "bytes after the end marker are not the picture's");
}

#[test]
fn every_decoder_stops_at_its_deadline() {
    let raster = vitrail_domain::Raster::filled(64, 64, [9; 3]).expect("a raster");
    let files = [encode_jpeg(&raster, 90).expect("jpeg"), encode_png(&raster).expect("png")];
    for bytes in files {
        let driver = crate::driver::find(&bytes).expect("a driver");
        let refusal = (driver.decode)(&bytes, crate::guard::Deadline::over()).err();
        assert_eq!(refusal.expect("too late").code, Code::ImageTimedOut, "{}", driver.name);
    }
}

#[test]
fn a_folder_is_not_a_picture() {
    let refusal = read_picture_file(Path::new("/")).expect_err("a folder");
    assert_eq!(refusal.code, Code::FileUnreadable);
}
