//! DICOM: files -> pictures of 8 bits with their de-identified words; series -> slides.
//!
//! | Module | Holds |
//! |---|---|
//! | `tags`, `data_set`, `file`, `syntax` | elements as ranges over bytes; the file around them |
//! | `header`, `frames`, `codecs` | the pixels' shape, where frames lie, from stored to samples |
//! | `rle`, `jpeg_ls` | the packings that no crate here knows |
//! | `grey`, `colour`, `groups` | samples -> shades or RGB of 8 bits |
//! | `meaning`, `profile` | `vitrail.dicom {...}`; which elements PS3.15 touches |
//! | `read` | the driver |
//! | `wsi` | whole slides |

mod codecs;
mod colour;
mod data_set;
mod file;
mod frames;
mod grey;
mod groups;
mod header;
mod jpeg_ls;
mod meaning;
mod profile;
mod read;
mod rle;
mod syntax;
mod tags;
mod wsi;

#[cfg(test)]
mod made;
#[cfg(test)]
mod tests;

pub use grey::{Grey16, WindowRule};
pub use wsi::{is_dicom, is_dicom_file, one_per_slide, slide_words};

pub use read::{DicomOptions, FrameChoice, read_grey16};

pub(crate) use file::detect;
pub(crate) use read::{decode, decode_with};
pub(crate) use wsi::{Series, is_instance};
