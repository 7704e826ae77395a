//! Metadata tables out: one row a picture.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;

use serde_json::{Map, Value};
use vitrail_disk::safe_write_with;

use crate::error::ExchangeError;

/// The column that names each row's file.
const FILE: &str = "file";

/// Writes a table as `ingest --metadata` reads it: the column `file`, then every other field in the
/// order of its name; a missing field is an empty cell. O(rows x columns).
///
/// # Errors
/// A failing disk; the file at `path` is then as it was.
pub fn write_table(
    path: &Path,
    rows: &[(String, Map<String, Value>)],
) -> Result<(), ExchangeError> {
    let columns: BTreeSet<&str> =
        rows.iter().flat_map(|(_, fields)| fields.keys().map(String::as_str)).collect();
    Ok(safe_write_with(path, |out| {
        let mut table = csv::Writer::from_writer(out);
        let head = [FILE].into_iter().chain(columns.iter().copied());
        table.write_record(head).map_err(io::Error::from)?;
        for (file, fields) in rows {
            let cells = columns.iter().map(|column| fields.get(*column).map(cell));
            let cells = cells.map(Option::unwrap_or_default);
            let record = [file.clone()].into_iter().chain(cells);
            table.write_record(record).map_err(io::Error::from)?;
        }
        table.flush()
    })?)
}

fn cell(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_table_reads_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.csv");
        let fields = |value: Value| value.as_object().cloned().unwrap_or_default();
        let rows = [
            ("a.jpg".to_owned(), fields(json!({"label": "nevus, common", "age": 50}))),
            ("b.jpg".to_owned(), fields(json!({"label": "a \"quoted\" one", "sex": "f"}))),
        ];
        write_table(&path, &rows).unwrap();
        let text = std::fs::read_to_string(&path).unwrap();
        let expected = "file,age,label,sex\n\
            a.jpg,50,\"nevus, common\",\n\
            b.jpg,,\"a \"\"quoted\"\" one\",f\n";
        assert_eq!(text, expected);
    }
}
