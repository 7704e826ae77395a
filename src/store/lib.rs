//! The truth on disk: points, vectors, images, jobs, in RocksDB. This room never knows what vectors
//! mean, nor any query.
//!
//! ```text
//! write: changes -> Draft (validate, read-modify-write, slots) -> Queue (shared sync) -> effects
//! read:  slot or id -> Db (one family each) -> envelope checked -> record
//! ```
//!
//! | File | What |
//! |---|---|
//! | `store`, `catalog`, `spec`, `options` | the folder, its lock, its collections |
//! | `collection`, `log` | one collection's reads; the change log |
//! | `images`, `cache` | images and hashes; embeddings made before |
//! | `write`, `edit`, `queue` | the write path: prepared, joined, synced, applied in Seq order |
//! | `job`, `blobs`, `check` | jobs; uploads; the walk over everything |
//! | `codec`, `convert`, `keys`, `acknowledged` | bytes, as `schemas/formats/store.md` says |
//! | `rocks` | the one file that names RocksDB |

mod acknowledged;
mod blobs;
mod cache;
mod catalog;
mod check;
mod codec;
mod collection;
mod convert;
mod edit;
mod error;
mod images;
mod job;
mod keys;
mod log;
mod options;
mod queue;
mod rocks;
mod spec;
mod store;
#[cfg(test)]
mod tests;
mod write;

pub use check::{CollectionFindings, Findings, Problems};
pub use collection::CollectionStore;
pub use error::StoreError;
pub use job::{JobProgress, JobRecord, JobRefusal, JobState};
pub use log::SlotChange;
pub use options::StoreOptions;
pub use spec::{CollectionSpec, VectorSpec};
pub use store::{FORMAT_VERSION, Store};
pub use write::{Effect, Written};
