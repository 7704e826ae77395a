//! From a picture of any size to the square that the network sees, as bytes.

use vitrail_domain::Raster;

use super::resample::{Window, resample};
use crate::manifest::Geometry;
use crate::vocabulary::{GeometryRule, Kernel};

/// The square's bytes, `[side x side x 3]`.
///
/// # Errors
/// A picture of another size where the rule is `exact`, in words.
pub(crate) fn square(
    raster: &Raster,
    geometry: &Geometry,
    kernel: Kernel,
) -> Result<Vec<u8>, String> {
    let side = geometry.side();
    let (width, height) = (raster.width(), raster.height());
    match geometry.rule {
        GeometryRule::Exact if (width, height) != (side, side) => {
            Err(format!("it takes exactly {side} x {side} pixels, got {width} x {height}"))
        }
        GeometryRule::Exact => Ok(raster.pixels().to_vec()),
        GeometryRule::Squash => {
            Ok(resample(raster, kernel, Window::whole(side), Window::whole(side)))
        }
        GeometryRule::ShortestThenCenterCrop => {
            let (across, down) = centre_windows(width, height, geometry.resize_px, side);
            Ok(resample(raster, kernel, across, down))
        }
    }
}

/// torchvision: the long side is `int(resize * long / short)`, the crop begins at
/// `int(round((size - crop) / 2))` with Python's rounding of halves to even. Only the window is
/// ever computed, so a picture of 1 x 10^8 pixels costs no more than its crop.
fn centre_windows(width: u32, height: u32, resize: u32, crop: u32) -> (Window, Window) {
    let short = width.min(height);
    let side = |size: u32| u64::from(resize) * u64::from(size) / u64::from(short);
    let window = |size: u32| {
        let full = side(size);
        Window { full, start: half_to_even(full - u64::from(crop)), len: crop }
    };
    (window(width), window(height))
}

/// `round(gap / 2)` in Python 3.
fn half_to_even(gap: u64) -> u64 {
    let down = gap / 2;
    if gap % 2 == 1 && down % 2 == 1 { down + 1 } else { down }
}
