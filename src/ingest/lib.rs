//! Room `ingest`: bytes, files and folders in; rasters with their hashes out. Knows no models.
//!
//! | Module | Holds |
//! |---|---|
//! | `picture` | [`read_picture`]: bytes -> [`Picture`], or a [`Refusal`] in words |
//! | `driver` | the table of formats, tried in order by content, never by name |
//! | `jpeg`, `plain` | the drivers: JPEG by libjpeg, the others by the crate `image` |
//! | `foreign` | the kinds that are known but not read, so that the refusal names them |
//! | `guard` | bounds before allocation, a deadline, panics caught |
//! | `flatten`, `hash` | to RGB over white, upright; pixel hash and perceptual hash |
//! | `encode` | thumbnails, JPEG and PNG out |
//! | `walk` | files and folders -> sorted files under their roots |
//! | `table`, `typing`, `join` | the metadata table, its types, which row is whose |
//! | [`dicom`], [`deid`] | DICOM files; what of them may leave this room |
//! | [`quality`] | signs of a picture's quality, and its verdict |
//! | [`slide`] | whole slides: levels, scale, regions |

mod driver;
mod encode;
mod flatten;
mod foreign;
mod guard;
mod hash;
mod join;
mod jpeg;
mod picture;
mod plain;
mod refusal;
mod table;
mod typing;
mod walk;

pub mod deid;
pub mod dicom;
pub mod quality;
pub mod slide;

pub use encode::{encode_jpeg, encode_png, encode_png_alpha, fitted, thumbnail, thumbnail_jpeg};
pub use guard::catch_panic;
pub use hash::{perceptual_hash, pixel_hash, sha256, sha256_file};
pub use join::{Join, Matched};
pub use picture::{
    Picture, ReadOptions, read_image_bytes, read_picture, read_picture_file, read_picture_guarded,
    read_picture_guarded_with, read_picture_with,
};
pub use refusal::Refusal;
pub use table::Table;
pub use typing::ColumnType;
pub use walk::{Chooser, Found, Refused, Walk, WalkOptions, walk};

#[cfg(test)]
mod tests;
