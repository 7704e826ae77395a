//! One tiled image of a TIFF file: its size, its grid of stored tiles, how they are coded.

use vitrail_domain::limits::{SLIDE_TILE_BYTES_MAX, SLIDE_TILE_PIXELS_MAX, SLIDE_TILES_MAX};

use super::error::SlideError;
use super::ifd::{Ifd, Tiff, tag};

/// How a page's tiles are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Lzw,
    Deflate,
    Jpeg,
    /// JPEG 2000; whether the codestream holds YCbCr that the file leaves to the reader
    /// (Aperio's 33003).
    Jpeg2000 {
        ycbcr: bool,
    },
}

/// What the page's samples mean, by its photometric tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    YCbCr,
}

/// Size and kind of a page, from tags that cost nothing to read.
#[derive(Debug, Clone)]
pub(super) struct PageHead {
    pub width: u32,
    pub height: u32,
    pub tiled: bool,
    /// Bits of NewSubfileType: 1 reduced, 8 macro (Aperio).
    pub subfile: u64,
    pub samples: u64,
    pub description: String,
}

impl PageHead {
    pub(super) fn read(tiff: &Tiff, ifd: &Ifd) -> Result<Self, SlideError> {
        let side = |tag: u16, name: &str| match tiff.number_of(ifd, tag)? {
            Some(side) if (1..=u64::from(i32::MAX as u32)).contains(&side) => Ok(side as u32),
            Some(side) => Err(SlideError::damaged(format!("a page's {name} is {side} pixels"))),
            None => Err(SlideError::damaged(format!("a page does not say its {name}"))),
        };
        Ok(Self {
            width: side(tag::IMAGE_WIDTH, "width")?,
            height: side(tag::IMAGE_LENGTH, "height")?,
            tiled: ifd.has(tag::TILE_WIDTH) && ifd.has(tag::TILE_OFFSETS),
            subfile: tiff.number_of(ifd, tag::NEW_SUBFILE_TYPE)?.unwrap_or(0),
            samples: tiff.number_of(ifd, tag::SAMPLES_PER_PIXEL)?.unwrap_or(1),
            description: tiff.text(ifd, tag::IMAGE_DESCRIPTION)?.unwrap_or_default(),
        })
    }
}

/// A tiled page whose every number has been checked against the others and the bounds.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub width: u32,
    pub height: u32,
    pub tile_width: u32,
    pub tile_height: u32,
    pub compression: Compression,
    pub colour: Colour,
    /// Channels as stored: 1 grey, 3 RGB, 4 RGB and a channel that is dropped.
    pub samples: usize,
    pub predictor: bool,
    pub jpeg_tables: Vec<u8>,
    tiles: Vec<(u64, u64)>,
}

impl Page {
    pub(super) fn read(tiff: &Tiff, ifd: &Ifd) -> Result<Self, SlideError> {
        let head = PageHead::read(tiff, ifd)?;
        let (tile_width, tile_height) = tile_size(tiff, ifd)?;
        let compression = compression(tiff, ifd)?;
        let samples = samples(tiff, ifd, head.samples)?;
        let colour = colour(tiff, ifd, samples)?;
        let across = u64::from(head.width.div_ceil(tile_width));
        let down = u64::from(head.height.div_ceil(tile_height));
        Ok(Self {
            width: head.width,
            height: head.height,
            tile_width,
            tile_height,
            compression,
            colour,
            samples,
            predictor: predictor(tiff, ifd, compression)?,
            jpeg_tables: tiff.blob(ifd, tag::JPEG_TABLES)?.unwrap_or_default(),
            tiles: tile_table(tiff, ifd, across * down)?,
        })
    }

    /// Stored tiles in a row.
    pub(super) fn tiles_across(&self) -> u32 {
        self.width.div_ceil(self.tile_width)
    }

    /// Offset and length of a stored tile; a length of 0 is a tile that was never scanned.
    pub(super) fn tile_at(&self, column: u32, row: u32) -> (u64, u64) {
        let at = row as usize * self.tiles_across() as usize + column as usize;
        self.tiles.get(at).copied().unwrap_or((0, 0))
    }

    /// Bytes of one tile, decoded and without compression.
    pub(super) fn raw_tile_len(&self) -> usize {
        self.tile_width as usize * self.tile_height as usize * self.samples
    }
}

fn tile_size(tiff: &Tiff, ifd: &Ifd) -> Result<(u32, u32), SlideError> {
    let side = |tag: u16| tiff.number_of(ifd, tag).map(Option::unwrap_or_default);
    let (width, height) = (side(tag::TILE_WIDTH)?, side(tag::TILE_LENGTH)?);
    let pixels = width.saturating_mul(height);
    match (u32::try_from(width), u32::try_from(height)) {
        (Ok(w), Ok(h)) if pixels > 0 && pixels <= SLIDE_TILE_PIXELS_MAX => Ok((w, h)),
        _ => Err(SlideError::damaged(format!(
            "a page has tiles of {width} x {height} pixels, outside 1 to {SLIDE_TILE_PIXELS_MAX}"
        ))),
    }
}

fn compression(tiff: &Tiff, ifd: &Ifd) -> Result<Compression, SlideError> {
    Ok(match tiff.number_of(ifd, tag::COMPRESSION)?.unwrap_or(1) {
        1 => Compression::None,
        5 => Compression::Lzw,
        7 => Compression::Jpeg,
        8 | 32946 => Compression::Deflate,
        33003 => Compression::Jpeg2000 { ycbcr: true },
        33005 | 34712 => Compression::Jpeg2000 { ycbcr: false },
        other => {
            return Err(SlideError::unsupported(format!(
                "the slide's tiles have TIFF compression {other}; JPEG, JPEG 2000, LZW, deflate \
                 and none are read"
            )));
        }
    })
}

fn samples(tiff: &Tiff, ifd: &Ifd, samples: u64) -> Result<usize, SlideError> {
    let bits = tiff.numbers(ifd, tag::BITS_PER_SAMPLE, 64)?.unwrap_or_else(|| vec![1]);
    if let Some(bits) = bits.iter().find(|&&bits| bits != 8) {
        return Err(SlideError::unsupported(format!(
            "the slide has {bits} bits a channel; 8 are read"
        )));
    }
    if tiff.number_of(ifd, tag::SAMPLE_FORMAT)?.unwrap_or(1) != 1 {
        return Err(SlideError::unsupported("the slide's samples are not unsigned integers"));
    }
    if samples > 1 && tiff.number_of(ifd, tag::PLANAR_CONFIG)?.unwrap_or(1) != 1 {
        return Err(SlideError::unsupported(
            "the slide stores its channels in separate planes; interleaved RGB is read",
        ));
    }
    match samples {
        1 | 3 | 4 => Ok(samples as usize),
        other => Err(SlideError::unsupported(format!(
            "the slide has {other} channels; grey and RGB are read"
        ))),
    }
}

fn colour(tiff: &Tiff, ifd: &Ifd, samples: usize) -> Result<Colour, SlideError> {
    let photometric = tiff.number_of(ifd, tag::PHOTOMETRIC)?;
    match (photometric, samples) {
        (Some(0), 1) => Ok(Colour::WhiteIsZero),
        (Some(1) | None, 1) => Ok(Colour::BlackIsZero),
        (Some(2) | None, 3 | 4) => Ok(Colour::Rgb),
        (Some(6), 3) => Ok(Colour::YCbCr),
        (photometric, samples) => Err(SlideError::unsupported(format!(
            "the slide has {samples} channels of photometric kind {}; grey, RGB and YCbCr are read",
            photometric.map_or_else(|| "unknown".to_owned(), |kind| kind.to_string())
        ))),
    }
}

fn predictor(tiff: &Tiff, ifd: &Ifd, compression: Compression) -> Result<bool, SlideError> {
    if !matches!(compression, Compression::Lzw | Compression::Deflate) {
        return Ok(false);
    }
    match tiff.number_of(ifd, tag::PREDICTOR)?.unwrap_or(1) {
        1 => Ok(false),
        2 => Ok(true),
        other => Err(SlideError::unsupported(format!(
            "the slide's tiles use TIFF predictor {other}; 1 and 2 are read"
        ))),
    }
}

fn tile_table(tiff: &Tiff, ifd: &Ifd, expected: u64) -> Result<Vec<(u64, u64)>, SlideError> {
    if expected > SLIDE_TILES_MAX as u64 {
        return Err(SlideError::too_large(format!(
            "a page has {expected} stored tiles, more than {SLIDE_TILES_MAX}"
        )));
    }
    let table = |tag: u16, name: &str| {
        let values = tiff.numbers(ifd, tag, expected)?.unwrap_or_default();
        if values.len() as u64 == expected {
            return Ok(values);
        }
        Err(SlideError::damaged(format!(
            "a page of {expected} tiles lists {} {name}",
            values.len()
        )))
    };
    let offsets = table(tag::TILE_OFFSETS, "tile offsets")?;
    let lengths = table(tag::TILE_BYTE_COUNTS, "tile lengths")?;
    if let Some(&length) = lengths.iter().find(|&&length| length > SLIDE_TILE_BYTES_MAX) {
        return Err(SlideError::too_large(format!(
            "a stored tile claims {length} bytes, more than {SLIDE_TILE_BYTES_MAX}"
        )));
    }
    Ok(offsets.into_iter().zip(lengths).collect())
}

#[cfg(test)]
impl Page {
    /// A page of one tile, for tests of codecs.
    pub(super) fn of_tile(side: (u32, u32), compression: Compression, colour: Colour) -> Self {
        Self {
            width: side.0,
            height: side.1,
            tile_width: side.0,
            tile_height: side.1,
            compression,
            colour,
            samples: if colour == Colour::Rgb { 3 } else { 1 },
            predictor: false,
            jpeg_tables: Vec::new(),
            tiles: Vec::new(),
        }
    }
}
