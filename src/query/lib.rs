//! Room `query`: a question over an immutable view, answered with its receipt.
//!
//! | Module | Does |
//! |---|---|
//! | [`view`] | what is searched: vectors, fields and records of one moment |
//! | [`plan`] | pure choice between an exact scan and a graph walk |
//! | [`execute`] | filter, plan, search, percentiles, groups |
//! | [`multi`] | candidates by mean row, every row compared |
//! | [`percentile`] | a hit's place among a seeded sample of the same space |
//!
//! It never knows RocksDB, nor how anything is written.

mod error;
mod execute;
mod facets;
mod multi;
mod percentile;
mod plan;
#[cfg(test)]
mod tests;
mod view;

pub use error::QueryError;
pub use execute::answer;
pub use facets::{Facets, facets};
pub use view::View;
