//! Whole slides in DICOM (VL Whole Slide Microscopy, PS3.3 A.32.8): what an instance is of.

use vitrail_domain::Code;

use super::data_set::DataSet;
use super::tags;
use crate::refusal::Refusal;

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

/// What an instance of a slide shows.
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
