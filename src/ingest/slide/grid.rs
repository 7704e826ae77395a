//! The tiles of a slide: boxes of one size at one scale, row by row, where there is tissue.

use vitrail_domain::limits::SLIDE_TILES_MAX;
use vitrail_domain::{Code, Mpp, Raster, Region};

use super::error::SlideError;
use super::slide::Slide;
use super::tissue::TissueMask;

/// What happens to tiles that reach over the slide's right and bottom edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Border {
    /// They are kept; what lies outside is white.
    #[default]
    PadWhite,
    /// They are left out.
    Drop,
}

/// How a slide is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GridOptions {
    /// Micrometres a pixel of the tile as the model sees it.
    pub mpp: Mpp,
    /// Pixels a side of the tile as the model sees it.
    pub tile_px: u32,
    /// Pixels from one tile to the next, at the same scale.
    pub stride_px: u32,
    /// Tiles with a smaller share of tissue are left out, 0 to 1.
    pub tissue_min: f64,
    /// What happens at the edge.
    pub border: Border,
}

/// One tile to cut: `Slide::region_at(region, tile_px, tile_px)` gives its pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileBox {
    /// The box in level-0 pixels; may reach over the slide's edge.
    pub region: Region,
    /// Column of the grid, from 0.
    pub column: u32,
    /// Row of the grid, from 0.
    pub row: u32,
    /// The level that is read.
    pub level: usize,
    /// Micrometres a pixel of the tile.
    pub mpp: Mpp,
    /// Share of the box that is tissue, 0 to 1.
    pub tissue: f64,
}

/// The grid of a slide. Holds a few numbers; tiles are made while they are walked.
#[derive(Debug)]
pub struct TileGrid<'a> {
    mask: &'a TissueMask,
    options: GridOptions,
    /// Level-0 pixels a tile pixel, across and down.
    scale: (f64, f64),
    level: usize,
    columns: u32,
    rows: u32,
}

/// Lays the grid over a slide.
///
/// # Errors
/// A slide without a scale, options out of range, or more than `SLIDE_TILES_MAX` positions.
pub fn tile_grid<'a>(
    slide: &Slide,
    mask: &'a TissueMask,
    options: GridOptions,
) -> Result<TileGrid<'a>, SlideError> {
    let level0 = slide.scale_or_refuse()?;
    check(&options)?;
    let scale = (options.mpp.get() / level0.x.get(), options.mpp.get() / level0.y.get());
    let (width, height) = slide.size();
    let columns = positions(f64::from(width) / scale.0, &options);
    let rows = positions(f64::from(height) / scale.1, &options);
    if columns.saturating_mul(rows) > SLIDE_TILES_MAX as u64 {
        return Err(SlideError::too_large(format!(
            "the slide at {} um a pixel has {columns} x {rows} tiles, more than {SLIDE_TILES_MAX}",
            options.mpp.get()
        )));
    }
    let mut grid =
        TileGrid { mask, options, scale, level: 0, columns: columns as u32, rows: rows as u32 };
    // The same quotient that `region_at` takes, so that both name the same level.
    let (tile, side) = (grid.region(0, 0), f64::from(options.tile_px));
    grid.level = slide.level_for((tile.width as f64 / side).min(tile.height as f64 / side));
    Ok(grid)
}

fn check(options: &GridOptions) -> Result<(), SlideError> {
    let refuse = |what: &str| Err(SlideError::new(Code::InvalidRequest, what));
    if Raster::byte_len(options.tile_px, options.tile_px).is_err() {
        return refuse("a tile's side must be at least 1 pixel, and within the picture bound");
    }
    if options.stride_px == 0 {
        return refuse("the stride of tiles must be at least 1 pixel");
    }
    if !(0.0..=1.0).contains(&options.tissue_min) {
        return refuse("the smallest share of tissue must be from 0 to 1");
    }
    Ok(())
}

/// Tiles along a side of `pixels` (at the tile's scale) by the border rule.
fn positions(pixels: f64, options: &GridOptions) -> u64 {
    let spare = pixels - f64::from(options.tile_px);
    let steps = spare / f64::from(options.stride_px);
    // A thousandth of a tile beyond the edge is rounding of the scale, not a tile.
    match options.border {
        Border::PadWhite if spare <= 0.0 => 1,
        Border::PadWhite => (steps - 1e-3).ceil() as u64 + 1,
        Border::Drop if spare < -0.5 => 0,
        Border::Drop => (steps + 1e-3).floor().max(0.0) as u64 + 1,
    }
}

impl TileGrid<'_> {
    /// Positions across and down, tissue or not.
    #[must_use]
    pub fn positions(&self) -> (u32, u32) {
        (self.columns, self.rows)
    }

    /// The level that all tiles are read from.
    #[must_use]
    pub fn level(&self) -> usize {
        self.level
    }

    /// Tiles with enough tissue, row by row.
    pub fn iter(&self) -> impl Iterator<Item = TileBox> + '_ {
        let all = u64::from(self.columns) * u64::from(self.rows);
        let across = u64::from(self.columns.max(1));
        (0..all)
            .map(move |at| self.tile((at % across) as u32, (at / across) as u32))
            .filter(|tile| tile.tissue >= self.options.tissue_min)
    }

    /// The tile whose box holds a level-0 place, if it has enough tissue; where strides are shorter
    /// than tiles, the last of those that begin before it.
    #[must_use]
    pub fn covering(&self, x: f64, y: f64) -> Option<TileBox> {
        let step = |place: f64, scale: f64| {
            (place / (f64::from(self.options.stride_px) * scale)).floor().max(0.0) as u32
        };
        let (column, row) = (step(x, self.scale.0), step(y, self.scale.1));
        if column >= self.columns || row >= self.rows {
            return None;
        }
        Some(self.tile(column, row)).filter(|tile| tile.tissue >= self.options.tissue_min)
    }

    fn tile(&self, column: u32, row: u32) -> TileBox {
        let region = self.region(column, row);
        TileBox {
            region,
            column,
            row,
            level: self.level,
            mpp: self.options.mpp,
            tissue: self.mask.share(region),
        }
    }

    /// All tiles have the same size; only their corners are rounded.
    fn region(&self, column: u32, row: u32) -> Region {
        let corner = |step: u32, scale: f64| {
            (f64::from(step) * f64::from(self.options.stride_px) * scale).round() as u64
        };
        let side = |scale: f64| (f64::from(self.options.tile_px) * scale).round().max(1.0) as u64;
        Region {
            x: corner(column, self.scale.0),
            y: corner(row, self.scale.1),
            width: side(self.scale.0),
            height: side(self.scale.1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(tile_px: u32, stride_px: u32, border: Border) -> GridOptions {
        GridOptions { mpp: Mpp::new(0.5).unwrap(), tile_px, stride_px, tissue_min: 0.0, border }
    }

    #[test]
    fn borders() {
        for (pixels, tile, stride, padded, dropped) in [
            (1000.0, 250, 250, 4, 4),
            (1001.0, 250, 250, 5, 4),
            (1000.2, 250, 250, 4, 4),
            (100.0, 250, 250, 1, 0),
            (1000.0, 250, 125, 7, 7),
            (1010.0, 250, 125, 8, 7),
        ] {
            assert_eq!(positions(pixels, &options(tile, stride, Border::PadWhite)), padded);
            assert_eq!(positions(pixels, &options(tile, stride, Border::Drop)), dropped);
        }
    }
}
