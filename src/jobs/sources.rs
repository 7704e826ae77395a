//! What an ingest reads: files in sorted order, and the table that joins payload to them.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use vitrail_domain::{Code, Roles};
use vitrail_exchange::{Areas, ExchangeError};
use vitrail_ingest::dicom::{is_dicom_file, one_per_slide};
use vitrail_ingest::{Found, Matched, Refusal, Table, WalkOptions, walk};

use crate::dicom::Kinds;
use crate::error::JobError;
use crate::progress::Refused;
use crate::slides::is_cut;
use crate::spec::{IngestSpec, Regions};
use crate::trail::Ticket;

/// What an ingest reads.
pub struct Sources {
    /// The files, in sorted order.
    pub files: Vec<Found>,
    /// Files and folders that the walk could not take.
    pub refused: Vec<Refused>,
    /// What DICOM files are among them.
    pub dicom: Kinds,
    table: Option<Table>,
    /// What the table says of each file.
    matches: Vec<Matched>,
    regions: Regioned,
}

/// Areas that tiles are kept to.
enum Regioned {
    /// The whole slide.
    None,
    /// The same of every slide.
    All(Areas),
    /// Those of the file `NAME.geojson` for the slide `NAME.*`.
    Folder(PathBuf),
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
const SLIDE_ENDINGS: [&str; 15] = [
    "svs", "tif", "tiff", "btf", "tf2", "tf8", "ndpi", "scn", "bif", "qptiff", "mrxs", "vms",
    "vmu", "svslide", "czi",
];

/// Lists the files, reads the table and lays it beside them. The table itself is no picture,
/// wherever it lies.
///
/// # Errors
/// A path that does not exist, globs that can't be read, a table that can't be read.
pub fn list(spec: &IngestSpec) -> Result<Sources, JobError> {
    let options = WalkOptions { include: spec.include.clone(), exclude: spec.exclude.clone() };
    let mut walked = walk(&spec.paths, &options)?;
    leave_out_companions(&mut walked.found);
    let table = spec.metadata.as_deref().map(Table::read).transpose()?;
    if let Some(path) = spec.metadata.as_deref().and_then(|path| path.canonicalize().ok()) {
        walked.found.retain(|file| file.path != path);
    }
    let dicom = sort_out(&mut walked.found);
    let joined = table.as_ref().map(|table| table.join(&walked.found));
    if let Some(rows) = joined.as_ref().map(|join| join.rows_without_file).filter(|n| *n > 0) {
        tracing::warn!(rows, "rows of the table name no file of this ingest");
    }
    let refused = walked.refused.into_iter().map(|one| refused(&one.path, one.refusal));
    Ok(Sources {
        refused: refused.collect(),
        matches: joined.map(|join| join.matches).unwrap_or_default(),
        files: walked.found,
        regions: regions_of(spec.regions.as_ref())?,
        dicom,
        table,
    })
}

/// The folder beside a MIRAX file holds its pixels: parts of the slide, no pictures of their own.
fn leave_out_companions(found: &mut Vec<Found>) {
    let is_mirax = |file: &&Found| {
        file.path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("mrxs"))
    };
    let slides = found.iter().filter(is_mirax);
    let folders: HashSet<PathBuf> = slides.map(|file| file.path.with_extension("")).collect();
    if !folders.is_empty() {
        found.retain(|file| !file.path.parent().is_some_and(|folder| folders.contains(folder)));
    }
}

fn regions_of(regions: Option<&Regions>) -> Result<Regioned, Refusal> {
    match regions {
        None => Ok(Regioned::None),
        Some(Regions::Path(path)) if path.is_dir() => Ok(Regioned::Folder(path.clone())),
        Some(Regions::Path(path)) => {
            Areas::read_file(path).map(Regioned::All).map_err(|error| unread(path, &error))
        }
        Some(Regions::Inline(areas)) => Areas::of_value(areas)
            .map(Regioned::All)
            .map_err(|error| Refusal::new(error.code(), error.to_string())),
    }
}

fn unread(path: &Path, error: &ExchangeError) -> Refusal {
    Refusal::new(error.code(), format!("{}: {error}", path.display()))
}

/// Files that are looked into for their kind where their names say nothing: an ingest of pictures
/// of other kinds is not to be opened twice.
const LOOKED_INTO: usize = 256;

/// Leaves one file of each DICOM slide, the one of its largest level, and tells what kinds of DICOM
/// files there are.
fn sort_out(found: &mut Vec<Found>) -> Kinds {
    let slides = one_per_slide(found);
    let named = |file: &Found| {
        let ending = Path::new(&file.relative).extension().unwrap_or_default();
        ["dcm", "dicom", "ima"].contains(&ending.to_string_lossy().to_lowercase().as_str())
    };
    let mut likely = found.iter().filter(|file| named(file)).take(1);
    let pictures = slides > 0
        || likely.any(|file| is_dicom_file(&file.path))
        || found.iter().take(LOOKED_INTO).any(|file| is_dicom_file(&file.path));
    Kinds { pictures, slides: slides > 0 }
}

impl Sources {
    /// The areas that a slide's tiles are kept to; `None`: all of it.
    ///
    /// # Errors
    /// A folder of regions without a file for this slide, or with one that can't be read.
    pub fn areas(&self, slide: &Found) -> Result<Option<Areas>, Refusal> {
        let folder = match &self.regions {
            Regioned::None => return Ok(None),
            Regioned::All(areas) => return Ok(Some(areas.clone())),
            Regioned::Folder(folder) => folder,
        };
        let stem = slide.path.file_stem().unwrap_or_default().to_string_lossy();
        let path = folder.join(format!("{stem}.geojson"));
        if !path.is_file() {
            let message = format!("{} is not there: the slide has no regions", path.display());
            return Err(Refusal::new(Code::RegionsInvalid, message));
        }
        Areas::read_file(&path).map(Some).map_err(|error| unread(&path, &error))
    }

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
        let likely = |file: &Found| {
            let ending = Path::new(&file.relative).extension().unwrap_or_default();
            let ending = ending.to_string_lossy().to_lowercase();
            let dicom = self.dicom.slides && ["", "dcm", "dicom"].contains(&ending.as_str());
            (dicom || SLIDE_ENDINGS.contains(&ending.as_str())) && is_cut(file).unwrap_or(false)
        };
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
