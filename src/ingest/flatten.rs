//! Whatever a decoder gives -> upright RGB, 8 bits a channel.

use image::metadata::Orientation;
use image::{DynamicImage, RgbImage};
use vitrail_domain::{Code, Raster};

use crate::driver::Decoded;
use crate::refusal::Refusal;

/// Grey is replicated, 16 bits are rounded to 8 (`(v + 128) / 257`, no windowing), alpha is laid
/// over white, and the orientation is applied. A palette was resolved by the decoder. An embedded
/// ICC profile is not applied: numbers are taken as sRGB, as Pillow's `convert("RGB")` does.
///
/// # Errors
/// Floating-point samples, which have no agreed white.
pub(crate) fn flatten(image: DynamicImage, orientation: Orientation) -> Result<Decoded, Refusal> {
    let rgb = match image {
        DynamicImage::ImageRgb8(rgb) => rgb,
        DynamicImage::ImageRgb32F(_) | DynamicImage::ImageRgba32F(_) => {
            let message = "floating-point samples have no agreed black and white: save the \
                           picture with 8 or 16 bits a channel";
            return Err(Refusal::new(Code::ImageUnsupported, message));
        }
        other if other.color().has_alpha() => over_white(other),
        other => other.into_rgb8(),
    };
    upright(rgb, orientation)
}

/// Turns pixels upright and wraps them.
pub(crate) fn upright(rgb: RgbImage, orientation: Orientation) -> Result<Decoded, Refusal> {
    let oriented = orientation != Orientation::NoTransforms;
    let mut image = DynamicImage::ImageRgb8(rgb);
    image.apply_orientation(orientation);
    let rgb = image.into_rgb8();
    let (width, height) = rgb.dimensions();
    let raster = Raster::new(width, height, rgb.into_raw())
        .map_err(|error| Refusal::new(Code::ImageDamaged, error.to_string()))?;
    Ok(Decoded { raster, oriented })
}

fn over_white(image: DynamicImage) -> RgbImage {
    let rgba = image.into_rgba8();
    let (width, height) = rgba.dimensions();
    let mut rgb = RgbImage::new(width, height);
    for (to, from) in rgb.pixels_mut().zip(rgba.pixels()) {
        let [red, green, blue, alpha] = from.0;
        to.0 = [red, green, blue].map(|channel| blend(channel, alpha));
    }
    rgb
}

/// One channel over white, rounded.
fn blend(channel: u8, alpha: u8) -> u8 {
    let sum = u32::from(channel) * u32::from(alpha) + 255 * (255 - u32::from(alpha));
    u8::try_from((sum + 127) / 255).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alpha_is_laid_over_white() {
        assert_eq!((blend(7, 255), blend(7, 0), blend(0, 128)), (7, 255, 127));
    }

    #[test]
    fn orientation_six_turns_right() {
        // Stored as rows [1 2], [3 4], [5 6]; upright after a quarter turn: [5 3 1], [6 4 2].
        let stored = [1_u8, 2, 3, 4, 5, 6].into_iter().flat_map(|v| [v; 3]).collect();
        let rgb = RgbImage::from_raw(2, 3, stored).expect("six pixels");
        let decoded = upright(rgb, Orientation::Rotate90).expect("a raster");
        let reds: Vec<u8> = decoded.raster.pixels().iter().step_by(3).copied().collect();
        assert_eq!((decoded.raster.width(), reds), (3, vec![5, 3, 1, 6, 4, 2]));
        assert!(decoded.oriented);
    }

    #[test]
    fn sixteen_bits_are_rounded() {
        let grey = image::ImageBuffer::from_raw(3, 1, vec![0_u16, 257 * 9 + 128, u16::MAX]);
        let image = DynamicImage::ImageLuma16(grey.expect("three pixels"));
        let decoded = flatten(image, Orientation::NoTransforms).expect("a raster");
        assert_eq!(decoded.raster.pixels(), [0, 0, 0, 9, 9, 9, 255, 255, 255]);
    }
}
