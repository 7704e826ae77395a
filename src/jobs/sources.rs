//! What an ingest reads: files in sorted order, and the table that joins payload to them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vitrail_ingest::{Found, Matched, Refusal, Table, WalkOptions, walk};

use crate::error::JobError;
use crate::progress::Refused;
use crate::spec::IngestSpec;

/// What an ingest reads.
pub struct Sources {
    /// The files, in sorted order.
    pub files: Vec<Found>,
    /// The table that joins payload to them.
    pub table: Option<Table>,
    /// Each file's row of the table, in the files' order; empty without a table.
    rows: Vec<Matched>,
    /// What the walk could not take.
    pub refused: Vec<Refused>,
}

/// A file that is decoded whole.
pub struct Photo {
    /// Where it lies.
    pub path: PathBuf,
    /// The folder that `uri` is relative to.
    pub root: PathBuf,
    /// Its path relative to the root.
    pub uri: String,
    /// Payload joined from the table.
    pub fields: Map<String, Value>,
}

/// Lists the files and reads the table.
///
/// # Errors
/// A path that does not exist, globs that can't be read, a table that can't be read.
pub fn list(spec: &IngestSpec) -> Result<Sources, JobError> {
    let options = WalkOptions { include: spec.include.clone(), exclude: spec.exclude.clone() };
    let walked = walk(&spec.paths, &options)?;
    let table = spec.metadata.as_deref().map(Table::read).transpose()?;
    let table = table.map(|table| table.with_roles(&spec.roles));
    let rows = table.as_ref().map(|table| table.join(&walked.found).matches).unwrap_or_default();
    let refused = walked.refused.into_iter().map(|one| refused(&one.path, one.refusal)).collect();
    Ok(Sources { files: walked.found, table, rows, refused })
}

impl Sources {
    /// The file of this number with its row of the table, or with nothing.
    ///
    /// # Errors
    /// The table's row could mean several files.
    pub fn photo(&self, number: usize, file: &Found) -> Result<Photo, Refusal> {
        let fields = match (&self.table, self.rows.get(number)) {
            (Some(table), Some(Matched::Row(row))) => table.fields(*row),
            (Some(_), Some(Matched::Ambiguous(refusal))) => return Err(refusal.clone()),
            _ => Map::new(),
        };
        Ok(Photo {
            path: file.path.clone(),
            root: file.root.clone(),
            uri: file.relative.clone(),
            fields,
        })
    }
}

/// A refusal with the path that it is about.
pub fn refused(path: &Path, refusal: Refusal) -> Refused {
    let Refusal { code, message } = refusal;
    Refused { path: path.to_string_lossy().into_owned(), code, message }
}
