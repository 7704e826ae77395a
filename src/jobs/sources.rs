//! What an ingest reads: files in sorted order, and the table that joins payload to them.

use std::path::Path;

use serde_json::{Map, Value};
use vitrail_domain::Roles;
use vitrail_ingest::{Found, Matched, Refusal, Table, WalkOptions, walk};

use crate::error::JobError;
use crate::progress::Refused;
use crate::slides::is_cut;
use crate::spec::IngestSpec;
use crate::trail::Ticket;

/// What an ingest reads.
pub struct Sources {
    /// The files, in sorted order.
    pub files: Vec<Found>,
    /// Files and folders that the walk could not take.
    pub refused: Vec<Refused>,
    table: Option<Table>,
    /// What the table says of each file.
    matches: Vec<Matched>,
}

/// A file that is decoded whole.
pub struct Photo {
    /// Where it lies.
    pub file: Found,
    /// Payload joined from the table.
    pub fields: Map<String, Value>,
    /// Of a fetched file: it goes with it.
    pub ticket: Option<Ticket>,
}

/// Endings that slides have. Only used to foretell whether more tiles are to come.
const SLIDE_ENDINGS: [&str; 10] =
    ["svs", "tif", "tiff", "btf", "tf2", "tf8", "ndpi", "scn", "bif", "qptiff"];

/// Lists the files, reads the table and lays it beside them. The table itself is no picture,
/// wherever it lies.
///
/// # Errors
/// A path that does not exist, globs that can't be read, a table that can't be read.
pub fn list(spec: &IngestSpec) -> Result<Sources, JobError> {
    let options = WalkOptions { include: spec.include.clone(), exclude: spec.exclude.clone() };
    let mut walked = walk(&spec.paths, &options)?;
    let table = spec.metadata.as_deref().map(Table::read).transpose()?;
    if let Some(path) = spec.metadata.as_deref().and_then(|path| path.canonicalize().ok()) {
        walked.found.retain(|file| file.path != path);
    }
    let joined = table.as_ref().map(|table| table.join(&walked.found));
    if let Some(rows) = joined.as_ref().map(|join| join.rows_without_file).filter(|n| *n > 0) {
        tracing::warn!(rows, "rows of the table name no file of this ingest");
    }
    let refused = walked.refused.into_iter().map(|one| refused(&one.path, one.refusal));
    Ok(Sources {
        refused: refused.collect(),
        matches: joined.map(|join| join.matches).unwrap_or_default(),
        files: walked.found,
        table,
    })
}

impl Sources {
    /// The table's columns that become payload.
    pub fn columns(&self) -> Vec<String> {
        self.table.as_ref().map(Table::columns).unwrap_or_default()
    }

    /// The same, with the table's columns that play a role in the collection as text.
    #[must_use]
    pub fn with_roles(mut self, roles: &Roles) -> Self {
        self.table = self.table.map(|table| table.with_roles(roles));
        self
    }

    /// The payload of one file: its row of the table, or nothing.
    ///
    /// # Errors
    /// A row that several files could be meant by.
    pub fn fields(&self, at: usize) -> Result<Map<String, Value>, Refusal> {
        match (&self.table, self.matches.get(at)) {
            (Some(table), Some(Matched::Row(row))) => Ok(table.fields(*row)),
            (Some(_), Some(Matched::Ambiguous(refusal))) => Err(refusal.clone()),
            _ => Ok(Map::new()),
        }
    }

    /// The payload of a file far away: its row of the table, found by the end of its address.
    pub fn fields_of(&self, uri: &str) -> Map<String, Value> {
        let row = self.table.as_ref().and_then(|table| table.fields_for(Path::new(uri)));
        row.unwrap_or_default()
    }

    /// Where the last slide stands, as far as names tell: after it the number of units is final.
    pub fn last_slide(&self) -> Option<usize> {
        let likely = |file: &Found| is_slide_name(&file.relative) && is_cut(file).unwrap_or(false);
        self.files.iter().rposition(likely)
    }
}

/// Whether a file is a slide as far as its name tells.
pub fn is_slide_name(name: &str) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default();
    SLIDE_ENDINGS.contains(&ending.to_string_lossy().to_lowercase().as_str())
}

/// A file's path as reports show it; of a fetched one, which has no root, its address.
pub fn shown(file: &Found) -> String {
    match file.root.as_os_str().is_empty() {
        true => file.relative.clone(),
        false => file.path.to_string_lossy().into_owned(),
    }
}

/// A refusal with the path that it is about.
pub fn refused(path: &Path, refusal: Refusal) -> Refused {
    let Refusal { code, message } = refusal;
    Refused { path: path.to_string_lossy().into_owned(), code, message }
}
