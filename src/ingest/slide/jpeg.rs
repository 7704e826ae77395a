//! JPEG tiles: the page's shared tables spliced in, the colour rule, decoding.
//!
//! Colour rule (found on real files, two of which lie in their photometric tag): a JFIF marker
//! means YCbCr whatever the tag says; else an Adobe marker decides by its transform; else the tag.

use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::JpegDecoder;

use super::codecs::{Tile, fit};
use super::error::SlideError;
use super::page::{Colour, Page};

/// What the segments before the scan say.
#[derive(Debug, Default, PartialEq, Eq)]
struct Header {
    jfif: bool,
    adobe_transform: Option<u8>,
    width: u16,
    height: u16,
    components: u8,
    /// All component ids spell R, G, B (jpegli and others write so).
    named_rgb: bool,
}

/// Decodes one JPEG tile to RGB, `tile_width x tile_height`; what the stream lacks is white.
pub(super) fn decode(page: &Page, stored: &[u8]) -> Result<Tile, SlideError> {
    let (spliced, header) = splice(&page.jpeg_tables, stored)?;
    let too_large = u32::from(header.width) > page.tile_width.next_multiple_of(16)
        || u32::from(header.height) > page.tile_height.next_multiple_of(16);
    if too_large || header.width == 0 || header.height == 0 {
        return Err(SlideError::damaged(format!(
            "a JPEG tile has {} x {} pixels where the page has tiles of {} x {}",
            header.width, header.height, page.tile_width, page.tile_height
        )));
    }
    let pixels = decode_rgb(&spliced, &header, page.colour)?;
    Ok(fit(page, &pixels, u32::from(header.width), u32::from(header.height)))
}

fn decode_rgb(spliced: &[u8], header: &Header, tag: Colour) -> Result<Vec<u8>, SlideError> {
    let wanted = match header.components {
        1 => ColorSpace::Luma,
        // The decoder takes a stream of components named R, G, B for RGB by itself.
        3 if header.named_rgb || is_ycbcr(header, tag) => ColorSpace::RGB,
        // The decoder takes the stream for YCbCr and is asked for YCbCr: samples as they are.
        3 => ColorSpace::YCbCr,
        other => {
            return Err(SlideError::unsupported(format!(
                "a JPEG tile has {other} components; grey and three are read"
            )));
        }
    };
    // Strict: else a cut or damaged stream comes back as flat grey, which looks like pale tissue.
    let options = DecoderOptions::default()
        .set_strict_mode(true)
        .set_max_width(usize::from(header.width))
        .set_max_height(usize::from(header.height))
        .jpeg_set_out_colorspace(wanted);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(spliced), options);
    let mut pixels = decoder
        .decode()
        .map_err(|error| SlideError::damaged(format!("a JPEG tile can't be decoded: {error:?}")))?;
    if wanted == ColorSpace::Luma {
        if tag == Colour::WhiteIsZero {
            pixels.iter_mut().for_each(|value| *value = 255 - *value);
        }
        pixels = pixels.iter().flat_map(|&value| [value; 3]).collect();
    }
    let expected = usize::from(header.width) * usize::from(header.height) * 3;
    if pixels.len() != expected {
        return Err(SlideError::damaged("a JPEG tile decodes to another size than it says"));
    }
    Ok(pixels)
}

fn is_ycbcr(header: &Header, tag: Colour) -> bool {
    match header.adobe_transform {
        _ if header.jfif => true,
        Some(transform) => transform != 0,
        None => tag == Colour::YCbCr,
    }
}

/// One stream of tables and image. Application segments are read and left out, so that the decoder
/// applies no colour rule of its own.
fn splice(tables: &[u8], stored: &[u8]) -> Result<(Vec<u8>, Header), SlideError> {
    let mut out = Vec::with_capacity(tables.len() + stored.len() + 2);
    out.extend_from_slice(&[0xff, 0xd8]);
    let mut header = Header::default();
    if !tables.is_empty() {
        // Application segments of the tables count too: some writers put the Adobe mark there.
        copy_segments(tables, &mut out, &mut header)
            .map_err(|why| SlideError::damaged(format!("the slide's JPEG tables {why}")))?;
    }
    let scan = copy_segments(stored, &mut out, &mut header)
        .map_err(|why| SlideError::damaged(format!("a JPEG tile {why}")))?;
    match scan {
        Some(at) if header.components > 0 => out.extend_from_slice(&stored[at..]),
        _ => return Err(SlideError::damaged("a JPEG tile holds no image")),
    }
    Ok((out, header))
}

/// Copies marker segments up to the scan; where the scan starts, if there is one.
fn copy_segments(
    bytes: &[u8],
    out: &mut Vec<u8>,
    header: &mut Header,
) -> Result<Option<usize>, &'static str> {
    if bytes.get(..2) != Some(&[0xff, 0xd8]) {
        return Err("does not open with a JPEG marker");
    }
    let mut at = 2;
    loop {
        // Fill bytes before a marker are legal.
        while bytes.get(at) == Some(&0xff) && bytes.get(at + 1) == Some(&0xff) {
            at += 1;
        }
        let marker = match bytes.get(at..at + 2) {
            Some(&[0xff, marker]) => marker,
            None if at >= bytes.len() => return Ok(None),
            _ => return Err("has bytes between its segments"),
        };
        match marker {
            0xd9 => return Ok(None),
            0xda => return Ok(Some(at)),
            0x01 | 0xd0..=0xd7 => at += 2,
            _ => {
                let len = match bytes.get(at + 2..at + 4) {
                    Some(&[high, low]) => usize::from(u16::from_be_bytes([high, low])),
                    _ => return Err("ends inside a segment"),
                };
                let body = bytes.get(at + 4..at + 2 + len).ok_or("ends inside a segment")?;
                note_segment(marker, body, header)?;
                if !matches!(marker, 0xe0..=0xef | 0xfe) {
                    out.extend_from_slice(&bytes[at..at + 2 + len]);
                }
                at += 2 + len;
            }
        }
    }
}

fn note_segment(marker: u8, body: &[u8], header: &mut Header) -> Result<(), &'static str> {
    match marker {
        0xe0 if body.starts_with(b"JFIF\0") => header.jfif = true,
        0xee if body.starts_with(b"Adobe") => header.adobe_transform = body.get(11).copied(),
        0xc0..=0xc2 => {
            let &[_, h1, h0, w1, w0, components, ..] = body else {
                return Err("has a cut frame header");
            };
            if header.components > 0 {
                return Err("has two frame headers");
            }
            header.height = u16::from_be_bytes([h1, h0]);
            header.width = u16::from_be_bytes([w1, w0]);
            header.components = components;
            let ids: Vec<u8> = body[6..].chunks(3).filter_map(|c| c.first().copied()).collect();
            header.named_rgb = ids == *b"RGB";
        }
        _ => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(jfif: bool, adobe_transform: Option<u8>) -> Header {
        Header { jfif, adobe_transform, ..Header::default() }
    }

    #[test]
    fn the_colour_rule() {
        assert!(is_ycbcr(&header(true, None), Colour::Rgb), "JFIF wins over the tag");
        assert!(is_ycbcr(&header(true, Some(0)), Colour::Rgb), "JFIF wins over Adobe");
        assert!(!is_ycbcr(&header(false, Some(0)), Colour::YCbCr), "Adobe wins over the tag");
        assert!(is_ycbcr(&header(false, Some(1)), Colour::Rgb));
        assert!(is_ycbcr(&header(false, None), Colour::YCbCr), "else the tag");
        assert!(!is_ycbcr(&header(false, None), Colour::Rgb));
    }

    #[test]
    fn cut_streams_are_errors_in_words() {
        for bytes in [&b""[..], b"\xff\xd8", b"\xff\xd8\xff\xc0\x00", b"\xff\xd8\xff\xc0\x00\x00"] {
            assert!(splice(&[], bytes).is_err(), "{bytes:?}");
        }
    }
}
