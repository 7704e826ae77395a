//! Slides: tiled pyramidal TIFF (SVS, OME-TIFF, plain), read by region, masked, cut, written.
//!
//! | Module | Holds |
//! |---|---|
//! | `source`, `ifd` | bytes by offset; TIFF directories and tagged values |
//! | `page`, `levels`, `scale`, `ome` | tiled pages, which are levels, micrometres a pixel |
//! | `codecs`, `jpeg` | from a stored tile to RGB |
//! | [`slide`], `tile_cache`, `resample` | regions of an open slide |
//! | `vendor`, `openslide` | vendors' formats, read by the shared library where it is |
//! | [`tissue`], `shapes`, [`grid`] | where there is tissue, and the tiles over it |
//! | `overlay` | tissue and tiles as pictures to lay over a slide |
//! | [`write`], `write_ifd` | a writer of pyramids |

mod codecs;
pub(crate) mod error;
pub mod grid;
mod ifd;
mod jpeg;
mod levels;
mod ome;
mod openslide;
mod overlay;
mod page;
mod resample;
mod scale;
mod shapes;
#[expect(clippy::module_inception, reason = "the noun is the folder's and the type's")]
pub mod slide;
pub(crate) mod source;
mod stored;
mod tile_cache;
pub mod tissue;
mod vendor;
pub mod write;
mod write_ifd;

#[cfg(test)]
mod tests;

pub use error::SlideError;
pub use grid::{Border, GridOptions, TileBox, TileGrid, tile_grid};
pub use openslide::{Found as FoundOpenSlide, openslide, use_openslide};
pub use overlay::{ACCENT, AMBER, Ink, RED, grid_overlay, tissue_overlay};
pub use scale::{MppOrigin, Scale};
pub use slide::{Level, Slide, is_slide, is_slide_bytes};
pub use tissue::TissueMask;
pub use vendor::{VENDORS, Vendor};
pub use write::{PyramidOptions, write_pyramid};
