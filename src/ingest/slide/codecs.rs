//! From a stored tile to RGB pixels: JPEG, JPEG 2000, LZW, deflate, none.

use std::io::Read;
use std::panic::{AssertUnwindSafe, catch_unwind};

use hayro_jpeg2000::{DecodeSettings, DecoderContext, Image};

use super::error::SlideError;
use super::jpeg;
use super::page::{Colour, Compression, Page};

/// One decoded tile: RGB, `tile_height x tile_width x 3`, row major.
pub(super) type Tile = Vec<u8>;

/// The colour of what was never scanned.
pub(super) const WHITE: u8 = 255;

/// Decodes one stored tile. An empty one is white. A panic in a codec is an error of this tile.
pub(super) fn decode(page: &Page, stored: &[u8]) -> Result<Tile, SlideError> {
    if stored.is_empty() {
        return Ok(vec![WHITE; page.tile_width as usize * page.tile_height as usize * 3]);
    }
    catch_unwind(AssertUnwindSafe(|| match page.compression {
        Compression::Jpeg => jpeg::decode(page, stored),
        Compression::Jpeg2000 { ycbcr } => jpeg2000(page, stored, ycbcr),
        Compression::None => samples_to_rgb(page, stored.to_vec()),
        Compression::Lzw => samples_to_rgb(page, lzw(page, stored)?),
        Compression::Deflate => samples_to_rgb(page, deflate(page, stored)?),
    }))
    .unwrap_or_else(|_| Err(SlideError::damaged("a tile made its decoder fail")))
}

/// A decoded picture of `width x height` laid into a tile: cut where larger, white where smaller.
pub(super) fn fit(page: &Page, pixels: &[u8], width: u32, height: u32) -> Tile {
    let (across, down) = (page.tile_width as usize * 3, page.tile_height as usize);
    let stride = width as usize * 3;
    if width == page.tile_width && height == page.tile_height {
        return pixels.to_vec();
    }
    let mut tile = vec![WHITE; across * down];
    let shared = across.min(stride);
    for (into, from) in tile.chunks_exact_mut(across).zip(pixels.chunks_exact(stride)) {
        into[..shared].copy_from_slice(&from[..shared]);
    }
    tile
}

fn lzw(page: &Page, stored: &[u8]) -> Result<Vec<u8>, SlideError> {
    let mut raw = vec![0; page.raw_tile_len()];
    let mut decoder = weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8);
    let (mut read, mut written) = (0, 0);
    while written < raw.len() {
        let step = decoder.decode_bytes(&stored[read..], &mut raw[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        let moved = step.consumed_in + step.consumed_out > 0;
        match step.status {
            Ok(weezl::LzwStatus::Ok) if moved => {}
            Ok(_) => break,
            Err(error) => {
                return Err(SlideError::damaged(format!("an LZW tile can't be decoded: {error}")));
            }
        }
    }
    if written < raw.len() {
        return Err(SlideError::damaged(format!(
            "an LZW tile holds {written} bytes of {}",
            raw.len()
        )));
    }
    Ok(raw)
}

fn deflate(page: &Page, stored: &[u8]) -> Result<Vec<u8>, SlideError> {
    let mut raw = vec![0; page.raw_tile_len()];
    flate2::read::ZlibDecoder::new(stored).read_exact(&mut raw).map_err(|error| {
        SlideError::damaged(format!("a deflated tile can't be decoded: {error}"))
    })?;
    Ok(raw)
}

/// Interleaved samples of a whole tile, predictor undone, as RGB.
fn samples_to_rgb(page: &Page, mut raw: Vec<u8>) -> Result<Tile, SlideError> {
    if raw.len() < page.raw_tile_len() {
        return Err(SlideError::damaged(format!(
            "a tile holds {} bytes of {}",
            raw.len(),
            page.raw_tile_len()
        )));
    }
    raw.truncate(page.raw_tile_len());
    if page.predictor {
        for row in raw.chunks_exact_mut(page.tile_width as usize * page.samples) {
            for at in page.samples..row.len() {
                row[at] = row[at].wrapping_add(row[at - page.samples]);
            }
        }
    }
    match (page.colour, page.samples) {
        (Colour::Rgb, 3) => Ok(raw),
        (Colour::Rgb, 4) => Ok(raw.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect()),
        (Colour::BlackIsZero, 1) => Ok(raw.iter().flat_map(|&value| [value; 3]).collect()),
        (Colour::WhiteIsZero, 1) => Ok(raw.iter().flat_map(|&value| [255 - value; 3]).collect()),
        // Without JPEG, libtiff packs subsampled chroma in clumps; no slide scanner writes it.
        _ => Err(SlideError::unsupported("the slide's tiles are YCbCr without JPEG")),
    }
}

fn jpeg2000(page: &Page, stored: &[u8], ycbcr: bool) -> Result<Tile, SlideError> {
    let failed = |error: hayro_jpeg2000::DecodeError| {
        SlideError::damaged(format!("a JPEG 2000 tile can't be decoded: {error}"))
    };
    let image = Image::new(stored, &DecodeSettings::default()).map_err(failed)?;
    let (width, height) = (image.width(), image.height());
    if width > page.tile_width || height > page.tile_height || width == 0 || height == 0 {
        return Err(SlideError::damaged(format!(
            "a JPEG 2000 tile has {width} x {height} pixels where the page has tiles of {} x {}",
            page.tile_width, page.tile_height
        )));
    }
    // Checked before decoding: each component costs four bytes a pixel.
    let channels = image.color_space().num_channels() + u8::from(image.has_alpha());
    if channels > 4 {
        return Err(SlideError::unsupported(format!(
            "a JPEG 2000 tile has {channels} components; grey and RGB are read"
        )));
    }
    let mut context = DecoderContext::default();
    let decoded = image.decode(&mut context).map_err(failed)?;
    let channels = decoded.components().len();
    let pixels = decoded.data_u8();
    let rgb: Vec<u8> = match channels {
        1 => pixels.iter().flat_map(|&value| [value; 3]).collect(),
        3 if ycbcr => {
            pixels.chunks_exact(3).flat_map(|p| ycbcr_to_rgb([p[0], p[1], p[2]])).collect()
        }
        3 => pixels,
        4 => pixels.chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect(),
        other => {
            return Err(SlideError::unsupported(format!(
                "a JPEG 2000 tile has {other} components; grey and RGB are read"
            )));
        }
    };
    if rgb.len() != width as usize * height as usize * 3 {
        return Err(SlideError::damaged("a JPEG 2000 tile decodes to another size than it says"));
    }
    Ok(fit(page, &rgb, width, height))
}

/// Full-range BT.601 as in JFIF, with the fixed-point constants and rounding of libjpeg
/// (`jdcolor.c`).
fn ycbcr_to_rgb([y, cb, cr]: [u8; 3]) -> [u8; 3] {
    const HALF: i32 = 1 << 15;
    let (y, cb, cr) = (i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128);
    let red = y + ((91_881 * cr + HALF) >> 16);
    let green = y + ((-22_554 * cb - 46_802 * cr + HALF) >> 16);
    let blue = y + ((116_130 * cb + HALF) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_axis_and_primaries() {
        assert_eq!(ycbcr_to_rgb([77, 128, 128]), [77, 77, 77]);
        assert_eq!(ycbcr_to_rgb([76, 85, 255]), [254, 0, 0]);
    }

    fn ramp(bytes: usize) -> Vec<u8> {
        (0..bytes).map(|at| (at * 7 % 251) as u8).collect()
    }

    fn differences(raw: &[u8], stride: usize, samples: usize) -> Vec<u8> {
        let row = |row: &[u8]| {
            let before = |at: usize| if at < samples { 0 } else { row[at - samples] };
            (0..row.len()).map(|at| row[at].wrapping_sub(before(at))).collect::<Vec<u8>>()
        };
        raw.chunks_exact(stride).flat_map(row).collect()
    }

    fn deflated(raw: &[u8]) -> Vec<u8> {
        use std::io::Write;
        let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(raw).unwrap();
        encoder.finish().unwrap()
    }

    fn lzw_packed(raw: &[u8]) -> Vec<u8> {
        weezl::encode::Encoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8).encode(raw).unwrap()
    }

    #[test]
    fn lossless_codecs_give_the_samples_back() {
        let raw = ramp(32 * 16 * 3);
        for predictor in [false, true] {
            let plain = if predictor { differences(&raw, 32 * 3, 3) } else { raw.clone() };
            for (compression, stored) in
                [(Compression::Lzw, lzw_packed(&plain)), (Compression::Deflate, deflated(&plain))]
            {
                let mut page = Page::of_tile((32, 16), compression, Colour::Rgb);
                page.predictor = predictor;
                assert_eq!(decode(&page, &stored).unwrap(), raw, "{compression:?} {predictor}");
                for cut in [1, stored.len() / 2, stored.len() - 8] {
                    let error = decode(&page, &stored[..cut]).unwrap_err();
                    assert!(error.message.contains("tile"), "{error}");
                }
            }
        }
        let page = Page::of_tile((32, 16), Compression::None, Colour::Rgb);
        assert_eq!(decode(&page, &raw).unwrap(), raw);
        assert!(decode(&page, &raw[1..]).is_err());
        assert!(decode(&page, &[]).unwrap().iter().all(|&value| value == WHITE), "never scanned");
    }

    #[test]
    fn grey_alpha_and_inverted() {
        let grey = ramp(64);
        let rgb: Vec<u8> = grey.iter().flat_map(|&value| [value; 3]).collect();
        let page = Page::of_tile((8, 8), Compression::None, Colour::BlackIsZero);
        assert_eq!(decode(&page, &grey).unwrap(), rgb);
        let inverted: Vec<u8> = grey.iter().map(|&value| 255 - value).collect();
        let page = Page::of_tile((8, 8), Compression::None, Colour::WhiteIsZero);
        assert_eq!(decode(&page, &inverted).unwrap(), rgb);
        let mut page = Page::of_tile((8, 8), Compression::None, Colour::Rgb);
        page.samples = 4;
        let rgba: Vec<u8> = grey.iter().flat_map(|&value| [value, value, value, 9]).collect();
        assert_eq!(decode(&page, &rgba).unwrap(), rgb);
    }

    #[test]
    fn hostile_jpeg_2000_is_refused() {
        let ycbcr = false;
        let page = Page::of_tile((8, 8), Compression::Jpeg2000 { ycbcr }, Colour::Rgb);
        for bytes in [&b"\xff\x4f\xff\x51"[..], b"\0\0\0\x0cjP  ", b"nothing", &[0xff; 300]] {
            let error = decode(&page, bytes).unwrap_err();
            assert!(error.message.contains("JPEG 2000"), "{error}");
        }
    }
}
