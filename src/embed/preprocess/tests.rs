//! Preprocessing against Pillow, byte for byte: `tests/golden/preprocess.csv`, made by the script
//! of that name.

use proptest::prelude::*;
use sha2::{Digest, Sha256};
use vitrail_domain::Raster;
use vitrail_domain::limits::RESAMPLE_SIDE_MAX;

use super::resample::{Window, resample};
use super::{Pixels, Recipe, Resize};
use crate::manifest::{Geometry, Scaling};
use crate::vocabulary::{GeometryRule, Kernel, Layout, Placement, ResizeType, ScalingBase};

const GOLDEN: &str = include_str!("../../../tests/golden/preprocess.csv");
const KERNELS: &str = include_str!("../../../tests/golden/preprocess_kernels.csv");

/// Pillow's kernels.
const PILLOW: [Kernel; 4] = [Kernel::Bilinear, Kernel::Bicubic, Kernel::Lanczos, Kernel::Nearest];

/// The formula pictures of `preprocess.py`.
fn picture(kind: &str, width: u32, height: u32) -> Raster {
    let noise = |i: u64| {
        let v = (i * 2_654_435_761 + 12_345) & 0xFFFF_FFFF;
        let v = ((v ^ (v >> 15)) * 2_246_822_519) & 0xFFFF_FFFF;
        (v ^ (v >> 13)) >> 24
    };
    let ramp = |i: u64| {
        let (pixel, c) = (i / 3, i % 3);
        let (x, y) = (pixel % u64::from(width), pixel / u64::from(width));
        (x * (c + 1) + y * (3 - c)) / 4
    };
    let bytes = u64::from(width) * u64::from(height) * 3;
    let value = |i| (if kind == "noise" { noise(i) } else { ramp(i) }) as u8;
    Raster::new(width, height, (0..bytes).map(value).collect()).unwrap()
}

fn pairs<'a>(cell: &'a str) -> impl Fn(&str) -> Option<&'a str> {
    move |key| {
        cell.split(' ').filter_map(|pair| pair.split_once('=')).find(|p| p.0 == key).map(|p| p.1)
    }
}

fn three(text: Option<&str>) -> Option<[f32; 3]> {
    let values: Vec<f32> = text?.split(';').map(|value| value.parse().unwrap()).collect();
    values.try_into().ok()
}

fn word<T: Copy>(all: &[T], name: fn(T) -> &'static str, wanted: &str) -> T {
    all.iter().copied().find(|&value| name(value) == wanted).unwrap()
}

fn recipe(kernel: &str, geometry: &str, scaling: &str, layout: &str) -> Recipe {
    let cell = pairs(geometry);
    let number = |key| cell(key).map_or(0, |value| value.parse().unwrap());
    let geometry = Geometry {
        rule: word(GeometryRule::ALL, GeometryRule::word, cell("rule").unwrap()),
        size_px: number("size_px"),
        resize_px: number("resize_px"),
        crop_px: number("crop_px"),
        pad_value: number("pad_value") as f32,
        placement: word(Placement::ALL, Placement::word, cell("placement").unwrap_or("center")),
    };
    let cell = pairs(scaling);
    let base = cell("base").unwrap_or("none");
    Recipe {
        geometry,
        resize: Resize {
            kernel: word(Kernel::ALL, Kernel::word, kernel),
            dtype: ResizeType::U8,
        },
        channels: 3,
        grey: false,
        pixels_max: f64::INFINITY,
        scaling: Scaling {
            base: word(ScalingBase::ALL, ScalingBase::word, base),
            mean: three(cell("mean")),
            std: three(cell("std")),
            pad_before_norm: true,
        },
        layout: word(Layout::ALL, Layout::word, if layout.is_empty() { "nhwc" } else { layout }),
    }
}

/// The bytes of the only square.
fn square(recipe: &Recipe, picture: &Raster) -> Result<Vec<u8>, String> {
    match recipe.squares(picture)?.remove(0).pixels {
        Pixels::U8(bytes) => Ok(bytes),
        Pixels::F32(_) => panic!("floats"),
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_golden_of_pillow_and_numpy() {
    let (mut checked, mut wrong) = (0, Vec::new());
    for line in GOLDEN.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [kind, width, height, kernel, geometry, scaling, layout, digest, head] = cells[..]
        else {
            panic!("{line}");
        };
        let picture = picture(kind, width.parse().unwrap(), height.parse().unwrap());
        let recipe = recipe(kernel, geometry, scaling, layout);
        let bytes = if layout.is_empty() {
            square(&recipe, &picture).unwrap()
        } else {
            let mut floats = Vec::new();
            recipe.append(&picture, &mut floats).unwrap();
            floats.iter().flat_map(|value| value.to_le_bytes()).collect()
        };
        if sha256(&bytes) != digest {
            wrong.push(format!("{line}: got {:?} for {head}", &bytes[..4]));
        }
        checked += 1;
    }
    assert!(wrong.is_empty(), "{} of {checked} differ:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(checked, 300);
}

fn hex(text: &str) -> Vec<u8> {
    let pair = |at| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(pair).collect()
}

/// The largest difference from the reference, by kernel and kind of numbers.
#[test]
fn every_golden_of_tensorflow_opencv_and_pillows_floats() {
    let mut worst = std::collections::BTreeMap::new();
    let mut checked = 0;
    for line in KERNELS.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let [width, height, kernel, dtype, geometry, values] = cells[..] else { panic!("{line}") };
        let picture = picture("noise", width.parse().unwrap(), height.parse().unwrap());
        let named = if kernel == "none" { "pil_nearest" } else { kernel };
        let mut recipe = recipe(named, geometry, "base=none", "nhwc");
        recipe.resize.dtype = word(ResizeType::ALL, ResizeType::word, dtype);
        let (mut got, mut wanted) = (Vec::new(), Vec::new());
        for square in recipe.squares(&picture).unwrap() {
            match square.pixels {
                Pixels::U8(bytes) => got.extend(bytes.into_iter().map(f32::from)),
                Pixels::F32(floats) => got.extend(floats),
            }
        }
        let bytes = hex(values);
        match dtype {
            "u8" => wanted.extend(bytes.into_iter().map(f32::from)),
            _ => wanted.extend(bytes.as_chunks::<4>().0.iter().map(|&b| f32::from_le_bytes(b))),
        }
        assert_eq!(got.len(), wanted.len(), "{geometry}");
        let gap = got.iter().zip(&wanted).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        let rule = geometry.split(' ').next().unwrap();
        let largest = worst.entry(format!("{kernel} {dtype} {rule}")).or_insert(0.0_f32);
        *largest = largest.max(gap);
        checked += 1;
    }
    assert_eq!(checked, 130);
    println!("{worst:#?}");
    for (kind, gap) in worst {
        let bound = match kind.as_str() {
            kind if kind.starts_with("cv_") && kind.contains("u8") => 1.0,
            // OpenCV adds up in single precision.
            kind if kind.starts_with("cv_") => 1e-3,
            kind if kind.contains("f32") => 1e-4,
            _ => 0.0,
        };
        assert!(gap <= bound, "{kind}: {gap}");
    }
}

#[test]
fn padding_is_the_tensors_own_value_where_it_is_not_scaled() {
    let geometry = "rule=longest_then_pad size_px=4 pad_value=9 placement=bottom_right";
    let mut recipe = recipe("pil_nearest", geometry, "base=u8_255", "nchw");
    recipe.scaling.pad_before_norm = false;
    let mut tensor = Vec::new();
    recipe.append(&Raster::filled(8, 4, [255, 0, 255]).unwrap(), &mut tensor).unwrap();
    let plane = |value: f32| [[value; 8], [9.0; 8]].concat();
    assert_eq!(tensor, [plane(1.0), plane(0.0), plane(1.0)].concat());
    recipe.layout = Layout::Nhwc;
    tensor.clear();
    recipe.append(&Raster::filled(8, 4, [255, 0, 255]).unwrap(), &mut tensor).unwrap();
    assert_eq!(tensor, [[1.0, 0.0, 1.0].repeat(8), vec![9.0; 24]].concat());
}

#[test]
fn grey_is_pillows_luminance_and_one_channel_is_enough() {
    let mut recipe = recipe("pil_nearest", "rule=squash size_px=1", "base=none", "nchw");
    (recipe.grey, recipe.channels) = (true, 1);
    let of = |colour| {
        let mut tensor = Vec::new();
        recipe.append(&Raster::filled(3, 2, colour).unwrap(), &mut tensor).unwrap();
        tensor
    };
    // Image.new("RGB", (1, 1), colour).convert("L")
    for (colour, grey) in [([255, 0, 0], 76.0), ([0, 255, 0], 150.0), ([12, 99, 200], 85.0)] {
        assert_eq!(of(colour), [grey], "{colour:?}");
    }
    assert_eq!((recipe.floats(), recipe.shape(2)), (1, [2, 1, 1, 1]));
}

#[test]
fn a_picture_above_the_manifests_bound_is_refused() {
    let mut recipe = recipe("pil_nearest", "rule=squash size_px=1", "base=none", "nchw");
    recipe.pixels_max = 6.0;
    assert!(recipe.squares(&Raster::filled(3, 2, [1; 3]).unwrap()).is_ok());
    let error = recipe.squares(&Raster::filled(3, 3, [1; 3]).unwrap()).unwrap_err();
    assert!(error.contains("megapixels"), "{error}");
}

#[test]
fn exact_takes_one_size_only() {
    let recipe = recipe("pil_nearest", "rule=exact size_px=224", "base=u8_255", "nchw");
    assert!(square(&recipe, &picture("ramp", 224, 224)).is_ok());
    let error = square(&recipe, &picture("ramp", 224, 223)).unwrap_err();
    assert_eq!(error, "it takes exactly 224 x 224 pixels, got 224 x 223");
}

#[test]
fn a_needle_costs_its_crop_and_a_longer_one_is_refused() {
    let recipe = recipe(
        "pil_lanczos",
        "rule=shortest_then_center_crop resize_px=256 crop_px=224",
        "base=u8_255",
        "nchw",
    );
    let needle = Raster::filled(RESAMPLE_SIDE_MAX, 1, [9, 8, 7]).unwrap();
    let seen = square(&recipe, &needle).unwrap();
    assert!(seen.chunks(3).all(|pixel| pixel == [9, 8, 7]));
    let longer = Raster::filled(RESAMPLE_SIDE_MAX + 1, 1, [9, 8, 7]).unwrap();
    assert!(square(&recipe, &longer).is_err());
}

#[test]
fn a_failed_picture_leaves_the_tensor_as_it_was() {
    let recipe = recipe("pil_nearest", "rule=exact size_px=4", "base=u8_255", "nchw");
    let mut tensor = vec![1.0];
    assert!(recipe.append(&picture("ramp", 5, 4), &mut tensor).is_err());
    assert_eq!(tensor, [1.0]);
}

proptest! {
    /// A window of a resize is the same bytes as the whole resize, cut.
    #[test]
    fn windows_are_cuts(
        (width, height) in (1_u32..60, 1_u32..60),
        (across, down) in (1_u32..60, 1_u32..60),
        (left, top) in (0_u32..60, 0_u32..60),
        kernel in prop::sample::select(&PILLOW[..]),
    ) {
        let picture = picture("noise", width, height);
        let whole = resample(&picture, kernel, Window::whole(across), Window::whole(down));
        let (left, top) = (left % across, top % down);
        let window = |full: u32, start: u32| Window {
            full: u64::from(full),
            start: u64::from(start),
            len: full - start,
        };
        let cut = resample(&picture, kernel, window(across, left), window(down, top));
        let rows = whole.chunks(across as usize * 3).skip(top as usize);
        let expected: Vec<u8> =
            rows.flat_map(|row| row[left as usize * 3..].to_vec()).collect();
        prop_assert_eq!(cut, expected);
    }

    /// A resize to the same size changes nothing; one colour stays that colour.
    #[test]
    fn identity_and_flat(width in 1_u32..40, height in 1_u32..40, side in 1_u32..80,
        kernel in prop::sample::select(&PILLOW[..]), shade in any::<u8>())
    {
        let noise = picture("noise", width, height);
        let same = resample(&noise, kernel, Window::whole(width), Window::whole(height));
        prop_assert_eq!(same.as_slice(), noise.pixels());
        let flat = Raster::filled(width, height, [shade; 3]).unwrap();
        let flat = resample(&flat, kernel, Window::whole(side), Window::whole(side));
        prop_assert!(flat.iter().all(|&value| value == shade));
    }
}
