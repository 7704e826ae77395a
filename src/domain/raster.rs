//! Decoded pixels and the boxes they came from.

use thiserror::Error;

use crate::limits::PIXELS_MAX;

/// An RGB picture, 8 bits a channel, row major, interleaved, top left first.
///
/// Grey pictures are replicated to three channels when they are decoded: every model of the
/// registry takes three, and one shape keeps the pipeline flat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

/// Why pixels do not make a raster.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RasterError {
    /// A side of zero.
    #[error("a picture of {width} x {height} pixels is empty")]
    Empty {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// More pixels than the bound.
    #[error("{width} x {height} pixels are more than the limit of {PIXELS_MAX}")]
    TooLarge {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The buffer does not hold width x height x 3 bytes.
    #[error("{got} bytes of pixels where {expected} were expected")]
    Length {
        /// Bytes handed over.
        got: usize,
        /// width x height x 3.
        expected: usize,
    },
}

impl Raster {
    /// Channels of every raster.
    pub const CHANNELS: usize = 3;

    /// # Errors
    /// An empty picture, one above `PIXELS_MAX`, or a buffer of another length.
    pub fn new(width: u32, height: u32, pixels: Vec<u8>) -> Result<Self, RasterError> {
        let expected = Self::byte_len(width, height)?;
        if pixels.len() != expected {
            return Err(RasterError::Length { got: pixels.len(), expected });
        }
        Ok(Self { width, height, pixels })
    }

    /// A picture of one colour.
    ///
    /// # Errors
    /// An empty picture or one above `PIXELS_MAX`.
    pub fn filled(width: u32, height: u32, colour: [u8; 3]) -> Result<Self, RasterError> {
        let bytes = Self::byte_len(width, height)?;
        let pixels = colour.iter().copied().cycle().take(bytes).collect();
        Ok(Self { width, height, pixels })
    }

    /// Bytes that a picture of this size needs, checked against the bound before any allocation.
    ///
    /// # Errors
    /// An empty picture or one above `PIXELS_MAX`.
    pub fn byte_len(width: u32, height: u32) -> Result<usize, RasterError> {
        if width == 0 || height == 0 {
            return Err(RasterError::Empty { width, height });
        }
        let pixels = u64::from(width) * u64::from(height);
        match usize::try_from(pixels * 3) {
            Ok(bytes) if pixels <= PIXELS_MAX => Ok(bytes),
            _ => Err(RasterError::TooLarge { width, height }),
        }
    }

    /// Pixels across.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels down.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All bytes, `[height x width x 3]`.
    #[must_use]
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// All bytes, to be changed in place.
    pub fn pixels_mut(&mut self) -> &mut [u8] {
        &mut self.pixels
    }

    /// The bytes, given up.
    #[must_use]
    pub fn into_pixels(self) -> Vec<u8> {
        self.pixels
    }

    /// One row's bytes; empty outside the picture.
    #[must_use]
    pub fn row(&self, y: u32) -> &[u8] {
        let stride = self.width as usize * Self::CHANNELS;
        let start = y as usize * stride;
        self.pixels.get(start..start + stride).unwrap_or(&[])
    }

    /// One pixel; black outside the picture.
    #[must_use]
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let at = x as usize * Self::CHANNELS;
        match self.row(y).get(at..at + Self::CHANNELS) {
            Some(&[r, g, b]) => [r, g, b],
            _ => [0, 0, 0],
        }
    }
}

/// A box of a slide in level-0 pixels, top left (0, 0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region {
    /// Left edge.
    pub x: u64,
    /// Top edge.
    pub y: u64,
    /// Level-0 pixels across.
    pub width: u64,
    /// Level-0 pixels down.
    pub height: u64,
}
