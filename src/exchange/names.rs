//! The table beside an array: which row is whose.

use std::io;
use std::path::{Path, PathBuf};

use vitrail_disk::safe_write_with;

use crate::error::ExchangeError;
use crate::row::Row;

/// Where the names of an array's rows stand: `skin.npy` -> `skin.ids.csv`. Not `skin.csv`, which
/// is what people call the table of their pictures.
#[must_use]
pub fn names_path(array: &Path) -> PathBuf {
    array.with_extension("ids.csv")
}

/// Writes a table of the columns row (from 0), id and path, in the rows' order. O(rows).
///
/// # Errors
/// A failing disk; the file at `path` is then as it was.
pub fn write_names(path: &Path, rows: &[Row<'_>]) -> Result<(), ExchangeError> {
    Ok(safe_write_with(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        table.write_record(["row", "id", "path"]).map_err(io::Error::from)?;
        for (number, row) in rows.iter().enumerate() {
            let number = number.to_string();
            table.write_record([number.as_str(), row.id, row.path]).map_err(io::Error::from)?;
        }
        table.flush()
    })?)
}
