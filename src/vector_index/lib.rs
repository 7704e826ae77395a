//! Room `vector_index`: the vectors of one name of one collection, held for search. Knows slots and
//! offsets; never RocksDB, tantivy, payloads or collections. It is derived: the store refills it.
//!
//! | Module | Holds |
//! |---|---|
//! | [`index`] | [`VectorIndex`]: the one writer; publishes views |
//! | [`view`] | [`VectorView`]: an immutable state, and the questions about it |
//! | [`search`] | exact and graph search over a view |
//! | `rows`, `pages` | append-only rows in chunks, maps of offsets and slots in pages |
//! | `graph` | flat links and the walk over them |
//! | `builder` | makes a graph: the only file that names `hnsw_rs` |
//! | [`flat`] | the project's own graph, over rows of bytes; nobody uses it yet |
//! | [`policy`] | when a graph is due, when dead rows are dropped |
//! | [`vector`] | checks and preparation of rows and queries |
//! | [`error`] | why a vector was refused |
//!
//! A row is written once, at the next **offset**; a **slot** points to its current offset. A new
//! vector for a slot is a new row, and the old row's offset loses its slot: that is its tombstone.
//! Readers hold a view and never wait; a writer copies what it changes (the tail chunk of at most
//! 1 MB, the touched pages of 16 KB, the lists of chunks and pages) and swaps the view.
//!
//! Memory: 4 bytes a component, 8 bytes a row for the maps, an eighth of a byte to 2 bytes for the
//! set of live slots; with a graph 70 to 140 bytes a row more. While a graph is built, about 2 KB a
//! row on top, and a copy of the rows if dead ones are dropped on the way.

mod builder;
pub mod error;
pub mod flat;
mod graph;
pub mod index;
mod pages;
pub mod policy;
mod rows;
pub mod search;
pub mod vector;
pub mod view;

#[cfg(test)]
mod tests;

pub use builder::GraphOptions;
pub use error::VectorError;
pub use index::{Built, VectorIndex};
pub use policy::{Counts, graph_due};
pub use search::Found;
pub use vector::{check_vector, prepare_query};
pub use view::VectorView;
