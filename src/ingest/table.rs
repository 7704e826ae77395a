//! The metadata table: a CSV whose column `file` says whose row it is.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use csv::{ReaderBuilder, StringRecord, Trim};
use serde_json::{Map, Value};
use vitrail_domain::limits::{
    TABLE_BYTES_MAX, TABLE_CELL_BYTES_MAX, TABLE_COLUMNS_MAX, TABLE_ROWS_MAX,
};
use vitrail_domain::{Code, Path as PayloadPath, Payload, Roles};

use crate::refusal::Refusal;
use crate::typing::ColumnType;

/// The column that names the picture.
const FILE: &str = "file";

/// A table held in memory, typed column by column.
#[derive(Debug, Clone)]
pub struct Table {
    folder: PathBuf,
    columns: Vec<String>,
    types: Vec<ColumnType>,
    file_column: usize,
    cells: Cells,
    rows_by_file: HashMap<String, usize>,
}

/// All cells' text one after the other: two allocations for the whole table.
#[derive(Debug, Clone, Default)]
struct Cells {
    text: String,
    ends: Vec<usize>,
    rows: usize,
}

impl Table {
    /// Reads a CSV: comma, quotes as in RFC 4180, LF or CRLF, UTF-8 with or without a byte order
    /// mark, first line the columns. Columns whose names give a role away, and those that end in
    /// `_id`, stay text; [`Table::with_roles`] adds a collection's own. A column without a name is
    /// called by its place (`column_1`). O(bytes), held in memory.
    ///
    /// # Errors
    /// `file_unreadable`; `table_invalid` naming the line: a row with another count of cells,
    /// text that is not UTF-8, no or two columns of a name, a column `vitrail`, a row without a
    /// file, two rows for one file, more than a bound.
    pub fn read(path: &Path) -> Result<Self, Refusal> {
        let path = fs::canonicalize(path).map_err(|why| Refusal::unreadable(path, why))?;
        let file = File::open(&path).map_err(|why| Refusal::unreadable(&path, why))?;
        let bytes = file.metadata().map_err(|why| Refusal::unreadable(&path, why))?.len();
        if bytes > TABLE_BYTES_MAX {
            let message =
                format!("the table has {bytes} bytes, more than the limit of {TABLE_BYTES_MAX}");
            return Err(Refusal::new(Code::TableInvalid, message));
        }
        let folder = path.parent().unwrap_or(&path).to_owned();
        Self::parse(file.take(TABLE_BYTES_MAX), folder).map_err(|mut refusal| {
            refusal.message = format!("{}: {}", path.display(), refusal.message);
            refusal
        })
    }

    /// [`Table::read`] from any bytes, with the folder that its paths are relative to.
    ///
    /// # Errors
    /// As [`Table::read`].
    pub fn parse(from: impl Read, folder: PathBuf) -> Result<Self, Refusal> {
        let mut reader = ReaderBuilder::new().trim(Trim::Headers).from_reader(from);
        let header = reader.headers().map_err(|error| unparsed(&error))?;
        let columns = columns(header)?;
        let file_column = columns
            .iter()
            .position(|column| column == FILE)
            .ok_or_else(|| no_file_column(&columns))?;
        let mut table = Self {
            folder,
            types: Vec::new(),
            file_column,
            cells: Cells::default(),
            rows_by_file: HashMap::new(),
            columns,
        };
        let mut lines = HashMap::new();
        for record in reader.records() {
            table.add(&record.map_err(|error| unparsed(&error))?, &mut lines)?;
        }
        Ok(table.with_roles(&Roles::default()))
    }

    /// The table with the columns that play a role in a collection as text.
    #[must_use]
    pub fn with_roles(mut self, roles: &Roles) -> Self {
        self.types = self.typed(roles);
        self
    }

    /// The columns that become payload, in file order: all but `file`.
    #[must_use]
    pub fn columns(&self) -> Vec<String> {
        self.columns.iter().filter(|name| *name != FILE).cloned().collect()
    }

    /// The type of a column of this name.
    #[must_use]
    pub fn column_type(&self, name: &str) -> Option<ColumnType> {
        let at = self.columns.iter().position(|column| column == name)?;
        self.types.get(at).copied()
    }

    /// Rows, the header apart.
    #[must_use]
    pub fn len(&self) -> usize {
        self.cells.rows
    }

    /// Whether there is no row.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cells.rows == 0
    }

    /// What a row says in the column `file`, with `/` between the parts.
    #[must_use]
    pub fn file(&self, row: usize) -> String {
        normal(self.cell(row, self.file_column))
    }

    /// The row whose `file` is this text, written with any separators.
    #[must_use]
    pub fn row(&self, file: &str) -> Option<usize> {
        self.rows_by_file.get(&normal(file)).copied()
    }

    /// The row of the file at this path relative to the table's folder. Links resolved before.
    pub(crate) fn row_at(&self, path: &Path) -> Option<usize> {
        self.row(path.strip_prefix(&self.folder).ok()?.to_str()?)
    }

    /// The row whose `file` is the end of this path, the longest first: a bare name at last.
    pub(crate) fn row_ending(&self, path: &str) -> Option<usize> {
        let path = normal(path);
        let ends = path.match_indices('/').map(|(at, _)| at + 1);
        let mut ends = std::iter::once(0).chain(ends).filter_map(|at| path.get(at..));
        ends.find_map(|end| self.rows_by_file.get(end).copied())
    }

    /// A row as payload fields: every column but `file`, missing cells left out.
    #[must_use]
    pub fn fields(&self, row: usize) -> Map<String, Value> {
        let columns = self.columns.iter().zip(&self.types).enumerate();
        columns
            .filter(|(at, _)| *at != self.file_column)
            .filter_map(|(at, (name, of))| Some((name.clone(), of.value(self.cell(row, at))?)))
            .collect()
    }

    fn cell(&self, row: usize, column: usize) -> &str {
        self.cells.get(row * self.columns.len() + column)
    }

    fn add(
        &mut self,
        record: &StringRecord,
        lines: &mut HashMap<usize, u64>,
    ) -> Result<(), Refusal> {
        let line = record.position().map_or(0, csv::Position::line);
        if self.cells.rows >= TABLE_ROWS_MAX {
            return Err(at_line(line, &format!("more rows than the limit of {TABLE_ROWS_MAX}")));
        }
        if let Some(cell) = record.iter().find(|cell| cell.len() > TABLE_CELL_BYTES_MAX) {
            let why = format!(
                "a cell has {} bytes, more than the limit of {TABLE_CELL_BYTES_MAX} (is a quote \
                 not closed?)",
                cell.len()
            );
            return Err(at_line(line, &why));
        }
        let row = self.cells.rows;
        self.cells.push(record);
        let file = self.file(row);
        if file.is_empty() {
            return Err(at_line(line, "the cell in the column \"file\" is empty"));
        }
        lines.insert(row, line);
        if let Some(first) = self.rows_by_file.insert(file.clone(), row) {
            let first = lines.get(&first).copied().unwrap_or(0);
            return Err(at_line(line, &format!("\"{file}\" has a row already, in line {first}")));
        }
        Ok(())
    }

    fn typed(&self, roles: &Roles) -> Vec<ColumnType> {
        let roles = roles.clone().with_guesses(self.columns.iter().map(String::as_str));
        let of_column = |(at, name): (usize, &String)| {
            let plays = roles.0.values().any(|path| *path == PayloadPath::key(name));
            if at == self.file_column || plays || name.ends_with("_id") {
                return ColumnType::Text;
            }
            ColumnType::of((0..self.len()).map(|row| self.cell(row, at)))
        };
        self.columns.iter().enumerate().map(of_column).collect()
    }
}

impl Cells {
    fn push(&mut self, record: &StringRecord) {
        for cell in record {
            self.text.push_str(cell);
            self.ends.push(self.text.len());
        }
        self.rows += 1;
    }

    fn get(&self, at: usize) -> &str {
        let before = at.checked_sub(1).and_then(|before| self.ends.get(before));
        let range = before.copied().unwrap_or(0)..self.ends.get(at).copied().unwrap_or(0);
        self.text.get(range).unwrap_or("")
    }
}

/// `./a//b\c` is `a/b/c`; case stays.
fn normal(path: &str) -> String {
    let parts = path.trim().split(['/', '\\']).filter(|part| !matches!(*part, "" | "."));
    parts.collect::<Vec<_>>().join("/")
}

fn columns(header: &StringRecord) -> Result<Vec<String>, Refusal> {
    if header.len() > TABLE_COLUMNS_MAX {
        let why = format!("{} columns, more than the limit of {TABLE_COLUMNS_MAX}", header.len());
        return Err(at_line(1, &why));
    }
    let mut columns: Vec<String> = Vec::with_capacity(header.len());
    for (at, name) in header.iter().enumerate() {
        let name = if name.is_empty() { format!("column_{}", at + 1) } else { name.to_owned() };
        if columns.contains(&name) {
            return Err(at_line(1, &format!("two columns are called \"{name}\"")));
        }
        if name == Payload::RESERVED {
            return Err(at_line(1, &format!("the column \"{name}\" is reserved for the server")));
        }
        columns.push(name);
    }
    Ok(columns)
}

fn no_file_column(columns: &[String]) -> Refusal {
    let why = match columns {
        [] => "the table is empty".to_owned(),
        [only] if only.contains([';', '\t']) => {
            "the cells are not parted by commas: save the table as CSV with commas".to_owned()
        }
        _ => format!(
            "no column \"{FILE}\" names the pictures; the columns are {}",
            columns.iter().take(20).map(String::as_str).collect::<Vec<_>>().join(", ")
        ),
    };
    at_line(1, &why)
}

fn at_line(line: u64, why: &str) -> Refusal {
    Refusal::new(Code::TableInvalid, format!("line {line}: {why}"))
}

fn unparsed(error: &csv::Error) -> Refusal {
    let line = error.position().map_or(1, csv::Position::line);
    let why = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("{len} cells where the first line has {expected_len}")
        }
        csv::ErrorKind::Utf8 { err, .. } => {
            format!("cell {} is not UTF-8: save the table as UTF-8", err.field() + 1)
        }
        csv::ErrorKind::Io(why) => return Refusal::new(Code::FileUnreadable, why.to_string()),
        other => format!("{other:?}"),
    };
    at_line(line, &why)
}

#[cfg(test)]
mod tests;
