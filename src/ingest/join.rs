//! Which row of a table is whose.

use std::collections::HashMap;

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
    /// A bare name in the table that several files have: none of them gets the row.
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
    /// Finds each file's row: first by its path relative to the table's folder, then, among the
    /// rows that are left, by its bare name where that is all the row says. A bare name that
    /// several files have is ambiguous for all of them. O(files + rows).
    #[must_use]
    pub fn join(&self, files: &[Found]) -> Join {
        let mut matches: Vec<Matched> = files
            .iter()
            .map(|file| self.relative(&file.path).and_then(|relative| self.row(&relative)))
            .map(|row| row.map_or(Matched::None, Matched::Row))
            .collect();
        let mut files_of_row = vec![0_usize; self.len()];
        for matched in &matches {
            count(matched, &mut files_of_row);
        }
        let by_name: HashMap<usize, usize> = files
            .iter()
            .enumerate()
            .filter(|(at, _)| matches.get(*at) == Some(&Matched::None))
            .filter_map(|(at, file)| Some((at, self.row(name(file))?)))
            .filter(|(_, row)| files_of_row.get(*row) == Some(&0))
            .collect();
        for row in by_name.values() {
            count(&Matched::Row(*row), &mut files_of_row);
        }
        for (at, row) in by_name {
            let others = files_of_row.get(row).copied().unwrap_or(0);
            let matched =
                if others == 1 { Matched::Row(row) } else { self.ambiguous(row, others) };
            if let Some(place) = matches.get_mut(at) {
                *place = matched;
            }
        }
        Join { matches, rows_without_file: files_of_row.iter().filter(|n| **n == 0).count() }
    }

    /// The fields of one file outside a folder's walk, such as an upload, by its bare name.
    #[must_use]
    pub fn fields_by_name(&self, name: &str) -> Option<Map<String, Value>> {
        self.row(name).map(|row| self.fields(row))
    }

    fn ambiguous(&self, row: usize, files: usize) -> Matched {
        let message = format!(
            "the table names \"{}\" without its folder, and {files} files have that name: write \
             the path relative to the table's folder",
            self.file(row)
        );
        Matched::Ambiguous(Refusal::new(Code::TableInvalid, message))
    }
}

fn name(file: &Found) -> &str {
    file.relative.rsplit_once('/').map_or(file.relative.as_str(), |(_, name)| name)
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

    use vitrail_domain::Roles;

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
        Table::parse(text.as_bytes(), PathBuf::from("/data"), &Roles::default()).expect("a table")
    }

    #[test]
    fn by_path_relative_to_the_tables_folder_whatever_the_root() {
        let join = table("a/b/1.jpg,1\na/b/2.jpg,2\n").join(&found("/data/a", &["b/2.jpg", "3.jpg"]));
        assert_eq!(join.matches, [Matched::Row(1), Matched::None]);
        assert_eq!(join.rows_without_file, 1);
    }

    #[test]
    fn by_bare_name_where_the_row_says_no_more() {
        let join = table("1.jpg,1\na/2.jpg,2\n").join(&found("/else", &["x/1.jpg", "x/2.jpg"]));
        assert_eq!(join.matches, [Matched::Row(0), Matched::None]);
    }

    #[test]
    fn a_bare_name_of_two_files_is_nobodys() {
        let join = table("1.jpg,1\n").join(&found("/else", &["x/1.jpg", "y/1.jpg"]));
        let Some(Matched::Ambiguous(refusal)) = join.matches.first() else { panic!("{join:?}") };
        assert!(refusal.message.contains("2 files have that name"), "{refusal}");
        assert!(matches!(join.matches.get(1), Some(Matched::Ambiguous(_))));
    }

    #[test]
    fn the_file_at_the_path_comes_before_one_of_the_name() {
        let join = table("1.jpg,1\n").join(&found("/data", &["y/1.jpg", "1.jpg"]));
        assert_eq!(join.matches, [Matched::None, Matched::Row(0)]);
    }
}
