//! Whole slides in DICOM (VL Whole Slide Microscopy, PS3.3 A.32.8): a series of instances, each a
//! level or a part of one, behind the slide reader's face.

mod instance;
mod series;

use std::path::Path;

use serde_json::Value;
use vitrail_domain::Code;

use super::data_set::DataSet;
use super::read::{DicomOptions, may_show};
use super::{file, meaning, tags};
use crate::deid::Deid;
use crate::refusal::Refusal;
use crate::slide::SlideError;

pub(crate) use instance::Opened;
pub use series::one_per_slide;
pub(crate) use series::{Series, is_instance};

/// VL Whole Slide Microscopy Image Storage.
const CLASS: &str = "1.2.840.10008.5.1.4.1.1.77.1.6";

/// What one instance of a slide shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flavor {
    /// A level of the pyramid.
    Level,
    /// The label, or the whole glass with its label on it.
    Label,
}

/// Whether the data set is of a whole slide.
pub(crate) fn is_wsi(set: &DataSet<'_>) -> bool {
    set.text(tags::SOP_CLASS) == Some(CLASS)
}

/// What an instance of a slide shows; what is not said to be a level may be a label.
pub(crate) fn flavor(set: &DataSet<'_>) -> Flavor {
    let kinds = set.text(tags::IMAGE_TYPE).unwrap_or_default();
    match kinds.split('\\').nth(2).map(str::trim) {
        Some("VOLUME" | "THUMBNAIL") => Flavor::Level,
        _ => Flavor::Label,
    }
}

/// Slides are read by region, and their labels not at all.
pub(crate) fn refuse_as_photo(set: &DataSet<'_>) -> Result<(), Refusal> {
    if !is_wsi(set) {
        return Ok(());
    }
    match flavor(set) {
        Flavor::Label => Err(label()),
        Flavor::Level => {
            let message = "the DICOM file is a level of a whole slide, which is read by region: \
                           ingest the folder of its series";
            Err(Refusal::new(Code::ImageUnsupported, message))
        }
    }
}

/// The refusal of labels and overviews.
pub(crate) fn label() -> Refusal {
    let message = "the DICOM file shows the label of a slide, or the glass with its label, which \
                   may name a person: it is not read";
    Refusal::new(Code::ImageIdentifying, message)
}

/// What a slide's file says of it, de-identified; `None` for a file that is not DICOM.
///
/// # Errors
/// A damaged file; one that says that an identity may be written into its pixels.
pub fn slide_words(
    path: &Path,
    options: &DicomOptions,
    deid: &Deid,
) -> Result<Option<Value>, Refusal> {
    if !is_dicom_file(path) {
        return Ok(None);
    }
    let opened = Opened::whole(path)?;
    let set = opened.set()?;
    may_show(&set, options)?;
    Ok(Some(meaning::slide(&set, deid)?))
}

/// Whether the file at `path` is a DICOM file, by its first bytes.
#[must_use]
pub fn is_dicom_file(path: &Path) -> bool {
    use std::io::Read;
    let mut head = Vec::new();
    let read = std::fs::File::open(path)
        .and_then(|file| file.take(file::HEAD_BYTES).read_to_end(&mut head));
    read.is_ok() && is_dicom(&head)
}

/// Whether bytes are a DICOM file.
#[must_use]
pub fn is_dicom(bytes: &[u8]) -> bool {
    file::detect(bytes) != crate::driver::Detected::No
}

impl From<Refusal> for SlideError {
    fn from(Refusal { code, message }: Refusal) -> Self {
        Self { code, message }
    }
}

#[cfg(test)]
mod tests;
