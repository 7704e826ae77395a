//! Slides: tiled pyramidal TIFF (SVS, OME-TIFF, plain), read by region, masked, cut, written.
//!
//! | Module | Holds |
//! |---|---|
//! | `source`, `ifd` | bytes by offset; TIFF directories and tagged values |
//! | `page`, `levels`, `scale`, `ome` | tiled pages, which are levels, micrometres a pixel |
//! | `codecs`, `jpeg` | from a stored tile to RGB |
//! | [`slide`], `tile_cache`, `resample` | regions of an open slide |
//! | [`tissue`], `shapes`, [`grid`] | where there is tissue, and the tiles over it |
//! | [`write`], `write_ifd` | a writer of pyramids |

mod codecs;
pub(crate) mod error;
pub mod grid;
mod ifd;
mod jpeg;
mod levels;
mod ome;
mod page;
mod resample;
mod scale;
mod shapes;
#[expect(clippy::module_inception, reason = "the noun is the folder's and the type's")]
pub mod slide;
pub(crate) mod source;
mod tile_cache;
pub mod tissue;
pub mod write;
mod write_ifd;

#[cfg(test)]
mod tests;

pub use error::SlideError;
pub use grid::{Border, GridOptions, TileBox, TileGrid, tile_grid};
pub use scale::{MppOrigin, Scale};
pub use slide::{Level, Slide, is_slide, is_slide_bytes};
pub use tissue::TissueMask;
pub use write::{PyramidOptions, write_pyramid};
