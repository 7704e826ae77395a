//! Vendors' own formats, which OpenSlide reads: how each is known by its first bytes and tags.

use std::path::Path;

use super::error::SlideError;
use super::ifd::{Ifd, Tiff, tag};
use super::source::Source;

/// A format that the own reader does not read, or reads less well than OpenSlide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vendor {
    /// The format's name as it is stored with an image.
    pub format: &'static str,
    /// Its name in words.
    pub name: &'static str,
    /// Whether the own reader may take its place: the file is a plain tiled TIFF.
    pub(super) own_reads: bool,
}

const fn vendor(format: &'static str, name: &'static str) -> Vendor {
    Vendor { format, name, own_reads: false }
}

const NDPI: Vendor = vendor("ndpi", "Hamamatsu NDPI");
const VMS: Vendor = vendor("vms", "Hamamatsu VMS");
const MIRAX: Vendor = vendor("mrxs", "3DHISTECH MIRAX");
const LEICA: Vendor = vendor("scn", "Leica SCN");
const VENTANA: Vendor = vendor("bif", "Ventana BIF");
const SAKURA: Vendor = vendor("svslide", "Sakura SVSLIDE");
const ZEISS: Vendor = vendor("czi", "Zeiss CZI");
const TRESTLE: Vendor = vendor("trestle", "Trestle TIFF");
const PHILIPS: Vendor = Vendor { own_reads: true, ..vendor("philips", "Philips TIFF") };

/// Every such format.
pub const VENDORS: [Vendor; 9] =
    [NDPI, VMS, MIRAX, LEICA, VENTANA, SAKURA, ZEISS, TRESTLE, PHILIPS];

/// XMP and the writer's name.
const XMP: u16 = 700;
const SOFTWARE: u16 = 305;

/// The vendor's format that the file is, if it is one.
pub(super) fn of_file(path: &Path, source: &Source) -> Result<Option<Vendor>, SlideError> {
    let head = source.read(0, source.len().min(64), "the first bytes")?;
    if super::ifd::is_tiff(&head) {
        let (tiff, pages) = Tiff::open(source.clone())?;
        return pages.first().map_or(Ok(None), |first| of_tiff(&tiff, first));
    }
    // A MIRAX file is a JPEG of the slide's overview; what makes it one is the folder beside it.
    let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
    if ending.as_deref() == Some("mrxs".as_ref())
        && path.with_extension("").join("Slidedat.ini").is_file()
    {
        return Ok(Some(MIRAX));
    }
    Ok(match head.as_slice() {
        text if text.starts_with(b"[Virtual Microscope Specimen]") => Some(VMS),
        text if text.starts_with(b"[Uncompressed Virtual Microscope") => Some(VMS),
        data if data.starts_with(b"SQLite format 3\0") => {
            (ending.as_deref() == Some("svslide".as_ref())).then_some(SAKURA)
        }
        data if data.starts_with(b"ZISRAWFILE") => Some(ZEISS),
        _ => None,
    })
}

fn of_tiff(tiff: &Tiff, first: &Ifd) -> Result<Option<Vendor>, SlideError> {
    if first.has(tag::NDPI_MARK) {
        return Ok(Some(NDPI));
    }
    let text = |tag: u16| tiff.text(first, tag).map(Option::unwrap_or_default);
    let software = text(SOFTWARE)?;
    if software.starts_with("Philips") {
        return Ok(Some(PHILIPS));
    }
    if software.starts_with("MedScan") {
        return Ok(Some(TRESTLE));
    }
    let described = text(tag::IMAGE_DESCRIPTION)?;
    if described.contains("http://www.leica-microsystems.com/scn") {
        return Ok(Some(LEICA));
    }
    // A BIF's XMP begins with the scanner's record; a blob too long to be one is nobody's.
    let xmp = tiff.blob(first, XMP).ok().flatten().unwrap_or_default();
    let is_bif = xmp.windows(6).any(|part| part == b"<iScan");
    Ok(is_bif.then_some(VENTANA))
}

/// The refusal of a vendor's slide where OpenSlide is missing.
pub(super) fn missing(vendor: Vendor, why: &str) -> SlideError {
    SlideError::unsupported(format!("the slide is a {}, which OpenSlide reads. {why}", vendor.name))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use vitrail_domain::Raster;

    use super::*;
    use crate::slide::{PyramidOptions, write_pyramid};

    fn described(description: &str) -> Source {
        let mut bytes = Cursor::new(Vec::new());
        let options = PyramidOptions { description, ..PyramidOptions::new(64, 64, None) };
        let mut paint = |_| Ok(Raster::filled(64, 64, [9; 3]).unwrap());
        write_pyramid(&mut bytes, &options, &mut paint).unwrap();
        Source::Bytes(bytes.into_inner().into())
    }

    #[test]
    fn vendors_are_known_by_content() {
        let of = |name: &str, source: &Source| of_file(Path::new(name), source).unwrap();
        let bytes = |bytes: &[u8]| Source::Bytes(bytes.into());
        let leica = "<scn xmlns='http://www.leica-microsystems.com/scn/2010/10/01'/>";
        assert_eq!(of("a.tif", &described(leica)), Some(LEICA));
        assert_eq!(of("a.scn", &described("a plain pyramid")), None);
        assert_eq!(of("a.vms", &bytes(b"[Virtual Microscope Specimen]\nNoLayers=1")), Some(VMS));
        assert_eq!(of("a", &bytes(b"ZISRAWFILE\0\0\0\0\0\0")), Some(ZEISS));
        let sqlite = bytes(b"SQLite format 3\0 and so on");
        assert_eq!((of("a.svslide", &sqlite), of("a.db", &sqlite)), (Some(SAKURA), None));
        assert_eq!(of("a.mrxs", &bytes(b"\xff\xd8\xff\xe0 a JPEG")), None, "no folder beside it");
    }

    #[test]
    fn a_missing_library_is_told_with_the_formats_name() {
        let error = missing(LEICA, "OpenSlide was not found: run deploy/setup");
        assert_eq!(error.code(), vitrail_domain::Code::ImageUnsupported);
        assert!(error.message.contains("Leica SCN") && error.message.contains("deploy/setup"));
    }
}
