//! What an ingest reads: files in sorted order, and the table that joins payload to them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vitrail_ingest::{Found, Refusal, Table, WalkOptions, walk};

use crate::error::JobError;
use crate::progress::Refused;
use crate::spec::IngestSpec;

/// What an ingest reads.
pub struct Sources {
    /// The files, in sorted order.
    pub files: Vec<Found>,
    /// The table that joins payload to them.
    pub table: Option<Table>,
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
    let files = walk(&spec.paths, &options)?;
    let table = spec.metadata.as_deref().map(Table::read).transpose()?;
    Ok(Sources { files, table })
}

impl Sources {
    /// One file with its row of the table, or with nothing.
    pub fn photo(&self, file: &Found) -> Photo {
        let fields = self.table.as_ref().and_then(|table| table.fields_for(&file.path));
        Photo {
            path: file.path.clone(),
            root: file.root.clone(),
            uri: file.relative.clone(),
            fields: fields.unwrap_or_default(),
        }
    }
}

/// A refusal with the path that it is about.
pub fn refused(path: &Path, refusal: Refusal) -> Refused {
    let Refusal { code, message } = refusal;
    Refused { path: path.to_string_lossy().into_owned(), code, message }
}
