//! Room `vector_index`: the vectors of one name of one collection, held for search. Knows slots and
//! offsets; never RocksDB, tantivy, payloads or collections. It is derived: the store refills it.
//!
//! | Module | Holds |
//! |---|---|
//! | [`index`] | [`VectorIndex`]: the one writer; publishes views |
//! | [`work`] | freezing and merging segments beside it |
//! | [`catch_up`] | bringing an opened index up to the truth |
//! | [`view`] | [`VectorView`]: an immutable list of segments, and the questions about it |
//! | [`search`] | exact and planned search over a view |
//! | [`plan`], `costs`, `route` | what each way to search a segment costs; the cheapest, taken |
//! | `code_scan`, `bits` | scans by 1-bit codes, exact among the nearest |
//! | `segment`, `store`, `rows`, `pages` | rows in chunks or mapped, maps in pages |
//! | `links` | a segment's graph, by metric: `codes`, or `graph` |
//! | `codes`, [`flat`] | our own graph over rows of bytes, in memory or mapped |
//! | `graph`, `words` | lists of links for Manhattan, in memory or mapped, and the walk over them |
//! | `builder` | makes such lists: the only file that names `hnsw_rs` |
//! | `shelf`, `files`, `manifest`, `blocks` | what lies on disk (`schemas/formats/segment.md`) |
//! | [`policy`] | when to seal, freeze, merge |
//! | [`vector`] | checks and preparation of rows and queries |
//! | [`multi`] | many rows a point: the mean row of an index, the exact comparison |
//! | [`error`] | why a vector was refused, what is wrong with a file |
//!
//! A vector is written at the end of the **mutable** segment, scanned by 1-bit codes. Full, it is
//! **sealed** and another begins; a worker **freezes** what is sealed: full vectors and a graph in
//! mapped files, never edited; and merges small frozen segments into the largest. A **slot** maps
//! to the place of its current row; a row whose slot maps elsewhere is dead: that is its tombstone.
//! Readers hold a view and never wait; a writer copies what it changes (the tail chunk of at most
//! 1 MB, the touched pages of 16 KB, the lists of chunks and pages) and swaps the view.
//!
//! Memory: 4 bytes a component of what is mutable or sealed (or of everything, without a folder), 8
//! bytes a row, an eighth of a byte to 2 bytes for the set of live slots; mapped: links of 70 to
//! 140 bytes a row, and full vectors. While a graph is built, about 2 KB a row on top.

mod bits;
mod blocks;
mod builder;
pub mod catch_up;
mod code_scan;
mod codes;
mod costs;
pub mod error;
mod files;
pub mod flat;
mod graph;
pub mod index;
mod links;
mod manifest;
pub mod multi;
mod pages;
pub mod plan;
pub mod policy;
mod route;
mod rows;
pub mod search;
mod segment;
mod shelf;
mod store;
pub mod vector;
pub mod view;
mod words;
pub mod work;

#[cfg(test)]
mod tests;

pub use builder::{GraphOptions, SecondOpinion};
pub use catch_up::{CaughtUp, Truth};
pub use error::{SegmentError, VectorError};
pub use index::{Opened, VectorIndex};
pub use multi::{MaxSim, check_rows, mean_row};
pub use policy::{Choice, Counts, SegmentCounts, checkpoint_due};
pub use search::Found;
pub use vector::{check_vector, prepare_query};
pub use view::VectorView;
pub use work::Built;
