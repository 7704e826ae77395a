//! `vitrail slide`: what an ingest would see of a slide file. Needs no store.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use vitrail_disk::safe_write;
use vitrail_domain::limits::TILE_SCALES_MAX;
use vitrail_domain::{Cancel, Mpp};
use vitrail_exchange::{Areas, box_feature, feature_collection};
use vitrail_ingest::slide::{
    ACCENT, Border, GridOptions, Slide, TileBox, TissueMask, grid_overlay, tile_grid,
    tissue_overlay,
};

use super::print;
use crate::open::Failure;

#[derive(Debug, Subcommand)]
pub enum What {
    /// Levels, size and scale.
    Show(Asked),
    /// The tissue mask as a transparent PNG.
    Tissue(Drawn),
    /// The tile grid as a transparent PNG.
    Grid(Drawn),
    /// The tiles as GeoJSON in level-0 pixels, for QuPath.
    Tiles(Asked),
}

#[derive(Debug, Args)]
pub struct Asked {
    /// The slide.
    slide: PathBuf,
    /// Micrometres a level-0 pixel, whatever the slide says itself.
    #[arg(long)]
    mpp: Option<f64>,
    /// Micrometres a pixel of the tiles, or several: 0.5,1,2.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    tile_mpp: Vec<f64>,
    /// Pixels of a tile's side.
    #[arg(long, default_value_t = 224)]
    tile_px: u32,
    /// Tiles with a smaller share of tissue are left out.
    #[arg(long, default_value_t = 0.25)]
    tissue: f64,
    /// Only tiles whose middle lies in a polygon of this GeoJSON file.
    #[arg(long)]
    regions: Option<PathBuf>,
    /// One JSON document, which is what is printed anyway.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Drawn {
    #[command(flatten)]
    asked: Asked,
    /// The PNG.
    #[arg(short, long)]
    out: PathBuf,
    /// Pixels of the grid's longest side.
    #[arg(long, default_value_t = 2_048)]
    side: u32,
}

pub fn run(what: &What) -> Result<ExitCode, Failure> {
    match what {
        What::Show(asked) => show(asked),
        What::Tiles(asked) => {
            let tiles = tiles_of(&opened(asked)?, asked)?;
            print(&feature_collection(tiles.iter().map(feature).collect()))
        }
        What::Tissue(drawn) => {
            let mask = TissueMask::of(&opened(&drawn.asked)?, &Cancel::new())?;
            written(&drawn.out, &tissue_overlay(&mask)?)
        }
        What::Grid(drawn) => {
            let slide = opened(&drawn.asked)?;
            let tiles = tiles_of(&slide, &drawn.asked)?;
            let boxes = tiles.iter().map(|tile| (tile.region, ACCENT));
            written(&drawn.out, &grid_overlay(slide.size(), boxes, drawn.side)?)
        }
    }
}

fn opened(asked: &Asked) -> Result<Slide, Failure> {
    let slide = Slide::open(&asked.slide)?;
    Ok(match asked.mpp {
        Some(mpp) => slide.with_mpp(Mpp::new(mpp)?),
        None => slide,
    })
}

fn show(asked: &Asked) -> Result<ExitCode, Failure> {
    let slide = opened(asked)?;
    let level = |level: &vitrail_ingest::slide::Level| {
        json!({
            "width": level.width,
            "height": level.height,
            "downsample": level.downsample.0,
        })
    };
    let scale = slide.scale();
    print(&json!({
        "format": slide.format(),
        "levels": slide.levels().iter().map(level).collect::<Vec<_>>(),
        "mpp": scale.map(|scale| [scale.x.get(), scale.y.get()]),
        "mpp_origin": scale.map(|scale| scale.origin.name()),
    }))
}

fn tiles_of(slide: &Slide, asked: &Asked) -> Result<Vec<TileBox>, Failure> {
    if asked.tile_mpp.len() > TILE_SCALES_MAX {
        return Err(format!("--tile-mpp takes at most {TILE_SCALES_MAX} scales").into());
    }
    let mask = TissueMask::of(slide, &Cancel::new())?;
    let areas = asked.regions.as_deref().map(Areas::read_file).transpose()?;
    let mut tiles = Vec::new();
    for mpp in &asked.tile_mpp {
        let options = GridOptions {
            mpp: Mpp::new(*mpp)?,
            tile_px: asked.tile_px,
            stride_px: asked.tile_px,
            tissue_min: asked.tissue,
            border: Border::PadWhite,
        };
        let grid = tile_grid(slide, &mask, options)?;
        let held = |tile: &TileBox| areas.as_ref().is_none_or(|areas| areas.hold(tile.region));
        tiles.extend(grid.iter().filter(held));
    }
    Ok(tiles)
}

fn feature(tile: &TileBox) -> Value {
    let numbers = json!({"mpp": tile.mpp.get(), "level": tile.level, "tissue": tile.tissue});
    let properties = Map::from_iter([
        ("objectType".to_owned(), json!("tile")),
        ("measurements".to_owned(), numbers),
    ]);
    let name = format!("{}-{}-{}", tile.mpp.get(), tile.column, tile.row);
    box_feature(&name, tile.region, properties)
}

fn written(path: &Path, bytes: &[u8]) -> Result<ExitCode, Failure> {
    safe_write(path, bytes)?;
    writeln!(io::stdout().lock(), "{}: {} bytes", path.display(), bytes.len())?;
    Ok(ExitCode::SUCCESS)
}
