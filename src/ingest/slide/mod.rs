//! Slides: tiled pyramidal TIFF (SVS, OME-TIFF, plain), read by region.

mod codecs;
mod error;
mod ifd;
mod jpeg;
mod levels;
mod ome;
mod page;
mod resample;
mod scale;
#[expect(clippy::module_inception, reason = "the noun is the room's and the type's")]
mod slide;
mod source;
mod tile_cache;

pub use error::SlideError;
pub use scale::{MppOrigin, Scale};
pub use slide::{Level, Slide, is_slide, is_slide_bytes};
