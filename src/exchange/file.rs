//! Rows -> one file, in the format that its name says.

use std::path::{Path, PathBuf};

use crate::error::ExchangeError;
use crate::jsonl::write_jsonl;
use crate::names::{names_path, write_names};
use crate::npy::write_npy;
use crate::parquet_out::write_parquet;
use crate::row::{Origin, Row, common_dim};

/// A format of files of vectors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A NumPy array, with a table of ids and paths beside it.
    Npy,
    /// Parquet: columns id, path, vector.
    Parquet,
    /// One JSON object a line.
    Jsonl,
}

impl Format {
    /// The format that a file's ending says, in upper or lower case.
    ///
    /// # Errors
    /// Another ending, or none.
    pub fn of(path: &Path) -> Result<Self, ExchangeError> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase());
        match ending.as_deref() {
            Some("npy") => Ok(Self::Npy),
            Some("parquet") => Ok(Self::Parquet),
            Some("jsonl") => Ok(Self::Jsonl),
            _ => Err(ExchangeError::Ending { path: path.to_owned() }),
        }
    }
}

/// Writes rows to `path`; what was written, `path` first. An array holds numbers alone, so the ids
/// and paths of its rows stand in a table beside it ([`names_path`]), which is written first: an
/// array is never there without its names. O(components).
///
/// # Errors
/// An ending that says no format, rows of different lengths, for JSON a component that is not
/// finite, a failing disk; a file that could not be written is as it was.
pub fn write_rows(
    path: &Path,
    rows: &[Row<'_>],
    origin: Origin<'_>,
) -> Result<Vec<PathBuf>, ExchangeError> {
    let format = Format::of(path)?;
    common_dim(rows)?;
    match format {
        Format::Npy => {
            let names = names_path(path);
            write_names(&names, rows)?;
            write_npy(path, rows)?;
            return Ok(vec![path.to_owned(), names]);
        }
        Format::Parquet => write_parquet(path, rows, origin)?,
        Format::Jsonl => write_jsonl(path, rows)?,
    }
    Ok(vec![path.to_owned()])
}
