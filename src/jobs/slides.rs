//! A slide file -> its image record, and the tiles over its tissue, at one scale or several.

use std::sync::Arc;

use serde_json::{Map, Value};
use vitrail_domain::limits::{IMAGE_BYTES_MAX, THUMBNAIL_SIDE};
use vitrail_domain::{Cancel, Code, CollectionName, ImageId, ImageRecord, Mpp, Raster, Timestamp};
use vitrail_exchange::Areas;
use vitrail_ingest::dicom::slide_words;
use vitrail_ingest::slide::{
    Border, GridOptions, Slide, TileBox, TileGrid, TissueMask, is_slide, tile_grid,
};
use vitrail_ingest::{
    Found, ReadOptions, Refusal, catch_panic, perceptual_hash, pixel_hash, sha256_file,
    thumbnail_jpeg,
};

use crate::dicom::deid;
use crate::identity::image_id;
use crate::trail::Ticket;

/// Tiles with a smaller share of tissue are left out: three quarters of glass say nothing.
const TISSUE_SHARE_MIN: f64 = 0.25;

/// How slides are cut.
#[derive(Debug, Clone)]
pub struct CutOptions {
    /// The collection that ids are derived from.
    pub collection: CollectionName,
    /// Micrometres a level-0 pixel as the caller knows it; wins over the slide's own word.
    pub slide_mpp: Option<Mpp>,
    /// Micrometres a pixel of the tiles: one grid each.
    pub tile_mpp: Vec<Mpp>,
    /// Only tiles whose middle lies here.
    pub areas: Option<Areas>,
    /// Pixels of a tile's side, as the network sees it.
    pub tile_px: u32,
    /// When the record is stored.
    pub now: Timestamp,
    /// How DICOM files are read.
    pub read: ReadOptions,
    /// Of a fetched slide: it goes with it.
    pub ticket: Option<Ticket>,
}

/// A slide that is being cut, shared by its tiles.
pub struct OpenSlide {
    /// The pyramid.
    pub slide: Slide,
    /// The file.
    pub file: Found,
    /// Its path under its root as it is kept: a pseudonym where it may name a person.
    pub uri: String,
    /// What a DICOM slide says of itself, given to every tile.
    pub dicom: Option<Value>,
    /// Its image's id.
    pub image: ImageId,
    /// SHA-256 of the file.
    pub sha256: [u8; 32],
    /// Payload joined from the table, given to every tile.
    pub fields: Map<String, Value>,
    /// Pixels of a tile's side.
    pub tile_px: u32,
    /// Who said how large a level-0 pixel is.
    pub mpp_origin: &'static str,
    /// Of a fetched slide: it goes with it.
    pub ticket: Option<Ticket>,
}

/// A slide ready to be cut.
pub struct CutSlide {
    /// The part that its tiles share.
    pub open: Arc<OpenSlide>,
    /// The image's record.
    pub record: ImageRecord,
    /// A JPEG of the whole slide.
    pub thumbnail: Vec<u8>,
    /// Tiles over tissue; never none.
    pub tiles: u64,
    mask: TissueMask,
    /// Finest scale first.
    grids: Vec<GridOptions>,
    areas: Option<Areas>,
}

/// One tile to read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CutTile {
    /// Its box and scale.
    pub tile: TileBox,
    /// The tile of the next coarser scale that holds its middle, if that one is cut too.
    pub parent: Option<TileBox>,
}

impl CutSlide {
    /// The grids, finest first.
    ///
    /// # Errors
    /// None that [`cut`] did not meet.
    pub fn grids(&self) -> Result<Vec<TileGrid<'_>>, Refusal> {
        grids_of(&self.open.slide, &self.mask, &self.grids)
    }

    /// The tiles of the grids, made while they are walked; the coarsest come first, so that a
    /// parent is stored before its children.
    pub fn tiles<'a>(&'a self, grids: &'a [TileGrid<'a>]) -> impl Iterator<Item = CutTile> + 'a {
        tiles_of(grids, self.areas.as_ref())
    }
}

fn grids_of<'a>(
    slide: &Slide,
    mask: &'a TissueMask,
    options: &[GridOptions],
) -> Result<Vec<TileGrid<'a>>, Refusal> {
    let grids = options.iter().map(|grid| Ok(tile_grid(slide, mask, *grid)?));
    grids.collect()
}

fn tiles_of<'a>(
    grids: &'a [TileGrid<'a>],
    areas: Option<&'a Areas>,
) -> impl Iterator<Item = CutTile> + 'a {
    let kept = move |tile: &TileBox| areas.is_none_or(|areas| areas.hold(tile.region));
    let middle = |start: u64, length: u64| start as f64 + length as f64 / 2.0;
    (0..grids.len()).rev().filter_map(|at| Some((grids.get(at)?, grids.get(at + 1)))).flat_map(
        move |(grid, coarser)| {
            grid.iter().filter(kept).map(move |tile| {
                let area = tile.region;
                let (x, y) = (middle(area.x, area.width), middle(area.y, area.height));
                let parent = coarser.and_then(|grid| grid.covering(x, y)).filter(kept);
                CutTile { tile, parent }
            })
        },
    )
}

/// Whether a file is cut rather than decoded whole. A TIFF too damaged to tell is left to the
/// photographs' decoder, which may still read it or names what is wrong.
///
/// # Errors
/// Such a TIFF that is also too large for a photograph.
pub fn is_cut(file: &Found) -> Result<bool, Refusal> {
    catch_panic(|| match is_slide(&file.path) {
        Ok(is_slide) => Ok(is_slide),
        Err(error) if bytes_of(file) > IMAGE_BYTES_MAX => Err(error.into()),
        Err(_) => Ok(false),
    })
}

/// Opens a slide and finds its tiles over tissue. The file is hashed while the tissue is looked
/// for; nothing is read whole.
///
/// # Errors
/// A damaged slide, one whose scale nobody says, one that is all glass; `cancelled`.
pub fn cut(
    file: &Found,
    fields: Map<String, Value>,
    options: &CutOptions,
    cancel: &Cancel,
) -> Result<CutSlide, Refusal> {
    let mut slide = catch_panic(|| Ok(Slide::open(&file.path)?))?;
    if let Some(mpp) = options.slide_mpp {
        slide = slide.with_mpp(mpp);
    }
    let scale = slide.scale_or_refuse()?;
    let grids = grid_options(options);
    let (mask, overview, sha256) = look(file, &slide, cancel)?;
    let tiles = tiles_of(&grids_of(&slide, &mask, &grids)?, options.areas.as_ref()).count() as u64;
    if tiles == 0 {
        return Err(no_tissue(&mask, options));
    }
    let image = image_id(&options.collection, &file.relative, &sha256);
    let deid = deid(&options.read);
    let dicom = slide_words(&file.path, &options.read.dicom, &deid)?;
    let uri = match dicom {
        Some(_) => deid.file_name(&file.relative),
        None => file.relative.clone(),
    };
    let (width, height) = slide.size();
    let record = ImageRecord {
        id: image,
        uri: uri.clone(),
        root: Some(file.root.to_string_lossy().into_owned()),
        format: slide.format().to_owned(),
        sha256,
        pixel_hash: pixel_hash(&overview),
        perceptual_hash: perceptual_hash(&overview),
        width: width.into(),
        height: height.into(),
        bytes: bytes_of(file),
        mpp: Some(scale.x),
        stored_at: options.now,
    };
    let thumbnail = thumbnail_jpeg(&overview)?;
    let mpp_origin = scale.origin.name();
    let (file, tile_px) = (file.clone(), options.tile_px);
    let ticket = options.ticket.clone();
    let open =
        OpenSlide { slide, file, uri, dicom, image, sha256, fields, tile_px, mpp_origin, ticket };
    let areas = options.areas.clone();
    Ok(CutSlide { open: Arc::new(open), record, thumbnail, tiles, mask, grids, areas })
}

/// One grid a scale, finest first, each scale once.
fn grid_options(options: &CutOptions) -> Vec<GridOptions> {
    let mut scales = options.tile_mpp.clone();
    scales.sort_by(|a, b| a.get().total_cmp(&b.get()));
    scales.dedup();
    let grid = |mpp| GridOptions {
        mpp,
        tile_px: options.tile_px,
        stride_px: options.tile_px,
        tissue_min: TISSUE_SHARE_MIN,
        border: Border::PadWhite,
    };
    scales.into_iter().map(grid).collect()
}

/// Tissue, picture in small and digest; the last on a thread of its own.
fn look(
    file: &Found,
    slide: &Slide,
    cancel: &Cancel,
) -> Result<(TissueMask, Raster, [u8; 32]), Refusal> {
    std::thread::scope(|scope| {
        let digest = scope.spawn(|| sha256_file(&file.path, cancel));
        let seen = catch_panic(|| TissueMask::with_overview(slide, THUMBNAIL_SIDE, cancel));
        let ended = |_| Refusal::new(Code::Internal, "the thread that hashes the slide ended");
        let sha256 = digest.join().map_err(ended)?;
        let (mask, overview) = seen?;
        Ok((mask, overview, sha256?))
    })
}

fn no_tissue(mask: &TissueMask, options: &CutOptions) -> Refusal {
    let scales: Vec<String> = options.tile_mpp.iter().map(|mpp| mpp.get().to_string()).collect();
    let within = if options.areas.is_some() { " in the regions" } else { "" };
    let message = format!(
        "no tile{within} of {} x {} pixels at {} um has {} % of tissue; of the whole slide {:.1} % \
         is",
        options.tile_px,
        options.tile_px,
        scales.join(" or "),
        TISSUE_SHARE_MIN * 100.0,
        mask.tissue_share() * 100.0
    );
    Refusal::new(Code::SlideNoTissue, message)
}

fn bytes_of(file: &Found) -> u64 {
    std::fs::metadata(&file.path).map_or(0, |data| data.len())
}
