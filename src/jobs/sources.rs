//! Files -> units of work. A photograph is one unit; a slide becomes one unit a tile.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::{Map, Value};
use vitrail_domain::{CollectionName, Code, ImageId, ImageRecord, Mpp, Timestamp};
use vitrail_ingest::slide::{GridOptions, Slide, TileBox, TissueMask, is_slide, tile_grid, tissue_mask};
use vitrail_ingest::{
    Found, Refusal, Table, WalkOptions, perceptual_hash, pixel_hash, sha256_file, thumbnail_jpeg, walk,
};

use crate::error::JobError;
use crate::identity::image_id;
use crate::progress::Refused;
use crate::spec::IngestSpec;

/// What an ingest reads.
pub struct Sources {
    /// The files, in sorted order.
    pub files: Vec<Found>,
    /// The table that joins payload to them.
    pub table: Option<Table>,
}

/// One unit of work.
pub enum Work {
    /// A file that is decoded whole.
    Photo(Photo),
    /// One tile of an open slide.
    Tile(Arc<OpenSlide>, TileBox),
}

/// A file that is decoded whole.
pub struct Photo {
    /// Where it lies.
    pub path: PathBuf,
    /// The folder that `uri` is relative to.
    pub root: PathBuf,
    /// Its path relative to the root.
    pub uri: String,
    /// Payload joined from the table.
    pub fields: Map<String, Value>,
}

/// A slide that is being cut, shared by its tiles.
pub struct OpenSlide {
    /// The pyramid.
    pub slide: Slide,
    /// Its image's id.
    pub image: ImageId,
    /// Its path relative to the root.
    pub uri: String,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Payload joined from the table, given to every tile.
    pub fields: Map<String, Value>,
    /// The scale of its tiles.
    pub tile_mpp: Mpp,
    /// Pixels of a tile's side, as the network sees it.
    pub tile_px: u32,
    /// Where the scale of level 0 is known from.
    pub mpp_origin: &'static str,
}

/// A slide ready to be cut: its record, its picture in small, its tiles over tissue.
pub struct CutSlide {
    /// The shared part.
    pub open: Arc<OpenSlide>,
    /// The image's record.
    pub record: ImageRecord,
    /// A JPEG of the whole slide.
    pub thumbnail: Option<Vec<u8>>,
    /// Tiles over tissue, row by row.
    pub tiles: Vec<TileBox>,
}

/// How slides are cut.
#[derive(Debug, Clone)]
pub struct CutOptions {
    /// The collection that ids are derived from.
    pub collection: CollectionName,
    /// Level-0 scale given by the caller for slides that do not say.
    pub slide_mpp: Option<Mpp>,
    /// The scale of tiles.
    pub tile_mpp: Mpp,
    /// Pixels of a tile's side.
    pub tile_px: u32,
    /// When the record is stored.
    pub now: Timestamp,
}

/// Lists the files and reads the table.
///
/// # Errors
/// A path that does not exist, globs that can't be read, a table that can't be read.
pub fn list(spec: &IngestSpec) -> Result<Sources, JobError> {
    let options =
        WalkOptions { include: spec.include.clone(), exclude: spec.exclude.clone() };
    let files = walk(&spec.paths, &options)?;
    let table = spec.metadata.as_deref().map(Table::read).transpose()?;
    Ok(Sources { files, table })
}

impl Sources {
    /// The payload of one file: its row of the table, or nothing.
    pub fn fields(&self, file: &Found) -> Map<String, Value> {
        self.table.as_ref().and_then(|table| table.fields_for(&file.path)).unwrap_or_default()
    }
}

/// Whether the file is cut rather than decoded whole.
#[must_use]
pub fn is_cut(path: &Path) -> bool {
    is_slide(path)
}

/// Opens a slide and finds its tiles over tissue.
///
/// # Errors
/// A damaged slide, or one whose scale nobody says.
pub fn cut(file: &Found, fields: Map<String, Value>, options: &CutOptions) -> Result<CutSlide, Refusal> {
    let slide = Slide::open(&file.path)?;
    let (mpp, mpp_origin) = match (options.slide_mpp, slide.mpp()) {
        (Some(given), _) => (given, "given"),
        (None, Some(own)) => (own, slide.mpp_origin()),
        (None, None) => {
            let message = format!("{} does not say how large its pixels are; give --mpp", file.relative);
            return Err(Refusal { code: Code::SlideNoScale, message });
        }
    };
    let sha256 = sha256_file(&file.path)?;
    let mask = tissue_mask(&slide, mpp)?;
    let tiles = tiles_over_tissue(&slide, &mask, mpp, options)?;
    let overview = slide.overview(vitrail_domain::limits::THUMBNAIL_SIDE)?;
    let id = image_id(&options.collection, &file.relative, &sha256);
    let (width, height) = slide.dimensions();
    let record = ImageRecord {
        id,
        uri: file.relative.clone(),
        root: Some(file.root.to_string_lossy().into_owned()),
        format: slide.format().to_owned(),
        sha256,
        pixel_hash: pixel_hash(&overview),
        perceptual_hash: perceptual_hash(&overview),
        width,
        height,
        bytes: std::fs::metadata(&file.path).map(|data| data.len()).unwrap_or(0),
        mpp: Some(mpp),
        stored_at: options.now,
    };
    let thumbnail = thumbnail_jpeg(&overview).ok();
    let open = OpenSlide {
        slide,
        image: id,
        uri: file.relative.clone(),
        sha256,
        fields,
        tile_mpp: options.tile_mpp,
        tile_px: options.tile_px,
        mpp_origin,
    };
    Ok(CutSlide { open: Arc::new(open), record, thumbnail, tiles })
}

/// A refusal with the path that it is about.
pub fn refused(path: &Path, refusal: Refusal) -> Refused {
    Refused { path: path.to_string_lossy().into_owned(), code: refusal.code, message: refusal.message }
}

fn tiles_over_tissue(
    slide: &Slide,
    mask: &TissueMask,
    mpp: Mpp,
    options: &CutOptions,
) -> Result<Vec<TileBox>, Refusal> {
    let grid = GridOptions {
        slide_mpp: mpp,
        tile_mpp: options.tile_mpp,
        tile_px: options.tile_px,
        ..GridOptions::default()
    };
    Ok(tile_grid(slide, mask, &grid)?)
}
