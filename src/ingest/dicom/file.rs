//! A DICOM file: preamble, file head, transfer syntax, data set (PS3.10).

use std::borrow::Cow;
use std::io::Read;

use vitrail_domain::Code;
use vitrail_domain::limits::DICOM_INFLATED_BYTES_MAX;

use super::data_set::{Coding, DataSet, Stop};
use super::syntax::Syntax;
use super::tags;
use crate::driver::Detected;
use crate::refusal::Refusal;

/// Where the mark `DICM` stands.
const MARK_AT: usize = 128;
/// Where the data set of a file with the mark starts.
const HEAD_AT: usize = MARK_AT + 4;

/// Bytes of a file that tell whether it is one.
pub(crate) const HEAD_BYTES: u64 = HEAD_AT as u64 + 8;

const HEAD_CODING: Coding = Coding { big: false, explicit: true };

/// Where the data set starts, and how it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub at: usize,
    pub syntax: Syntax,
}

/// Whether the mark of DICOM part 10 stands in its place.
pub(crate) fn is_marked(bytes: &[u8]) -> bool {
    bytes.get(MARK_AT..HEAD_AT) == Some(b"DICM")
}

/// Whether bytes are a DICOM file, by the mark, or without it by a first element of the groups
/// that every DICOM object begins with.
pub(crate) fn detect(bytes: &[u8]) -> Detected {
    if is_marked(bytes) {
        if bytes.len() < HEAD_AT + 8 {
            let message = "the DICOM file ends after its mark: it holds no data set";
            return Detected::Broken(Refusal::new(Code::ImageTruncated, message));
        }
        return Detected::Mine;
    }
    if bare(bytes).is_some() { Detected::Mine } else { Detected::No }
}

/// The syntax of a data set without a file head, guessed from its first element.
fn bare(bytes: &[u8]) -> Option<Syntax> {
    let [a, b, c, d, e, f, g, h] = *bytes.first_chunk::<8>()?;
    let known = |vr: [u8; 2]| {
        matches!(&vr, b"UI" | b"CS" | b"UL" | b"OB" | b"DA" | b"TM" | b"SH" | b"LO" | b"PN")
    };
    match [a, b] {
        [8, 0] if known([e, f]) => Syntax::of("1.2.840.10008.1.2.1"),
        [0, 8] if known([e, f]) => Syntax::of("1.2.840.10008.1.2.2"),
        // Group 8 in order, with a length that such a value may have.
        [8, 0] if [c, d] <= [0x18, 0] && d == 0 && [f, g, h] == [0; 3] && e % 2 == 0 => {
            (e <= 128).then(|| Syntax::of("1.2.840.10008.1.2")).flatten()
        }
        _ => None,
    }
}

/// Reads the file's own head.
pub(crate) fn start(bytes: &[u8]) -> Result<Start, Stop> {
    let at = if is_marked(bytes) { HEAD_AT } else { 0 };
    if at == 0
        && let Some(syntax) = bare(bytes)
    {
        return Ok(Start { at, syntax });
    }
    let end = group_two(bytes, at)?;
    let head = DataSet::parse(bytes, (at, end), HEAD_CODING)?;
    let uid = head.text(tags::TRANSFER_SYNTAX);
    let syntax = match uid {
        Some(uid) => Syntax::of(uid).ok_or_else(|| unknown_syntax(uid))?,
        // Without a word the default holds.
        None => match bytes.get(end..).and_then(bare).or_else(|| Syntax::of("1.2.840.10008.1.2")) {
            Some(syntax) => syntax,
            None => return Err(unknown_syntax("")),
        },
    };
    Ok(Start { at: end, syntax })
}

fn unknown_syntax(uid: &str) -> Stop {
    // What stands there is the sender's; only digits and dots are an identifier.
    let plain = uid.len() <= 64 && uid.bytes().all(|byte| byte == b'.' || byte.is_ascii_digit());
    let uid = if plain { uid } else { "that is no identifier" };
    let message = format!("the DICOM file's transfer syntax {uid} is not known here");
    Stop::Refused(Refusal::new(Code::ImageUnsupported, message))
}

/// Where the elements of group 2 end. Its length is not believed: some writers get it wrong.
fn group_two(bytes: &[u8], start: usize) -> Result<usize, Stop> {
    let mut at = start;
    while bytes.get(at..at + 2).ok_or(Stop::Short(at + 2))? == [2, 0] {
        let head = bytes.get(at..at + 8).ok_or(Stop::Short(at + 8))?;
        let long = matches!(head.get(4..6), Some(b"OB" | b"UN" | b"OW" | b"UT" | b"SQ"));
        let (from, to) = if long { (8, 12) } else { (6, 8) };
        let length = bytes.get(at + from..at + to).ok_or(Stop::Short(at + to))?;
        let length = length.iter().rev().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        at = at.saturating_add(to).saturating_add(length);
    }
    Ok(at)
}

/// The bytes that the data set is read from, and where it starts in them: the file's own, or those
/// that its deflated part inflates to.
pub(crate) fn inflated(bytes: &[u8], start: Start) -> Result<(Cow<'_, [u8]>, usize), Refusal> {
    if !start.syntax.is_deflated() {
        return Ok((Cow::Borrowed(bytes), start.at));
    }
    let packed = bytes.get(start.at..).unwrap_or(&[]);
    let bound = DICOM_INFLATED_BYTES_MAX;
    let mut plain = Vec::new();
    let read = flate2::read::DeflateDecoder::new(packed).take(bound + 1).read_to_end(&mut plain);
    read.map_err(|error| {
        let message = format!("the DICOM file's deflated data set can't be inflated: {error}");
        Refusal::new(Code::ImageDamaged, message)
    })?;
    if plain.len() as u64 > bound {
        let message = format!("the DICOM file's data set inflates to more than {bound} bytes");
        return Err(Refusal::new(Code::ImageBomb, message));
    }
    Ok((Cow::Owned(plain), 0))
}
