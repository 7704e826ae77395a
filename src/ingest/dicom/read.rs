//! Bytes -> a picture: one frame, de-identified words beside it.

use std::collections::BTreeSet;

use serde_json::Value;
use vitrail_domain::{Code, Raster};

use super::codecs::{self, Frame};
use super::data_set::DataSet;
use super::file;
use super::frames::Frames;
use super::grey::{Grey16, Shades, WindowRule};
use super::header::Header;
use super::meaning::{self, Taken};
use super::{colour, tags, wsi};
use crate::deid::{Deid, Keep};
use crate::driver::Decoded;
use crate::guard::Deadline;
use crate::refusal::Refusal;

/// Which frame of a file of many is the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FrameChoice {
    /// The one in the middle, of two the first: a cine's ends are often black.
    #[default]
    Middle,
    /// This one, counted from 1.
    Number(u32),
}

impl FrameChoice {
    fn index(self, count: usize) -> Result<usize, Refusal> {
        match self {
            Self::Middle => Ok(count.saturating_sub(1) / 2),
            Self::Number(number) if (1..=count).contains(&(number as usize)) => {
                Ok(number as usize - 1)
            }
            Self::Number(number) => {
                let message = format!("the DICOM file has frames 1 to {count}, not {number}");
                Err(Refusal::new(Code::ImageUnsupported, message))
            }
        }
    }
}

/// How DICOM files are read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DicomOptions {
    /// What is kept beyond the basic profile.
    pub keep: BTreeSet<Keep>,
    /// Take pictures that say that an identity may be written into them.
    pub allow_burned_in: bool,
    /// Which frame.
    pub frame: FrameChoice,
}

/// One frame with its head, before its samples mean anything.
struct Opened<'a> {
    set: DataSet<'a>,
    header: Header,
    index: usize,
    frame: Frame,
}

/// Opens one frame, whatever the file shows.
fn opened<R>(
    bytes: &[u8],
    choice: FrameChoice,
    deadline: Deadline,
    may: impl FnOnce(&DataSet<'_>) -> Result<(), Refusal>,
    work: impl FnOnce(Opened<'_>) -> Result<R, Refusal>,
) -> Result<R, Refusal> {
    let start = file::start(bytes)?;
    let (plain, at) = file::inflated(bytes, start)?;
    let set = DataSet::parse(&plain, (at, plain.len()), start.syntax.coding())?;
    let header = Header::read(&set, start.syntax, bytes.len() as u64)?;
    may(&set)?;
    let pixels = set.get(tags::PIXEL_DATA).copied();
    let pixels = pixels.ok_or_else(|| codecs::damaged("it has no pixel data"))?;
    let frames = Frames::find::<[u8]>(&plain, &pixels, set.coding(), &header)?;
    let index = choice.index(frames.count())?;
    let stored = frames.stored::<[u8]>(&plain, index)?;
    let frame = codecs::decode(&header, &stored, deadline)?;
    work(Opened { set, header, index, frame })
}

/// Refuses what is read otherwise or not at all: slides, their labels, burnt-in names.
fn may_be_photo(set: &DataSet<'_>, options: &DicomOptions) -> Result<(), Refusal> {
    wsi::refuse_as_photo(set)?;
    may_show(set, options)
}

/// Refuses what says that a name may be written into it.
pub(crate) fn may_show(set: &DataSet<'_>, options: &DicomOptions) -> Result<(), Refusal> {
    if set.text(tags::BURNED_IN) != Some("YES") || options.allow_burned_in {
        return Ok(());
    }
    let message = "the DICOM file says that an identity may be written into its pixels \
                   (Burned In Annotation is YES): allow it if none is";
    Err(Refusal::new(Code::ImageIdentifying, message))
}

/// The driver's decoding: the middle frame, nothing of its words.
pub(crate) fn decode(bytes: &[u8], deadline: Deadline) -> Result<Decoded, Refusal> {
    Ok(decode_with(bytes, &DicomOptions::default(), None, deadline)?.0)
}

/// The picture, and what the file says of it where a key is there to de-identify it by.
///
/// # Errors
/// In a sentence.
pub(crate) fn decode_with(
    bytes: &[u8],
    options: &DicomOptions,
    key: Option<&[u8; 32]>,
    deadline: Deadline,
) -> Result<(Decoded, Option<Value>), Refusal> {
    let may = |set: &DataSet<'_>| may_be_photo(set, options);
    opened(bytes, options.frame, deadline, may, |opened| {
        let Opened { set, header, index, frame } = opened;
        let (pixels, seen) = if header.photometric.is_grey() {
            let shades = Shades::read(&set, &header, index)?;
            let grey = shades.eight(&frame.samples);
            (grey.into_iter().flat_map(|shade| [shade; 3]).collect(), Some(shades.seen()))
        } else {
            (colour::rgb(&set, &header, frame.photometric, frame.samples)?, None)
        };
        let taken = Taken { header, frame: index, seen };
        let payload = key
            .map(|key| meaning::payload(&set, &taken, &Deid::new(*key, options.keep.clone())))
            .transpose()?;
        let raster = Raster::new(header.width, header.height, pixels).map_err(codecs::damaged)?;
        Ok((Decoded { raster, oriented: false }, payload))
    })
}

/// The shades of a grey picture with 16 bits a pixel, for models that want more than 8.
///
/// # Errors
/// In a sentence; a picture in colours.
pub fn read_grey16(
    bytes: &[u8],
    options: &DicomOptions,
    rule: WindowRule,
) -> Result<Grey16, Refusal> {
    crate::guard::check_bytes(bytes.len() as u64)?;
    crate::guard::catch_panic(|| {
        let deadline = Deadline::start();
        let may = |set: &DataSet<'_>| may_be_photo(set, options);
        opened(bytes, options.frame, deadline, may, |opened| {
            let Opened { set, header, index, frame } = opened;
            if !header.photometric.is_grey() {
                let message = "the DICOM file holds a picture in colours, not one of shades";
                return Err(Refusal::new(Code::ImageUnsupported, message));
            }
            let values = Shades::read(&set, &header, index)?.sixteen(&frame.samples, rule);
            Ok(Grey16 { width: header.width, height: header.height, values })
        })
    })
}

/// The stored samples and the shown picture of the middle frame, for a comparison with other
/// programs.
#[cfg(test)]
pub(super) fn both(bytes: &[u8]) -> Result<(Vec<u16>, Vec<u8>), Refusal> {
    let may = |_: &DataSet<'_>| Ok(());
    opened(bytes, FrameChoice::Middle, Deadline::start(), may, |opened| {
        let Opened { set, header, index, frame } = opened;
        if header.photometric.is_grey() {
            let shown = Shades::read(&set, &header, index)?.eight(&frame.samples);
            let mask = u16::MAX >> (16 - header.bits_stored);
            let stored = match frame.samples {
                codecs::Samples::Eight(samples) => samples.into_iter().map(u16::from).collect(),
                codecs::Samples::Sixteen(samples) => samples,
            };
            return Ok((stored.into_iter().map(|sample| sample & mask).collect(), shown));
        }
        let shown = colour::rgb(&set, &header, frame.photometric, frame.samples)?;
        Ok((shown.iter().map(|value| u16::from(*value)).collect(), shown))
    })
}
