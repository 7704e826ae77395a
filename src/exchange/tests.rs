//! The three formats as one: by their endings, against each other, and as NumPy and Arrow read
//! them.

use std::path::{Path, PathBuf};
use std::process::Command;

use proptest::prelude::*;

use super::*;

const ORIGIN: Origin<'_> = Origin { model: "net", contract: "c0ffee" };

#[test]
fn the_ending_says_the_format() {
    let of = |name: &str| Format::of(Path::new(name)).ok();
    assert_eq!(of("a.b/v.NPY"), Some(Format::Npy));
    assert_eq!(of("v.parquet"), Some(Format::Parquet));
    assert_eq!(of("v.jsonl"), Some(Format::Jsonl));
    let refused = Format::of(Path::new("v.csv")).expect_err("a table");
    assert_eq!(refused.to_string(), "v.csv must end in .npy, .parquet or .jsonl");
}

#[test]
fn an_array_has_a_table_of_names_beside_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("skin.npy");
    let rows = [("a,1", "x/\"ü\".jpg", [1.0, 2.0]), ("b", "y.jpg", [3.0, 4.0])];
    let rows = rows.each_ref().map(|(id, path, vector)| Row { id, path, vector });
    let written = write_rows(&path, &rows, ORIGIN).expect("written");
    assert_eq!(written, [path, folder.path().join("skin.ids.csv")]);
    let table = std::fs::read_to_string(&written[1]).expect("text");
    assert_eq!(table, "row,id,path\n0,\"a,1\",\"x/\"\"ü\"\".jpg\"\n1,b,y.jpg\n");
}

/// Reads what was written with NumPy, Arrow and Python's own JSON, and prints each as hexadecimal.
const READER: &str = "
import csv, json, sys
import numpy, pyarrow.parquet
base = sys.argv[1]
array = numpy.load(base + '.npy')
assert array.dtype == numpy.float32 and array.flags.c_contiguous, array.dtype
names = list(csv.DictReader(open(base + '.ids.csv', encoding='utf-8', newline='')))
table = pyarrow.parquet.read_table(base + '.parquet')
about = {k.decode(): v.decode() for k, v in table.schema.metadata.items()}
assert about['vitrail.model'] == 'net' and about['vitrail.contract'] == 'c0ffee', about
lines = [json.loads(line) for line in open(base + '.jsonl', encoding='utf-8')]
def show(what, ids, paths, rows):
    for row in zip(ids, paths, rows):
        print(what, row[0], row[1], numpy.asarray(row[2], dtype='<f4').tobytes().hex())
show('npy', [n['id'] for n in names], [n['path'] for n in names], array)
show('parquet', *[table.column(c).to_pylist() for c in ('id', 'path', 'vector')])
show('jsonl', *[[line[c] for line in lines] for c in ('id', 'path', 'vector')])
";

/// A Python with NumPy and Arrow: `VITRAIL_PYTHON`, else `python3` where it has them.
fn python() -> Option<PathBuf> {
    let named = std::env::var_os("VITRAIL_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| PathBuf::from("python3"));
    let tried = Command::new(&python).args(["-c", "import numpy, pyarrow.parquet"]).output();
    tried.is_ok_and(|tried| tried.status.success()).then_some(python)
}

#[test]
fn numpy_arrow_and_json_read_the_same_numbers() {
    let Some(python) = python() else {
        println!("skipped: no Python with numpy and pyarrow (name one by VITRAIL_PYTHON)");
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let vectors: Vec<[f32; 3]> =
        (0..40).map(|n| [0.1 * n as f32, -1.0e-38 / (n + 1) as f32, 3.0e38]).collect();
    let names: Vec<String> = (0..40).map(|n| format!("p{n}")).collect();
    let rows = names.iter().zip(&vectors);
    let rows: Vec<Row<'_>> =
        rows.map(|(id, vector)| Row { id, path: "größe/1.jpg", vector }).collect();
    for ending in ["npy", "parquet", "jsonl"] {
        let path = folder.path().join("v").with_extension(ending);
        write_rows(&path, &rows, ORIGIN).expect("written");
    }
    let read = Command::new(python)
        .env("PYTHONIOENCODING", "utf-8")
        .args(["-c", READER])
        .arg(folder.path().join("v"))
        .output()
        .expect("Python runs");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let hex = |row: &Row<'_>| -> String {
        let bytes = row.vector.iter().flat_map(|value| value.to_le_bytes());
        bytes.map(|byte| format!("{byte:02x}")).collect()
    };
    let expected = ["npy", "parquet", "jsonl"].into_iter().flat_map(|format| {
        rows.iter().map(move |row| format!("{format} {} {} {}\n", row.id, row.path, hex(row)))
    });
    assert_eq!(String::from_utf8_lossy(&read.stdout), expected.collect::<String>());
}

proptest! {
    #[test]
    fn a_failed_write_leaves_what_was_there(bad in 0usize..3) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.npy");
        let good = [Row { id: "a", path: "a", vector: &[1.0] }; 3];
        write_rows(&path, &good, ORIGIN).expect("written");
        let both = || [path.clone(), names_path(&path)].map(|path| std::fs::read(path).ok());
        let before = both();
        let mut ragged = good;
        ragged[bad] = Row { id: "b", path: "b", vector: &[1.0, 2.0] };
        prop_assert!(write_rows(&path, &ragged, ORIGIN).is_err());
        prop_assert_eq!(both(), before);
    }
}
