//! From a picture of any size to the squares that the network sees.

use vitrail_domain::Raster;
use vitrail_domain::limits::RESAMPLE_SIDE_MAX;

use super::Resize;
use super::resample::Window;
use crate::manifest::Geometry;
use crate::vocabulary::{GeometryRule, Placement};

/// Pixels of one square, `[side x side x 3]`.
#[derive(Debug, Clone, PartialEq)]
pub enum Pixels {
    /// Bytes.
    U8(Vec<u8>),
    /// Floats of the same scale, 0 to 255, not rounded.
    F32(Vec<f32>),
}

/// One square that the network sees.
#[derive(Debug, Clone, PartialEq)]
pub struct Square {
    /// Its pixels.
    pub pixels: Pixels,
    /// `[left, top, width, height]` of the picture in it, where something is filled around.
    pub inside: Option<[u32; 4]>,
}

impl Square {
    fn whole(pixels: Pixels) -> Self {
        Self { pixels, inside: None }
    }
}

/// The squares of a picture, one but for `five_crop_mean`.
///
/// # Errors
/// A picture that the rule refuses, in words.
pub(crate) fn squares(
    raster: &Raster,
    geometry: &Geometry,
    resize: Resize,
) -> Result<Vec<Square>, String> {
    let side = geometry.side();
    let (width, height) = (raster.width(), raster.height());
    let one = |square| Ok(vec![square]);
    match geometry.rule {
        GeometryRule::Exact if (width, height) != (side, side) => {
            Err(format!("it takes exactly {side} x {side} pixels, got {width} x {height}"))
        }
        GeometryRule::Exact => one(Square::whole(Pixels::U8(raster.pixels().to_vec()))),
        GeometryRule::Squash => {
            let window = Window::whole(side);
            one(Square::whole(resize.run(raster, window, window)))
        }
        GeometryRule::ShortestThenCenterCrop => {
            let (across, down) = centre_windows(width, height, geometry.resize_px, side);
            one(Square::whole(resize.run(raster, across, down)))
        }
        GeometryRule::LongestThenPad => one(longest(raster, geometry, resize)),
        GeometryRule::PadSquareThenResize => {
            let square = padded(raster, geometry)?;
            let window = Window::whole(side);
            one(Square::whole(resize.run(&square, window, window)))
        }
        GeometryRule::CenterCropOnly => one(Square::whole(Pixels::U8(centre(raster, side)))),
        GeometryRule::FiveCropMean => {
            let crops = five_windows(width, height, geometry.resize_px, side).into_iter();
            let crops = crops.map(|(across, down)| resize.run(raster, across, down));
            Ok(crops.map(Square::whole).collect())
        }
    }
}

/// The sides after the shortest became `resize`: torchvision's `int(resize * long / short)`.
fn after_shortest(width: u32, height: u32, resize: u32) -> (u64, u64) {
    let short = width.min(height);
    let side = |size: u32| u64::from(resize) * u64::from(size) / u64::from(short);
    (side(width), side(height))
}

/// torchvision's crop begins at `int(round((size - crop) / 2))` with Python's rounding of halves
/// to even. Only the window is ever computed, so a picture of 1 x 10^8 pixels costs no more than
/// its crop.
fn centre_windows(width: u32, height: u32, resize: u32, crop: u32) -> (Window, Window) {
    let (across, down) = after_shortest(width, height, resize);
    let window = |full: u64| Window {
        full,
        start: half_to_even(full - u64::from(crop)),
        len: crop,
    };
    (window(across), window(down))
}

/// torchvision's `five_crop`: top left, top right, bottom left, bottom right, centre.
fn five_windows(width: u32, height: u32, resize: u32, crop: u32) -> [(Window, Window); 5] {
    let (across, down) = after_shortest(width, height, resize);
    let near = |full: u64| Window { full, start: 0, len: crop };
    let far = |full: u64| Window { full, start: full - u64::from(crop), len: crop };
    [
        (near(across), near(down)),
        (far(across), near(down)),
        (near(across), far(down)),
        (far(across), far(down)),
        centre_windows(width, height, resize, crop),
    ]
}

/// `round(gap / 2)` in Python 3.
fn half_to_even(gap: u64) -> u64 {
    let down = gap / 2;
    if gap % 2 == 1 && down % 2 == 1 { down + 1 } else { down }
}

/// open_clip's `ResizeKeepRatio` with `longest`: sides by `round(side * size / longest)` in
/// doubles, halves to even, the filling's odd pixel right and below.
fn longest(raster: &Raster, geometry: &Geometry, resize: Resize) -> Square {
    let side = geometry.side();
    let scale = f64::from(side) / f64::from(raster.width().max(raster.height()));
    let scaled = |size: u32| {
        let rounded = (f64::from(size) * scale).round_ties_even();
        (rounded as u32).clamp(1, side)
    };
    let (width, height) = (scaled(raster.width()), scaled(raster.height()));
    let picture = resize.run(raster, Window::whole(width), Window::whole(height));
    let left = beside(side - width, geometry.placement);
    let top = beside(side - height, geometry.placement);
    let at = [left, top, width, height];
    let pixels = match picture {
        Pixels::U8(pixels) => Pixels::U8(laid(&pixels, side, at, geometry.pad_value as u8)),
        Pixels::F32(pixels) => Pixels::F32(laid(&pixels, side, at, geometry.pad_value)),
    };
    Square { pixels, inside: Some(at) }
}

/// Pixels of the filling before the picture.
fn beside(gap: u32, placement: Placement) -> u32 {
    match placement {
        Placement::Center => gap / 2,
        Placement::BottomRight => 0,
    }
}

/// `[height x width x 3]` laid into a square of one value.
fn laid<T: Copy>(pixels: &[T], side: u32, at: [u32; 4], value: T) -> Vec<T> {
    let [left, top, width, _] = at.map(|number| number as usize);
    let stride = side as usize * Raster::CHANNELS;
    let mut square = vec![value; stride * side as usize];
    let rows = square.chunks_exact_mut(stride).skip(top);
    for (to, from) in rows.zip(pixels.chunks_exact(width * Raster::CHANNELS)) {
        let begin = left * Raster::CHANNELS;
        if let Some(to) = to.get_mut(begin..begin + from.len()) {
            to.copy_from_slice(from);
        }
    }
    square
}

/// The picture filled to a square as long as its longest side.
fn padded(raster: &Raster, geometry: &Geometry) -> Result<Raster, String> {
    let side = raster.width().max(raster.height());
    if raster.width() == raster.height() {
        return Ok(raster.clone());
    }
    if side > RESAMPLE_SIDE_MAX || Raster::byte_len(side, side).is_err() {
        return Err(format!("filled to a square it has {side} x {side} pixels: too many"));
    }
    let left = beside(side - raster.width(), geometry.placement);
    let top = beside(side - raster.height(), geometry.placement);
    let at = [left, top, raster.width(), raster.height()];
    let pixels = laid(raster.pixels(), side, at, geometry.pad_value as u8);
    Raster::new(side, side, pixels).map_err(|error| error.to_string())
}

/// torchvision's `CenterCrop`: a picture that is smaller is laid on black first.
fn centre(raster: &Raster, crop: u32) -> Vec<u8> {
    let start = |size: u32| match size >= crop {
        true => i64::try_from(half_to_even(u64::from(size - crop))).unwrap_or(0),
        false => -i64::from((crop - size) / 2),
    };
    let (left, top) = (start(raster.width()), start(raster.height()));
    let mut square = Vec::with_capacity(crop as usize * crop as usize * Raster::CHANNELS);
    for y in 0..i64::from(crop) {
        for x in 0..i64::from(crop) {
            let at = (u32::try_from(left + x), u32::try_from(top + y));
            square.extend(match at {
                (Ok(x), Ok(y)) if x < raster.width() => raster.pixel(x, y),
                _ => [0; 3],
            });
        }
    }
    square
}
