//! How large a pixel is, and who says so.

use std::fmt;

use vitrail_domain::Mpp;

use super::error::SlideError;
use super::ifd::{Ifd, Tiff, tag};
use super::ome;
use super::openslide::Handle;
use super::page::PageHead;

/// Resolution tags below this are no microscope's: 20 nm is beyond light.
const RESOLUTION_MPP_MIN: f64 = 0.02;
/// Resolution tags above this are a page layout's: 72 dpi reads as 353 um, 600 dpi as 42 um; the
/// coarsest whole-slide overview level stored as a file of its own is about 16 um.
const RESOLUTION_MPP_MAX: f64 = 20.0;

/// Who said how large a pixel is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MppOrigin {
    /// The `MPP =` of an Aperio description.
    Aperio,
    /// `PhysicalSizeX` and `PhysicalSizeY` of OME-XML.
    Ome,
    /// The TIFF resolution tags, within the bounds of a microscope.
    Resolution,
    /// The pixel spacing of a DICOM file.
    Dicom,
    /// What OpenSlide says of a vendor's slide.
    OpenSlide,
    /// The operator.
    Given,
}

impl MppOrigin {
    /// The name in payloads: `aperio`, `ome`, `resolution`, `dicom`, `openslide`, `given`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Aperio => "aperio",
            Self::Ome => "ome",
            Self::Resolution => "resolution",
            Self::Dicom => "dicom",
            Self::OpenSlide => "openslide",
            Self::Given => "given",
        }
    }
}

impl fmt::Display for MppOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Micrometres per level-0 pixel across and down, and who said so.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Micrometres per pixel across.
    pub x: Mpp,
    /// Micrometres per pixel down.
    pub y: Mpp,
    /// Who said so.
    pub origin: MppOrigin,
}

impl Scale {
    pub(super) fn new(x: f64, y: f64, origin: MppOrigin) -> Option<Self> {
        Some(Self { x: Mpp::new(x).ok()?, y: Mpp::new(y).ok()?, origin })
    }
}

/// The scale of the level-0 page: the vendor's word, else OME-XML's, else resolution tags.
pub(super) fn of_page(
    tiff: &Tiff,
    ifd: &Ifd,
    head: &PageHead,
) -> Result<Option<Scale>, SlideError> {
    if is_aperio(&head.description)
        && let Some(mpp) = aperio_mpp(&head.description)
        && let Some(scale) = Scale::new(mpp, mpp, MppOrigin::Aperio)
    {
        return Ok(Some(scale));
    }
    if ome::is_ome(&head.description)
        && let Some(pixels) = ome::pixels(&head.description, head.width, head.height)
        && let Some((x, y)) = pixels.physical
        && let Some(scale) = Scale::new(x, y, MppOrigin::Ome)
    {
        return Ok(Some(scale));
    }
    resolution(tiff, ifd)
}

/// The scale that OpenSlide found in a vendor's slide.
pub(super) fn of_openslide(handle: &Handle) -> Option<Scale> {
    let side = |name| handle.property(name)?.parse().ok();
    Scale::new(side(c"openslide.mpp-x")?, side(c"openslide.mpp-y")?, MppOrigin::OpenSlide)
}

/// Whether a description is Aperio's.
pub(super) fn is_aperio(description: &str) -> bool {
    description.starts_with("Aperio")
}

/// `...|MPP = 0.4990|...`
fn aperio_mpp(description: &str) -> Option<f64> {
    description.split(['|', '\r', '\n', ';']).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        (key.trim() == "MPP").then(|| value.trim().parse().ok())?
    })
}

fn resolution(tiff: &Tiff, ifd: &Ifd) -> Result<Option<Scale>, SlideError> {
    let unit = match tiff.number_of(ifd, tag::RESOLUTION_UNIT)?.unwrap_or(2) {
        2 => 25_400.0,
        3 => 10_000.0,
        // No unit: the numbers are an aspect ratio.
        _ => return Ok(None),
    };
    let side = |tag: u16| -> Result<Option<f64>, SlideError> {
        let mpp = tiff.rational(ifd, tag)?.map(|per_unit| unit / per_unit);
        Ok(mpp.filter(|mpp| (RESOLUTION_MPP_MIN..=RESOLUTION_MPP_MAX).contains(mpp)))
    };
    let (x, y) = (side(tag::X_RESOLUTION)?, side(tag::Y_RESOLUTION)?);
    Ok(x.zip(y).and_then(|(x, y)| Scale::new(x, y, MppOrigin::Resolution)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aperio_descriptions() {
        let text = "Aperio Image Library v11\r\n2220x2967 JPEG/RGB Q=30|AppMag = 20|\
                    MPP = 0.4990|Left = 25";
        assert_eq!(aperio_mpp(text), Some(0.499));
        assert_eq!(aperio_mpp("Aperio Image Library|AppMag = 20|XMPP = 2"), None);
        assert_eq!(aperio_mpp("Aperio|MPP = fast"), None);
    }
}
