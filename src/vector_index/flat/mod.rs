//! Our own graph: built and walked over rows of bytes (`kernels::sq8`), with flat lists of links,
//! so that files mapped from disk are walked as they lie.
//!
//! | Module | Holds |
//! |---|---|
//! | [`graph`] | [`FlatGraph`], [`FlatGraphRef`]: links in slices; orders and renumbering |
//! | `builder`, `growing`, `prune` | insertion by many threads, extension of a graph |
//! | `repair` | a way in for every node |
//! | `space` | distances between rows while a graph is built |
//! | `pool`, [`scratch`] | candidates in order; what a thread keeps between walks |
//! | [`walk`], [`filtered`] | the search, and the search among nodes that pass a filter |
//!
//! Measurements: `src/decisions/0005-own-graph.md`. The names of the parts are those of Malkov and
//! Yashunin 2016 (HNSW); pruning in two passes with `alpha` is after Subramanya and others 2019
//! (DiskANN).

pub mod builder;
pub mod filtered;
pub mod graph;
mod growing;
mod pool;
mod prune;
mod repair;
pub mod scratch;
mod space;
pub mod walk;

#[cfg(test)]
mod tests;

pub use builder::{FlatOptions, Watch, build, extend};
pub use filtered::FlatFilter;
pub use graph::{FlatGraph, FlatGraphRef};
pub use scratch::{Scratch, Work};
pub use space::lengths_are_even;
pub use walk::FlatIndex;
