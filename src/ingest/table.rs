//! A metadata table: CSV whose rows become payload. A column is numeric only if every cell of it
//! is a plain decimal, since real tables hold ids like `341e2287`.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Map, Number, Value};
use vitrail_domain::limits::{
    TABLE_BYTES_MAX, TABLE_CELL_BYTES_MAX, TABLE_COLUMNS_MAX, TABLE_ROWS_MAX,
};
use vitrail_domain::{Code, Payload, Role};

use crate::refusal::Refusal;

/// The column that names the picture.
const FILE: &str = "file";

/// What a column's cells become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Integer,
    Decimal,
}

/// A table in memory, with its rows found by path and by bare name.
#[derive(Debug)]
pub struct Table {
    columns: Vec<(String, Kind)>,
    rows: Vec<Vec<String>>,
    by_path: HashMap<PathBuf, usize>,
    /// `None`: several rows have this bare name, so it says nothing.
    by_name: BTreeMap<String, Option<usize>>,
}

impl Table {
    /// Reads a table. The column `file` holds a path relative to the table's folder, or a bare
    /// name; every other column becomes a payload field.
    ///
    /// # Errors
    /// No column `file`, ragged rows, repeated or reserved columns, or more than the bounds: the
    /// line is named.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let bytes = fs::metadata(path).map_err(|error| Refusal::unreadable(path, error))?.len();
        if bytes > TABLE_BYTES_MAX {
            return Err(invalid(path, format!("{bytes} bytes, more than {TABLE_BYTES_MAX}")));
        }
        let data = fs::read(path).map_err(|error| Refusal::unreadable(path, error))?;
        let folder = path.parent().unwrap_or(Path::new("."));
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        Self::parse(&data, &folder).map_err(|why| invalid(path, why))
    }

    /// The payload columns, in the table's order.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.columns.iter().map(|(name, _)| name.clone()).filter(|name| name != FILE).collect()
    }

    /// The payload of the picture at `path` (links resolved): by its path, else by its bare name
    /// where only one row has it. Empty cells are missing fields.
    #[must_use]
    pub fn fields_for(&self, path: &Path) -> Option<Map<String, Value>> {
        let by_name = || {
            let name = path.file_name()?.to_string_lossy();
            self.by_name.get(name.as_ref()).copied().flatten()
        };
        let row = self.by_path.get(path).copied().or_else(by_name)?;
        let cells = self.columns.iter().zip(self.rows.get(row)?);
        let fields = cells.filter(|((name, _), cell)| name != FILE && !cell.is_empty());
        Some(fields.map(|((name, kind), cell)| (name.clone(), value(*kind, cell))).collect())
    }

    fn parse(data: &[u8], folder: &Path) -> Result<Self, String> {
        let data = data.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(data);
        let mut reader = csv::ReaderBuilder::new().from_reader(data);
        let headers = reader.headers().map_err(|error| error.to_string())?.clone();
        let names: Vec<String> = headers.iter().map(|name| name.trim().to_owned()).collect();
        check_columns(&names)?;
        let mut rows = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| error.to_string())?;
            let line = record.position().map_or(0, csv::Position::line);
            if rows.len() == TABLE_ROWS_MAX {
                return Err(format!("line {line}: more than {TABLE_ROWS_MAX} rows"));
            }
            if record.iter().any(|cell| cell.len() > TABLE_CELL_BYTES_MAX) {
                return Err(format!(
                    "line {line}: a cell of more than {TABLE_CELL_BYTES_MAX} bytes"
                ));
            }
            rows.push(record.iter().map(|cell| cell.trim().to_owned()).collect::<Vec<_>>());
        }
        let columns = names.into_iter().enumerate();
        let columns = columns.map(|(at, name)| {
            let kind = kind_of(&name, rows.iter().filter_map(|row| row.get(at)));
            (name, kind)
        });
        let columns: Vec<_> = columns.collect();
        let mut table = Self { columns, rows, by_path: HashMap::new(), by_name: BTreeMap::new() };
        table.find_rows(folder);
        Ok(table)
    }

    fn find_rows(&mut self, folder: &Path) {
        let at = self.columns.iter().position(|(name, _)| name == FILE).unwrap_or(0);
        for (row, cells) in self.rows.iter().enumerate() {
            let Some(file) = cells.get(at).filter(|file| !file.is_empty()) else { continue };
            let joined = folder.join(file);
            let place = fs::canonicalize(&joined).unwrap_or(joined);
            self.by_path.insert(place, row);
            if let Some(name) = Path::new(file).file_name() {
                let name = name.to_string_lossy().into_owned();
                self.by_name.entry(name).and_modify(|one| *one = None).or_insert(Some(row));
            }
        }
    }
}

fn invalid(path: &Path, why: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::TableInvalid, format!("{}: {why}", path.display()))
}

fn check_columns(names: &[String]) -> Result<(), String> {
    if names.len() > TABLE_COLUMNS_MAX {
        return Err(format!("{} columns, more than {TABLE_COLUMNS_MAX}", names.len()));
    }
    if !names.iter().any(|name| name == FILE) {
        return Err(format!("line 1: no column is named \"{FILE}\""));
    }
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!("line 1: column {} has no name", at + 1));
        }
        if name == Payload::RESERVED {
            return Err(format!("line 1: the column \"{name}\" is reserved for the server"));
        }
        if names.iter().take(at).any(|other| other == name) {
            return Err(format!("line 1: the column \"{name}\" stands there twice"));
        }
    }
    Ok(())
}

/// Roles and ids are text whatever they look like.
fn kind_of<'a>(name: &str, cells: impl Iterator<Item = &'a String>) -> Kind {
    let is_role = Role::ALL.iter().any(|role| role.name() == name);
    if is_role || name == FILE || name == "id" || name.ends_with("_id") {
        return Kind::Text;
    }
    let mut kind = None;
    for cell in cells.filter(|cell| !cell.is_empty()) {
        match (decimal(cell), kind) {
            (Kind::Text, _) => return Kind::Text,
            (Kind::Decimal, _) => kind = Some(Kind::Decimal),
            (Kind::Integer, None) => kind = Some(Kind::Integer),
            (Kind::Integer, Some(_)) => {}
        }
    }
    kind.unwrap_or(Kind::Text)
}

/// A plain finite decimal: sign, digits without leading zeros, perhaps a point and digits.
fn decimal(cell: &str) -> Kind {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = whole.len() > 1 && whole.starts_with('0');
    match fraction {
        _ if !plain(whole) || leading_zero => Kind::Text,
        Some(fraction) if plain(fraction) => match cell.parse::<f64>() {
            Ok(number) if number.is_finite() => Kind::Decimal,
            _ => Kind::Text,
        },
        Some(_) => Kind::Text,
        None if cell.parse::<i64>().is_ok() => Kind::Integer,
        None => Kind::Text,
    }
}

fn value(kind: Kind, cell: &str) -> Value {
    let text = || Value::String(cell.to_owned());
    match kind {
        Kind::Text => text(),
        Kind::Integer => cell.parse::<i64>().map_or_else(|_| text(), Value::from),
        Kind::Decimal => {
            let number = cell.parse::<f64>().ok().and_then(Number::from_f64);
            number.map_or_else(text, Value::Number)
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(text: &str) -> Result<Table, String> {
        Table::parse(text.as_bytes(), Path::new("/data"))
    }

    #[test]
    fn columns_are_typed_by_all_their_cells() {
        let text = "\u{feff}file,patient_id,age,crp,code,dose,label\r\n\
                    a/1.jpg,042,50,1.5,341e2287,010,nv\r\na/2.jpg,7,,2,1,2,\"mel, in situ\"\r\n";
        let table = parse(text).expect("a table");
        let first = table.fields_for(Path::new("/data/a/1.jpg")).expect("a row");
        let expected = json!({"patient_id": "042", "age": 50, "crp": 1.5, "code": "341e2287",
            "dose": "010", "label": "nv"});
        assert_eq!(Value::Object(first), expected);
        let second = table.fields_for(Path::new("/elsewhere/2.jpg")).expect("by bare name");
        assert_eq!(second.get("age"), None);
        assert_eq!(second.get("crp"), Some(&json!(2.0)));
        assert_eq!(second.get("label"), Some(&json!("mel, in situ")));
        assert!(table.fields_for(Path::new("/data/3.jpg")).is_none());
    }

    #[test]
    fn an_ambiguous_bare_name_matches_nothing() {
        let table = parse("file,label\na/1.jpg,x\nb/1.jpg,y\n").expect("a table");
        assert!(table.fields_for(Path::new("/other/1.jpg")).is_none());
        assert!(table.fields_for(Path::new("/data/b/1.jpg")).is_some());
    }

    #[test]
    fn broken_tables_name_the_line() {
        for (text, word) in [
            ("label\nx\n", "file"),
            ("file,a\n1.jpg\n", "line"),
            ("file,vitrail\n1.jpg,x\n", "reserved"),
            ("file,a,a\n1.jpg,x,y\n", "twice"),
        ] {
            assert!(parse(text).is_err_and(|why| why.contains(word)), "{text:?}");
        }
    }
}
