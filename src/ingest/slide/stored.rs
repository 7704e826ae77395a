//! Where a slide's own reader finds stored tiles: in a TIFF, or in the instances of a DICOM series.

use super::codecs::{self, Tile, WHITE};
use super::error::SlideError;
use super::page::Page;
use super::source::Source;
use crate::dicom::Series;

/// Where the tiles come from.
#[derive(Debug)]
pub(super) enum Stored {
    Tiff(Source, Vec<Page>),
    Dicom(Box<Series>),
}

/// The grid of stored tiles of one level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Grid {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) tile_width: u32,
    pub(super) tile_height: u32,
}

impl Stored {
    pub(super) fn grid(&self, level: usize) -> Option<Grid> {
        match self {
            Self::Tiff(_, pages) => pages.get(level).map(|page| {
                let Page { width, height, tile_width, tile_height, .. } = *page;
                Grid { width, height, tile_width, tile_height }
            }),
            Self::Dicom(series) => series.levels.get(level).map(|level| {
                let (width, height) = (level.width, level.height);
                let (tile_width, tile_height) = (level.tile_width, level.tile_height);
                Grid { width, height, tile_width, tile_height }
            }),
        }
    }

    /// Decodes one stored tile.
    pub(super) fn tile(&self, level: usize, (column, row): (u32, u32)) -> Result<Tile, SlideError> {
        match self {
            Self::Tiff(source, pages) => {
                let page = pages.get(level).ok_or_else(|| SlideError::damaged("no such level"))?;
                let (offset, length) = page.tile_at(column, row);
                codecs::decode(page, &source.read(offset, length, "a stored tile")?)
            }
            Self::Dicom(series) => {
                let white = || {
                    let grid = self.grid(level);
                    grid.map(|g| vec![WHITE; g.tile_width as usize * g.tile_height as usize * 3])
                };
                let tile = series.tile(level, column, row)?.or_else(white);
                tile.ok_or_else(|| SlideError::damaged("no such level"))
            }
        }
    }
}
