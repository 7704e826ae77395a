//! NumPy's `.npy`: a header in Python's words, then the numbers. (NEP 1; numpy/lib/format.py.)

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use vitrail_disk::safe_write_with;
use vitrail_domain::limits::DIM_MAX;

use crate::error::ExchangeError;
use crate::half;
use crate::row::{Row, common_dim};

const MAGIC: &[u8] = b"\x93NUMPY";

/// The numbers begin at a multiple of this.
const ALIGNMENT: usize = 64;

/// Bytes of a header: NumPy's own takes 118; names of fields are not read here.
const HEADER_BYTES_MAX: usize = 4 * 1024;

/// Rows of equal length, one after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Matrix {
    /// Rows.
    pub rows: usize,
    /// Components of each.
    pub dim: usize,
    /// `[rows x dim]`, row by row.
    pub values: Vec<f32>,
}

/// Writes the rows' vectors as a C-ordered `[rows, dim]` array of little-endian `f32`, version 1.0.
/// Ids and paths are not written: the order of the rows is all that an array keeps. O(components).
///
/// # Errors
/// Rows of different lengths, a failing disk; the file at `path` is then as it was.
pub fn write_npy(path: &Path, rows: &[Row<'_>]) -> Result<(), ExchangeError> {
    let header = header(rows.len(), common_dim(rows)?);
    Ok(safe_write_with(path, |out| {
        out.write_all(&header)?;
        rows.iter().try_for_each(|row| write_values(out, row.vector))
    })?)
}

fn write_values(out: &mut dyn Write, values: &[f32]) -> io::Result<()> {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    out.write_all(&bytes)
}

fn header(rows: usize, dim: usize) -> Vec<u8> {
    let words = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dim}), }}");
    let unpadded = MAGIC.len() + 4 + words.len() + 1;
    let padding = unpadded.next_multiple_of(ALIGNMENT) - unpadded;
    // 100 bytes or so: the length always fits the two bytes of version 1.
    let length = (words.len() + padding + 1) as u16;
    let spaces = vec![b' '; padding];
    [MAGIC, &[1, 0], &length.to_le_bytes(), words.as_bytes(), &spaces, b"\n"].concat()
}

/// Reads a C-ordered array of one or two dimensions of little-endian 16-, 32- or 64-bit floats as
/// `f32`; one dimension is one row. The header's promise is held against the file's size before
/// anything is allocated. O(components).
///
/// # Errors
/// Unreadable, another kind of array, a file that is shorter or longer than its header says, or a
/// component that is NaN or infinite, by its row and place.
pub fn read_npy(path: &Path) -> Result<Matrix, ExchangeError> {
    let (rows, dim, values) = read_file(path, DIM_MAX, floats)?;
    if let Some(at) = values.iter().position(|value| !value.is_finite()) {
        return Err(ExchangeError::NotFinite { row: at / dim, component: at % dim });
    }
    Ok(Matrix { rows, dim, values })
}

/// Reads a C-ordered array of little-endian 32- or 64-bit integers (labels, true neighbours), as
/// [`read_npy`] reads floats; `(rows, numbers of each, [rows x numbers])`.
///
/// # Errors
/// As [`read_npy`].
pub fn read_npy_integers(path: &Path) -> Result<(usize, usize, Vec<i64>), ExchangeError> {
    read_file(path, usize::MAX, integers)
}

fn read_file<T>(
    path: &Path,
    dim_max: usize,
    kinds: fn(&str) -> Option<Kind<T>>,
) -> Result<(usize, usize, Vec<T>), ExchangeError> {
    let unreadable = |source| ExchangeError::Read { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(unreadable)?;
    let size = file.metadata().map_err(unreadable)?.len();
    parse(&mut file, size, dim_max, kinds).map_err(|fault| match fault {
        Fault::Read(source) => unreadable(source),
        Fault::Not(why) => ExchangeError::NotNpy { path: path.to_owned(), why },
    })
}

enum Fault {
    Read(io::Error),
    Not(String),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::UnexpectedEof => Self::Not("it ends too early".to_owned()),
            _ => Self::Read(error),
        }
    }
}

fn not(why: impl Into<String>) -> Fault {
    Fault::Not(why.into())
}

fn parse<T>(
    from: &mut impl Read,
    size: u64,
    dim_max: usize,
    kinds: fn(&str) -> Option<Kind<T>>,
) -> Result<(usize, usize, Vec<T>), Fault> {
    let mut head = [0; 8];
    from.read_exact(&mut head)?;
    if !head.starts_with(MAGIC) {
        return Err(not("it does not begin with NumPy's mark"));
    }
    let (before, length) = match head {
        [.., 1, _] => (10, usize::from(u16::from_le_bytes(read(from)?))),
        [.., 2 | 3, _] => (12, u32::from_le_bytes(read(from)?) as usize),
        _ => return Err(not("its version is not 1, 2 or 3")),
    };
    if length > HEADER_BYTES_MAX {
        return Err(not(format!("its header has {length} bytes")));
    }
    let mut words = vec![0; length];
    from.read_exact(&mut words)?;
    let words = std::str::from_utf8(&words).map_err(|_| not("its header is not text"))?;
    let kind = kinds(field(words, "'descr':")?)
        .ok_or_else(|| not("its numbers are not little-endian, or of another kind"))?;
    if !field(words, "'fortran_order':")?.starts_with("False") {
        return Err(not("it is stored column by column (fortran_order)"));
    }
    let (rows, dim) = shape(field(words, "'shape':")?, dim_max)?;
    let body = size.saturating_sub(before + length as u64);
    let count = rows.checked_mul(dim).ok_or_else(|| not("its shape overflows"))?;
    if count as u64 != body / kind.bytes || !body.is_multiple_of(kind.bytes) {
        return Err(not(format!(
            "its header says {rows} x {dim} numbers of {} bytes, and {body} bytes follow",
            kind.bytes
        )));
    }
    let mut values = Vec::with_capacity(count);
    kind.read_all(from, count, &mut values)?;
    Ok((rows, dim, values))
}

fn read<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes).map(|()| bytes)
}

/// What follows a key of the header's dictionary.
fn field<'a>(words: &'a str, key: &str) -> Result<&'a str, Fault> {
    let (_, after) = words.split_once(key).ok_or_else(|| not(format!("no {key} in its header")))?;
    Ok(after.trim_start())
}

fn shape(words: &str, dim_max: usize) -> Result<(usize, usize), Fault> {
    let inside = words.strip_prefix('(').and_then(|words| words.split_once(')'));
    let (inside, _) = inside.ok_or_else(|| not("its shape is not a list"))?;
    let sides = inside.split(',').map(str::trim).filter(|side| !side.is_empty());
    let sides: Result<Vec<usize>, _> = sides.take(3).map(str::parse).collect();
    let (rows, dim) = match sides.map_err(|_| not("its shape holds no numbers"))?.as_slice() {
        [dim] => (1, *dim),
        [rows, dim] => (*rows, *dim),
        _ => return Err(not("it has neither one nor two dimensions")),
    };
    if dim > dim_max {
        return Err(not(format!("its rows have {dim} components, more than {dim_max}")));
    }
    Ok((rows, dim))
}

/// A kind of number that is read: its bytes, and how a run of them is taken.
struct Kind<T> {
    bytes: u64,
    take: fn(&[u8], &mut Vec<T>),
}

fn floats(words: &str) -> Option<Kind<f32>> {
    match words.get(..5)? {
        "'<f2'" => Some(Kind {
            bytes: 2,
            take: |bytes, to| each(bytes, to, |two| half::to_f32(u16::from_le_bytes(two))),
        }),
        "'<f4'" => Some(Kind { bytes: 4, take: |bytes, to| each(bytes, to, f32::from_le_bytes) }),
        "'<f8'" => Some(Kind {
            bytes: 8,
            take: |bytes, to| each(bytes, to, |eight| f64::from_le_bytes(eight) as f32),
        }),
        _ => None,
    }
}

fn integers(words: &str) -> Option<Kind<i64>> {
    match words.get(..5)? {
        "'<i4'" => Some(Kind {
            bytes: 4,
            take: |bytes, to| each(bytes, to, |four| i64::from(i32::from_le_bytes(four))),
        }),
        "'<i8'" => Some(Kind { bytes: 8, take: |bytes, to| each(bytes, to, i64::from_le_bytes) }),
        _ => None,
    }
}

impl<T> Kind<T> {
    /// Reads in pieces, so that the encoded form is never held whole.
    fn read_all(&self, from: &mut impl Read, count: usize, to: &mut Vec<T>) -> io::Result<()> {
        const PIECE: usize = 16 * 1024;
        let width = self.bytes as usize;
        let mut piece = vec![0; PIECE * width];
        while to.len() < count {
            let now = PIECE.min(count - to.len()) * width;
            let Some(bytes) = piece.get_mut(..now) else { break };
            from.read_exact(bytes)?;
            (self.take)(bytes, to);
        }
        Ok(())
    }
}

fn each<const N: usize, T>(bytes: &[u8], to: &mut Vec<T>, number: impl Fn([u8; N]) -> T) {
    let (numbers, _) = bytes.as_chunks::<N>();
    to.extend(numbers.iter().map(|bytes| number(*bytes)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(bytes: &[u8]) -> Result<Matrix, String> {
        let all = parse(&mut &bytes[..], bytes.len() as u64, DIM_MAX, floats);
        let (rows, dim, values) = all.map_err(|fault| match fault {
            Fault::Read(error) => error.to_string(),
            Fault::Not(why) => why,
        })?;
        Ok(Matrix { rows, dim, values })
    }

    fn file(words: &str, body: &[u8]) -> Vec<u8> {
        let length = (words.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, words.as_bytes(), body].concat()
    }

    #[test]
    fn the_header_is_numpys_to_the_byte() {
        // numpy.save of numpy.zeros((2, 3), "<f4"), its first 128 bytes.
        let words = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }";
        let header = header(2, 3);
        assert_eq!(header.len() % 64, 0);
        assert_eq!(header.get(..10), Some(b"\x93NUMPY\x01\x00v\x00".as_slice()));
        assert!(header.get(10..).is_some_and(|rest| rest.starts_with(words.as_bytes())));
        assert_eq!(header.last(), Some(&b'\n'));
    }

    #[test]
    fn other_floats_and_shapes_are_read() {
        let words = "{'shape': (2,), 'fortran_order': False, 'descr': '<f2'}\n";
        let one = parsed(&file(words, &[0, 0x3c, 0, 0xc0])).expect("a row");
        assert_eq!(one, Matrix { rows: 1, dim: 2, values: vec![1.0, -2.0] });
        let words = "{'descr': '<f8', 'fortran_order': False, 'shape': (1, 1), }";
        let one = parsed(&file(words, &0.5_f64.to_le_bytes())).expect("a row");
        assert_eq!(one.values, [0.5]);
    }

    #[test]
    fn integers_are_read_as_they_are() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("i.npy");
        let words = "{'descr': '<i4', 'fortran_order': False, 'shape': (3,), }";
        let body: Vec<u8> = [7, -1, i32::MAX].into_iter().flat_map(i32::to_le_bytes).collect();
        vitrail_disk::safe_write(&path, &file(words, &body)).expect("written");
        let read = read_npy_integers(&path).expect("read");
        assert_eq!(read, (1, 3, vec![7, -1, i64::from(i32::MAX)]));
        assert!(read_npy(&path).is_err(), "integers are no vectors");
    }

    #[test]
    fn a_component_that_is_not_finite_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("v.npy");
        for bad in [f32::NAN, f32::NEG_INFINITY] {
            let rows = [[1.0, 2.0, 3.0], [4.0, bad, 6.0]];
            let written = rows.each_ref().map(|vector| Row { id: "", path: "", vector });
            write_npy(&path, &written).expect("written");
            let error = read_npy(&path).expect_err("not finite").to_string();
            assert_eq!(error, "component 1 of row 1 is not a finite number");
        }
    }

    #[test]
    fn hostile_headers_are_refused_before_allocation() {
        let f4 = |rest: &str| format!("{{'descr': '<f4', 'fortran_order': False, {rest}}}");
        let cases = [
            (f4("'shape': (4294967295, 16384)"), "and 4 bytes follow"),
            (f4("'shape': (18446744073709551615, 2)"), "overflows"),
            (f4("'shape': (1, 99999)"), "more than 16384"),
            (f4("'shape': (1, 1, 1)"), "neither one nor two"),
            (f4("'shape': ()"), "neither one nor two"),
            (f4("'shape': (-1, 4)"), "holds no numbers"),
            (f4(""), "no 'shape':"),
            ("{'descr': '|O'}".to_owned(), "not little-endian"),
            ("{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1)}".to_owned(), "column"),
        ];
        for (words, why) in cases {
            let error = parsed(&file(&words, &[0; 4])).expect_err(&words);
            assert!(error.contains(why), "{words}: {error}");
        }
        assert!(parsed(b"\x93NUMPY\x02\x00\xff\xff\xff\xff").is_err());
        assert!(parsed(b"PK\x03\x04aaaaaaaaaaaa").is_err());
    }

    #[test]
    fn real_arrays_are_read() {
        let beside = || concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data").into();
        let data = std::env::var_os("VITRAIL_TEST_DATA").unwrap_or_else(beside);
        let folder = std::path::PathBuf::from(data).join("vectors");
        if !folder.is_dir() {
            assert!(std::env::var("VITRAIL_TEST_DATA_REQUIRED").as_deref() != Ok("1"));
            println!("skipped: no real vectors in {}", folder.display());
            return;
        }
        let halves = read_npy(&folder.join("mixed_handcrafted_128_f16.npy")).expect("an array");
        assert_eq!((halves.rows, halves.dim), (28_973, 128));
        let (rows, _) = halves.values.as_chunks::<128>();
        let norms = rows.iter().map(|row| row.iter().map(|v| v * v).sum::<f32>().sqrt());
        assert!(norms.into_iter().all(|norm| (norm - 1.0).abs() < 2e-3), "rows are normalised");
        let singles =
            read_npy(&folder.join("mopadi_TCGA-AD-6964-01Z-00-DX1_512_f32.npy")).expect("an array");
        assert_eq!((singles.rows, singles.dim), (777, 512));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            rows in prop::collection::vec(prop::array::uniform3(any::<f32>()), 0..9)
        ) {
            let folder = tempfile::tempdir().expect("a folder");
            let path = folder.path().join("v.npy");
            let written: Vec<Row<'_>> =
                rows.iter().map(|vector| Row { id: "", path: "", vector }).collect();
            write_npy(&path, &written).expect("written");
            let back = read_npy(&path).expect("read");
            prop_assert_eq!((back.rows, back.values.len()), (rows.len(), rows.len() * 3));
            let bits = |values: &[f32]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            prop_assert_eq!(bits(&back.values), bits(rows.as_flattened()));
        }

        #[test]
        fn any_bytes_are_an_array_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = parsed(&[MAGIC, &[1, 0], &bytes].concat());
        }
    }

    #[test]
    fn ragged_rows_are_refused() {
        let rows = [1, 2].map(|n| Row { id: "", path: "", vector: &[1.0, 2.0][..n] });
        let error = write_npy(Path::new("/none/v.npy"), &rows).expect_err("ragged");
        assert_eq!(error.to_string(), "row 1 has 2 components where row 0 has 1");
    }
}
