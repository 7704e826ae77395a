//! The table of formats, tried in order. Content decides, never a name.

use vitrail_domain::{Code, Raster};

use crate::foreign;
use crate::guard::Deadline;
use crate::refusal::Refusal;
use crate::{dicom, jpeg, plain};

/// Whether bytes are a driver's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Detected {
    /// Another format.
    No,
    /// This format, as far as the first bytes show.
    Mine,
    /// This format, and already its head is wrong.
    Broken(Refusal),
}

/// An upright RGB raster, and whether the file asked for it to be turned.
pub(crate) struct Decoded {
    /// The pixels, upright.
    pub raster: Raster,
    /// The file carried an orientation other than upright.
    pub oriented: bool,
}

/// One row of the table.
pub(crate) struct Driver {
    /// The format's name as it is stored with an image.
    pub name: &'static str,
    /// Looks at the head of the bytes.
    pub detect: fn(&[u8]) -> Detected,
    /// Decodes the bytes, checking their promise before it allocates.
    pub decode: fn(&[u8], Deadline) -> Result<Decoded, Refusal>,
}

/// The name of the format whose files carry words about people.
pub(crate) const DICOM: &str = "dicom";

/// Every format of photographs that is read.
pub(crate) const DRIVERS: [Driver; 6] = [
    // A DICOM file may begin like a TIFF: its first 128 bytes are the sender's.
    Driver { name: DICOM, detect: dicom::detect, decode: dicom::decode },
    Driver { name: "jpeg", detect: jpeg::detect, decode: jpeg::decode },
    Driver { name: "png", detect: plain::detect_png, decode: plain::decode_png },
    Driver { name: "tiff", detect: plain::detect_tiff, decode: plain::decode_tiff },
    Driver { name: "webp", detect: plain::detect_webp, decode: plain::decode_webp },
    Driver { name: "bmp", detect: plain::detect_bmp, decode: plain::decode_bmp },
];

/// The driver that reads `bytes`.
///
/// # Errors
/// No driver knows them (the refusal names the kind where it is a known one), or their head is
/// broken.
pub(crate) fn find(bytes: &[u8]) -> Result<&'static Driver, Refusal> {
    for driver in &DRIVERS {
        match (driver.detect)(bytes) {
            Detected::No => {}
            Detected::Mine => return Ok(driver),
            Detected::Broken(refusal) => return Err(refusal),
        }
    }
    Err(Refusal::new(Code::ImageUnknownFormat, foreign::sentence(bytes)))
}
