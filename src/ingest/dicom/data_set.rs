//! Data sets over bytes that are already there: elements are ranges, nothing is copied, nothing
//! recurses by itself. Written here and not taken from a crate, because those read values by the
//! lengths that a file claims and follow its sequences by recursion, which no panic guard can stop.

use vitrail_domain::Code;
use vitrail_domain::limits::{DICOM_ELEMENTS_MAX, DICOM_ITEMS_MAX, DICOM_NESTING_MAX};

use super::tags::{self, Tag};
use crate::refusal::Refusal;

/// How elements are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Coding {
    /// Most significant byte first.
    pub big: bool,
    /// Whether each element names its value representation.
    pub explicit: bool,
}

/// Length that says: look for the end mark.
const UNDEFINED: u32 = u32::MAX;

/// One element: where its value lies in the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Element {
    pub tag: Tag,
    /// `[0, 0]` where the coding doesn't say.
    pub vr: [u8; 2],
    pub start: usize,
    pub end: usize,
    /// The value ends at a mark; for pixel data: it comes in fragments.
    pub undefined: bool,
}

/// Why parsing stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes end first; at least so many would be needed.
    Short(usize),
    /// They are no data set, or one beyond a bound.
    Refused(Refusal),
}

impl From<Stop> for Refusal {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Short(_) => Refusal::new(
                Code::ImageTruncated,
                "the DICOM file ends within its data set: it was cut short",
            ),
            Stop::Refused(refusal) => refusal,
        }
    }
}

/// The elements of one level, in file order.
#[derive(Debug, Clone)]
pub(crate) struct DataSet<'a> {
    bytes: &'a [u8],
    coding: Coding,
    elements: Vec<Element>,
    depth: usize,
}

/// A header of an element or item.
struct Head {
    tag: Tag,
    vr: [u8; 2],
    length: u32,
    /// Where the value starts.
    at: usize,
}

impl<'a> DataSet<'a> {
    /// Parses elements from `start` up to `end`, or up to pixel data, which is the last one taken.
    /// O(elements); sequences are passed over.
    pub(crate) fn parse(
        bytes: &'a [u8],
        (start, end): (usize, usize),
        coding: Coding,
    ) -> Result<Self, Stop> {
        Self::parse_until(bytes, (start, end), coding, Tag(u32::MAX))
    }

    /// [`DataSet::parse`] of the elements before a tag.
    pub(crate) fn parse_until(
        bytes: &'a [u8],
        (start, end): (usize, usize),
        coding: Coding,
        until: Tag,
    ) -> Result<Self, Stop> {
        let mut set = Self { bytes, coding, elements: Vec::new(), depth: 0 };
        set.take((start, end), until)?;
        Ok(set)
    }

    fn parse_at(
        bytes: &'a [u8],
        (start, end): (usize, usize),
        coding: Coding,
        depth: usize,
    ) -> Result<Self, Stop> {
        let mut set = Self { bytes, coding, elements: Vec::new(), depth };
        set.take((start, end), Tag(u32::MAX))?;
        Ok(set)
    }

    fn take(&mut self, (start, end): (usize, usize), until: Tag) -> Result<(), Stop> {
        let mut at = start;
        while at < end {
            let head = head(self.bytes, at, self.coding)?;
            if head.tag == tags::ITEM_END || head.tag >= until {
                break;
            }
            let element = self.element(&head, end)?;
            at = if element.undefined { element.end.saturating_add(8) } else { element.end };
            self.push(element)?;
            if head.tag == tags::PIXEL_DATA && self.depth == 0 {
                break;
            }
        }
        Ok(())
    }

    /// The element behind a header. The pixel data's end is where the bytes end, if it comes in
    /// fragments, and may lie beyond them, if it has a length.
    fn element(&self, head: &Head, end: usize) -> Result<Element, Stop> {
        let Head { tag, vr, length, at } = *head;
        let undefined = length == UNDEFINED;
        let pixels = tag == tags::PIXEL_DATA && self.depth == 0;
        let stop = match (undefined, pixels) {
            (true, true) => end,
            (true, false) => {
                let inner = if vr == *b"UN" { IMPLICIT } else { self.coding };
                sequence_end(self.bytes, at, inner, self.depth)?
            }
            (false, _) => {
                let stop = at.saturating_add(length as usize);
                if stop > end.min(self.bytes.len()) && !pixels {
                    return Err(Stop::Short(stop));
                }
                stop
            }
        };
        Ok(Element { tag, vr, start: at, end: stop, undefined })
    }

    fn push(&mut self, element: Element) -> Result<(), Stop> {
        if self.elements.len() >= DICOM_ELEMENTS_MAX {
            let message = format!(
                "the DICOM file has more than {DICOM_ELEMENTS_MAX} elements on one level, the limit"
            );
            return Err(Stop::Refused(Refusal::new(Code::ImageTooLarge, message)));
        }
        self.elements.push(element);
        Ok(())
    }

    /// Every element of this level.
    pub(crate) fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// How its values are written.
    pub(crate) fn coding(&self) -> Coding {
        self.coding
    }

    /// The element of a tag.
    pub(crate) fn get(&self, tag: Tag) -> Option<&Element> {
        self.elements.iter().find(|element| element.tag == tag)
    }

    /// The bytes of a value, if it is there and not empty.
    pub(crate) fn value(&self, tag: Tag) -> Option<&'a [u8]> {
        let element = self.get(tag)?;
        self.bytes.get(element.start..element.end).filter(|value| !value.is_empty())
    }

    /// A text value without its padding; bytes that are not ASCII stay out.
    pub(crate) fn text(&self, tag: Tag) -> Option<&'a str> {
        let text = std::str::from_utf8(self.value(tag)?).ok()?;
        Some(text.trim_matches([' ', '\0'])).filter(|text| !text.is_empty() && text.is_ascii())
    }

    /// The first of the values of a text that holds several.
    pub(crate) fn first(&self, tag: Tag) -> Option<&'a str> {
        let text = self.text(tag)?.split('\\').next().unwrap_or_default().trim();
        Some(text).filter(|text| !text.is_empty())
    }

    /// Decimal texts (DS, IS), all of them.
    pub(crate) fn decimals(&self, tag: Tag) -> Vec<f64> {
        let texts = self.text(tag).unwrap_or_default().split('\\');
        texts.filter_map(|text| text.trim().parse().ok()).filter(|v: &f64| v.is_finite()).collect()
    }

    /// The first decimal text.
    pub(crate) fn decimal(&self, tag: Tag) -> Option<f64> {
        self.first(tag)?.parse().ok().filter(|value: &f64| value.is_finite())
    }

    /// An unsigned binary number of 16 bits.
    pub(crate) fn short(&self, tag: Tag) -> Option<u16> {
        self.shorts(tag).first().copied()
    }

    /// Binary numbers of 16 bits.
    pub(crate) fn shorts(&self, tag: Tag) -> Vec<u16> {
        let value = self.value(tag).unwrap_or_default();
        value.as_chunks::<2>().0.iter().map(|two| short(*two, self.coding.big)).collect()
    }

    /// A binary number of 32 bits.
    pub(crate) fn long(&self, tag: Tag) -> Option<u32> {
        let four = *self.value(tag)?.first_chunk::<4>()?;
        Some(if self.coding.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) })
    }

    /// The items of a sequence; none where it is absent.
    pub(crate) fn items(&self, tag: Tag) -> Result<Vec<DataSet<'a>>, Stop> {
        self.get(tag).map_or(Ok(Vec::new()), |element| self.items_of(element))
    }

    /// The items of a sequence that was found.
    pub(crate) fn items_of(&self, element: &Element) -> Result<Vec<DataSet<'a>>, Stop> {
        too_deep(self.depth + 1)?;
        let coding = if element.vr == *b"UN" { IMPLICIT } else { self.coding };
        let (mut at, mut items) = (element.start, Vec::new());
        while at < element.end {
            let item = head(self.bytes, at, coding)?;
            if item.tag != tags::ITEM {
                break;
            }
            if items.len() >= DICOM_ITEMS_MAX {
                let message = format!("a DICOM sequence has more than {DICOM_ITEMS_MAX} items");
                return Err(Stop::Refused(Refusal::new(Code::ImageTooLarge, message)));
            }
            let undefined = item.length == UNDEFINED;
            let end = if undefined {
                sequence_end(self.bytes, item.at, coding, self.depth + 1)?
            } else {
                item.at.saturating_add(item.length as usize)
            };
            if end > element.end {
                return Err(damaged("an item of a sequence is longer than its sequence"));
            }
            items.push(Self::parse_at(self.bytes, (item.at, end), coding, self.depth + 1)?);
            at = if undefined { end + 8 } else { end };
        }
        Ok(items)
    }

    /// The one item of a sequence that describes a frame or all of them.
    pub(crate) fn item(&self, tag: Tag) -> Result<Option<DataSet<'a>>, Stop> {
        Ok(self.items(tag)?.into_iter().next())
    }

    /// Whether an element holds items, as far as its head tells.
    pub(crate) fn is_sequence(&self, element: &Element) -> bool {
        let marked = self.bytes.get(element.start..element.end).is_some_and(|value| {
            let mark: &[u8] = if self.coding.big { b"\xff\xfe\xe0\0" } else { b"\xfe\xff\0\xe0" };
            value.starts_with(mark)
        });
        let named = element.vr == *b"SQ";
        element.tag != tags::PIXEL_DATA
            && (named
                || element.undefined
                || (!self.coding.explicit || element.vr == *b"UN") && marked)
    }
}

const IMPLICIT: Coding = Coding { big: false, explicit: false };

fn too_deep(depth: usize) -> Result<(), Stop> {
    if depth <= DICOM_NESTING_MAX {
        return Ok(());
    }
    let message = format!("DICOM sequences lie deeper in each other than {DICOM_NESTING_MAX}");
    Err(Stop::Refused(Refusal::new(Code::ImageBomb, message)))
}

pub(crate) fn damaged(why: impl std::fmt::Display) -> Stop {
    Stop::Refused(Refusal::new(Code::ImageDamaged, format!("the DICOM file is damaged: {why}")))
}

fn short(two: [u8; 2], big: bool) -> u16 {
    if big { u16::from_be_bytes(two) } else { u16::from_le_bytes(two) }
}

/// Reads the header of an element or item.
fn head(bytes: &[u8], at: usize, coding: Coding) -> Result<Head, Stop> {
    let need = |len: usize| bytes.get(at..at + len).ok_or(Stop::Short(at + len));
    let [a, b, c, d, e, f, g, h] = *need(8)?.first_chunk::<8>().ok_or(Stop::Short(at + 8))?;
    let (group, element) = (short([a, b], coding.big), short([c, d], coding.big));
    let tag = Tag(u32::from(group) << 16 | u32::from(element));
    let long = |four: [u8; 4]| {
        if coding.big { u32::from_be_bytes(four) } else { u32::from_le_bytes(four) }
    };
    // Items never name a value representation.
    if !coding.explicit || group == 0xfffe {
        return Ok(Head { tag, vr: [0, 0], length: long([e, f, g, h]), at: at + 8 });
    }
    let vr = [e, f];
    match &vr {
        b"OB" | b"OD" | b"OF" | b"OL" | b"OV" | b"OW" | b"SQ" | b"SV" | b"UC" | b"UN" | b"UR"
        | b"UT" | b"UV" => {
            let twelve = need(12)?;
            let length = twelve.get(8..).and_then(|four| four.first_chunk()).copied();
            Ok(Head { tag, vr, length: long(length.unwrap_or_default()), at: at + 12 })
        }
        _ if vr.iter().all(u8::is_ascii_uppercase) => {
            let length = u32::from(short([g, h], coding.big));
            Ok(Head { tag, vr, length, at: at + 8 })
        }
        _ => Err(damaged(format!("the element {tag} has no known value representation"))),
    }
}

/// Where the mark stands that ends a sequence or item of undefined length whose value starts at
/// `at`: by a count of what is open, never by recursion.
fn sequence_end(bytes: &[u8], mut at: usize, coding: Coding, depth: usize) -> Result<usize, Stop> {
    let mut open = 1;
    loop {
        too_deep(depth + open)?;
        let head = head(bytes, at, coding)?;
        match head.tag {
            tags::ITEM_END | tags::SEQUENCE_END => {
                open -= 1;
                if open == 0 {
                    return Ok(at);
                }
                at = head.at;
            }
            _ if head.length == UNDEFINED => {
                open += 1;
                at = head.at;
            }
            _ => {
                at = head.at.saturating_add(head.length as usize);
                if at > bytes.len() {
                    return Err(Stop::Short(at));
                }
            }
        }
    }
}
