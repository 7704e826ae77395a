//! What an ingest reads: files in sorted order, and the table that joins payload to them.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vitrail_ingest::{Found, Refusal, Table, WalkOptions, walk};

use crate::error::JobError;
use crate::progress::Refused;
use crate::slides::is_cut;
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

/// Endings that slides have. Only used to foretell whether more tiles are to come.
const SLIDE_ENDINGS: [&str; 10] =
    ["svs", "tif", "tiff", "btf", "tf2", "tf8", "ndpi", "scn", "bif", "qptiff"];

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
    /// The payload of one file: its row of the table, or nothing.
    pub fn fields(&self, file: &Found) -> Map<String, Value> {
        let fields = self.table.as_ref().and_then(|table| table.fields_for(&file.path));
        fields.unwrap_or_default()
    }

    /// One file with its row of the table, or with nothing.
    pub fn photo(&self, file: &Found) -> Photo {
        Photo {
            path: file.path.clone(),
            root: file.root.clone(),
            uri: file.relative.clone(),
            fields: self.fields(file),
        }
    }

    /// Where the last slide stands, as far as names tell: after it the number of units is final.
    pub fn last_slide(&self) -> Option<usize> {
        let likely = |file: &Found| {
            let ending = Path::new(&file.relative).extension().unwrap_or_default();
            let ending = ending.to_string_lossy().to_lowercase();
            SLIDE_ENDINGS.contains(&ending.as_str()) && is_cut(file).unwrap_or(false)
        };
        self.files.iter().rposition(likely)
    }
}

/// A refusal with the path that it is about.
pub fn refused(path: &Path, refusal: Refusal) -> Refused {
    let Refusal { code, message } = refusal;
    Refused { path: path.to_string_lossy().into_owned(), code, message }
}
