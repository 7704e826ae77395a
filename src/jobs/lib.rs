//! Room `jobs`: long work with progress, cancel and resume.
//!
//! ```text
//! walk + table -> opener: photo or tiles -> [work] -> readers: hash, skip or decode -> [embedding]
//!      -> writer: batches of 64, durable               (what stands in [ ] is a bounded queue)
//! ```
//!
//! | Module | Does |
//! |---|---|
//! | [`spec`] | what an ingest is asked to do, and its JSON form in the store |
//! | [`identity`] | ids: the same file from the same place is the same point |
//! | [`sources`], [`slides`] | files with their rows of the table; slides with their tiles |
//! | [`dicom`] | pseudonyms of file names, roles and options of DICOM files |
//! | [`bind`], [`writer`] | the collection's vector and its contract; durable batches |
//! | [`record`] | a job as the store keeps it |
//! | [`prepare`] | one unit of work -> a raster with its payload, or a refusal |
//! | [`feed`], [`ingest`] | the pipeline: units of work, readers; embedding, durable batches |
//! | [`pull`], [`trail`] | sources far away: listed, fetched, and how far a run has come |
//! | [`progress`] | counters, rate, time left |
//! | [`queue`] | the server's job queue: workers, persistence, events |
//! | [`uploads`] | single pictures that come in by hand |
//! | [`upkeep`] | background care of collections: commits, graphs |
//!
//! It never knows HTTP.

mod bind;
mod dicom;
mod error;
mod feed;
mod identity;
mod ingest;
mod prepare;
mod progress;
mod pull;
mod queue;
mod record;
mod slides;
mod sources;
mod spec;
mod trail;
mod upkeep;
mod uploads;
mod writer;

pub use error::JobError;
pub use identity::{image_id, point_id};
pub use ingest::{Ended, Ingest, run_ingest};
pub use progress::{Progress, Refused, Summary, Watch};
pub use queue::{Job, Jobs};
pub use spec::{IngestSpec, Regions};
pub use trail::Reached;
pub use upkeep::Upkeep;
pub use uploads::{Upload, UploadOutcome, ingest_uploads};
pub use vitrail_store::JobState;
