//! Room `vector_index`: the vectors of one name of one collection, held for search. Knows slots and
//! offsets; never RocksDB, tantivy, payloads or collections. It is derived: the store refills it.
//!
//! | Module | Holds |
//! |---|---|
//! | [`index`] | [`VectorIndex`]: the one writer; publishes views |
//! | [`work`] | freezing and merging segments beside it, and beside one another |
//! | [`policy`] | when to seal, freeze, merge, and when writers wait |
//! | [`catch_up`] | bringing an opened index up to the truth |
//! | [`view`] | [`VectorView`]: an immutable list of segments, and the questions about it |
//! | [`search`] | exact and planned search over a view |
//! | [`plan`], `costs`, `route` in it | what each way to search costs; the cheapest, taken |
//! | `code_scan` in it | scans by codes, exact among the nearest |
//! | `segment` | one segment; in it `store`, `rows`, `pages`: rows in chunks or mapped |
//! | `bits`, `codes` in it | codes of one bit, and of a byte a component |
//! | `links` in it | a segment's graph, by metric: over `codes`, or a `graph` |
//! | `graph`, `words` in it | lists of links for Manhattan, in memory or mapped; the walk |
//! | `builder` in it | makes such lists: the only file that names `hnsw_rs` |
//! | [`flat`] | our own graph over rows of bytes, in memory or mapped |
//! | `shelf` | what lies on disk (`schemas/formats/segment.md`): `files`, `manifest`, `blocks` |
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

pub mod catch_up;
pub mod error;
pub mod flat;
pub mod index;
pub mod multi;
pub mod policy;
pub mod search;
mod segment;
mod shelf;
pub mod vector;
pub mod view;
pub mod work;

#[cfg(test)]
mod tests;

pub use catch_up::{CaughtUp, Truth};
pub use error::{SegmentError, VectorError};
pub use index::{Opened, VectorIndex};
pub use multi::{MaxSim, check_rows, mean_row};
pub use policy::{Choice, Counts, SegmentCounts, Task, checkpoint_due};
pub use search::{Found, plan};
pub use segment::builder::{GraphOptions, SecondOpinion};
pub use vector::{check_vector, prepare_query};
pub use view::VectorView;
pub use work::Built;
