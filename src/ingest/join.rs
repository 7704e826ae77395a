//! Which row of a table is whose.

use std::path::Path;

use serde_json::{Map, Value};
use vitrail_domain::Code;

use crate::refusal::Refusal;
use crate::table::Table;
use crate::walk::Found;

/// What a table says of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matched {
    /// This row.
    Row(usize),
    /// Nothing.
    None,
    /// A row that several files could be meant by: none of them gets it.
    Ambiguous(Refusal),
}

/// A table laid beside files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Join {
    /// For each file, in the files' order.
    pub matches: Vec<Matched>,
    /// Rows that no file has.
    pub rows_without_file: usize,
}

impl Table {
    /// Finds each file's row: first by its path relative to the table's folder; then, among the
    /// rows that are left, by the end of its path (a bare name, or more where the row says more,
    /// so that a table may lie elsewhere). A row that several files end in is ambiguous for all
    /// of them. O(files x depth + rows).
    #[must_use]
    pub fn join(&self, files: &[Found]) -> Join {
        let exact = |file: &Found| self.row_at(&file.path).map_or(Matched::None, Matched::Row);
        let mut matches: Vec<Matched> = files.iter().map(exact).collect();
        let mut files_of_row = vec![0_usize; self.len()];
        for matched in &matches {
            count(matched, &mut files_of_row);
        }
        let by_end: Vec<(usize, usize)> = (files.iter().zip(&matches).enumerate())
            .filter(|(_, (_, matched))| **matched == Matched::None)
            .filter_map(|(at, (file, _))| Some((at, self.row_ending(file.path.to_str()?)?)))
            .filter(|(_, row)| files_of_row.get(*row) == Some(&0))
            .collect();
        for (_, row) in &by_end {
            count(&Matched::Row(*row), &mut files_of_row);
        }
        for (at, row) in by_end {
            let others = files_of_row.get(row).copied().unwrap_or(0);
            let matched = if others == 1 { Matched::Row(row) } else { self.ambiguous(row, others) };
            if let Some(place) = matches.get_mut(at) {
                *place = matched;
            }
        }
        Join { matches, rows_without_file: files_of_row.iter().filter(|n| **n == 0).count() }
    }

    /// The fields of one file by itself, such as a query or an upload: by its path, or by the end
    /// of it. Of many files, [`Table::join`] also tells which are ambiguous.
    #[must_use]
    pub fn fields_for(&self, path: &Path) -> Option<Map<String, Value>> {
        let row = self.row_at(path).or_else(|| self.row_ending(path.to_str()?))?;
        Some(self.fields(row))
    }

    fn ambiguous(&self, row: usize, files: usize) -> Matched {
        let message = format!(
            "the table's row \"{}\" could mean {files} files, whose paths all end so: write the \
             path relative to the table's folder",
            self.file(row)
        );
        Matched::Ambiguous(Refusal::new(Code::TableInvalid, message))
    }
}

fn count(matched: &Matched, files_of_row: &mut [usize]) {
    if let Matched::Row(row) = matched
        && let Some(files) = files_of_row.get_mut(*row)
    {
        *files += 1;
    }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn found(root: &str, relatives: &[&str]) -> Vec<Found> {
        let one = |relative: &&str| Found {
            root: PathBuf::from(root),
            relative: (*relative).to_owned(),
            path: PathBuf::from(root).join(relative),
        };
        relatives.iter().map(one).collect()
    }

    fn table(files: &str) -> Table {
        let text = format!("file,n\n{files}");
        Table::parse(text.as_bytes(), PathBuf::from("/data")).expect("a table")
    }

    #[test]
    fn by_path_relative_to_the_tables_folder_whatever_the_root() {
        let join =
            table("a/b/1.jpg,1\na/b/2.jpg,2\n").join(&found("/data/a", &["b/2.jpg", "3.jpg"]));
        assert_eq!(join.matches, [Matched::Row(1), Matched::None]);
        assert_eq!(join.rows_without_file, 1);
    }

    #[test]
    fn by_the_end_of_the_path_where_the_table_lies_elsewhere() {
        let table = table("1.jpg,1\na/2.jpg,2\nx/1.jpg,3\n");
        let files = found("/else", &["x/1.jpg", "x/2.jpg", "b/a/2.jpg", "y/1.jpg"]);
        let rows = [Matched::Row(2), Matched::None, Matched::Row(1), Matched::Row(0)];
        assert_eq!(table.join(&files).matches, rows);
        let fields = table.fields_for(Path::new("/else/a/2.jpg")).expect("a row");
        assert_eq!(fields.get("n"), Some(&Value::from(2)));
    }

    #[test]
    fn a_bare_name_of_two_files_is_nobodys() {
        let join = table("1.jpg,1\n").join(&found("/else", &["x/1.jpg", "y/1.jpg"]));
        let Some(Matched::Ambiguous(refusal)) = join.matches.first() else { panic!("{join:?}") };
        assert!(refusal.message.contains("could mean 2 files"), "{refusal}");
        assert!(matches!(join.matches.get(1), Some(Matched::Ambiguous(_))));
    }

    #[test]
    fn the_file_at_the_path_comes_before_one_of_the_name() {
        let join = table("1.jpg,1\n").join(&found("/data", &["y/1.jpg", "1.jpg"]));
        assert_eq!(join.matches, [Matched::None, Matched::Row(0)]);
    }
}
