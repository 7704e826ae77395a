//! A slide that is open: its levels, its scale, and regions read from it.

use std::path::Path;
use std::sync::Arc;

use vitrail_domain::limits::{SLIDE_CACHE_BYTES_MAX, SLIDE_LEVELS_MAX};
use vitrail_domain::{Mpp, Raster, Region};

use super::codecs::{Tile, WHITE};
use super::error::SlideError;
use super::ifd::Tiff;
use super::levels::{self, Pyramid};
use super::ome;
use super::openslide::{Handle, openslide};
use super::page::Page;
use super::resample::{Box2, bilinear};
use super::scale::{self, MppOrigin, Scale};
use super::source::Source;
use super::stored::Stored;
use super::tile_cache::TileCache;
use super::vendor;
use crate::dicom::{Series, is_instance};

/// Pixels are read as they are where the level is this near the asked scale.
const SAME_SCALE: f64 = 0.01;

/// One level of a slide; 0 is the largest.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Pixels across.
    pub width: u32,
    /// Pixels down.
    pub height: u32,
    /// Level-0 pixels in one pixel of this level, across and down.
    pub downsample: (f64, f64),
}

/// A slide, open for reading by any number of threads: a tiled pyramidal TIFF (SVS, OME-TIFF,
/// plain) by the own reader, vendors' formats by OpenSlide. Memory: the tables of stored tiles (16
/// bytes each) and a bounded cache of decoded ones; OpenSlide keeps a cache of its own.
#[derive(Debug)]
pub struct Slide {
    reader: Reader,
    levels: Vec<Level>,
    scale: Option<Scale>,
    format: &'static str,
    description: String,
}

/// Who reads the pixels.
#[derive(Debug)]
enum Reader {
    Own(Box<Own>),
    Library(Handle),
}

/// The own reader's part.
#[derive(Debug)]
struct Own {
    stored: Stored,
    cache: TileCache,
}

/// Whether the file at `path` is read as a slide and not as a photograph: it is of a vendor's own
/// format, or a TIFF (classic or BigTIFF) whose first image is tiled, and is described by Aperio or
/// OME-XML, has more than one level, or is larger than 2,048 pixels on its longer side; or a DICOM
/// instance of a whole slide.
///
/// # Errors
/// The file can't be opened, or is a TIFF whose structure is damaged.
pub fn is_slide(path: &Path) -> Result<bool, SlideError> {
    if is_instance(path) {
        return Ok(true);
    }
    let source = Source::open(path)?;
    Ok(vendor::of_file(path, &source)?.is_some() || of_source_is_slide(source)?)
}

/// [`is_slide`] for bytes in memory.
///
/// # Errors
/// A TIFF whose structure is damaged.
pub fn is_slide_bytes(bytes: Arc<[u8]>) -> Result<bool, SlideError> {
    of_source_is_slide(Source::Bytes(bytes))
}

fn of_source_is_slide(source: Source) -> Result<bool, SlideError> {
    let head = source.read(0, source.len().min(132), "the first bytes")?;
    // A DICOM file may carry a TIFF header in its preamble; it is DICOM's to read.
    if !super::ifd::is_tiff(&head) || head.get(128..132) == Some(b"DICM") {
        return Ok(false);
    }
    let (tiff, pages) = Tiff::open(source)?;
    levels::is_slide(&tiff, &pages)
}

impl Slide {
    /// Opens the file at `path`, a DICOM instance with the others of its series that lie beside it.
    /// Reads directories and tables, no pixels.
    ///
    /// # Errors
    /// Not a tiled TIFF, damaged, beyond a bound, or of a kind that is not read; in words.
    pub fn open(path: &Path) -> Result<Self, SlideError> {
        if is_instance(path) {
            return Ok(Self::of_series(Series::open(path)?));
        }
        let source = Source::open(path)?;
        match vendor::of_file(path, &source)? {
            None => Self::of_source(source),
            Some(vendor) => match openslide() {
                Ok(_) => Ok(Self { format: vendor.format, ..Self::open_by_openslide(path)? }),
                Err(_) if vendor.own_reads => Self::of_source(source),
                Err(why) => Err(vendor::missing(vendor, &why)),
            },
        }
    }

    /// Opens the file at `path` by OpenSlide, whatever it is: to compare readers.
    ///
    /// # Errors
    /// No library; a file that it does not know or finds damaged; more levels than the bound.
    pub fn open_by_openslide(path: &Path) -> Result<Self, SlideError> {
        let handle = Handle::open(path)?;
        let level = |(width, height, down)| Level { width, height, downsample: (down, down) };
        let levels: Vec<Level> = handle.levels()?.into_iter().map(level).collect();
        if levels.is_empty() || levels.len() > SLIDE_LEVELS_MAX {
            let message = format!("OpenSlide names {} levels", levels.len());
            return Err(SlideError::damaged(message));
        }
        Ok(Self {
            scale: scale::of_openslide(&handle),
            reader: Reader::Library(handle),
            levels,
            format: "openslide",
            description: String::new(),
        })
    }

    fn of_series(series: Series) -> Self {
        let sizes: Vec<(u32, u32)> =
            series.levels.iter().map(|level| (level.width, level.height)).collect();
        let base = sizes.first().copied().unwrap_or((1, 1));
        let scale = series.mpp.and_then(|(x, y)| Scale::new(x, y, MppOrigin::Dicom));
        let level = |&(width, height): &(u32, u32)| Level {
            width,
            height,
            downsample: levels::downsample(base, (width, height)),
        };
        let own = Own {
            cache: TileCache::new(SLIDE_CACHE_BYTES_MAX),
            stored: Stored::Dicom(Box::new(series)),
        };
        Self {
            levels: sizes.iter().map(level).collect(),
            scale,
            reader: Reader::Own(Box::new(own)),
            format: "dicom",
            description: String::new(),
        }
    }

    /// Opens a slide held in memory (an upload).
    ///
    /// # Errors
    /// As [`Slide::open`].
    pub fn from_bytes(bytes: Arc<[u8]>) -> Result<Self, SlideError> {
        Self::of_source(Source::Bytes(bytes))
    }

    fn of_source(source: Source) -> Result<Self, SlideError> {
        let (tiff, ifds) = Tiff::open(source)?;
        let Pyramid { pages, scale, description } = levels::choose(&tiff, &ifds)?;
        let base = pages.first().map_or((1, 1), |page| (page.width, page.height));
        let level = |page: &Page| Level {
            width: page.width,
            height: page.height,
            downsample: levels::downsample(base, (page.width, page.height)),
        };
        let levels = pages.iter().map(level).collect();
        let cache = TileCache::new(SLIDE_CACHE_BYTES_MAX);
        let own = Own { stored: Stored::Tiff(tiff.source().clone(), pages), cache };
        let reader = Reader::Own(Box::new(own));
        Ok(Self { reader, levels, scale, format: format_of(&description), description })
    }

    /// Bounds the decoded tiles that are kept, in bytes: for a slide that is looked at here and
    /// there. What was kept so far goes.
    #[must_use]
    pub fn with_cache_bytes(mut self, bytes_max: usize) -> Self {
        if let Reader::Own(own) = &mut self.reader {
            own.cache = TileCache::new(bytes_max);
        }
        self
    }

    /// The levels, largest first; never empty.
    #[must_use]
    pub fn levels(&self) -> &[Level] {
        &self.levels
    }

    /// Level-0 pixels across and down.
    #[must_use]
    pub fn size(&self) -> (u32, u32) {
        self.levels.first().map_or((0, 0), |level| (level.width, level.height))
    }

    /// Micrometres per level-0 pixel and who said so; `None` where nobody did.
    #[must_use]
    pub fn scale(&self) -> Option<Scale> {
        self.scale
    }

    /// The scale, or the refusal that asks for one.
    ///
    /// # Errors
    /// The slide does not say how large its pixels are, and nobody has.
    pub fn scale_or_refuse(&self) -> Result<Scale, SlideError> {
        self.scale.ok_or_else(levels::no_scale)
    }

    /// Sets the level-0 scale that the operator gives; it wins over the file's.
    #[must_use]
    pub fn with_mpp(mut self, mpp: Mpp) -> Self {
        self.scale = Some(Scale { x: mpp, y: mpp, origin: MppOrigin::Given });
        self
    }

    /// The format's name as it is stored with an image: `svs`, `ome_tiff`, `tiled_tiff`, `dicom`,
    /// or a vendor's.
    #[must_use]
    pub fn format(&self) -> &'static str {
        self.format
    }

    /// The description of level 0 as the scanner wrote it. It may name people: it goes through
    /// de-identification before it is kept anywhere.
    #[must_use]
    pub fn description(&self) -> &str {
        &self.description
    }

    /// *Finest not coarser*: the coarsest level that is not coarser than `downsample` (level-0
    /// pixels an output pixel) by more than 1 %; level 0 where all are.
    #[must_use]
    pub fn level_for(&self, downsample: f64) -> usize {
        let fits = |level: &Level| {
            level.downsample.0.max(level.downsample.1) <= downsample * (1.0 + SAME_SCALE)
        };
        self.levels.iter().rposition(fits).unwrap_or(0)
    }

    /// `width x height` pixels of a level from (`x`, `y`), in that level's own pixels. What lies
    /// outside the level is white. Reads only the stored tiles that it touches.
    ///
    /// # Errors
    /// No such level, an empty or too large region, or a stored tile that can't be decoded.
    pub fn read_region(
        &self,
        level: usize,
        (x, y): (u64, u64),
        (width, height): (u32, u32),
    ) -> Result<Raster, SlideError> {
        let Some(shape) = self.levels.get(level) else {
            return Err(SlideError::new(
                vitrail_domain::Code::InvalidRequest,
                format!("the slide has levels 0 to {}, not {level}", self.levels.len() - 1),
            ));
        };
        match &self.reader {
            Reader::Own(own) => own.read(level, (x, y), (width, height)),
            Reader::Library(handle) => {
                // OpenSlide's places are those of level 0, whatever the level.
                let at = |own: u64, down: f64| (own as f64 * down).round() as i64;
                let place = (at(x, shape.downsample.0), at(y, shape.downsample.1));
                handle.read(level, place, (width, height))
            }
        }
    }

    /// A level-0 box as a picture of `out_width x out_height`, from the level of
    /// [`Slide::level_for`]: pixels as they are where its scale matches within 1 %, else
    /// resampled bilinearly with antialiasing. What lies outside the slide is white.
    ///
    /// # Errors
    /// An empty box or picture, one beyond the bound, or a stored tile that can't be decoded.
    pub fn region_at(
        &self,
        region: Region,
        out_width: u32,
        out_height: u32,
    ) -> Result<Raster, SlideError> {
        if region.width == 0 || region.height == 0 || out_width == 0 || out_height == 0 {
            return Err(SlideError::new(
                vitrail_domain::Code::InvalidRequest,
                "a region of a slide and the picture made of it need at least one pixel",
            ));
        }
        let wanted_x = region.width as f64 / f64::from(out_width);
        let wanted_y = region.height as f64 / f64::from(out_height);
        let index = self.level_for(wanted_x.min(wanted_y));
        let Some(level) = self.levels.get(index) else {
            return Err(SlideError::damaged("the slide has no level"));
        };
        let (down_x, down_y) = level.downsample;
        let (x, y) = (region.x as f64 / down_x, region.y as f64 / down_y);
        let same = |wanted: f64, down: f64| (wanted / down - 1.0).abs() <= SAME_SCALE;
        if same(wanted_x, down_x) && same(wanted_y, down_y) {
            let at = (x.round() as u64, y.round() as u64);
            return self.read_region(index, at, (out_width, out_height));
        }
        let area = Box2 {
            x: x.fract(),
            y: y.fract(),
            width: region.width as f64 / down_x,
            height: region.height as f64 / down_y,
        };
        // A hair above a whole number is a whole number.
        let cover = |start: f64, length: f64| (start + length - 1e-6).ceil().max(1.0) as u32;
        let size = (cover(area.x, area.width), cover(area.y, area.height));
        let read = self.read_region(index, (x as u64, y as u64), size)?;
        bilinear(&read, area, out_width, out_height)
            .ok_or_else(|| SlideError::too_large("a region of a slide asks for too many pixels"))
    }
}

/// What an own reader's slide is called, by its description.
fn format_of(description: &str) -> &'static str {
    if scale::is_aperio(description) {
        "svs"
    } else if ome::is_ome(description) {
        "ome_tiff"
    } else {
        "tiled_tiff"
    }
}

impl Own {
    fn read(
        &self,
        level: usize,
        (x, y): (u64, u64),
        (width, height): (u32, u32),
    ) -> Result<Raster, SlideError> {
        let Some(page) = self.stored.grid(level) else {
            return Err(SlideError::damaged("a level without its page"));
        };
        let mut raster = Raster::filled(width, height, [WHITE; 3])
            .map_err(|error| SlideError::too_large(format!("a region of a slide: {error}")))?;
        let right = x.saturating_add(u64::from(width)).min(u64::from(page.width));
        let bottom = y.saturating_add(u64::from(height)).min(u64::from(page.height));
        if x >= right || y >= bottom {
            return Ok(raster);
        }
        let (tw, th) = (u64::from(page.tile_width), u64::from(page.tile_height));
        for row in y / th..bottom.div_ceil(th) {
            for column in x / tw..right.div_ceil(tw) {
                let tile = self.tile(level, column as u32, row as u32)?;
                let from = Placed { left: column * tw, top: row * th, stride: tw };
                paste(&tile, &from, &mut raster, (x, y), (right, bottom));
            }
        }
        Ok(raster)
    }

    fn tile(&self, level: usize, column: u32, row: u32) -> Result<Arc<Tile>, SlideError> {
        if let Some(tile) = self.cache.get((level, column, row)) {
            return Ok(tile);
        }
        let named = |error: SlideError| SlideError {
            message: format!("level {level}, tile ({column}, {row}): {}", error.message),
            ..error
        };
        let tile = Arc::new(self.stored.tile(level, (column, row)).map_err(named)?);
        self.cache.put((level, column, row), Arc::clone(&tile));
        Ok(tile)
    }
}

/// Where a decoded tile lies in its level.
struct Placed {
    left: u64,
    top: u64,
    stride: u64,
}

/// Copies what a tile and the region share; `end` is the region's corner inside the level.
fn paste(tile: &Tile, from: &Placed, into: &mut Raster, start: (u64, u64), end: (u64, u64)) {
    let tile_height = tile.len() as u64 / 3 / from.stride;
    let (left, right) = (start.0.max(from.left), end.0.min(from.left + from.stride));
    let (top, bottom) = (start.1.max(from.top), end.1.min(from.top + tile_height));
    let stride = into.width() as usize * 3;
    let span = right.saturating_sub(left) as usize * 3;
    for y in top..bottom {
        let source = (((y - from.top) * from.stride + left - from.left) * 3) as usize;
        let target = (y - start.1) as usize * stride + (left - start.0) as usize * 3;
        into.pixels_mut()[target..target + span].copy_from_slice(&tile[source..source + span]);
    }
}
