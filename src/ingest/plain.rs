//! PNG, TIFF, WebP and BMP through the crate `image`; the only file here that names its decoders.

use std::cell::Cell;
use std::error::Error;
use std::io;

use image::codecs::bmp::BmpDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::UnsupportedErrorKind;
use image::metadata::Orientation;
use image::{DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageResult, Limits};
use vitrail_domain::Code;
use vitrail_domain::limits::DECODE_MEMORY_MAX;

use crate::driver::{Decoded, Detected};
use crate::flatten::flatten;
use crate::guard::{self, Deadline, Guarded, Promise};
use crate::refusal::Refusal;

const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

pub(crate) fn detect_png(bytes: &[u8]) -> Detected {
    if bytes.starts_with(PNG) {
        return Detected::Mine;
    }
    // The signature was made to show what a transfer as text did to it.
    if bytes.starts_with(b"\x89PNG") || bytes.starts_with(b"\x09PNG") {
        let message = "the PNG signature is damaged, as by a transfer that took it for text";
        return Detected::Broken(Refusal::new(Code::ImageDamaged, message));
    }
    Detected::No
}

pub(crate) fn detect_tiff(bytes: &[u8]) -> Detected {
    match bytes {
        [b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..] => {
            if bytes.len() < 8 {
                let message = "the TIFF ends within its header";
                return Detected::Broken(Refusal::new(Code::ImageTruncated, message));
            }
            Detected::Mine
        }
        _ => Detected::No,
    }
}

pub(crate) fn detect_webp(bytes: &[u8]) -> Detected {
    let webp = bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP");
    if webp { Detected::Mine } else { Detected::No }
}

/// Bytes of a BMP's file header and of the shortest header after it.
const BMP_HEAD: usize = 14 + 12;

pub(crate) fn detect_bmp(bytes: &[u8]) -> Detected {
    // "BM" alone also begins words; the header's length tells them apart.
    let header = bytes.get(14..18).and_then(|four| four.try_into().ok()).map(u32::from_le_bytes);
    match header {
        _ if !bytes.starts_with(b"BM") => Detected::No,
        Some(12 | 16 | 40 | 52 | 56 | 64 | 108 | 124) if bytes.len() >= BMP_HEAD => Detected::Mine,
        Some(_) => Detected::No,
        None if bytes.iter().all(u8::is_ascii_graphic) => Detected::No,
        None => {
            let message = "the BMP ends within its header";
            Detected::Broken(Refusal::new(Code::ImageTruncated, message))
        }
    }
}

pub(crate) fn decode_png(bytes: &[u8], deadline: Deadline) -> Result<Decoded, Refusal> {
    let ended = Cell::new(false);
    let reader = Guarded::new(bytes, deadline, &ended);
    finish("PNG", bytes.len(), PngDecoder::with_limits(reader, limits()))
}

pub(crate) fn decode_tiff(bytes: &[u8], deadline: Deadline) -> Result<Decoded, Refusal> {
    let ended = Cell::new(false);
    finish("TIFF", bytes.len(), TiffDecoder::new(Guarded::new(bytes, deadline, &ended)))
}

pub(crate) fn decode_webp(bytes: &[u8], deadline: Deadline) -> Result<Decoded, Refusal> {
    let ended = Cell::new(false);
    finish("WebP", bytes.len(), WebPDecoder::new(Guarded::new(bytes, deadline, &ended)))
}

pub(crate) fn decode_bmp(bytes: &[u8], deadline: Deadline) -> Result<Decoded, Refusal> {
    let ended = Cell::new(false);
    finish("BMP", bytes.len(), BmpDecoder::new(Guarded::new(bytes, deadline, &ended)))
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(DECODE_MEMORY_MAX);
    limits
}

fn finish<D: ImageDecoder>(
    format: &str,
    encoded: usize,
    opened: ImageResult<D>,
) -> Result<Decoded, Refusal> {
    let refused = |error| refuse(format, &error);
    let mut decoder = opened.map_err(refused)?;
    let (width, height) = decoder.dimensions();
    let memory = decoder.total_bytes();
    guard::check_promise(Promise { width, height, memory, encoded })?;
    if let ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16 = decoder.original_color_type() {
        return Err(cmyk(format));
    }
    decoder.set_limits(limits()).map_err(refused)?;
    // Broken metadata never costs a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    flatten(DynamicImage::from_decoder(decoder).map_err(refused)?, orientation)
}

/// Four inks: what they look like depends on a printer's profile.
pub(crate) fn cmyk(format: &str) -> Refusal {
    let message = format!(
        "the {format} is in CMYK (four printing inks), whose colours depend on a printer: \
         convert it to RGB"
    );
    Refusal::new(Code::ImageUnsupported, message)
}

fn refuse(format: &str, error: &ImageError) -> Refusal {
    if let Some(io) = io_cause(error) {
        match io.kind() {
            io::ErrorKind::TimedOut => return guard::timed_out(),
            io::ErrorKind::UnexpectedEof => {
                let message = format!("the {format} ends before its picture does");
                return Refusal::new(Code::ImageTruncated, message);
            }
            _ => {}
        }
    }
    let (code, message) = match error {
        ImageError::Limits(_) => {
            let message = format!(
                "the {format} needs more memory than the limit of {DECODE_MEMORY_MAX} bytes"
            );
            (Code::ImageTooLarge, message)
        }
        ImageError::Unsupported(why) => {
            let what = unsupported(&why.kind());
            (
                Code::ImageUnsupported,
                format!("the {format} uses a feature that is not read: {what}"),
            )
        }
        other => {
            let (code, why) = damage(&deepest(other).to_string());
            (code, format!("the {format} is damaged: {why}"))
        }
    };
    Refusal::new(code, message)
}

fn unsupported(kind: &UnsupportedErrorKind) -> String {
    match kind {
        UnsupportedErrorKind::Color(ExtendedColorType::Unknown(bits)) => {
            format!("colours of {bits} bits a pixel in this arrangement")
        }
        UnsupportedErrorKind::Color(colour) => format!("the colour type {colour:?}"),
        UnsupportedErrorKind::GenericFeature(feature) => feature.clone(),
        _ => "its format".to_owned(),
    }
}

/// A decoder's words, where they are meant for its makers put into plain ones.
fn damage(words: &str) -> (Code, String) {
    let plain = |words: &str| (Code::ImageDamaged, words.to_owned());
    if words.contains("CRC error") {
        plain("a checksum does not match its data")
    } else if words.contains("ChunkType") {
        plain("a chunk is unknown or stands in the wrong place")
    } else if words.contains("soft limit") {
        (Code::ImageTooLarge, format!("its header claims an impossible size: {words}"))
    } else {
        plain(words)
    }
}

/// The input-output error at the bottom of a decoder's error, if one is there.
fn io_cause<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    let mut at = Some(error);
    while let Some(error) = at {
        if let Some(ImageError::IoError(io)) = error.downcast_ref() {
            return Some(io);
        }
        if let Some(io) = error.downcast_ref() {
            return Some(io);
        }
        at = error.source();
    }
    None
}

/// The innermost error says what is wrong; the outer ones only repeat the format.
fn deepest<'a>(error: &'a (dyn Error + 'static)) -> &'a (dyn Error + 'static) {
    let mut at = error;
    while let Some(inner) = at.source() {
        at = inner;
    }
    at
}
