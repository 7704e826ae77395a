//! Slides of made instances, and the real ones of the wild.

use std::path::Path;

use vitrail_domain::Code;

use super::super::made::{EXPLICIT, Made, WHOLE_SLIDE};
use crate::dicom::one_per_slide;
use crate::slide::{Slide, is_slide};
use crate::tests::test_data;
use crate::walk::{Found, WalkOptions, walk};

/// Pixels on a side of a made tile.
const TILE: u32 = 16;

/// The colour of a pixel of the made slides, on level 0.
fn colour(x: u32, y: u32) -> [u8; 3] {
    [(x * 5) as u8, (y * 9) as u8, (x + y) as u8]
}

/// The pixels of one tile; outside the picture black, as writers pad.
fn tile((width, height): (u32, u32), column: u32, row: u32, factor: u32) -> Vec<u8> {
    let pixels =
        (0..TILE).flat_map(|y| (0..TILE).map(move |x| (column * TILE + x, row * TILE + y)));
    pixels
        .flat_map(
            |(x, y)| {
                if x < width && y < height { colour(x * factor, y * factor) } else { [0; 3] }
            },
        )
        .collect()
}

/// An instance of these tiles, without a word how they lie.
fn instance(size: (u32, u32), tiles: &[(u32, u32)], factor: u32) -> Made {
    let pixels = tiles.iter().flat_map(|(c, r)| tile(size, *c, *r, factor)).collect();
    let spacing = format!("{}", 0.0005 * f64::from(factor));
    let measures = Made::default().text(0x0028_0030, b"DS", &format!("{spacing}\\{spacing}"));
    Made::default()
        .text(0x0008_0008, b"CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE")
        .text(0x0008_0016, b"UI", WHOLE_SLIDE)
        .text(0x0008_0018, b"UI", &format!("1.2.{}.{}", size.0, tiles.len()))
        .text(0x0020_000e, b"UI", "1.2.9")
        .text(0x0028_0008, b"IS", &tiles.len().to_string())
        .shape((TILE as u16, TILE as u16), 3, (8, 8))
        .long(0x0048_0006, size.0)
        .long(0x0048_0007, size.1)
        .items(0x5200_9229, vec![Made::default().items(0x0028_9110, vec![measures])])
        .bytes(0x7fe0_0010, b"OB", pixels)
}

fn grid((width, height): (u32, u32)) -> Vec<(u32, u32)> {
    let (across, down) = (width.div_ceil(TILE), height.div_ceil(TILE));
    (0..down).flat_map(|row| (0..across).map(move |column| (column, row))).collect()
}

fn full(size: (u32, u32), factor: u32) -> Made {
    instance(size, &grid(size), factor).text(0x0020_9311, b"CS", "TILED_FULL")
}

fn sparse(size: (u32, u32), tiles: &[(u32, u32)]) -> Made {
    let group = |(column, row): &(u32, u32)| {
        let place = Made::default()
            .bytes(0x0048_021e, b"SL", (column * TILE + 1).to_le_bytes().to_vec())
            .bytes(0x0048_021f, b"SL", (row * TILE + 1).to_le_bytes().to_vec());
        Made::default().items(0x0048_021a, vec![place])
    };
    instance(size, tiles, 1)
        .text(0x0020_9311, b"CS", "TILED_SPARSE")
        .items(0x5200_9230, tiles.iter().map(group).collect())
}

fn folder(files: &[(&str, &Made)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, made) in files {
        put(&folder.path().join(name), &made.file(EXPLICIT));
    }
    folder
}

#[expect(clippy::disallowed_methods, reason = "tests lay out their own folders")]
fn put(path: &Path, bytes: &[u8]) {
    std::fs::write(path, bytes).expect("a file");
}

/// Every pixel of level 0, and a margin that is outside.
fn assert_whole(slide: &Slide, (width, height): (u32, u32), missing: &[(u32, u32)]) {
    let read = slide.read_region(0, (0, 0), (width + 3, height + 2)).expect("a region");
    for y in 0..height + 2 {
        for x in 0..width + 3 {
            let at = ((y * (width + 3) + x) * 3) as usize;
            let outside = x >= width || y >= height || missing.contains(&(x / TILE, y / TILE));
            let expected = if outside { [255; 3] } else { colour(x, y) };
            assert_eq!(read.pixels()[at..at + 3], expected, "({x}, {y})");
        }
    }
}

const SIZE: (u32, u32) = (40, 28);

#[test]
fn full_slides_with_levels_and_a_label() {
    let label = full(SIZE, 1).text(0x0008_0008, b"CS", "ORIGINAL\\PRIMARY\\LABEL\\NONE");
    let half = full((20, 14), 2);
    let files = [("b.dcm", &full(SIZE, 1)), ("a.dcm", &half), ("label.dcm", &label)];
    let folder = folder(&files);
    for name in ["b.dcm", "a.dcm"] {
        let path = folder.path().join(name);
        assert!(is_slide(&path).expect("an answer"));
        let slide = Slide::open(&path).expect("a slide");
        let levels: Vec<_> = slide.levels().iter().map(|l| (l.width, l.downsample.0)).collect();
        assert_eq!((slide.format(), levels), ("dicom", vec![(40, 1.0), (20, 2.0)]));
        let scale = slide.scale().expect("a scale");
        assert!((scale.x.get() - 0.5).abs() < 1e-9 && scale.origin.name() == "dicom");
        assert_whole(&slide, SIZE, &[]);
        let small = slide.read_region(1, (3, 2), (1, 1)).expect("a region");
        assert_eq!(small.pixels(), colour(6, 4));
    }
    let refused = Slide::open(&folder.path().join("label.dcm")).expect_err("a label");
    assert_eq!(refused.code(), Code::ImageIdentifying);
    let mut found =
        walk(&[folder.path().to_owned()], &WalkOptions::default()).expect("a walk").found;
    assert_eq!(one_per_slide(&mut found), 1);
    let left: Vec<&str> = found.iter().map(|file: &Found| file.relative.as_str()).collect();
    assert_eq!(left, ["b.dcm"], "the largest level stands for its slide");
}

#[test]
fn sparse_slides_by_their_positions() {
    let mut tiles = grid(SIZE);
    tiles.reverse();
    tiles.retain(|place| *place != (1, 0));
    let folder = folder(&[("s.dcm", &sparse(SIZE, &tiles))]);
    let slide = Slide::open(&folder.path().join("s.dcm")).expect("a slide");
    assert_whole(&slide, SIZE, &[(1, 0)]);
}

#[test]
fn concatenations_are_one_level() {
    let tiles = grid(SIZE);
    let part = |range: std::ops::Range<usize>| {
        let offset = range.start as u32;
        instance(SIZE, &tiles[range], 1)
            .text(0x0020_9311, b"CS", "TILED_FULL")
            .long(0x0020_9228, offset)
    };
    let folder = folder(&[("2.dcm", &part(4..6)), ("1.dcm", &part(0..4))]);
    let slide = Slide::open(&folder.path().join("1.dcm")).expect("a slide");
    assert_eq!(slide.levels().len(), 1);
    assert_whole(&slide, SIZE, &[]);
}

#[test]
fn what_a_slide_does_not_say_is_not_guessed() {
    let cases = [
        (instance(SIZE, &grid(SIZE), 1), Code::ImageUnsupported, "where in the picture"),
        (full(SIZE, 1).long(0x0048_0303, 3), Code::ImageUnsupported, "3 focal planes"),
        (full(SIZE, 1).long(0x0048_0302, 2), Code::ImageUnsupported, "2 optical paths"),
        (full(SIZE, 1).long(0x0048_0006, 20), Code::ImageDamaged, "more frames than"),
        (full(SIZE, 1).long(0x0048_0006, u32::MAX), Code::ImageTooLarge, "tiles, more than"),
        (full(SIZE, 1).text(0x0028_0008, b"IS", "99"), Code::ImageDamaged, "more frames than"),
    ];
    for (made, code, words) in cases {
        let folder = folder(&[("x.dcm", &made)]);
        let error = Slide::open(&folder.path().join("x.dcm")).expect_err(words);
        assert!(error.code() == code && error.message.contains(words), "{error}");
    }
}

/// Mean colours of 100 x 100 pixels as OpenSlide 4.0.1 reads them.
const MEANS: [((u64, u64), [f64; 3]); 5] = [
    ((0, 0), [226.34, 223.08, 228.7]),
    ((120, 340), [143.44, 99.53, 174.45]),
    ((450, 200), [182.66, 163.81, 201.15]),
    ((700, 500), [160.56, 120.53, 183.58]),
    ((1000, 550), [226.73, 223.85, 229.15]),
];

#[test]
fn real_slides_are_openslides_and_pydicoms() {
    let Some(data) = test_data() else { return };
    let slide = Slide::open(&data.join("slides/camelyon_multiframe.dcm")).expect("a slide");
    assert_eq!((slide.size(), slide.levels().len()), ((1152, 700), 1));
    assert!((slide.scale().expect("a scale").x.get() - 28.969).abs() < 1e-6);
    for (at, means) in MEANS {
        let read = slide.read_region(0, at, (100, 100)).expect("a region");
        for (channel, mean) in means.iter().enumerate() {
            let sum: u64 =
                read.pixels().iter().skip(channel).step_by(3).map(|v| u64::from(*v)).sum();
            let got = sum as f64 / 10_000.0;
            assert!((got - mean).abs() < 0.5, "{at:?} {channel}: {got} where {mean}");
        }
    }
    // Native and JPEG-LS hold the same pixels; the middle frame is the golden's (`dicom.csv`).
    let golden = include_str!("../../../../tests/golden/dicom.csv");
    let golden =
        golden.lines().find(|line| line.contains("highdicom/sm_image.dcm")).expect("a row");
    for name in ["sm_image.dcm", "sm_image_jpegls.dcm"] {
        let slide = Slide::open(&data.join("dicom/highdicom").join(name)).expect("a slide");
        assert_eq!(slide.size(), (50, 50));
        let middle = slide.read_region(0, (20, 20), (10, 10)).expect("a region");
        let hash = crate::sha256(middle.pixels());
        let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(golden.contains(&hash), "{name}");
    }
    for name in ["full_no_bot", "full_with_bot", "sparse_no_bot", "sparse_with_bot"] {
        let path = data.join(format!("dicom/panimg/wsi_{name}.dcm"));
        let slide = Slide::open(&path).expect("a slide");
        assert_eq!(slide.size(), (154, 290), "{name}");
    }
}
