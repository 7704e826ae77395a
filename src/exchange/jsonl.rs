//! JSON lines: one object a row, in the rows' order.

use std::io::{self, Write};
use std::path::Path;

use serde_json::json;
use vitrail_disk::safe_write_with;

use crate::error::ExchangeError;
use crate::row::{Row, common_dim};

/// Writes `{"id", "path", "vector"}` a line, UTF-8, LF. Components are written with the fewest
/// digits that give the same `f32` back. O(components).
///
/// # Errors
/// Rows of different lengths, a component that is not finite, a failing disk; the file at `path`
/// is then as it was.
pub fn write_jsonl(path: &Path, rows: &[Row<'_>]) -> Result<(), ExchangeError> {
    common_dim(rows)?;
    for (row, values) in rows.iter().enumerate() {
        if let Some(component) = values.vector.iter().position(|value| !value.is_finite()) {
            return Err(ExchangeError::NotFinite { row, component });
        }
    }
    Ok(safe_write_with(path, |out| rows.iter().try_for_each(|row| write_row(out, row)))?)
}

fn write_row(out: &mut dyn Write, row: &Row<'_>) -> io::Result<()> {
    // Not through a `Value`, which would write the 17 digits of an `f64`.
    write!(out, "{{\"id\":{},\"path\":{},\"vector\":", json!(row.id), json!(row.path))?;
    serde_json::to_writer(&mut *out, row.vector)?;
    out.write_all(b"}\n")
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn lines_give_the_same_numbers_back() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.jsonl");
        let vector = [0.1_f32, -3.0e-20, 16_777_216.0];
        write_jsonl(&path, &[Row { id: "a\"b", path: "p", vector: &vector }]).expect("written");
        let text = std::fs::read_to_string(path).expect("text");
        assert!(text.contains("[0.1,-3e-20,"), "{text}");
        let value: Value = serde_json::from_str(text.trim_end()).expect("one object");
        let back = value.get("vector").and_then(Value::as_array).expect("a list");
        let back: Vec<f32> = back.iter().filter_map(Value::as_f64).map(|v| v as f32).collect();
        assert_eq!((back.as_slice(), value.get("id")), (vector.as_slice(), Some(&"a\"b".into())));
    }

    #[test]
    fn what_json_cannot_say_is_refused_before_anything_is_written() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.jsonl");
        let rows = [Row { id: "", path: "", vector: &[1.0, f32::NAN] }];
        let error = write_jsonl(&path, &rows).expect_err("not a number");
        assert_eq!(error.to_string(), "component 1 of row 0 is not a finite number");
        assert!(!path.exists());
    }
}
