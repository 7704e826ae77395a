//! DICOM files made for tests, element by element: explicit VR, little endian.
//! It stands alone, so that the integration tests can use it too.
#![allow(dead_code, reason = "each of the two test binaries uses a part")]

/// A value representation.
type Vr = [u8; 2];

/// A data set that is being made.
#[derive(Clone, Default)]
pub struct Made {
    elements: Vec<(u32, Vr, Value)>,
}

#[derive(Clone)]
enum Value {
    Bytes(Vec<u8>),
    Items(Vec<Made>),
    /// The first is the table of offsets.
    Fragments(Vec<Vec<u8>>),
}

pub const EXPLICIT: &str = "1.2.840.10008.1.2.1";
pub const BASELINE: &str = "1.2.840.10008.1.2.4.50";
pub const WHOLE_SLIDE: &str = "1.2.840.10008.5.1.4.1.1.77.1.6";
pub const RADIOGRAPH: &str = "1.2.840.10008.5.1.4.1.1.1";

impl Made {
    /// A text, padded to an even length.
    pub fn text(self, tag: u32, vr: &Vr, text: &str) -> Self {
        let mut bytes = text.as_bytes().to_vec();
        if bytes.len() % 2 == 1 {
            bytes.push(if vr == b"UI" { 0 } else { b' ' });
        }
        self.bytes(tag, vr, bytes)
    }

    pub fn bytes(mut self, tag: u32, vr: &Vr, bytes: Vec<u8>) -> Self {
        self.elements.retain(|(other, ..)| *other != tag);
        self.elements.push((tag, *vr, Value::Bytes(bytes)));
        self
    }

    pub fn short(self, tag: u32, value: u16) -> Self {
        self.bytes(tag, b"US", value.to_le_bytes().to_vec())
    }

    pub fn long(self, tag: u32, value: u32) -> Self {
        self.bytes(tag, b"UL", value.to_le_bytes().to_vec())
    }

    pub fn items(mut self, tag: u32, items: Vec<Self>) -> Self {
        self.elements.push((tag, *b"SQ", Value::Items(items)));
        self
    }

    /// Pixel data in fragments, with an empty table of offsets.
    pub fn fragments(mut self, fragments: Vec<Vec<u8>>) -> Self {
        let all = std::iter::once(Vec::new()).chain(fragments).collect();
        self.elements.push((0x7fe0_0010, *b"OB", Value::Fragments(all)));
        self
    }

    /// The shape of a picture.
    pub fn shape(self, (width, height): (u16, u16), samples: u16, bits: (u16, u16)) -> Self {
        let kind = if samples == 3 { "RGB" } else { "MONOCHROME2" };
        let planar = |set: Self| if samples == 3 { set.short(0x0028_0006, 0) } else { set };
        planar(self)
            .short(0x0028_0002, samples)
            .text(0x0028_0004, b"CS", kind)
            .short(0x0028_0010, height)
            .short(0x0028_0011, width)
            .short(0x0028_0100, bits.0)
            .short(0x0028_0101, bits.1)
            .short(0x0028_0102, bits.1 - 1)
            .short(0x0028_0103, 0)
    }

    /// A radiograph of 16-bit shades.
    pub fn radiograph(side: (u16, u16), shade: impl Fn(u32, u32) -> u16) -> Self {
        let shades =
            (0..u32::from(side.1)).flat_map(|y| (0..u32::from(side.0)).map(move |x| (x, y)));
        let pixels = shades.flat_map(|(x, y)| shade(x, y).to_le_bytes()).collect();
        Self::default()
            .text(0x0008_0016, b"UI", RADIOGRAPH)
            .text(0x0008_0018, b"UI", "1.2.3.4")
            .text(0x0008_0060, b"CS", "CR")
            .shape(side, 1, (16, 12))
            .bytes(0x7fe0_0010, b"OW", pixels)
    }

    /// The data set's bytes.
    pub fn data_set(&self) -> Vec<u8> {
        let mut sorted: Vec<_> = self.elements.iter().collect();
        sorted.sort_by_key(|(tag, ..)| *tag);
        let mut out = Vec::new();
        for (tag, vr, value) in sorted {
            let number = |part: u32| (part as u16).to_le_bytes();
            out.extend_from_slice(&[number(tag >> 16), number(*tag)].concat());
            out.extend_from_slice(vr);
            match value {
                Value::Bytes(bytes) if matches!(vr, b"OB" | b"OW" | b"UN" | b"UT") => {
                    out.extend_from_slice(&[0, 0]);
                    out.extend_from_slice(&(bytes.len() as u32).to_le_bytes());
                    out.extend_from_slice(bytes);
                }
                Value::Bytes(bytes) => {
                    out.extend_from_slice(&(bytes.len() as u16).to_le_bytes());
                    out.extend_from_slice(bytes);
                }
                Value::Items(items) => {
                    out.extend_from_slice(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
                    let items: Vec<_> = items.iter().map(Self::data_set).collect();
                    out.extend(marked(&items));
                }
                Value::Fragments(fragments) => {
                    out.extend_from_slice(&[0, 0, 0xff, 0xff, 0xff, 0xff]);
                    out.extend(marked(fragments));
                }
            }
        }
        out
    }

    /// A file of it: preamble, mark, head, data set.
    pub fn file(&self, syntax: &str) -> Vec<u8> {
        let head = Self::default().text(0x0002_0010, b"UI", syntax).data_set();
        let length = (head.len() as u32).to_le_bytes().to_vec();
        let length = Self::default().bytes(0x0002_0000, b"UL", length).data_set();
        [vec![0; 128], b"DICM".to_vec(), length, head, self.data_set()].concat()
    }
}

/// Items with their lengths, and the mark at their end.
fn marked(items: &[Vec<u8>]) -> Vec<u8> {
    let mut out = Vec::new();
    for item in items {
        out.extend_from_slice(&[0xfe, 0xff, 0x00, 0xe0]);
        out.extend_from_slice(&(item.len() as u32).to_le_bytes());
        out.extend_from_slice(item);
    }
    out.extend_from_slice(&[0xfe, 0xff, 0xdd, 0xe0, 0, 0, 0, 0]);
    out
}
