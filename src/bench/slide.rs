//! Cutting a slide without inference: tiles a second and memory; and a synthetic slide of any size
//! to cut, whose empty glass takes no room.

use std::io::Cursor;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use vitrail_disk::safe_write;
use vitrail_domain::{Cancel, Mpp, Raster, Region};
use vitrail_ingest::quality::{Subject, judge};
use vitrail_ingest::slide::{
    Border, GridOptions, PyramidOptions, Slide, TissueMask, tile_grid, write_pyramid,
};

use super::process::{anonymous_bytes, cpu_seconds, peak_bytes};
use crate::open::Failure;

/// Pixels a side of a tile, as most models see it.
const TILE: u32 = 224;

/// Tiles with a smaller share of tissue are left out, as an ingest does.
const TISSUE_MIN: f64 = 0.25;

/// What is cut.
#[derive(Debug)]
pub struct Cut<'a> {
    /// The slide.
    pub path: &'a Path,
    /// Micrometres a pixel: one grid each.
    pub scales: Vec<Mpp>,
    /// Threads that read.
    pub threads: usize,
    /// Whether each tile's quality is judged too.
    pub judged: bool,
    /// Whether OpenSlide reads, whatever the file.
    pub by_openslide: bool,
    /// Micrometres a level-0 pixel, for slides that do not say.
    pub slide_mpp: Option<Mpp>,
}

/// Cuts a slide as an ingest does, and throws the tiles away.
///
/// # Errors
/// A slide that can't be read.
pub fn cut(asked: &Cut<'_>) -> Result<Value, Failure> {
    let before = anonymous_bytes();
    let started = Instant::now();
    let mut slide = match asked.by_openslide {
        true => Slide::open_by_openslide(asked.path)?,
        false => Slide::open(asked.path)?,
    };
    if let Some(mpp) = asked.slide_mpp {
        slide = slide.with_mpp(mpp);
    }
    let mask = TissueMask::of(&slide, &Cancel::new())?;
    let masked = started.elapsed().as_secs_f64();
    let boxes = boxes_of(&slide, &mask, &asked.scales)?;
    let (started, cpu) = (Instant::now(), cpu_seconds());
    let (next, highest, sum) = (AtomicUsize::new(0), AtomicU64::new(0), AtomicU64::new(0));
    let read = || -> Result<(), Failure> {
        while let Some((region, tissue)) = boxes.get(next.fetch_add(1, Ordering::Relaxed)) {
            let tile = slide.region_at(*region, TILE, TILE)?;
            sum.fetch_add(tile.pixels().iter().map(|v| u64::from(*v)).sum(), Ordering::Relaxed);
            if asked.judged {
                sum.fetch_add(
                    judge(&tile, Subject::Tile(Some(*tissue))).reasons.len() as u64,
                    Ordering::Relaxed,
                );
            }
            if next.load(Ordering::Relaxed) % 64 == 0 {
                highest.fetch_max(anonymous_bytes(), Ordering::Relaxed);
            }
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..asked.threads.max(1)).map(|_| scope.spawn(read)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done,
            Err(_) => Err("a reader ended".into()),
        })
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(json!({
        "slide": {"width": slide.size().0, "height": slide.size().1, "format": slide.format()},
        "tiles": boxes.len(),
        "seconds": seconds,
        "tiles_per_second": boxes.len() as f64 / seconds,
        "cpu_seconds": cpu_seconds() - cpu,
        "mask_seconds": masked,
        "threads": asked.threads,
        "judged": asked.judged,
        "anonymous_before": before,
        "anonymous_while_reading": highest.into_inner(),
        "resident_peak": peak_bytes(),
        "mean": sum.into_inner() as f64 / (boxes.len().max(1) as f64 * f64::from(TILE * TILE * 3)),
    }))
}

fn boxes_of(
    slide: &Slide,
    mask: &TissueMask,
    scales: &[Mpp],
) -> Result<Vec<(Region, f64)>, Failure> {
    let mut boxes = Vec::new();
    for mpp in scales {
        let options = GridOptions {
            mpp: *mpp,
            tile_px: TILE,
            stride_px: TILE,
            tissue_min: TISSUE_MIN,
            border: Border::PadWhite,
        };
        let grid = tile_grid(slide, mask, options)?;
        boxes.extend(grid.iter().map(|tile| (tile.region, tile.tissue)));
    }
    Ok(boxes)
}

/// Level-0 pixels a side of the pieces of tissue.
const PIECE: f64 = 4_000.0;

/// Writes a synthetic slide of `side x side` pixels at 0.25 um: glass, and on a ninth of it round
/// pieces of tissue whose cells differ everywhere. Same seed, same bytes.
///
/// # Errors
/// The file can't be written.
pub fn make(path: &Path, side: u32, seed: u64) -> Result<Value, Failure> {
    let started = Instant::now();
    let mut bytes = Cursor::new(Vec::new());
    let options = PyramidOptions::new(side, side, Some(Mpp::new(0.25)?));
    write_pyramid(&mut bytes, &options, &mut |region| Ok(painted(region, seed)))?;
    let bytes = bytes.into_inner();
    safe_write(path, &bytes)?;
    Ok(json!({
        "path": path.to_string_lossy(),
        "side": side,
        "bytes": bytes.len(),
        "seconds": started.elapsed().as_secs_f64(),
    }))
}

const GLASS: [u8; 3] = [243, 241, 245];

fn painted(area: Region, seed: u64) -> Raster {
    let (width, height) = (area.width as u32, area.height as u32);
    if !touches_piece(area)
        && let Ok(glass) = Raster::filled(width, height, GLASS)
    {
        return glass;
    }
    let mut pixels = Vec::with_capacity((area.width * area.height * 3) as usize);
    for y in area.y..area.y + area.height {
        for x in area.x..area.x + area.width {
            pixels.extend(colour(x, y, seed));
        }
    }
    // The writer asks for tiles of its own size only, so the buffer always fits.
    Raster::new(width, height, pixels).unwrap_or_else(|_| unfit(width, height))
}

fn unfit(width: u32, height: u32) -> Raster {
    let filled = Raster::filled(width.clamp(1, TILE), height.clamp(1, TILE), GLASS);
    filled.unwrap_or_else(|_| unreachable!("a small picture"))
}

fn colour(x: u64, y: u64, seed: u64) -> [u8; 3] {
    if !is_tissue(x, y) {
        return GLASS;
    }
    let cell = mixed(seed ^ (x / 13) << 32 ^ (y / 11));
    let (dx, dy) = ((x % 13) as i64 - 6, (y % 11) as i64 - 5);
    let grain = (mixed(seed ^ x << 32 ^ y) % 14) as u8;
    let base = if cell.is_multiple_of(3) && dx * dx + dy * dy < 16 + (cell >> 8) as i64 % 12 {
        [98, 66, 140]
    } else {
        [212, 150 + (cell >> 20) as u8 % 24, 188]
    };
    base.map(|channel: u8| channel + grain)
}

/// Whether a box reaches into a square that holds a piece.
fn touches_piece(area: Region) -> bool {
    let squares = |start: u64, length: u64| start / PIECE as u64..=(start + length) / PIECE as u64;
    let across = squares(area.x, area.width).any(|square| square % 3 == 1);
    across && squares(area.y, area.height).any(|square| square % 3 == 1)
}

/// One piece in each square of three by three.
fn is_tissue(x: u64, y: u64) -> bool {
    let (cx, cy) = ((x as f64 / PIECE).floor(), (y as f64 / PIECE).floor());
    if cx % 3.0 != 1.0 || cy % 3.0 != 1.0 {
        return false;
    }
    let (dx, dy) = (x as f64 / PIECE - cx - 0.5, y as f64 / PIECE - cy - 0.5);
    dx.hypot(dy) < 0.49
}

/// `SplitMix64`'s last step.
fn mixed(state: u64) -> u64 {
    let state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_made_slide_is_cut_at_every_scale() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("s.tif");
        let made = make(&path, 12_000, 7).expect("a slide");
        let bytes = made["bytes"].as_u64().expect("a size");
        assert!(bytes < 12_000 * 12_000 / 8, "glass takes no room: {bytes}");
        let scales = [0.5, 1.0, 2.0].map(|mpp| Mpp::new(mpp).expect("a scale"));
        let asked = |threads| Cut {
            path: &path,
            scales: scales.to_vec(),
            threads,
            judged: false,
            by_openslide: false,
            slide_mpp: None,
        };
        let (one, two) = (cut(&asked(1)).expect("cut"), cut(&asked(2)).expect("cut"));
        // The piece is 3,920 pixels wide: 60 % of 8.75 x 8.75 tiles, a quarter of them at 1 um ...
        let tiles = one["tiles"].as_u64().expect("tiles");
        assert!((60..140).contains(&tiles), "{one}");
        assert_eq!((&one["tiles"], &one["mean"]), (&two["tiles"], &two["mean"]));
    }
}
