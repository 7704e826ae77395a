//! Where each frame lies: by its number where pixels are native, by fragments where they are packed
//! (PS3.5, annex A.4).

use std::borrow::Cow;

use vitrail_domain::Code;
use vitrail_domain::limits::DICOM_FRAGMENTS_MAX;

use super::data_set::{Coding, Element};
use super::header::Header;
use super::syntax::Packing;
use crate::refusal::Refusal;

/// Bytes that are read at places: a file in memory, or one on disk.
pub(crate) trait Bytes {
    /// How many there are.
    fn len(&self) -> u64;

    /// `len` bytes from `at`; `None` where they are not there.
    fn read(&self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, Refusal>;
}

impl Bytes for [u8] {
    fn len(&self) -> u64 {
        <[u8]>::len(self) as u64
    }

    fn read(&self, at: u64, len: usize) -> Result<Cow<'_, [u8]>, Refusal> {
        let start = usize::try_from(at).unwrap_or(usize::MAX);
        let bytes = start.checked_add(len).and_then(|end| self.get(start..end));
        bytes.map(Cow::Borrowed).ok_or_else(|| truncated("its pixels"))
    }
}

pub(crate) fn truncated(what: &str) -> Refusal {
    let message = format!("the DICOM file ends within {what}: it was cut short");
    Refusal::new(Code::ImageTruncated, message)
}

fn damaged(why: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::ImageDamaged, format!("the DICOM file's pixel data is damaged: {why}"))
}

/// The place of one fragment.
type Piece = (u64, u32);

/// The places of all frames.
#[derive(Debug, Clone)]
pub(crate) enum Frames {
    /// One after the other.
    Native { start: u64, bytes: u64, count: u32 },
    /// Frame `i` is the pieces from `first[i]` up to `first[i + 1]`.
    Packed { pieces: Vec<Piece>, first: Vec<usize> },
}

impl Frames {
    /// Finds the frames. O(fragments), each a read of 8 bytes.
    ///
    /// # Errors
    /// Fewer bytes or fragments than frames, more fragments than a bound.
    pub(crate) fn find<B: Bytes + ?Sized>(
        bytes: &B,
        pixels: &Element,
        coding: Coding,
        header: &Header,
    ) -> Result<Self, Refusal> {
        if !pixels.undefined {
            return Self::native(bytes.len(), pixels, header);
        }
        let (table, pieces) = pieces(bytes, pixels.start as u64, coding)?;
        if header.syntax.packing == Packing::Native && header.frames as usize == pieces.len() {
            let first = (0..=pieces.len()).collect();
            return Ok(Self::Packed { pieces, first });
        }
        let first = first_pieces(bytes, &table, &pieces, header)?;
        Ok(Self::Packed { pieces, first })
    }

    fn native(length: u64, pixels: &Element, header: &Header) -> Result<Self, Refusal> {
        if header.syntax.packing != Packing::Native {
            let name = header.syntax.name;
            return Err(damaged(format!("it has a length, where {name} comes in fragments")));
        }
        let (start, end) = (pixels.start as u64, pixels.end as u64);
        let (bytes, count) = (header.native_bytes(), header.frames);
        let wanted = bytes.saturating_mul(count.into());
        if end > length {
            return Err(truncated("its pixels"));
        }
        if end - start < wanted {
            let got = end - start;
            return Err(damaged(format!("{got} bytes where {count} frames take {wanted}")));
        }
        Ok(Self::Native { start, bytes, count })
    }

    /// How many frames there are.
    pub(crate) fn count(&self) -> usize {
        match self {
            Self::Native { count, .. } => *count as usize,
            Self::Packed { first, .. } => first.len().saturating_sub(1),
        }
    }

    /// The stored bytes of one frame.
    pub(crate) fn stored<'b, B: Bytes + ?Sized>(
        &self,
        bytes: &'b B,
        frame: usize,
    ) -> Result<Cow<'b, [u8]>, Refusal> {
        let missing = || damaged(format!("it has no frame {}", frame + 1));
        match self {
            Self::Native { start, bytes: len, count } => {
                let at = (frame < *count as usize).then_some(start + len * frame as u64);
                bytes.read(at.ok_or_else(missing)?, usize::try_from(*len).unwrap_or(usize::MAX))
            }
            Self::Packed { pieces, first } => {
                let range = first.get(frame).zip(first.get(frame + 1)).ok_or_else(missing)?;
                match pieces.get(*range.0..*range.1).unwrap_or_default() {
                    [] => Err(missing()),
                    [(at, len)] => bytes.read(*at, *len as usize),
                    several => joined(bytes, several),
                }
            }
        }
    }
}

fn joined<'b, B: Bytes + ?Sized>(bytes: &'b B, pieces: &[Piece]) -> Result<Cow<'b, [u8]>, Refusal> {
    let mut all = Vec::new();
    for (at, len) in pieces {
        all.extend_from_slice(&bytes.read(*at, *len as usize)?);
    }
    Ok(Cow::Owned(all))
}

/// The table of offsets, and every fragment after it.
fn pieces<B: Bytes + ?Sized>(
    bytes: &B,
    start: u64,
    coding: Coding,
) -> Result<(Vec<u32>, Vec<Piece>), Refusal> {
    if coding.big {
        return Err(damaged("fragments are written with the least significant byte first"));
    }
    let (mut at, mut table, mut pieces) = (start, None, Vec::new());
    loop {
        let head = bytes.read(at, 8).map_err(|_| truncated("its fragments"))?;
        let &[0xfe, 0xff, kind, 0xe0, a, b, c, d] = head.as_ref() else {
            return Err(damaged("a fragment does not begin with its mark"));
        };
        let length = u32::from_le_bytes([a, b, c, d]);
        at += 8;
        match kind {
            0xdd => return Ok((table.unwrap_or_default(), pieces)),
            0 => {}
            _ => return Err(damaged("a fragment does not begin with its mark")),
        }
        if at.saturating_add(length.into()) > bytes.len() {
            return Err(truncated("its fragments"));
        }
        if table.is_none() {
            let raw = bytes.read(at, length as usize)?;
            let offsets = raw.as_chunks::<4>().0;
            table = Some(offsets.iter().map(|four| u32::from_le_bytes(*four)).collect());
        } else {
            pieces.push((at, length));
        }
        if pieces.len() > DICOM_FRAGMENTS_MAX {
            let message = format!("the DICOM file has more than {DICOM_FRAGMENTS_MAX} fragments");
            return Err(Refusal::new(Code::ImageTooLarge, message));
        }
        at += u64::from(length);
    }
}

/// The first piece of each frame, and the end.
fn first_pieces<B: Bytes + ?Sized>(
    bytes: &B,
    table: &[u32],
    pieces: &[Piece],
    header: &Header,
) -> Result<Vec<usize>, Refusal> {
    let frames = header.frames as usize;
    if pieces.len() < frames || pieces.is_empty() {
        let got = pieces.len();
        return Err(damaged(format!("{got} fragments where {frames} frames take one or more")));
    }
    if frames == 1 {
        return Ok(vec![0, pieces.len()]);
    }
    if pieces.len() == frames {
        return Ok((0..=frames).collect());
    }
    let mut first = by_table(table, pieces, frames);
    if first.is_none() {
        first = by_marks(bytes, pieces, frames)?;
    }
    let mut first = first.ok_or_else(|| {
        let got = pieces.len();
        damaged(format!("{got} fragments for {frames} frames, and no word which belong together"))
    })?;
    first.push(pieces.len());
    Ok(first)
}

fn by_table(table: &[u32], pieces: &[Piece], frames: usize) -> Option<Vec<usize>> {
    let base = pieces.first()?.0 - 8;
    (table.len() == frames).then_some(())?;
    let place = |offset: &u32| {
        pieces.binary_search_by_key(&(base + u64::from(*offset)), |(at, _)| at - 8).ok()
    };
    let first: Vec<usize> = table.iter().map(place).collect::<Option<_>>()?;
    first.is_sorted_by(|one, next| one < next).then_some(first)
}

/// A frame starts where a code stream does: JPEG, JPEG-LS, JPEG 2000.
fn by_marks<B: Bytes + ?Sized>(
    bytes: &B,
    pieces: &[Piece],
    frames: usize,
) -> Result<Option<Vec<usize>>, Refusal> {
    let mut first = Vec::new();
    for (index, (at, len)) in pieces.iter().enumerate() {
        let head = bytes.read(*at, (*len).min(3) as usize)?;
        if head.starts_with(&[0xff, 0xd8, 0xff]) || head.starts_with(&[0xff, 0x4f, 0xff]) {
            first.push(index);
        }
    }
    Ok((first.len() == frames && first.first() == Some(&0)).then_some(first))
}
