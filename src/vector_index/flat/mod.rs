//! The project's own graph over rows of bytes: a builder, flat lists of links as a file has them,
//! and the walk over them. Plain slices in and out, so that mapped files are walked as they lie.
//!
//! | Module | Holds |
//! |---|---|
//! | [`graph`] | [`FlatGraph`], [`FlatRef`]: the lists, their numbering |
//! | [`builder`] | makes a graph, on many threads |
//! | `growing` | the lists while they grow: atomics, a lock a node for writers |
//! | `prune` | which candidates become links |
//! | `repair` | ways in for nodes that nobody links |
//! | [`walk`] | best-first search on codes, exact among the best |
//! | [`scratch`] | what one thread needs for it |
//!
//! HNSW (Malkov and Yashunin 2016), pruned in two passes as Vamana is (Subramanya and others 2019).

pub mod builder;
pub mod graph;
mod growing;
mod prune;
mod repair;
pub mod scratch;
pub mod walk;

#[cfg(test)]
mod tests;

pub use builder::{FlatOptions, build};
pub use graph::{FlatGraph, FlatRef};
pub use scratch::{Scratch, Work};
pub use walk::Search;
