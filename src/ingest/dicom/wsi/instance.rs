//! One instance of a slide's series: its head, and where its frames lie.

use std::borrow::Cow;
use std::path::Path;

use vitrail_domain::Code;
use vitrail_domain::limits::{
    DICOM_HEAD_BYTES_MAX, SLIDE_TILE_BYTES_MAX, SLIDE_TILE_PIXELS_MAX, SLIDE_TILES_MAX,
};

use super::super::codecs;
use super::super::data_set::{DataSet, Stop};
use super::super::file::{self, Start};
use super::super::frames::{Bytes, Frames, truncated};
use super::super::grey::Shades;
use super::super::header::Header;
use super::super::tags::Tag;
use super::super::{colour, groups, tags};
use super::{Flavor, flavor, is_wsi};
use crate::guard::Deadline;
use crate::refusal::Refusal;
use crate::slide::error::SlideError;
use crate::slide::source::Source;

/// Bytes of a file's head that are read first; four times as many where that is short.
const FIRST_BYTES: u64 = 8 * 1024;

impl Bytes for Source {
    fn len(&self) -> u64 {
        Source::len(self)
    }

    fn read(&self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, Refusal> {
        if len as u64 > SLIDE_TILE_BYTES_MAX {
            let message = format!("a stored tile claims {len} bytes, more than the limit");
            return Err(Refusal::new(Code::ImageTooLarge, message));
        }
        match Source::read(self, at, len as u64, "a frame") {
            Ok(bytes) => Ok(Cow::Owned(bytes)),
            Err(SlideError { code: Code::ImageTruncated, .. }) => Err(truncated("its pixels")),
            Err(error) => Err(error.into()),
        }
    }
}

/// A file whose head has been read, up to a tag or to its pixels.
pub(crate) struct Opened {
    source: Source,
    head: Vec<u8>,
    start: Start,
    until: Tag,
}

impl Opened {
    /// Reads the whole head, up to the pixels.
    pub(crate) fn whole(path: &Path) -> Result<Self, Refusal> {
        Self::until(path, Tag(u32::MAX))
    }

    /// Reads the head up to a tag.
    pub(crate) fn until(path: &Path, until: Tag) -> Result<Self, Refusal> {
        let source = Source::open(path)?;
        let mut wanted = FIRST_BYTES;
        loop {
            let length = wanted.min(source.len());
            let head = source.read(0, length, "the head of a DICOM file")?;
            let parsed = file::start(&head).and_then(|start| {
                let range = (start.at, usize::try_from(source.len()).unwrap_or(usize::MAX));
                DataSet::parse_until(&head, range, start.syntax.coding(), until)?;
                Ok(start)
            });
            match parsed {
                Ok(start) if start.syntax.is_deflated() => {
                    let message = "the DICOM slide is deflated as a whole: it can't be read by \
                                   region";
                    return Err(Refusal::new(Code::ImageUnsupported, message));
                }
                Ok(start) => return Ok(Self { source, head, start, until }),
                Err(Stop::Short(_)) if length < source.len() && length < DICOM_HEAD_BYTES_MAX => {
                    wanted = wanted.saturating_mul(4).min(DICOM_HEAD_BYTES_MAX);
                }
                Err(stop) => return Err(stop.into()),
            }
        }
    }

    /// The head's data set.
    pub(crate) fn set(&self) -> Result<DataSet<'_>, Stop> {
        let length = usize::try_from(self.source.len()).unwrap_or(usize::MAX);
        let coding = self.start.syntax.coding();
        DataSet::parse_until(&self.head, (self.start.at, length), coding, self.until)
    }
}

/// What the head of an instance says before its frames are looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peek {
    pub series: String,
    pub flavor: Flavor,
    pub width: u32,
    pub height: u32,
    /// Frames of the same concatenation before these.
    pub first_frame: usize,
    pub instance: String,
}

impl Peek {
    /// `None` for a file that is no instance of a whole slide.
    pub(crate) fn at(path: &Path) -> Option<Self> {
        let opened = Opened::until(path, tags::OPTICAL_PATH_SEQUENCE).ok()?;
        Self::of(&opened.set().ok()?)
    }

    fn of(set: &DataSet<'_>) -> Option<Self> {
        is_wsi(set).then(|| Self {
            series: set.text(tags::SERIES_UID).unwrap_or_default().to_owned(),
            flavor: flavor(set),
            width: set.long(tags::TOTAL_COLUMNS).unwrap_or(0),
            height: set.long(tags::TOTAL_ROWS).unwrap_or(0),
            first_frame: set.long(tags::CONCATENATION_FRAME_OFFSET).unwrap_or(0) as usize,
            instance: set.text(tags::SOP_INSTANCE).unwrap_or_default().to_owned(),
        })
    }
}

/// One instance, open for reading its frames by any number of threads.
#[derive(Debug)]
pub(crate) struct Instance {
    pub peek: Peek,
    pub header: Header,
    /// Micrometres across and down a pixel.
    pub mpp: Option<(f64, f64)>,
    /// Column and row of the tile that each frame is.
    pub places: Vec<(u32, u32)>,
    source: Source,
    frames: Frames,
    /// `None` for colours.
    shades: Option<Shades>,
}

fn unsupported(what: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::ImageUnsupported, format!("the DICOM slide is not read: {what}"))
}

impl Instance {
    /// Reads the head and finds the frames.
    ///
    /// # Errors
    /// Damage, or a feature that is not read, in words.
    pub(crate) fn open(path: &Path) -> Result<Self, Refusal> {
        let opened = Opened::whole(path)?;
        let set = opened.set()?;
        let peek = Peek::of(&set).ok_or_else(|| unsupported("it is no whole slide"))?;
        let header = Header::read(&set, opened.start.syntax, opened.source.len())?;
        check(&peek, &header, &set)?;
        let places = places(&set, &peek, &header)?;
        let pixels = set.get(tags::PIXEL_DATA).copied();
        let pixels = pixels.ok_or_else(|| codecs::damaged("it has no pixel data"))?;
        let frames = Frames::find(&opened.source, &pixels, set.coding(), &header)?;
        let mpp = mpp(&set)?;
        let grey = header.photometric.is_grey();
        let shades = grey.then(|| Shades::of_slide(&set, &header)).transpose()?;
        Ok(Self { peek, header, mpp, places, source: opened.source.clone(), frames, shades })
    }

    /// One frame as RGB.
    pub(crate) fn tile(&self, frame: usize) -> Result<Vec<u8>, Refusal> {
        let stored = self.frames.stored(&self.source, frame)?;
        let decoded = codecs::decode(&self.header, &stored, Deadline::start())?;
        match &self.shades {
            Some(shades) => {
                let grey = shades.eight(&decoded.samples);
                Ok(grey.into_iter().flat_map(|shade| [shade; 3]).collect())
            }
            None => colour::rgb_plain(&self.header, decoded.photometric, decoded.samples),
        }
    }
}

fn check(peek: &Peek, header: &Header, set: &DataSet<'_>) -> Result<(), Refusal> {
    if peek.flavor == Flavor::Label {
        return Err(super::label());
    }
    if header.photometric.needs_words() {
        return Err(unsupported("its colours stand in a palette"));
    }
    let (columns, rows) = (header.width, header.height);
    if peek.width == 0 || peek.height == 0 {
        return Err(codecs::damaged("it does not say how large its whole picture is"));
    }
    if header.pixels() > SLIDE_TILE_PIXELS_MAX && (columns, rows) != (peek.width, peek.height) {
        return Err(unsupported(format!("its tiles have {columns} x {rows} pixels")));
    }
    let tiles = u64::from(peek.width.div_ceil(columns)) * u64::from(peek.height.div_ceil(rows));
    if tiles > SLIDE_TILES_MAX as u64 {
        let message = format!("the DICOM slide has {tiles} tiles, more than {SLIDE_TILES_MAX}");
        return Err(Refusal::new(Code::ImageTooLarge, message));
    }
    for (tag, what) in
        [(tags::FOCAL_PLANES, "focal planes"), (tags::OPTICAL_PATHS, "optical paths")]
    {
        if let Some(count) = set.long(tag).filter(|count| *count > 1) {
            return Err(unsupported(format!("it has {count} {what}, where one is a picture")));
        }
    }
    Ok(())
}

/// Column and row of each frame's tile: in order where the file says that it is full, else by the
/// positions of its frames. Never in order without that word: some writers go by columns.
fn places(set: &DataSet<'_>, peek: &Peek, header: &Header) -> Result<Vec<(u32, u32)>, Refusal> {
    let across = peek.width.div_ceil(header.width);
    let down = peek.height.div_ceil(header.height);
    let frames = header.frames as usize;
    let alone = across == 1 && down == 1 && frames == 1;
    if alone || set.text(tags::DIMENSION_ORGANIZATION_TYPE) == Some("TILED_FULL") {
        let last = peek.first_frame.saturating_add(frames);
        if last as u64 > u64::from(across) * u64::from(down) {
            return Err(codecs::damaged("it has more frames than its picture has tiles"));
        }
        let place = |frame: usize| ((frame as u32) % across, (frame as u32) / across);
        return Ok((peek.first_frame..last).map(place).collect());
    }
    let groups = set.items(tags::PER_FRAME_GROUPS)?;
    if groups.len() < frames {
        return Err(unsupported("it does not say where in the picture its frames lie"));
    }
    let mut places = Vec::with_capacity(frames);
    for group in groups.iter().take(frames) {
        let position = group.item(tags::PLANE_POSITION_SLIDE)?;
        let number = |tag| position.as_ref().and_then(|item| item.long(tag)).unwrap_or(0);
        let (x, y) = (number(tags::COLUMN_POSITION), number(tags::ROW_POSITION));
        places.push(place((x, y), header, (across, down))?);
    }
    Ok(places)
}

/// The tile whose first pixel, counted from 1, is at (`x`, `y`).
fn place(
    (x, y): (u32, u32),
    header: &Header,
    (across, down): (u32, u32),
) -> Result<(u32, u32), Refusal> {
    let (Some(left), Some(top)) = (x.checked_sub(1), y.checked_sub(1)) else {
        return Err(unsupported("it does not say where in the picture its frames lie"));
    };
    if left % header.width != 0 || top % header.height != 0 {
        return Err(unsupported(format!("a frame lies at ({x}, {y}), beside the grid of tiles")));
    }
    let (column, row) = (left / header.width, top / header.height);
    if column >= across || row >= down {
        return Err(codecs::damaged(format!("a frame lies at ({x}, {y}), outside its picture")));
    }
    Ok((column, row))
}

fn mpp(set: &DataSet<'_>) -> Result<Option<(f64, f64)>, Stop> {
    let measures = groups::of_frame(set, 0, tags::PIXEL_MEASURES)?;
    let spacing = measures.map(|item| item.decimals(tags::PIXEL_SPACING)).unwrap_or_default();
    Ok(match spacing.as_slice() {
        &[row, column] if row > 0.0 && column > 0.0 => Some((column * 1000.0, row * 1000.0)),
        _ => None,
    })
}
