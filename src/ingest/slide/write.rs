//! A writer of tiled pyramids: JPEG tiles, pages halved until one tile holds the slide, resolution
//! tags; classic TIFF, or BigTIFF where offsets might not fit. Memory is bounded by a few tiles a
//! level, whatever the slide's size.

use std::collections::HashMap;
use std::io::{self, Seek, SeekFrom, Write};

use image::ExtendedColorType;
use image::codecs::jpeg::JpegEncoder;
use vitrail_domain::limits::{SLIDE_TILE_PIXELS_MAX, SLIDE_TILES_MAX};
use vitrail_domain::{Code, Mpp, Raster, Region};

use super::error::SlideError;
use super::write_ifd::{Layout, LevelTable, ifd_bytes};

/// Raw bytes of all levels above which offsets get 8 bytes; JPEG at any quality stays below raw.
const CLASSIC_RAW_BYTES_MAX: u64 = 3_000_000_000;

/// Colours of flat tiles that are remembered: glass, padding, and a few more.
const FLAT_MAX: usize = 64;

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct PyramidOptions<'a> {
    /// Level-0 pixels across.
    pub width: u32,
    /// Level-0 pixels down.
    pub height: u32,
    /// Micrometres a level-0 pixel, kept in the resolution tags.
    pub mpp: Option<Mpp>,
    /// Pixels a side of a stored tile, a multiple of 16.
    pub tile_px: u32,
    /// JPEG quality, 1 to 100.
    pub quality: u8,
    /// The first page's description, plain ASCII.
    pub description: &'a str,
}

impl PyramidOptions<'static> {
    /// Tiles of 256 pixels at quality 90.
    #[must_use]
    pub fn new(width: u32, height: u32, mpp: Option<Mpp>) -> Self {
        Self { width, height, mpp, tile_px: 256, quality: 90, description: "" }
    }
}

/// Writes a pyramid into an empty `sink`. `tile` is asked for each level-0 tile once, cut to the
/// slide's edge, in the order of a depth-first walk of the pyramid; it gives a picture of the
/// box's size. Tiles of smaller levels are means of 2 x 2 pixels of the larger.
///
/// # Errors
/// Options out of range, an error of `tile`, a picture of another size, or a failing sink.
pub fn write_pyramid<W: Write + Seek>(
    sink: &mut W,
    options: &PyramidOptions<'_>,
    tile: &mut dyn FnMut(Region) -> Result<Raster, SlideError>,
) -> Result<(), SlideError> {
    let raw = u64::from(options.width) * u64::from(options.height) * 4;
    let layout = if raw > CLASSIC_RAW_BYTES_MAX { Layout::Big } else { Layout::Classic };
    write_as(sink, options, layout, tile)
}

/// [`write_pyramid`] with the layout chosen.
pub(super) fn write_as<W: Write + Seek>(
    sink: &mut W,
    options: &PyramidOptions<'_>,
    layout: Layout,
    tile: &mut dyn FnMut(Region) -> Result<Raster, SlideError>,
) -> Result<(), SlideError> {
    check(options)?;
    let mut levels = vec![LevelTable::new(options.width, options.height, options.tile_px)];
    while let Some(last) = levels.last()
        && last.width.max(last.height) > options.tile_px
    {
        let next =
            LevelTable::new(last.width.div_ceil(2), last.height.div_ceil(2), options.tile_px);
        levels.push(next);
    }
    let head = layout.header();
    sink.write_all(&head).map_err(sink_failed)?;
    let top = levels.len() - 1;
    let mut writer =
        Writer { sink, options, levels, at: head.len() as u64, flat: HashMap::new(), tile };
    writer.build(top, 0, 0)?;
    let Writer { levels, mut at, .. } = writer;
    let mut link = layout.first_link();
    for (index, level) in levels.iter().enumerate() {
        // Directories begin at even offsets (TIFF 6.0).
        let pad = at % 2;
        at += pad;
        let bytes = ifd_bytes(layout, level, index, options, at);
        sink.write_all(&vec![0; pad as usize]).map_err(sink_failed)?;
        sink.write_all(&bytes.bytes).map_err(sink_failed)?;
        patch(sink, link, &layout.offset(at))?;
        link = at + bytes.link as u64;
        at += bytes.bytes.len() as u64;
    }
    sink.flush().map_err(sink_failed)
}

fn check(options: &PyramidOptions<'_>) -> Result<(), SlideError> {
    let refuse = |what: &str| Err(SlideError::new(Code::InvalidRequest, what));
    let side = u64::from(options.tile_px);
    if side == 0 || !side.is_multiple_of(16) || side * side > SLIDE_TILE_PIXELS_MAX {
        return refuse("a stored tile's side must be a multiple of 16 within the tile bound");
    }
    if options.width == 0 || options.height == 0 {
        return refuse("a pyramid needs at least one pixel");
    }
    let tiles = u64::from(options.width).div_ceil(side) * u64::from(options.height).div_ceil(side);
    if tiles > SLIDE_TILES_MAX as u64 {
        return refuse("the pyramid has more tiles than a slide may have");
    }
    if !options.description.is_ascii() || options.description.contains('\0') {
        return refuse("a description is plain ASCII");
    }
    Ok(())
}

fn sink_failed(error: io::Error) -> SlideError {
    let code = match error.kind() {
        io::ErrorKind::StorageFull => Code::NoSpace,
        _ => Code::Internal,
    };
    SlideError::new(code, format!("the pyramid can't be written: {error}"))
}

fn patch<W: Write + Seek>(sink: &mut W, at: u64, bytes: &[u8]) -> Result<(), SlideError> {
    sink.seek(SeekFrom::Start(at))
        .and_then(|_| sink.write_all(bytes))
        .and_then(|()| sink.seek(SeekFrom::End(0)))
        .map(|_| ())
        .map_err(sink_failed)
}

struct Writer<'a, W> {
    sink: &'a mut W,
    options: &'a PyramidOptions<'a>,
    levels: Vec<LevelTable>,
    at: u64,
    /// Where tiles of one colour lie: each colour is stored once.
    flat: HashMap<[u8; 3], (u64, u64)>,
    tile: &'a mut dyn FnMut(Region) -> Result<Raster, SlideError>,
}

impl<W: Write> Writer<'_, W> {
    /// Makes and writes one tile and everything below it; gives its pixels to the level above.
    /// Depth is the number of levels (at most 32).
    fn build(&mut self, level: usize, column: u32, row: u32) -> Result<Raster, SlideError> {
        let side = self.options.tile_px;
        let (width, height) = self.levels[level].cut(column, row, side);
        let raster = match level.checked_sub(1) {
            None => self.source(column, row, (width, height))?,
            Some(below) => {
                let larger = &self.levels[below];
                let (left, top) = (column * side * 2, row * side * 2);
                let size =
                    ((larger.width - left).min(side * 2), (larger.height - top).min(side * 2));
                let mut four = Raster::filled(size.0, size.1, [255; 3]).map_err(raster_failed)?;
                for (dx, dy) in [(0, 0), (1, 0), (0, 1), (1, 1)] {
                    if dx * side < size.0 && dy * side < size.1 {
                        let child = self.build(below, column * 2 + dx, row * 2 + dy)?;
                        lay(&child, &mut four, (dx * side) as usize, (dy * side) as usize);
                    }
                }
                halve(&four, width, height)?
            }
        };
        self.put(level, column, row, &raster)?;
        Ok(raster)
    }

    fn source(&mut self, column: u32, row: u32, size: (u32, u32)) -> Result<Raster, SlideError> {
        let side = u64::from(self.options.tile_px);
        let region = Region {
            x: u64::from(column) * side,
            y: u64::from(row) * side,
            width: u64::from(size.0),
            height: u64::from(size.1),
        };
        let raster = (self.tile)(region)?;
        if (raster.width(), raster.height()) == size {
            return Ok(raster);
        }
        Err(SlideError::new(
            Code::Internal,
            format!(
                "a tile of {} x {} pixels came where {} x {} were asked for",
                raster.width(),
                raster.height(),
                size.0,
                size.1
            ),
        ))
    }

    fn put(
        &mut self,
        level: usize,
        column: u32,
        row: u32,
        raster: &Raster,
    ) -> Result<(), SlideError> {
        let side = self.options.tile_px;
        let flat = one_colour(raster);
        if let Some(place) = flat.and_then(|colour| self.flat.get(&colour)) {
            self.levels[level].set(column, row, *place);
            return Ok(());
        }
        let padded = pad(raster, side);
        let mut bytes = Vec::new();
        JpegEncoder::new_with_quality(&mut bytes, self.options.quality.clamp(1, 100))
            .encode(&padded, side, side, ExtendedColorType::Rgb8)
            .map_err(|error| SlideError::new(Code::Internal, format!("a JPEG tile: {error}")))?;
        self.sink.write_all(&bytes).map_err(sink_failed)?;
        let place = (self.at, bytes.len() as u64);
        self.levels[level].set(column, row, place);
        if self.flat.len() < FLAT_MAX {
            self.flat.extend(flat.map(|colour| (colour, place)));
        }
        self.at += bytes.len() as u64;
        Ok(())
    }
}

/// The colour of a picture that has only one.
fn one_colour(raster: &Raster) -> Option<[u8; 3]> {
    let first = raster.pixel(0, 0);
    raster.pixels().chunks_exact(3).all(|pixel| pixel == first).then_some(first)
}

fn raster_failed(error: vitrail_domain::RasterError) -> SlideError {
    SlideError::new(Code::Internal, format!("a tile of the pyramid: {error}"))
}

fn lay(child: &Raster, into: &mut Raster, left: usize, top: usize) {
    let stride = into.width() as usize * 3;
    for y in 0..child.height() {
        let row = child.row(y);
        let at = (top + y as usize) * stride + left * 3;
        into.pixels_mut()[at..at + row.len()].copy_from_slice(row);
    }
}

/// Means of 2 x 2 pixels; the last odd column and row are means of what is there.
fn halve(larger: &Raster, width: u32, height: u32) -> Result<Raster, SlideError> {
    let mut pixels = Vec::with_capacity(width as usize * height as usize * 3);
    for y in 0..height {
        let upper = larger.row(y * 2);
        let lower = larger.row((y * 2 + 1).min(larger.height() - 1));
        for x in 0..width {
            let left = x as usize * 6;
            let right = if x * 2 + 1 < larger.width() { left + 3 } else { left };
            for channel in 0..3 {
                let sum = [upper[left + channel], upper[right + channel]]
                    .into_iter()
                    .chain([lower[left + channel], lower[right + channel]])
                    .map(u32::from)
                    .sum::<u32>();
                pixels.push(((sum + 2) / 4) as u8);
            }
        }
    }
    Raster::new(width, height, pixels).map_err(raster_failed)
}

/// A tile of full size, its last column and row repeated: an edge would ring in the JPEG.
fn pad(raster: &Raster, side: u32) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(side as usize * side as usize * 3);
    for y in 0..side {
        let row = raster.row(y.min(raster.height() - 1));
        pixels.extend_from_slice(row);
        let last = raster.pixel(raster.width() - 1, y.min(raster.height() - 1));
        pixels.extend(last.iter().cycle().take((side as usize * 3) - row.len()));
    }
    pixels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halves_are_means_of_what_is_there() {
        let grey = [10, 20, 31, 30, 40, 50, 7, 9, 200];
        let pixels = grey.into_iter().flat_map(|value| [value; 3]).collect();
        let half = halve(&Raster::new(3, 3, pixels).unwrap(), 2, 2).unwrap();
        let got: Vec<u8> = half.pixels().iter().copied().step_by(3).collect();
        assert_eq!(got, [25, 41, 8, 200]);
    }

    #[test]
    fn options_out_of_range_are_refused() {
        let good = PyramidOptions::new(64, 64, None);
        for options in [
            PyramidOptions { width: 0, ..good },
            PyramidOptions { tile_px: 100, ..good },
            PyramidOptions { tile_px: 8_192, ..good },
            PyramidOptions { width: u32::MAX, height: u32::MAX, ..good },
            PyramidOptions { description: "Gr\u{fc}n", ..good },
        ] {
            let mut sink = io::Cursor::new(Vec::new());
            let mut never = |_| Err(SlideError::new(Code::Internal, "asked for a tile"));
            let error = write_pyramid(&mut sink, &options, &mut never).unwrap_err();
            assert_eq!(error.code(), Code::InvalidRequest, "{options:?}");
        }
    }
}
