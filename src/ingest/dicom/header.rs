//! What a data set says of its pixels, held against the bounds before anything is allocated.

use vitrail_domain::Code;
use vitrail_domain::limits::DICOM_FRAMES_MAX;

use super::data_set::DataSet;
use super::syntax::{Packing, Syntax};
use super::tags;
use crate::guard::{self, Promise};
use crate::refusal::Refusal;

/// What samples mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Photometric {
    Monochrome1,
    Monochrome2,
    Palette,
    Rgb,
    YbrFull,
    YbrFull422,
    /// YCbCr that JPEG 2000 makes and undoes by itself.
    YbrCodec,
}

impl Photometric {
    /// The name in the standard.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Monochrome1 => "MONOCHROME1",
            Self::Monochrome2 => "MONOCHROME2",
            Self::Palette => "PALETTE COLOR",
            Self::Rgb => "RGB",
            Self::YbrFull => "YBR_FULL",
            Self::YbrFull422 => "YBR_FULL_422",
            Self::YbrCodec => "YBR_RCT or YBR_ICT",
        }
    }

    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "MONOCHROME1" => Self::Monochrome1,
            "MONOCHROME2" => Self::Monochrome2,
            "PALETTE COLOR" => Self::Palette,
            "RGB" => Self::Rgb,
            "YBR_FULL" => Self::YbrFull,
            "YBR_FULL_422" => Self::YbrFull422,
            "YBR_RCT" | "YBR_ICT" => Self::YbrCodec,
            _ => return None,
        })
    }

    /// Whether colours stand in a table of the data set.
    pub(crate) fn needs_words(self) -> bool {
        self == Self::Palette
    }

    /// Whether one sample a pixel is a shade of grey.
    pub(crate) fn is_grey(self) -> bool {
        matches!(self, Self::Monochrome1 | Self::Monochrome2)
    }
}

/// The pixels' shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub width: u32,
    pub height: u32,
    /// 1 or 3.
    pub samples: usize,
    /// 8 or 16.
    pub bits_allocated: u16,
    /// Bits of a sample that count.
    pub bits_stored: u16,
    pub signed: bool,
    /// Colours in planes of their own.
    pub planar: bool,
    pub photometric: Photometric,
    pub frames: u32,
    pub syntax: Syntax,
}

fn unsupported(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::ImageUnsupported, format!("the DICOM file is not read: {what}"))
}

impl Header {
    /// Reads and checks. `encoded` are the bytes of the file.
    ///
    /// # Errors
    /// No pixels, a kind that is not read (named), or more than a bound.
    pub(crate) fn read(set: &DataSet<'_>, syntax: Syntax, encoded: u64) -> Result<Self, Refusal> {
        if set.get(tags::PIXEL_DATA).is_none() {
            let what = kind_of(set.text(tags::SOP_CLASS).unwrap_or_default());
            let message = format!("the DICOM file holds no pixels: {what}");
            return Err(Refusal::new(Code::ImageUnsupported, message));
        }
        let number = |tag, name: &str| {
            let missing = || {
                let message = format!("the DICOM file has pixels but does not say its {name}");
                Refusal::new(Code::ImageDamaged, message)
            };
            set.short(tag).ok_or_else(missing)
        };
        let (height, width) = (number(tags::ROWS, "rows")?, number(tags::COLUMNS, "columns")?);
        let allocated = number(tags::BITS_ALLOCATED, "bits allocated")?;
        let samples = set.short(tags::SAMPLES_PER_PIXEL).unwrap_or(1);
        let photometric = photometric(set, samples)?;
        let bits_stored = set.short(tags::BITS_STORED).unwrap_or(allocated);
        let header = Self {
            width: width.into(),
            height: height.into(),
            samples: samples.into(),
            bits_allocated: allocated,
            bits_stored,
            signed: set.short(tags::PIXEL_REPRESENTATION) == Some(1),
            planar: samples > 1 && set.short(tags::PLANAR_CONFIGURATION) == Some(1),
            photometric,
            frames: frames(set)?,
            syntax,
        };
        header.check(set, encoded)?;
        Ok(header)
    }

    fn check(&self, set: &DataSet<'_>, encoded: u64) -> Result<(), Refusal> {
        let samples = self.samples as u64 * u64::from(self.bits_allocated.max(8) / 8);
        // The stored samples, a table of values, and the RGB picture made of them.
        let memory = self.pixels() * (samples + 3);
        let encoded = usize::try_from(encoded).unwrap_or(usize::MAX);
        guard::check_promise(Promise { width: self.width, height: self.height, memory, encoded })?;
        if self.syntax.packing == Packing::Unread {
            let Syntax { name, uid, .. } = self.syntax;
            return Err(unsupported(format!("its pixels are packed as {name} ({uid})")));
        }
        if !matches!(self.bits_allocated, 8 | 16) {
            let what = kind_of(set.text(tags::SOP_CLASS).unwrap_or_default());
            let bits = self.bits_allocated;
            return Err(unsupported(format!(
                "it has {bits} bits a sample, 8 and 16 are read; {what}"
            )));
        }
        if self.bits_stored == 0 || self.bits_stored > self.bits_allocated {
            let (stored, allocated) = (self.bits_stored, self.bits_allocated);
            let message = format!("the DICOM file says {stored} bits stored of {allocated}");
            return Err(Refusal::new(Code::ImageDamaged, message));
        }
        let high = set.short(tags::HIGH_BIT).unwrap_or(self.bits_stored - 1);
        if high + 1 != self.bits_stored {
            return Err(unsupported(format!(
                "its highest bit is {high} where {} bits are stored",
                self.bits_stored
            )));
        }
        Ok(())
    }

    /// Pixels of one frame.
    pub(crate) fn pixels(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// Samples of one frame as they come out of a codec.
    pub(crate) fn samples_of_frame(&self) -> usize {
        self.pixels() as usize * self.samples
    }

    /// Bytes of one native frame.
    pub(crate) fn native_bytes(&self) -> u64 {
        let bytes = u64::from(self.bits_allocated / 8);
        match self.photometric {
            // Two pixels share their colours.
            Photometric::YbrFull422 => self.pixels() * 2 * bytes,
            _ => self.pixels() * self.samples as u64 * bytes,
        }
    }
}

fn photometric(set: &DataSet<'_>, samples: u16) -> Result<Photometric, Refusal> {
    let name = set.text(tags::PHOTOMETRIC).unwrap_or("MONOCHROME2");
    let plain = name.len() <= 16 && !name.bytes().any(|byte| byte.is_ascii_control());
    let shown = if plain { name } else { "that is no name" };
    let Some(kind) = Photometric::of(name) else {
        return Err(unsupported(format!("its photometric interpretation is {shown}")));
    };
    let expected = if kind.is_grey() || kind == Photometric::Palette { 1 } else { 3 };
    if samples != expected {
        let message = format!("the DICOM file says {shown} with {samples} samples a pixel");
        return Err(Refusal::new(Code::ImageDamaged, message));
    }
    Ok(kind)
}

fn frames(set: &DataSet<'_>) -> Result<u32, Refusal> {
    let frames = set.decimal(tags::NUMBER_OF_FRAMES).unwrap_or(1.0);
    if frames > f64::from(DICOM_FRAMES_MAX) {
        let message =
            format!("the DICOM file claims {frames} frames, more than {DICOM_FRAMES_MAX}");
        return Err(Refusal::new(Code::ImageTooLarge, message));
    }
    Ok(if frames >= 1.0 { frames as u32 } else { 1 })
}

/// Kinds of objects without a picture of their own: the end of the class, what it is.
const KINDS: [(&str, &str); 10] = [
    ("1.2.840.10008.5.1.4.1.1.66.4", "it is a segmentation"),
    ("1.2.840.10008.5.1.4.1.1.91.1", "it holds annotations of a slide"),
    ("1.2.840.10008.5.1.4.1.1.88.", "it is a structured report"),
    ("1.2.840.10008.5.1.4.1.1.104.", "it is a document"),
    ("1.2.840.10008.5.1.4.1.1.11.", "it is a presentation state"),
    ("1.2.840.10008.5.1.4.1.1.481.", "it is an object of radiotherapy"),
    ("1.2.840.10008.5.1.4.1.1.9.", "it is a waveform"),
    ("1.2.840.10008.5.1.4.1.1.66", "it is raw or derived data"),
    ("1.2.840.10008.1.3.10", "it is a directory of other files (DICOMDIR)"),
    ("1.2.840.10008.", "its class may have none"),
];

fn kind_of(class: &str) -> &'static str {
    KINDS.iter().find(|(start, _)| class.starts_with(start)).map_or("its kind is not said", |k| k.1)
}
