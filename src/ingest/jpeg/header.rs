//! A JPEG's markers up to its first scan: size, components, process, EXIF (ITU-T T.81, annex B).

use vitrail_domain::Code;

use crate::refusal::Refusal;

/// How the picture is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Process {
    /// Baseline, extended sequential or progressive, with Huffman codes.
    Read,
    /// A process that libjpeg was not built for.
    Unread(&'static str),
}

/// What stands before the first scan.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Header<'a> {
    /// Pixels across.
    pub width: u16,
    /// Pixels down.
    pub height: u16,
    /// 1 grey, 3 colour, 4 inks.
    pub components: u8,
    /// Bits a sample.
    pub bits: u8,
    /// Samples of all components in 64ths of the pixels: 192 for 4:4:4, 96 for 4:2:0.
    pub samples: u64,
    /// How it is coded.
    pub process: Process,
    /// Scans, counted over the whole file.
    pub scans: usize,
    /// The TIFF block of the first EXIF segment.
    pub exif: Option<&'a [u8]>,
}

impl<'a> Header<'a> {
    /// Walks the markers. O(bytes), no allocation.
    ///
    /// # Errors
    /// The bytes end or stop being markers before the first scan.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Refusal> {
        let mut header: Option<Self> = None;
        let mut exif = None;
        let mut rest = bytes.get(2..).unwrap_or(&[]);
        loop {
            let (marker, segment, after) = next_segment(rest)?;
            rest = after;
            match marker {
                0xda => break,
                0xe1 if exif.is_none() => exif = segment.strip_prefix(b"Exif\0\0"),
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    header = Some(frame(marker, segment)?);
                }
                _ => {}
            }
        }
        let scans = 1 + rest.windows(2).filter(|pair| *pair == [0xff, 0xda]).count();
        let header =
            header.ok_or_else(|| damaged("its first scan comes before its frame header"))?;
        Ok(Self { scans, exif, ..header })
    }
}

/// One marker with its segment, and what follows.
fn next_segment(bytes: &[u8]) -> Result<(u8, &[u8], &[u8]), Refusal> {
    // Bytes between segments are passed over, as libjpeg does.
    let mark = bytes.iter().position(|byte| *byte == 0xff).ok_or_else(truncated)?;
    let rest = bytes.get(mark..).unwrap_or(&[]);
    let fill = rest.iter().take_while(|byte| **byte == 0xff).count();
    let (marker, rest) = rest.get(fill..).and_then(<[u8]>::split_first).ok_or_else(truncated)?;
    match marker {
        // Markers that stand alone, and a stuffed zero.
        0x00 | 0x01 | 0xd0..=0xd8 => Ok((*marker, &[], rest)),
        0xd9 => Err(damaged("it holds no picture")),
        _ => {
            let [high, low, ..] = rest else { return Err(truncated()) };
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            if length < 2 {
                return Err(damaged("a segment is shorter than its own length field"));
            }
            let segment = rest.get(2..length).ok_or_else(truncated)?;
            Ok((*marker, segment, rest.get(length..).unwrap_or(&[])))
        }
    }
}

fn frame<'a>(marker: u8, segment: &[u8]) -> Result<Header<'a>, Refusal> {
    let [bits, h1, h0, w1, w0, components, rest @ ..] = segment else {
        return Err(damaged("its frame header is too short"));
    };
    let factors: Vec<(u64, u64)> = rest
        .chunks_exact(3)
        .take(usize::from(*components))
        .filter_map(|component| component.get(1))
        .map(|factors| (u64::from(factors >> 4), u64::from(factors & 15)))
        .collect();
    let widest = factors.iter().map(|(h, _)| *h).max().unwrap_or(1).max(1);
    let tallest = factors.iter().map(|(_, v)| *v).max().unwrap_or(1).max(1);
    Ok(Header {
        width: u16::from_be_bytes([*w1, *w0]),
        height: u16::from_be_bytes([*h1, *h0]),
        components: *components,
        bits: *bits,
        samples: factors.iter().map(|(h, v)| h * v * 64 / (widest * tallest)).sum(),
        process: match marker {
            0xc0..=0xc2 => Process::Read,
            0xc3 => Process::Unread("lossless coding"),
            0xc5..=0xc7 => Process::Unread("hierarchical coding"),
            _ => Process::Unread("arithmetic coding"),
        },
        scans: 0,
        exif: None,
    })
}

fn truncated() -> Refusal {
    Refusal::new(Code::ImageTruncated, "the JPEG ends within its header")
}

fn damaged(why: &str) -> Refusal {
    Refusal::new(Code::ImageDamaged, format!("the JPEG is damaged: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = &[
        0xff, 0xd8, 0xff, 0xe1, 0, 10, b'E', b'x', b'i', b'f', 0, 0, 7, 7, // EXIF: 7 7
        0xff, 0xff, 0xc0, 0, 17, 8, 0, 100, 0, 200, 3, 1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1, //
        0xff, 0xda, 0, 2, 1, 2, 3, 0xff, 0xda,
    ];

    #[test]
    fn markers_are_read() {
        let header = Header::read(HEAD).expect("a header");
        assert_eq!((header.width, header.height, header.components), (200, 100, 3));
        assert_eq!((header.samples, header.scans), (96, 2));
        assert_eq!(header.exif, Some([7, 7].as_slice()));
    }

    #[test]
    fn every_cut_is_refused() {
        let scan = HEAD.len() - 7;
        for cut in 2..scan {
            let refusal = Header::read(&HEAD[..cut]).expect_err("cut short");
            assert_eq!(refusal.code, Code::ImageTruncated, "{cut}: {refusal}");
        }
    }
}
