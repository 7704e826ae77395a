//! TIFF structure: header, directories (IFDs), tagged values; classic and BigTIFF, both byte
//! orders (TIFF 6.0; BigTIFF as in libtiff). Every offset and count is taken for hostile.

use vitrail_domain::Code;
use vitrail_domain::limits::{
    SLIDE_IFD_ENTRIES_MAX, SLIDE_PAGES_MAX, SLIDE_TAG_BYTES_MAX, SLIDE_TEXT_BYTES_MAX,
};

use super::error::SlideError;
use super::source::Source;

/// Tags that are read, by their TIFF numbers.
pub(super) mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const IMAGE_WIDTH: u16 = 256;
    pub const IMAGE_LENGTH: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const IMAGE_DESCRIPTION: u16 = 270;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR_CONFIG: u16 = 284;
    pub const RESOLUTION_UNIT: u16 = 296;
    pub const PREDICTOR: u16 = 317;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_LENGTH: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SUB_IFDS: u16 = 330;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    /// Hamamatsu's own mark: the file is NDPI, whose strips are one huge JPEG.
    pub const NDPI_MARK: u16 = 65420;
}

#[derive(Debug, Clone)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// The 4 or 8 bytes of the entry: the value itself where it fits, else its offset.
    inline: [u8; 8],
}

/// One directory: what one image of the file is.
#[derive(Debug, Clone)]
pub(super) struct Ifd {
    entries: Vec<Entry>,
}

/// A TIFF file's shape, and how its numbers are to be read.
#[derive(Debug, Clone)]
pub(super) struct Tiff {
    source: Source,
    big_endian: bool,
    big: bool,
}

/// Whether these first bytes are a TIFF's (classic or BigTIFF, either byte order).
pub(super) fn is_tiff(head: &[u8]) -> bool {
    matches!(head.get(..4), Some(b"II*\0" | b"MM\0*" | b"II+\0" | b"MM\0+"))
}

impl Tiff {
    /// Reads the header; gives the main chain's directories in file order.
    pub(super) fn open(source: Source) -> Result<(Self, Vec<Ifd>), SlideError> {
        let head = source.read(0, source.len().min(16), "the TIFF header")?;
        if !is_tiff(&head) {
            return Err(SlideError::new(
                Code::ImageUnknownFormat,
                "the file does not open with a TIFF header",
            ));
        }
        let big_endian = head[0] == b'M';
        let big = head[2..4].contains(&b'+');
        let tiff = Self { source, big_endian, big };
        let first = if big {
            let word = |at: usize| head.get(at..at + 2).map(|bytes| tiff.number(bytes));
            if word(4) != Some(8) || word(6) != Some(0) {
                return Err(SlideError::damaged("the BigTIFF header names no 8-byte offsets"));
            }
            head.get(8..16)
        } else {
            head.get(4..8)
        };
        let first = first.map(|bytes| tiff.number(bytes)).ok_or_else(|| {
            SlideError::new(Code::ImageTruncated, "the file ends inside the TIFF header")
        })?;
        let pages = tiff.chain(first)?;
        Ok((tiff, pages))
    }

    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// The directories from `offset` on, each naming the next.
    fn chain(&self, mut offset: u64) -> Result<Vec<Ifd>, SlideError> {
        let mut seen = Vec::new();
        let mut pages = Vec::new();
        while offset != 0 {
            if seen.contains(&offset) {
                return Err(SlideError::damaged(format!(
                    "the chain of TIFF directories loops back to offset {offset}"
                )));
            }
            if pages.len() == SLIDE_PAGES_MAX {
                return Err(SlideError::too_large(format!(
                    "the file has more than {SLIDE_PAGES_MAX} TIFF directories"
                )));
            }
            seen.push(offset);
            let (ifd, next) = self.directory(offset)?;
            pages.push(ifd);
            offset = next;
        }
        if pages.is_empty() {
            return Err(SlideError::damaged("the file has no TIFF directory"));
        }
        Ok(pages)
    }

    /// The directory at `offset` and the offset of the next one (0: none).
    pub(super) fn directory(&self, offset: u64) -> Result<(Ifd, u64), SlideError> {
        let what = "a TIFF directory";
        let (count_len, entry_len, offset_len) = if self.big { (8, 20, 8) } else { (2, 12, 4) };
        let count = self.number(&self.source.read(offset, count_len, what)?);
        if count == 0 || count > SLIDE_IFD_ENTRIES_MAX {
            return Err(SlideError::damaged(format!(
                "the TIFF directory at offset {offset} claims {count} entries, \
                 outside 1 to {SLIDE_IFD_ENTRIES_MAX}"
            )));
        }
        let body = count * entry_len;
        let start = offset.saturating_add(count_len);
        let bytes = self.source.read(start, body + offset_len, what)?;
        let (body, next) = bytes.split_at(bytes.len() - offset_len as usize);
        let entries = body.chunks_exact(entry_len as usize).map(|raw| self.entry(raw)).collect();
        Ok((Ifd { entries }, self.number(next)))
    }

    fn entry(&self, raw: &[u8]) -> Entry {
        let (count, value) = raw[4..].split_at(if self.big { 8 } else { 4 });
        let mut inline = [0; 8];
        inline[..value.len()].copy_from_slice(value);
        Entry {
            tag: self.number(&raw[..2]) as u16,
            kind: self.number(&raw[2..4]) as u16,
            count: self.number(count),
            inline,
        }
    }

    /// An unsigned number of 1 to 8 bytes in the file's byte order.
    fn number(&self, bytes: &[u8]) -> u64 {
        let fold = |sum: u64, &byte: &u8| sum << 8 | u64::from(byte);
        if self.big_endian { bytes.iter().fold(0, fold) } else { bytes.iter().rev().fold(0, fold) }
    }

    /// The raw bytes of a value of at most `bytes_max` bytes.
    fn bytes(&self, entry: &Entry, bytes_max: u64) -> Result<Vec<u8>, SlideError> {
        let total = entry.count.saturating_mul(size_of_kind(entry.kind));
        if total > bytes_max {
            return Err(SlideError::too_large(format!(
                "TIFF tag {} claims {} values, above the bound of {bytes_max} bytes",
                entry.tag, entry.count
            )));
        }
        let room = if self.big { 8 } else { 4 };
        if total <= room {
            return Ok(entry.inline[..total as usize].to_vec());
        }
        let offset = self.number(&entry.inline[..room as usize]);
        self.source.read(offset, total, &format!("the value of TIFF tag {}", entry.tag))
    }

    /// Whole numbers of a tag; `None` where the tag is missing.
    ///
    /// # Errors
    /// Another type than whole numbers, more than `count_max` values, or a value out of the file.
    pub(super) fn numbers(
        &self,
        ifd: &Ifd,
        tag: u16,
        count_max: u64,
    ) -> Result<Option<Vec<u64>>, SlideError> {
        let Some(entry) = ifd.entry(tag) else { return Ok(None) };
        if !matches!(entry.kind, 1 | 3 | 4 | 13 | 16 | 18) {
            return Err(SlideError::damaged(format!(
                "TIFF tag {tag} has the type {}, not a whole number",
                entry.kind
            )));
        }
        if entry.count > count_max {
            return Err(SlideError::damaged(format!(
                "TIFF tag {tag} claims {} values where at most {count_max} make sense",
                entry.count
            )));
        }
        let size = size_of_kind(entry.kind);
        let bytes = self.bytes(entry, count_max.saturating_mul(size))?;
        Ok(Some(bytes.chunks_exact(size as usize).map(|raw| self.number(raw)).collect()))
    }

    /// The one whole number of a tag, or the first of several (bits per sample).
    pub(super) fn number_of(&self, ifd: &Ifd, tag: u16) -> Result<Option<u64>, SlideError> {
        let values = self.numbers(ifd, tag, SLIDE_IFD_ENTRIES_MAX)?;
        Ok(values.and_then(|values| values.first().copied()))
    }

    /// A rational, as a quotient; `None` where missing, of another type, or over zero.
    pub(super) fn rational(&self, ifd: &Ifd, tag: u16) -> Result<Option<f64>, SlideError> {
        let Some(entry) = ifd.entry(tag).filter(|entry| entry.kind == 5 && entry.count == 1) else {
            return Ok(None);
        };
        let bytes = self.bytes(entry, 8)?;
        let (above, below) = bytes.split_at(4);
        let (above, below) = (self.number(above) as f64, self.number(below) as f64);
        Ok((below > 0.0).then_some(above / below))
    }

    /// A text, cut at the bound; bytes that are not UTF-8 are replaced.
    pub(super) fn text(&self, ifd: &Ifd, tag: u16) -> Result<Option<String>, SlideError> {
        let Some(entry) = ifd.entry(tag).filter(|entry| matches!(entry.kind, 1 | 2 | 7)) else {
            return Ok(None);
        };
        let mut cut = entry.clone();
        cut.count = cut.count.min(SLIDE_TEXT_BYTES_MAX);
        let bytes = self.bytes(&cut, SLIDE_TEXT_BYTES_MAX)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
        Ok(Some(String::from_utf8_lossy(&bytes[..end]).into_owned()))
    }

    /// Bytes of a tag (JPEG tables); `None` where missing.
    pub(super) fn blob(&self, ifd: &Ifd, tag: u16) -> Result<Option<Vec<u8>>, SlideError> {
        let Some(entry) = ifd.entry(tag).filter(|entry| matches!(entry.kind, 1 | 2 | 7)) else {
            return Ok(None);
        };
        self.bytes(entry, SLIDE_TAG_BYTES_MAX).map(Some)
    }
}

impl Ifd {
    fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }
}

/// Bytes of one value of a TIFF type; unknown types count as one byte and are refused by readers.
fn size_of_kind(kind: u16) -> u64 {
    match kind {
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => 1,
    }
}
