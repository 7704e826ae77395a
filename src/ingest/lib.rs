//! Room `ingest`: bytes, files and folders in; rasters with their hashes out. Knows no models.

pub mod slide;
