//! Thumbnails, and JPEG and PNG out. What is written carries pixels only, no metadata.

use image::codecs::png::PngEncoder;
use image::imageops::{self, FilterType};
use image::{ExtendedColorType, ImageBuffer, ImageEncoder, Rgb};
use vitrail_domain::limits::THUMBNAIL_SIDE;
use vitrail_domain::{Code, Raster};

use crate::refusal::Refusal;
use crate::{guard, jpeg};

/// Quality of thumbnails, as libjpeg counts it.
const THUMBNAIL_QUALITY: u8 = 85;

/// Before the good resampling a large picture is averaged down to no less than this many times
/// the target, which saves most of the time and changes nothing that shows.
const HEADROOM: u32 = 3;

/// A JPEG whose longest side is `THUMBNAIL_SIDE`; smaller pictures keep their size.
///
/// # Errors
/// The encoder fails, which it does on no raster known.
pub fn thumbnail_jpeg(raster: &Raster) -> Result<Vec<u8>, Refusal> {
    encode_jpeg(&thumbnail(raster, THUMBNAIL_SIDE)?, THUMBNAIL_QUALITY)
}

/// The picture with its longest side at most `side`, by area means and then a cubic filter.
///
/// # Errors
/// `side` is zero.
pub fn thumbnail(raster: &Raster, side: u32) -> Result<Raster, Refusal> {
    let longest = raster.width().max(raster.height());
    if longest <= side {
        return Ok(raster.clone());
    }
    let (width, height) = fitted(raster.width(), raster.height(), side);
    let factor = (longest / side.saturating_mul(HEADROOM).max(1)).max(1);
    let shrunk = shrink(raster, factor);
    let view = shrunk.as_ref().unwrap_or(raster);
    let image = borrowed(view)?;
    let resized = imageops::resize(&image, width, height, FilterType::CatmullRom);
    Raster::new(width, height, resized.into_raw()).map_err(|error| failed(&error))
}

/// A picture's size with its longest side at most `side`, its shape kept; never empty.
#[must_use]
pub fn fitted(width: u32, height: u32, side: u32) -> (u32, u32) {
    let longest = u64::from(width.max(height).max(1));
    let scaled = |length: u32| {
        let rounded = (u64::from(length) * u64::from(side) * 2 + longest) / (longest * 2);
        u32::try_from(rounded).unwrap_or(side).max(1)
    };
    if longest <= u64::from(side) { (width, height) } else { (scaled(width), scaled(height)) }
}

/// Baseline JPEG at `quality` of 1 to 100, as libjpeg counts it; chroma is halved (4:2:0) under
/// 90 and whole (4:4:4) from there.
///
/// # Errors
/// A side above 65,535.
pub fn encode_jpeg(raster: &Raster, quality: u8) -> Result<Vec<u8>, Refusal> {
    guard::catch_panic(|| {
        jpeg::encode(raster, quality.clamp(1, 100)).map_err(|error| failed(&error))
    })
}

/// PNG, 8-bit RGB.
///
/// # Errors
/// The encoder fails, which it does on no raster known.
pub fn encode_png(raster: &Raster) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let (width, height) = (raster.width(), raster.height());
    PngEncoder::new(&mut bytes)
        .write_image(raster.pixels(), width, height, ExtendedColorType::Rgb8)
        .map_err(|error| failed(&error))?;
    Ok(bytes)
}

/// PNG, 8-bit RGB with alpha: `width x height x 4` bytes.
///
/// # Errors
/// The encoder fails: a buffer of another length.
pub fn encode_png_alpha(width: u32, height: u32, pixels: &[u8]) -> Result<Vec<u8>, Refusal> {
    if pixels.len() as u64 != u64::from(width) * u64::from(height) * 4 {
        return Err(Refusal::new(Code::Internal, "an overlay without all of its pixels"));
    }
    let mut bytes = Vec::new();
    PngEncoder::new(&mut bytes)
        .write_image(pixels, width, height, ExtendedColorType::Rgba8)
        .map_err(|error| failed(&error))?;
    Ok(bytes)
}

fn failed(error: &dyn std::error::Error) -> Refusal {
    Refusal::new(Code::Internal, format!("the picture could not be encoded: {error}"))
}

fn borrowed(raster: &Raster) -> Result<ImageBuffer<Rgb<u8>, &[u8]>, Refusal> {
    ImageBuffer::from_raw(raster.width(), raster.height(), raster.pixels())
        .ok_or_else(|| Refusal::new(Code::Internal, "a raster without its pixels"))
}

/// The means of `factor` x `factor` boxes; the ragged edge is averaged over what there is.
/// `None`: nothing to shrink.
pub(crate) fn shrink(raster: &Raster, factor: u32) -> Option<Raster> {
    if factor < 2 {
        return None;
    }
    let (width, height) = (raster.width().div_ceil(factor), raster.height().div_ceil(factor));
    let mut pixels = Vec::with_capacity(Raster::byte_len(width, height).ok()?);
    let mut sums = vec![[0_u64; 4]; width as usize];
    for top in (0..raster.height()).step_by(factor as usize) {
        sums.fill([0; 4]);
        for y in top..(top + factor).min(raster.height()) {
            add_row(raster.row(y), factor as usize, &mut sums);
        }
        for [red, green, blue, count] in &sums {
            pixels.extend([red, green, blue].map(|sum| ((sum + count / 2) / count) as u8));
        }
    }
    Raster::new(width, height, pixels).ok()
}

fn add_row(row: &[u8], factor: usize, sums: &mut [[u64; 4]]) {
    for (piece, sum) in row.chunks(factor * 3).zip(sums) {
        let (pixels, _) = piece.as_chunks::<3>();
        for [red, green, blue] in pixels {
            sum[0] += u64::from(*red);
            sum[1] += u64::from(*green);
            sum[2] += u64::from(*blue);
            sum[3] += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read_picture;

    fn gradient(width: u32, height: u32) -> Raster {
        let pixel = |x: u32, y: u32| [(x * 255 / width) as u8, (y * 255 / height) as u8, 90];
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| pixel(x, y))).collect();
        Raster::new(width, height, pixels).expect("a raster")
    }

    #[test]
    fn png_out_and_in_is_the_same() {
        let raster = gradient(50, 31);
        let picture = read_picture(&encode_png(&raster).expect("png")).expect("a picture");
        assert_eq!((picture.format, picture.raster), ("png", raster));
    }

    #[test]
    fn jpeg_out_and_in_is_near() {
        let raster = gradient(64, 48);
        let picture = read_picture(&encode_jpeg(&raster, 95).expect("jpeg")).expect("a picture");
        let worst = picture.raster.pixels().iter().zip(raster.pixels());
        assert!(worst.map(|(a, b)| a.abs_diff(*b)).max() <= Some(8));
    }

    #[test]
    fn thumbnails_keep_their_shape_and_their_colours() {
        for (width, height, expected) in [
            (2000, 1000, (256, 128)),
            (300, 2000, (38, 256)),
            (6000, 9, (256, 1)),
            (40, 30, (40, 30)),
        ] {
            let small = thumbnail(&gradient(width, height), THUMBNAIL_SIDE).expect("a thumbnail");
            assert_eq!((small.width(), small.height()), expected);
            let middle = small.pixel(small.width() / 2, small.height() / 2);
            assert!(middle[0].abs_diff(128) <= 4 && middle[2].abs_diff(90) <= 1, "{middle:?}");
        }
        let bytes = thumbnail_jpeg(&gradient(2000, 1000)).expect("a thumbnail");
        assert_eq!(read_picture(&bytes).expect("a picture").raster.width(), 256);
    }
}
