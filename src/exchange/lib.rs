//! Room `exchange`: vectors in the files that other programs read. Knows no collections.
//!
//! | Module | Holds |
//! |---|---|
//! | `row` | [`Row`]: an id, a path, a vector; all of one file have one length |
//! | `npy` | NumPy arrays, out and in |
//! | `half` | 16-bit floats -> 32-bit |
//! | `parquet_out` | Parquet with the columns id, path, vector |
//! | `jsonl` | one JSON object a line |

mod error;
mod half;
mod jsonl;
mod npy;
mod parquet_out;
mod row;

pub use error::ExchangeError;
pub use jsonl::write_jsonl;
pub use npy::{Matrix, read_npy, write_npy};
pub use parquet_out::write_parquet;
pub use row::Row;
