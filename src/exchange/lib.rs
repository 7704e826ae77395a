//! Room `exchange`: vectors and tables in the files that other programs read. Knows no collections.
//!
//! | Module | Holds |
//! |---|---|
//! | `file` | [`write_rows`]: rows -> one file in the format that its name says |
//! | `row` | [`Row`]: an id, a path, a vector; all of one file have one length |
//! | `npy` | NumPy arrays, out and in |
//! | `half` | 16-bit floats -> 32-bit |
//! | `parquet_out` | Parquet with the columns id, path, vector |
//! | `jsonl` | one JSON object a line |
//! | `geojson` | polygons of a slide in, boxes out |
//! | `table` | metadata tables, as an ingest reads them |
//! | `names` | the table of ids and paths beside an array, which holds numbers alone |

mod error;
mod file;
mod geojson;
mod half;
mod jsonl;
mod names;
mod npy;
mod parquet_out;
mod row;
mod table;
#[cfg(test)]
mod tests;

pub use error::ExchangeError;
pub use file::{Format, write_rows};
pub use geojson::{Areas, box_feature, feature_collection};
pub use jsonl::write_jsonl;
pub use names::{names_path, write_names};
pub use npy::{Matrix, read_npy, read_npy_integers, write_npy};
pub use parquet_out::write_parquet;
pub use row::{Origin, Row};
pub use table::write_table;
