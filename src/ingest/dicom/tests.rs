//! The DICOM driver against pydicom, over real, odd and hostile files.

use std::time::Instant;

use vitrail_domain::Code;

use super::made::{EXPLICIT, Made, WHOLE_SLIDE};
use super::read::both;
use super::*;
use crate::tests::test_data;
use crate::{
    Picture, ReadOptions, Refusal, read_picture, read_picture_file, read_picture_with, sha256,
};

/// What pydicom made of each file (`tests/golden/dicom.py`).
const GOLDEN: &str = include_str!("../../../tests/golden/dicom.csv");

/// The files that end otherwise than with pydicom, and how. Of JPEG2000.dcm, which has lost before,
/// 317 of 262,144 samples differ, each by 1 of 65,535: OpenJPEG rounds otherwise.
const DIFFERENT: [(&str, &str); 6] = [
    ("dicom/highdicom/seg_image_ct_binary.dcm", "refused: image_unsupported"),
    ("dicom/highdicom/seg_image_sm_dots.dcm", "refused: image_unsupported"),
    ("dicom/pydicom/JPEG2000.dcm", "stored false shown false off by 0"),
    ("dicom/pydicom/JPGExtended.dcm", "refused: image_unsupported"),
    ("dicom/pydicom/SC_rgb_small_odd.dcm", "refused: image_too_small"),
    ("dicom/pydicom/SC_rgb_small_odd_jpeg.dcm", "refused: image_too_small"),
];

/// File, SHA-256 of stored samples, SHA-256 of shown pixels, some values.
struct Row {
    file: &'static str,
    stored: &'static str,
    shown: &'static str,
    some: Vec<u8>,
}

fn golden() -> impl Iterator<Item = Row> {
    GOLDEN.lines().skip(2).map(|line| {
        let cells: Vec<&str> = line.split(',').collect();
        let [file, _, _, stored, shown, some] = cells[..] else { panic!("{line}") };
        let some = some.split(' ').filter_map(|value| value.parse().ok()).collect();
        Row { file, stored, shown, some }
    })
}

fn hex(bytes: &[u8]) -> String {
    sha256(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The same places that the golden's script looks at.
fn some(shown: &[u8]) -> Vec<u8> {
    (0..8).map(|place| shown[place * (shown.len() - 1) / 7]).collect()
}

/// `None`: equal; else how far the shown values are off, or why there are none.
fn compare(row: &Row, outcome: Result<(Vec<u16>, Vec<u8>), Refusal>) -> Option<String> {
    match outcome {
        Err(refusal) if row.stored.is_empty() => {
            println!("neither  {}: {} {refusal}", row.file, refusal.code);
            None
        }
        Err(refusal) => Some(format!("refused: {} {refusal}", refusal.code)),
        Ok(_) if row.stored.is_empty() => Some("only Vitrail".to_owned()),
        Ok((stored, shown)) => {
            let stored: Vec<u8> = stored.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let off = some(&shown).iter().zip(&row.some).map(|(a, b)| a.abs_diff(*b)).max();
            let (stored, shown) = (hex(&stored) == row.stored, hex(&shown) == row.shown);
            (!stored || !shown)
                .then(|| format!("stored {stored} shown {shown} off by {}", off.unwrap_or(255)))
        }
    }
}

#[test]
fn pixels_are_pydicoms() {
    let Some(data) = test_data() else { return };
    let (mut equal, mut wrong) = (0, Vec::new());
    for row in golden() {
        let bytes = std::fs::read(data.join(row.file)).expect("a file");
        let outcome = crate::catch_panic(|| both(&bytes));
        match compare(&row, outcome) {
            None => equal += 1,
            Some(how) => wrong.push(format!("{}: {how}", row.file)),
        }
    }
    println!("{equal} files as pydicom reads them; the others:\n{}", wrong.join("\n"));
    assert_eq!(wrong.len(), DIFFERENT.len());
    for (got, (file, how)) in wrong.iter().zip(DIFFERENT) {
        assert!(got.starts_with(&format!("{file}: {how}")), "{got}");
    }
}

/// Every file through the driver, as an ingest reads it: the table of `README`'s words.
#[test]
fn every_file_is_read_or_refused_in_words() {
    let Some(data) = test_data() else { return };
    for row in golden() {
        let started = Instant::now();
        let outcome = read_picture_file(&data.join(row.file));
        assert!(started.elapsed().as_millis() < 500, "{} took {:?}", row.file, started.elapsed());
        match outcome {
            Ok(picture) => {
                assert_eq!(picture.format, "dicom");
                let (width, height) = (picture.raster.width(), picture.raster.height());
                println!("| {} | read, {width} x {height} |", row.file);
            }
            Err(refusal) => {
                assert!(refusal.message.contains("DICOM") || refusal.code == Code::ImageTooSmall);
                println!("| {} | {}: {refusal} |", row.file, refusal.code);
            }
        }
    }
}

fn read(bytes: &[u8]) -> Result<Picture, Refusal> {
    read_picture(bytes)
}

fn greys(picture: &Picture) -> Vec<u8> {
    picture.raster.pixels().iter().step_by(3).copied().collect()
}

/// Sixteen by sixteen shades of 12 bits: 0, 16, 32 ... 4,080.
fn ramp() -> Made {
    Made::radiograph((16, 16), |x, y| ((y * 16 + x) * 16) as u16)
}

#[test]
fn windows_are_the_standards() {
    // Centre 2048 and width 1024: from 1536 black, to 2559 white (PS3.3 C.11.2.1.2.1).
    let window = ramp().text(0x0028_1050, b"DS", "2048").text(0x0028_1051, b"DS", "1024");
    let shown = greys(&read(&window.file(EXPLICIT)).expect("a picture"));
    let by_hand = |value: f64| {
        let share = (value - 2047.5) / 1023.0 + 0.5;
        (share.clamp(0.0, 1.0) * 255.0 + 0.5).floor() as u8
    };
    let expected: Vec<u8> = (0..256).map(|at| by_hand(f64::from(at) * 16.0)).collect();
    assert_eq!(shown, expected);
    assert_eq!((shown[95], shown[96], shown[160]), (0, 0, 255));
    let exact = window.clone().text(0x0028_1056, b"CS", "LINEAR_EXACT");
    assert_eq!(greys(&read(&exact.file(EXPLICIT)).expect("a picture"))[128], 128);
    let sigmoid = window.text(0x0028_1056, b"CS", "SIGMOID");
    assert_eq!(greys(&read(&sigmoid.file(EXPLICIT)).expect("a picture"))[160], 225);
}

#[test]
fn without_a_window_what_occurs_fills_the_range() {
    let shown = greys(&read(&ramp().file(EXPLICIT)).expect("a picture"));
    assert_eq!((shown[0], shown[255]), (0, 255));
    let inverted = ramp().text(0x0028_0004, b"CS", "MONOCHROME1").file(EXPLICIT);
    let inverted = greys(&read(&inverted).expect("a picture"));
    assert!(shown.iter().zip(&inverted).all(|(a, b)| a.abs_diff(255 - b) <= 1));
    // Padding is not the darkest tissue.
    let padded = ramp().short(0x0028_0120, 0).file(EXPLICIT);
    let padded = greys(&read(&padded).expect("a picture"));
    assert_eq!((padded[0], padded[1], padded[255]), (0, 0, 255));
}

#[test]
fn sixteen_bits_stay_reachable_by_both_rules() {
    let bytes = ramp()
        .text(0x0028_1050, b"DS", "2048\\300")
        .text(0x0028_1051, b"DS", "1024\\400")
        .file(EXPLICIT);
    let options = DicomOptions::default();
    let ps3 = read_grey16(&bytes, &options, WindowRule::DicomPs3).expect("shades").values;
    let share = |value: f64| ((value - 2047.5) / 1023.0 + 0.5).clamp(0.0, 1.0);
    assert_eq!(ps3[130], (share(2080.0) * 65_535.0 + 0.5).floor() as u16);
    let legacy = read_grey16(&bytes, &options, WindowRule::GoogleCxrLegacy).expect("shades").values;
    // From 1536 to 2559, cut and not rounded, then stretched over what occurs: 0 to 65,535.
    assert_eq!(legacy[130], ((2080.0 - 1536.0) / 1023.0 * 65_535.0_f64).trunc() as u16);
    assert_eq!((legacy[0], legacy[255]), (0, 65_535));
}

#[test]
fn colours_by_planes_palette_and_ybr() {
    let pixels: Vec<u8> = (0..64 * 3).map(|at| (at * 37 % 256) as u8).collect();
    let rgb = Made::default().shape((8, 8), 3, (8, 8)).bytes(0x7fe0_0010, b"OW", pixels.clone());
    let read_rgb = read(&rgb.file(EXPLICIT)).expect("a picture");
    assert_eq!(read_rgb.raster.pixels(), pixels);
    let planes = (0..3).flat_map(|c| pixels.iter().skip(c).step_by(3).copied()).collect();
    let planar = rgb.short(0x0028_0006, 1).bytes(0x7fe0_0010, b"OW", planes);
    assert_eq!(read(&planar.file(EXPLICIT)).expect("a picture").raster.pixels(), pixels);
    let table = |shift: u16| (0..256_u16).flat_map(move |i| ((i ^ shift) << 8).to_le_bytes());
    let index: Vec<u8> = (0..64).map(|at| (at * 4) as u8).collect();
    let descriptor = || [256_u16, 0, 16].iter().flat_map(|v| v.to_le_bytes()).collect();
    let palette = Made::default()
        .shape((8, 8), 1, (8, 8))
        .text(0x0028_0004, b"CS", "PALETTE COLOR")
        .bytes(0x0028_1101, b"US", descriptor())
        .bytes(0x0028_1102, b"US", descriptor())
        .bytes(0x0028_1103, b"US", descriptor())
        .bytes(0x0028_1201, b"OW", table(0).collect())
        .bytes(0x0028_1202, b"OW", table(255).collect())
        .bytes(0x0028_1203, b"OW", table(1).collect())
        .bytes(0x7fe0_0010, b"OW", index.clone());
    let expected: Vec<u8> = index.iter().flat_map(|i| [*i, i ^ 255, i ^ 1]).collect();
    assert_eq!(read(&palette.file(EXPLICIT)).expect("a picture").raster.pixels(), expected);
}

#[test]
fn deflated_and_bare_files_are_the_same_picture() {
    use std::io::Write;
    let plain = read(&ramp().file(EXPLICIT)).expect("a picture");
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&ramp().data_set()).expect("packed");
    let head = Made::default().file("1.2.840.10008.1.2.1.99");
    let deflated = [head, packer.finish().expect("packed")].concat();
    assert_eq!(read(&deflated).expect("a picture").pixel_hash, plain.pixel_hash);
    assert_eq!(read(&ramp().data_set()).expect("a picture").pixel_hash, plain.pixel_hash);
    let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    packer.write_all(&vec![0; 257 * 1024 * 1024]).expect("packed");
    let head = Made::default().file("1.2.840.10008.1.2.1.99");
    let bomb = [head, packer.finish().expect("packed")].concat();
    let refusal = read(&bomb).expect_err("a bomb");
    assert_eq!(refusal.code, Code::ImageBomb, "{refusal}");
}

#[test]
fn the_frame_is_the_middle_one_or_the_one_asked_for() {
    let pixels = (0..5_u8).flat_map(|frame| vec![frame * 50; 64]).collect();
    let cine = Made::default()
        .shape((8, 8), 1, (8, 8))
        .text(0x0028_0008, b"IS", "5")
        .bytes(0x7fe0_0010, b"OB", pixels)
        .file(EXPLICIT);
    let frame = |frame| {
        let dicom = DicomOptions { frame, ..DicomOptions::default() };
        let options = ReadOptions { dicom, key: Some([1; 32]) };
        read_picture_with(&cine, &options)
    };
    let middle = frame(FrameChoice::Middle).expect("a picture");
    assert_eq!(middle.raster.pixels()[0], 100);
    let words = middle.dicom.expect("words");
    assert_eq!((words["frame"].as_u64(), words["frames"].as_u64()), (Some(3), Some(5)));
    assert_eq!(frame(FrameChoice::Number(5)).expect("a picture").raster.pixels()[0], 200);
    for number in [0, 6] {
        let refusal = frame(FrameChoice::Number(number)).expect_err("no such frame");
        assert!(refusal.message.contains("frames 1 to 5"), "{refusal}");
    }
}

#[test]
fn what_may_show_a_name_is_refused() {
    let burned = ramp().text(0x0028_0301, b"CS", "YES").file(EXPLICIT);
    assert_eq!(read(&burned).expect_err("burnt in").code, Code::ImageIdentifying);
    let dicom = DicomOptions { allow_burned_in: true, ..DicomOptions::default() };
    assert!(read_picture_with(&burned, &ReadOptions { dicom, key: None }).is_ok());
    let label = ramp().text(0x0008_0016, b"UI", WHOLE_SLIDE).text(
        0x0008_0008,
        b"CS",
        "ORIGINAL\\PRIMARY\\LABEL\\NONE",
    );
    assert_eq!(read(&label.file(EXPLICIT)).expect_err("a label").code, Code::ImageIdentifying);
}

#[test]
fn unread_packings_are_named() {
    for (uid, name) in [
        ("1.2.840.10008.1.2.4.100", "MPEG2"),
        ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000"),
        ("1.2.840.10008.1.2.4.110", "JPEG XL"),
        ("1.2.3.4.5", "1.2.3.4.5"),
    ] {
        let refusal = read(&ramp().file(uid)).expect_err(name);
        assert_eq!(refusal.code, Code::ImageUnsupported);
        assert!(refusal.message.contains(name) && refusal.message.contains(uid), "{refusal}");
    }
}

#[test]
fn hostile_nesting_and_lengths_end_in_words() {
    // A hundred thousand sequences that open in each other and never end.
    let open = [
        0x08, 0, 0x40, 0x11, b'S', b'Q', 0, 0, 255, 255, 255, 255, 254, 255, 0, 224, 255, 255, 255,
        255,
    ];
    let mut deep = Made::default().file(EXPLICIT);
    (0..100_000).for_each(|_| deep.extend_from_slice(&open));
    let started = Instant::now();
    assert_eq!(read(&deep).expect_err("deep").code, Code::ImageBomb);
    assert!(started.elapsed().as_millis() < 100);
    let huge = Made::default().shape((65_535, 65_535), 3, (16, 16));
    let huge = huge.bytes(0x7fe0_0010, b"OW", vec![0; 64]).file(EXPLICIT);
    assert_eq!(read(&huge).expect_err("huge").code, Code::ImageTooLarge);
    let mut long = Made::default().file(EXPLICIT);
    long.extend_from_slice(&[0x09, 0, 0x10, 0, b'U', b'N', 0, 0, 254, 255, 255, 255, 0, 0]);
    assert_eq!(read(&long).expect_err("long").code, Code::ImageTruncated);
}

#[test]
fn cut_and_flipped_files_never_panic() {
    let Some(data) = test_data() else { return };
    for file in [
        "pydicom/MR_small_RLE.dcm",
        "pydicom/JPEGLSNearLossless_08.dcm",
        "pydicom/SC_rgb_jls_lossy_sample.dcm",
        "pydicom/SC_rgb_jpeg_gdcm.dcm",
        "pydicom/SC_rgb_jpeg_dcmtk.dcm",
        "pydicom/MR_small_jp2klossless.dcm",
        "highdicom/sm_image_jpegls.dcm",
    ] {
        let sound = std::fs::read(data.join("dicom").join(file)).expect("a file");
        for cut in (0..sound.len()).step_by(97) {
            let outcome = crate::catch_panic(|| both(&sound[..cut]));
            let refusal = outcome.err().map(|refusal| refusal.message).unwrap_or_default();
            assert!(!refusal.contains("gave up"), "{file} cut at {cut}: {refusal}");
        }
        for at in (0..sound.len()).step_by(7) {
            let mut flipped = sound.clone();
            flipped[at] ^= 1 << (at % 8);
            if let Err(refusal) = crate::catch_panic(|| both(&flipped)) {
                assert!(!refusal.message.contains("gave up"), "{file} at {at}: {refusal}");
            }
        }
    }
}
