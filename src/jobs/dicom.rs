//! What an ingest does with DICOM files beside reading them: no word about a person gets into the
//! store, and a file's name is one; roles are found where the de-identified words stand.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use vitrail_domain::{Path, Role};
use vitrail_ingest::deid::{Deid, Keep};
use vitrail_ingest::dicom::{DicomOptions, FrameChoice, is_dicom_file};
use vitrail_ingest::{Found, ReadOptions};

use crate::ingest::Ingest;
use crate::sources::shown;
use crate::spec::IngestSpec;

/// Where the words of DICOM files stand in a payload, and which role they play.
const ROLES: [(Role, &str); 2] = [(Role::Patient, "patient_id"), (Role::Case, "study_uid")];

/// The same of whole slides.
const SLIDE_ROLE: (Role, &str) = (Role::Slide, "series_uid");

/// How an ingest reads pictures: as its spec says, under the store's key.
#[must_use]
pub fn reading(ingest: &Ingest, spec: &IngestSpec) -> ReadOptions {
    ReadOptions { dicom: spec.dicom.clone(), key: Some(*ingest.catalog.store().key()) }
}

/// What makes pseudonyms here.
#[must_use]
pub fn deid(options: &ReadOptions) -> Deid {
    Deid::new(options.key.unwrap_or_default(), options.dicom.keep.clone())
}

/// A file's path as reports show it; of a fetched one, which has no root, its address. A DICOM
/// file stands under its root by a pseudonym.
#[must_use]
pub fn shown_path(options: &ReadOptions, file: &Found) -> String {
    if !is_dicom_file(&file.path) {
        return shown(file);
    }
    file.root.join(deid(options).file_name(&file.relative)).to_string_lossy().into_owned()
}

/// What kinds of DICOM files an ingest has.
#[derive(Debug, Clone, Copy, Default)]
pub struct Kinds {
    /// Any at all.
    pub pictures: bool,
    /// Whole slides.
    pub slides: bool,
}

/// The spec with the roles that its table gives away, and then those that DICOM files play.
#[must_use]
pub fn with_roles(spec: &IngestSpec, columns: &[String], kinds: Kinds) -> IngestSpec {
    let mut spec = spec.clone();
    spec.roles = spec.roles.with_guesses(columns.iter().map(String::as_str));
    let pictures = ROLES.iter().filter(|_| kinds.pictures);
    let slides = [SLIDE_ROLE];
    for (role, field) in pictures.chain(slides.iter().filter(|_| kinds.slides)) {
        if let Ok(path) = format!("vitrail.dicom.{field}").parse::<Path>() {
            spec.roles.0.entry(*role).or_insert(path);
        }
    }
    spec
}

/// The options' stored form.
#[must_use]
pub fn to_json(options: &DicomOptions) -> Value {
    let frame = match options.frame {
        FrameChoice::Middle => Value::Null,
        FrameChoice::Number(number) => json!(number),
    };
    json!({
        "keep": options.keep.iter().map(|keep| keep.name()).collect::<Vec<_>>(),
        "allow_burned_in": options.allow_burned_in,
        "frame": frame,
    })
}

/// Reads what [`to_json`] wrote; what is missing is left to the defaults.
///
/// # Errors
/// Something to keep that is not known.
pub fn from_json(value: Option<&Value>) -> Result<DicomOptions, String> {
    let Some(value) = value else { return Ok(DicomOptions::default()) };
    let names = value.get("keep").and_then(Value::as_array).into_iter().flatten();
    let keep = names.filter_map(Value::as_str).map(str::parse::<Keep>);
    let frame = value.get("frame").and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
    Ok(DicomOptions {
        keep: keep.collect::<Result<BTreeSet<_>, _>>()?,
        allow_burned_in: value.get("allow_burned_in").and_then(Value::as_bool).unwrap_or(false),
        frame: frame.map_or(FrameChoice::Middle, FrameChoice::Number),
    })
}
