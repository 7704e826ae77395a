//! Room `field_index`: which points a filter lets through, and how often each value occurs. It
//! knows payloads, not vectors, and nothing of how either is stored.
//!
//! | Module | Holds |
//! |---|---|
//! | [`index`] | the face: apply, commit, rebuild, view |
//! | [`view`] | an immutable view: evaluate, facet, paths |
//! | [`overlay`] | payloads changed since the last commit, and when to commit |
//! | [`tree`], [`known`] | a filter in three values: holds, may hold, does not |
//! | [`leaf`] | one condition, said by terms and columns |
//! | [`facet`] | counts of values and paths |
//! | [`cache`] | sets of slots that leaves gave |
//! | [`leaves`] | a payload's terms and numbers |
//! | [`term`] | the bytes of a term |
//! | [`shelf`] | the tantivy index; no other file names it |
//! | [`seal`] | the line that each commit carries |
//!
//! Equality, words, ids and kinds of values are terms of one raw field, so a condition is one or a
//! few posting lists. Ranges of numbers are columns: a range over 100,000 different numbers would
//! open 100,000 posting lists, a column is read in a fraction of a millisecond. Whatever terms
//! can't say exactly is found by a mark term and told by the payload itself.

mod cache;
mod error;
mod facet;
mod index;
mod known;
mod leaf;
mod leaves;
mod overlay;
mod seal;
mod shelf;
mod term;
mod tree;
mod view;

#[cfg(test)]
mod tests;

pub use error::FieldError;
pub use facet::{Facet, FieldType, PathInfo};
pub use index::{FieldIndex, Rebuild};
pub use overlay::Pending;
pub use view::{FieldView, Matched};
