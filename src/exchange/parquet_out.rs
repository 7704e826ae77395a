//! Parquet: the columns `id`, `path` (text) and `vector` (list of float), readable by pandas,
//! Polars, DuckDB and Arrow. The only file that names the crate `parquet`.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use parquet::column::writer::ColumnWriter;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::parser::parse_message_type;
use vitrail_disk::safe_write_with;

use crate::error::ExchangeError;
use crate::row::{Origin, Row, common_dim};

const SCHEMA: &str = "message vitrail {
    required binary id (UTF8);
    required binary path (UTF8);
    required group vector (LIST) { repeated group list { required float element; } }
}";

/// Components of a row group: 16 MB, the most that is held beside the rows themselves.
const GROUP_COMPONENTS: usize = 4 * 1024 * 1024;

/// Writes the rows in their order, without compression (vectors hardly shrink), without
/// dictionaries; the origin stands in the file's metadata as `vitrail.model` and
/// `vitrail.contract`. O(components); a row group is held in memory.
///
/// # Errors
/// Rows of different lengths, a failing disk; the file at `path` is then as it was.
pub fn write_parquet(
    path: &Path,
    rows: &[Row<'_>],
    origin: Origin<'_>,
) -> Result<(), ExchangeError> {
    let group_rows = (GROUP_COMPONENTS / common_dim(rows)?.max(1)).max(1);
    Ok(safe_write_with(path, |out| {
        write_groups(out, rows, origin, group_rows).map_err(|error| match error {
            // A full disk must stay known as one.
            ParquetError::External(error) => match error.downcast::<io::Error>() {
                Ok(error) => *error,
                Err(error) => io::Error::other(error),
            },
            other => io::Error::other(other),
        })
    })?)
}

fn write_groups(
    out: &mut dyn Write,
    rows: &[Row<'_>],
    origin: Origin<'_>,
    group_rows: usize,
) -> Result<(), ParquetError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let about = [("vitrail.model", origin.model), ("vitrail.contract", origin.contract)];
    let about = about.map(|(key, value)| KeyValue::new(key.to_owned(), value.to_owned()));
    let properties = WriterProperties::builder()
        .set_dictionary_enabled(false)
        .set_key_value_metadata(Some(about.into()))
        .build();
    let held = Held::default();
    let mut writer = SerializedFileWriter::new(held.clone(), schema, Arc::new(properties))?;
    for group in rows.chunks(group_rows) {
        write_group(writer.next_row_group()?, group)?;
        held.drain_into(out)?;
    }
    writer.close()?;
    held.drain_into(out)?;
    Ok(())
}

fn write_group(
    mut writer: SerializedRowGroupWriter<'_, Held>,
    rows: &[Row<'_>],
) -> Result<(), ParquetError> {
    let text = |of: fn(&Row<'_>) -> ByteArray| rows.iter().map(of).collect::<Vec<_>>();
    let mut texts = [
        text(|row| ByteArray::from(row.id.as_bytes().to_vec())),
        text(|row| ByteArray::from(row.path.as_bytes().to_vec())),
    ]
    .into_iter();
    while let Some(mut column) = writer.next_column()? {
        match column.untyped() {
            ColumnWriter::ByteArrayColumnWriter(column) => {
                column.write_batch(&texts.next().unwrap_or_default(), None, None)?;
            }
            ColumnWriter::FloatColumnWriter(column) => {
                let (values, defined, repeated) = lists(rows);
                column.write_batch(&values, Some(&defined), Some(&repeated))?;
            }
            _ => return Err(ParquetError::General("a column that the schema lacks".to_owned())),
        }
        column.close()?;
    }
    writer.close()?;
    Ok(())
}

/// Dremel's levels: an element is defined at 1, an empty list at 0; a list's first element
/// repeats nothing (0), the others the list (1).
fn lists(rows: &[Row<'_>]) -> (Vec<f32>, Vec<i16>, Vec<i16>) {
    let (mut values, mut defined, mut repeated) = (Vec::new(), Vec::new(), Vec::new());
    for row in rows {
        values.extend_from_slice(row.vector);
        let levels = row.vector.len().max(1);
        defined.extend(std::iter::repeat_n(i16::from(!row.vector.is_empty()), levels));
        repeated.extend((0..levels).map(|at| i16::from(at > 0)));
    }
    (values, defined, repeated)
}

/// What the crate has written and `out` has not yet: the crate wants a writer that may be sent to
/// other threads, which room `disk` does not promise.
#[derive(Clone, Default)]
struct Held(Arc<Mutex<Vec<u8>>>);

impl Held {
    fn drain_into(&self, out: &mut dyn Write) -> io::Result<()> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        out.write_all(&bytes)
    }
}

impl Write for Held {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::{ListAccessor, RowAccessor};

    use super::*;

    const ORIGIN: Origin<'_> = Origin { model: "net", contract: "c0ffee" };

    fn round_trip(rows: &[Row<'_>], group_rows: usize) -> Vec<(String, String, Vec<f32>)> {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.parquet");
        if group_rows == 0 {
            write_parquet(&path, rows, ORIGIN).expect("written");
        } else {
            safe_write_with(&path, |out| {
                write_groups(out, rows, ORIGIN, group_rows).map_err(io::Error::other)
            })
            .expect("written");
        }
        let file = std::fs::File::open(path).expect("a file");
        let reader = SerializedFileReader::new(file).expect("a Parquet file");
        let about = reader.metadata().file_metadata().key_value_metadata().expect("metadata");
        let model = about.iter().find(|pair| pair.key == "vitrail.model").expect("a model");
        assert_eq!(model.value.as_deref(), Some("net"));
        let rows = reader.get_row_iter(None).expect("rows").map(|row| {
            let row = row.expect("a row");
            let list = row.get_list(2).expect("a list");
            let vector = (0..list.len()).map(|at| list.get_float(at).expect("a float")).collect();
            let text = |at| row.get_string(at).expect("text").clone();
            (text(0), text(1), vector)
        });
        rows.collect()
    }

    #[test]
    fn what_is_written_is_read() {
        let vectors: Vec<[f32; 3]> = (0..7).map(|n| [n as f32, -0.5, f32::MIN_POSITIVE]).collect();
        let ids: Vec<String> = (0..7).map(|n| format!("id-{n}")).collect();
        let rows: Vec<Row<'_>> = ids
            .iter()
            .zip(&vectors)
            .map(|(id, vector)| Row { id, path: "a/ü.jpg", vector })
            .collect();
        for group_rows in [0, 1, 3, 7] {
            let back = round_trip(&rows, group_rows);
            assert_eq!(back.len(), 7);
            for (row, (id, path, vector)) in rows.iter().zip(back) {
                assert_eq!((row.id, row.path, row.vector), (&*id, &*path, &*vector));
            }
        }
    }

    #[test]
    fn no_rows_and_empty_vectors_are_files_too() {
        assert!(round_trip(&[], 0).is_empty());
        let back = round_trip(&[Row { id: "a", path: "", vector: &[] }], 0);
        assert_eq!(back, [("a".to_owned(), String::new(), vec![])]);
    }
}
