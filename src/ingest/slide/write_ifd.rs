//! The directories of a written pyramid, little-endian, classic or BigTIFF.

use super::ifd::tag;
use super::write::PyramidOptions;

/// Tags that only the writer names.
const SOFTWARE: u16 = 305;

/// How wide offsets are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    Classic,
    Big,
}

impl Layout {
    /// The file's header, its first link still zero.
    pub(super) fn header(self) -> Vec<u8> {
        match self {
            Self::Classic => b"II*\0\0\0\0\0".to_vec(),
            Self::Big => b"II+\0\x08\0\0\0\0\0\0\0\0\0\0\0".to_vec(),
        }
    }

    /// Where the header keeps the first directory's offset.
    pub(super) fn first_link(self) -> u64 {
        match self {
            Self::Classic => 4,
            Self::Big => 8,
        }
    }

    /// An offset or count as it is stored.
    pub(super) fn offset(self, value: u64) -> Vec<u8> {
        match self {
            Self::Classic => (value as u32).to_le_bytes().to_vec(),
            Self::Big => value.to_le_bytes().to_vec(),
        }
    }
}

/// One level while it is written: its size and where its tiles went.
#[derive(Debug)]
pub(super) struct LevelTable {
    pub width: u32,
    pub height: u32,
    across: u32,
    tiles: Vec<(u64, u64)>,
}

impl LevelTable {
    pub(super) fn new(width: u32, height: u32, side: u32) -> Self {
        let (across, down) = (width.div_ceil(side), height.div_ceil(side));
        Self { width, height, across, tiles: vec![(0, 0); across as usize * down as usize] }
    }

    /// Pixels of a tile that lie inside the level.
    pub(super) fn cut(&self, column: u32, row: u32, side: u32) -> (u32, u32) {
        ((self.width - column * side).min(side), (self.height - row * side).min(side))
    }

    pub(super) fn set(&mut self, column: u32, row: u32, place: (u64, u64)) {
        let at = row as usize * self.across as usize + column as usize;
        if let Some(tile) = self.tiles.get_mut(at) {
            *tile = place;
        }
    }
}

/// A directory's bytes, and where in them the link to the next one stands.
pub(super) struct IfdBytes {
    pub bytes: Vec<u8>,
    pub link: usize,
}

/// One value of a directory: tag, type, count, bytes.
struct Value(u16, u16, u64, Vec<u8>);

fn short(tag: u16, values: &[u16]) -> Value {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    Value(tag, 3, values.len() as u64, bytes)
}

fn long(tag: u16, value: u32) -> Value {
    Value(tag, 4, 1, value.to_le_bytes().to_vec())
}

fn text(tag: u16, value: &str) -> Value {
    let mut bytes = value.as_bytes().to_vec();
    bytes.push(0);
    Value(tag, 2, bytes.len() as u64, bytes)
}

/// Offsets and counts: 4 bytes each in classic TIFF, 8 in BigTIFF.
fn table(layout: Layout, tag: u16, values: impl Iterator<Item = u64>) -> Value {
    let stored: Vec<Vec<u8>> = values.map(|value| layout.offset(value)).collect();
    let kind = if layout == Layout::Big { 16 } else { 4 };
    Value(tag, kind, stored.len() as u64, stored.concat())
}

/// Pixels a centimetre as a fraction over 10,000: 0.0001 px/cm is finer than any stage.
fn resolution(tag: u16, mpp: f64) -> Value {
    let per_cm = (10_000.0 / mpp * 10_000.0).round().clamp(1.0, f64::from(u32::MAX)) as u32;
    let bytes = [per_cm.to_le_bytes(), 10_000u32.to_le_bytes()].concat();
    Value(tag, 5, 1, bytes)
}

/// The directory of level `index`, to stand at offset `at`.
pub(super) fn ifd_bytes(
    layout: Layout,
    level: &LevelTable,
    index: usize,
    options: &PyramidOptions<'_>,
    at: u64,
) -> IfdBytes {
    let mut values = vec![
        long(tag::NEW_SUBFILE_TYPE, u32::from(index > 0)),
        long(tag::IMAGE_WIDTH, level.width),
        long(tag::IMAGE_LENGTH, level.height),
        short(tag::BITS_PER_SAMPLE, &[8, 8, 8]),
        short(tag::COMPRESSION, &[7]),
        short(tag::PHOTOMETRIC, &[6]),
        short(tag::SAMPLES_PER_PIXEL, &[3]),
        short(tag::PLANAR_CONFIG, &[1]),
        text(SOFTWARE, "Vitrail"),
        long(tag::TILE_WIDTH, options.tile_px),
        long(tag::TILE_LENGTH, options.tile_px),
        table(layout, tag::TILE_OFFSETS, level.tiles.iter().map(|tile| tile.0)),
        table(layout, tag::TILE_BYTE_COUNTS, level.tiles.iter().map(|tile| tile.1)),
        short(tag::YCBCR_SUBSAMPLING, &[1, 1]),
    ];
    if index == 0 && !options.description.is_empty() {
        values.push(text(tag::IMAGE_DESCRIPTION, options.description));
    }
    if let Some(mpp) = options.mpp {
        let mpp = mpp.get() * (1u64 << index.min(32)) as f64;
        values.push(resolution(tag::X_RESOLUTION, mpp));
        values.push(resolution(tag::Y_RESOLUTION, mpp));
        values.push(short(tag::RESOLUTION_UNIT, &[3]));
    }
    values.sort_by_key(|value| value.0);
    laid_out(layout, &values, at)
}

/// Entries first, then the link, then the values that do not fit into their entry.
fn laid_out(layout: Layout, values: &[Value], at: u64) -> IfdBytes {
    let (entry_len, room) = if layout == Layout::Big { (20, 8) } else { (12, 4) };
    let mut bytes = match layout {
        Layout::Classic => (values.len() as u16).to_le_bytes().to_vec(),
        Layout::Big => (values.len() as u64).to_le_bytes().to_vec(),
    };
    let link = bytes.len() + values.len() * entry_len;
    let mut spill_at = at + (link + room) as u64;
    let mut spill = Vec::new();
    for Value(tag, kind, count, value) in values {
        bytes.extend(tag.to_le_bytes());
        bytes.extend(kind.to_le_bytes());
        bytes.extend(layout.offset(*count));
        if value.len() <= room {
            bytes.extend(value);
            bytes.resize(bytes.len() + room - value.len(), 0);
        } else {
            bytes.extend(layout.offset(spill_at));
            spill.extend(value);
            // Values begin at even offsets (TIFF 6.0).
            spill.resize(spill.len().next_multiple_of(2), 0);
            spill_at += value.len().next_multiple_of(2) as u64;
        }
    }
    bytes.extend(layout.offset(0));
    bytes.extend(spill);
    IfdBytes { bytes, link }
}
