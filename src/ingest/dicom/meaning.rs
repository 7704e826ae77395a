//! What a file says of its picture, as it may leave this room: `vitrail.dicom {...}`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};
use vitrail_domain::limits::{DICOM_NESTING_MAX, DICOM_REMOVED_MAX};

use super::data_set::{DataSet, Stop};
use super::grey::Seen;
use super::groups;
use super::header::Header;
use super::profile;
use super::tags::{self, Tag};
use crate::deid::{Deid, Keep};

/// A picture as it was taken from its file.
pub(crate) struct Taken {
    pub header: Header,
    /// From 0.
    pub frame: usize,
    /// `None` for a picture in colours.
    pub seen: Option<Seen>,
}

/// Writes down what a file says, de-identified.
pub(crate) fn payload(set: &DataSet<'_>, taken: &Taken, deid: &Deid) -> Result<Value, Stop> {
    let mut fields = identity(set, deid);
    for (name, tag) in [
        ("modality", tags::MODALITY),
        ("body_part", tags::BODY_PART),
        ("view_position", tags::VIEW_POSITION),
    ] {
        put(&mut fields, name, code(set, tag));
    }
    let side = code(set, tags::IMAGE_LATERALITY).or_else(|| code(set, tags::LATERALITY));
    put(&mut fields, "laterality", side);
    for (name, tag) in [("manufacturer", tags::MANUFACTURER), ("model", tags::MODEL_NAME)] {
        put(&mut fields, name, words(set, tag));
    }
    let Header { photometric, bits_stored, frames, syntax, .. } = taken.header;
    put(&mut fields, "photometric", Some(json!(photometric.name())));
    put(&mut fields, "bits", Some(json!(bits_stored)));
    put(&mut fields, "transfer_syntax", Some(json!(syntax.uid)));
    if frames > 1 {
        put(&mut fields, "frame", Some(json!(taken.frame + 1)));
        put(&mut fields, "frames", Some(json!(frames)));
    }
    put(&mut fields, "pixel_spacing", spacing(set, taken.frame)?);
    put(&mut fields, "window", taken.seen.map(window));
    put(&mut fields, "burned_in", code(set, tags::BURNED_IN));
    put(&mut fields, "deidentified", Some(report(set, deid)?));
    Ok(Value::Object(fields))
}

/// Writes down what a slide's file says, de-identified; the list of elements is left out, since
/// each of its tiles carries these words.
pub(crate) fn slide(set: &DataSet<'_>, deid: &Deid) -> Result<Value, Stop> {
    let mut fields = identity(set, deid);
    put(&mut fields, "modality", code(set, tags::MODALITY));
    for (name, tag) in [("manufacturer", tags::MANUFACTURER), ("model", tags::MODEL_NAME)] {
        put(&mut fields, name, words(set, tag));
    }
    put(&mut fields, "burned_in", code(set, tags::BURNED_IN));
    let mut report = report(set, deid)?;
    if let Some(report) = report.as_object_mut() {
        let touched = report.remove("touched");
        let count = touched.as_ref().and_then(Value::as_array).map_or(0, Vec::len);
        report.insert("touched_count".to_owned(), json!(count));
    }
    put(&mut fields, "deidentified", Some(report));
    Ok(Value::Object(fields))
}

/// Whose picture it is, and of which study: hashed, shifted, or left out.
pub(crate) fn identity(set: &DataSet<'_>, deid: &Deid) -> Map<String, Value> {
    let mut fields = Map::new();
    let patient = raw_text(set, tags::PATIENT_ID);
    let pseudonym = patient.as_ref().map(|id| json!(deid.pseudonym("patient", id)));
    put(&mut fields, "patient_id", pseudonym);
    for (name, tag) in [
        ("study_uid", tags::STUDY_UID),
        ("series_uid", tags::SERIES_UID),
        ("instance_uid", tags::SOP_INSTANCE),
    ] {
        put(&mut fields, name, set.text(tag).map(|uid| json!(deid.uid(uid))));
    }
    // Without a patient the study moves as one.
    let study = || raw_text(set, tags::STUDY_UID).or_else(|| raw_text(set, tags::SOP_INSTANCE));
    let whose = patient.or_else(study).unwrap_or_default();
    for (name, tag) in [
        ("study_date", tags::STUDY_DATE),
        ("series_date", tags::SERIES_DATE),
        ("acquisition_date", tags::ACQUISITION_DATE),
        ("content_date", tags::CONTENT_DATE),
    ] {
        let date = set.text(tag).and_then(|date| deid.date(&whose, date));
        put(&mut fields, name, date.map(Value::from));
    }
    if deid.keeps(Keep::Patient) {
        put(&mut fields, "patient_sex", code(set, tags::PATIENT_SEX));
        put(&mut fields, "patient_age", code(set, tags::PATIENT_AGE));
    }
    if deid.keeps(Keep::Device) {
        put(&mut fields, "device_serial", words(set, tags::DEVICE_SERIAL));
        put(&mut fields, "station", words(set, tags::STATION));
    }
    if deid.keeps(Keep::Institution) {
        put(&mut fields, "institution", words(set, tags::INSTITUTION));
    }
    let class = set.text(tags::SOP_CLASS).filter(|uid| uid.starts_with("1.2.840.10008."));
    put(&mut fields, "sop_class", class.map(Value::from));
    fields
}

fn put(fields: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    fields.extend(value.map(|value| (name.to_owned(), value)));
}

/// A text in whatever alphabet it is written, only ever hashed.
fn raw_text(set: &DataSet<'_>, tag: Tag) -> Option<String> {
    let text = String::from_utf8_lossy(set.value(tag)?).trim_matches([' ', '\0']).to_owned();
    Some(text).filter(|text| !text.is_empty())
}

/// A coded value (CS, AS): capitals, digits, spaces and underscores, 16 at most. Anything else is
/// free text in the wrong place.
fn code(set: &DataSet<'_>, tag: Tag) -> Option<Value> {
    let text = set.first(tag)?;
    let fits =
        |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || b" _".contains(&byte);
    (text.len() <= 16 && text.bytes().all(fits)).then(|| json!(text))
}

/// A name of a maker or a model: printable, 64 characters at most.
fn words(set: &DataSet<'_>, tag: Tag) -> Option<Value> {
    let text = set.first(tag)?;
    let printable = text.bytes().all(|byte| (32..127).contains(&byte));
    (text.len() <= 64 && printable).then(|| json!(text))
}

/// Millimetres from row to row and from column to column, and which element says so.
fn spacing(set: &DataSet<'_>, frame: usize) -> Result<Option<Value>, Stop> {
    let measures = groups::of_frame(set, frame, tags::PIXEL_MEASURES)?;
    let of = |set: &DataSet<'_>, tag, origin: &str| match set.decimals(tag).as_slice() {
        &[row, column] if row > 0.0 && column > 0.0 => {
            Some(json!({"row_mm": row, "column_mm": column, "origin": origin}))
        }
        _ => None,
    };
    let measured = measures.and_then(|item| of(&item, tags::PIXEL_SPACING, "pixel_measures"));
    Ok(measured
        .or_else(|| of(set, tags::PIXEL_SPACING, "pixel_spacing"))
        .or_else(|| of(set, tags::IMAGER_PIXEL_SPACING, "imager_pixel_spacing")))
}

fn window(seen: Seen) -> Value {
    match seen {
        Seen::Window(center, width) => {
            json!({"rule": "dicom_ps3", "center": center, "width": width})
        }
        Seen::Table => json!({"rule": "dicom_ps3", "table": true}),
        Seen::Full => json!({"rule": "full_range"}),
    }
}

/// What was left behind or replaced: tags, never values.
pub(crate) fn report(set: &DataSet<'_>, deid: &Deid) -> Result<Value, Stop> {
    let mut removed = BTreeSet::new();
    collect(set, &mut removed, 0)?;
    let kept: Vec<&str> = deid.keep().iter().map(|keep| keep.name()).collect();
    let private = removed.iter().filter(|tag| tag.is_private()).count();
    let named: Vec<String> = removed
        .iter()
        .filter(|tag| !tag.is_private())
        .take(DICOM_REMOVED_MAX)
        .map(ToString::to_string)
        .collect();
    Ok(json!({"profile": "ps3.15 basic", "kept": kept, "touched": named, "private": private}))
}

/// Depth first; the data set's own bound on nesting holds the recursion.
fn collect(set: &DataSet<'_>, removed: &mut BTreeSet<Tag>, depth: usize) -> Result<(), Stop> {
    for element in set.elements() {
        if profile::touches(element.tag) {
            removed.insert(element.tag);
        } else if depth < DICOM_NESTING_MAX && set.is_sequence(element) {
            for item in set.items_of(element)? {
                collect(&item, removed, depth + 1)?;
            }
        }
    }
    Ok(())
}
