//! Room `collection`: the write path and the life of what is derived from the truth.
//!
//! ```text
//! changes -> store (durable, in Seq order) -> vectors, fields, live slots -> new view, published
//! question -> the view of this moment -> answer
//! ```
//!
//! | Module | Does |
//! |---|---|
//! | [`catalog`] | collections by name: open, make, drop |
//! | [`collection`] | one collection: apply, view, answer |
//! | [`fit`], [`rows`] | what of vectors may be written; where the rows of multi-vectors are read |
//! | [`recover`] | brings vectors and fields up to the truth when a collection is opened |
//! | [`upkeep`] | what is due in the background: field commits, freezing, merging, mending |
//!
//! It never knows HTTP, models or pixels.

mod catalog;
#[allow(clippy::module_inception)]
mod collection;
mod error;
mod fit;
mod recover;
mod rows;
#[cfg(test)]
mod tests;
mod upkeep;

pub use catalog::{Catalog, Damaged};
pub use collection::{Applied, Collection};
pub use error::CollectionError;
pub use vitrail_query::{Facets, View};
pub use vitrail_store::{CollectionSpec, VectorSpec};
