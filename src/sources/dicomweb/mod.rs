//! DICOMweb (PS3.18): QIDO-RS to list, WADO-RS to fetch.

mod multipart;
mod place;
mod qido;
mod wado;
mod walk;

pub(crate) use place::Place;
pub(crate) use wado::fetch;
pub(crate) use walk::Walk;
