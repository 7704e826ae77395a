//! Block files: sections of numbers behind one header, mapped, each block verified when it is first
//! touched (`schemas/formats/segment.md`).

use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use vitrail_disk::{FileHeader, Map, safe_write_with};
use vitrail_domain::Cancel;

use crate::error::SegmentError;

/// Version of every kind of file here.
pub(crate) const VERSION: u16 = 1;

const BLOCK_BITS: u32 = 16;
const BLOCK: usize = 1 << BLOCK_BITS;
const SECTIONS_MAX: usize = 64;
const INDEX: usize = FileHeader::BYTES + 16;
const ENTRY: usize = 24;
const CHECK: usize = 16;
const ALIGN: usize = 64;

/// Hands the bytes of a section to a writer, the same bytes each time it is asked.
pub(crate) type Emit<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// A section that is to be written.
pub(crate) struct Section<'a> {
    pub(crate) tag: u32,
    pub(crate) bytes: usize,
    pub(crate) emit: Emit<'a>,
}

impl<'a> Section<'a> {
    /// A section of words that lie in memory.
    pub(crate) fn words(tag: u32, words: &'a [u32]) -> Self {
        let bytes = vitrail_disk::bytes_of_words(words);
        Self { tag, bytes: bytes.len(), emit: Box::new(move |out| out.write_all(bytes)) }
    }

    /// A section of bytes that lie in memory.
    pub(crate) fn bytes(tag: u32, bytes: &'a [u8]) -> Self {
        Self { tag, bytes: bytes.len(), emit: Box::new(move |out| out.write_all(bytes)) }
    }
}

/// Writes a block file: the sections are asked for their bytes twice, for the checksums and then
/// for the file. O(bytes).
pub(crate) fn write(path: &Path, kind: u16, sections: &[Section<'_>]) -> Result<(), SegmentError> {
    let failed = |source| SegmentError::Write { path: path.to_path_buf(), source };
    let (index, end) = index_of(sections);
    let mut hasher = BlockHasher::new(&index);
    emit(sections, &mut hasher).map_err(failed)?;
    let hashed = hasher.finish();
    let body_bytes = end - FileHeader::BYTES + hashed.table.len() + CHECK;
    let header = FileHeader { kind, version: VERSION }.bytes(body_bytes as u64, &hashed.body);
    let written = safe_write_with(path, |out| {
        out.write_all(&header)?;
        out.write_all(&index)?;
        emit(sections, out)?;
        out.write_all(&hashed.table)?;
        out.write_all(&hashed.check)
    });
    Ok(written?)
}

/// The index with the zeros behind it, and where the table begins.
fn index_of(sections: &[Section<'_>]) -> (Vec<u8>, usize) {
    let data = (INDEX + ENTRY * sections.len()).next_multiple_of(ALIGN);
    let (mut entries, mut at) = (Vec::new(), data);
    for section in sections {
        entries.extend(section.tag.to_le_bytes());
        entries.extend([0; 4]);
        entries.extend((at as u64).to_le_bytes());
        entries.extend((section.bytes as u64).to_le_bytes());
        at = (at + section.bytes).next_multiple_of(ALIGN);
    }
    let mut index = Vec::with_capacity(data);
    index.extend((sections.len() as u32).to_le_bytes());
    index.extend(BLOCK_BITS.to_le_bytes());
    index.extend((at as u64).to_le_bytes());
    index.extend(entries);
    index.resize(data - FileHeader::BYTES, 0);
    (index, at)
}

fn emit(sections: &[Section<'_>], out: &mut dyn Write) -> io::Result<()> {
    for section in sections {
        let mut counted = Counted { out, bytes: 0 };
        (section.emit)(&mut counted)?;
        if counted.bytes != section.bytes {
            let said = format!("{} bytes of section {}", counted.bytes, section.tag);
            return Err(io::Error::new(io::ErrorKind::InvalidData, said));
        }
        let padding = section.bytes.next_multiple_of(ALIGN) - section.bytes;
        out.write_all(&[0; ALIGN][..padding])?;
    }
    Ok(())
}

struct Counted<'a> {
    out: &'a mut dyn Write,
    bytes: usize,
}

impl Write for Counted<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Hashes what is written to it as a whole and by block.
struct BlockHasher {
    body: blake3::Hasher,
    check: blake3::Hasher,
    block: Vec<u8>,
    table: Vec<u8>,
}

struct Hashed {
    table: Vec<u8>,
    check: [u8; CHECK],
    body: [u8; 32],
}

impl BlockHasher {
    fn new(index: &[u8]) -> Self {
        let (mut body, mut check) = (blake3::Hasher::new(), blake3::Hasher::new());
        body.update(index);
        check.update(index);
        Self { body, check, block: Vec::with_capacity(BLOCK), table: Vec::new() }
    }

    fn end_block(&mut self) {
        self.body.update(&self.block);
        self.table.extend(short(&blake3::hash(&self.block)));
        self.block.clear();
    }

    fn finish(mut self) -> Hashed {
        if !self.block.is_empty() {
            self.end_block();
        }
        self.check.update(&self.table);
        let check = short(&self.check.finalize());
        self.body.update(&self.table).update(&check);
        Hashed { table: self.table, check, body: *self.body.finalize().as_bytes() }
    }
}

impl Write for BlockHasher {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..taken]);
        if self.block.len() == BLOCK {
            self.end_block();
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn short(hash: &blake3::Hash) -> [u8; CHECK] {
    let mut short = [0; CHECK];
    short.copy_from_slice(&hash.as_bytes()[..CHECK]);
    short
}

/// An opened block file. Clean blocks are remembered, damage too.
#[derive(Debug)]
pub(crate) struct BlockFile {
    map: Map,
    path: PathBuf,
    sections: Vec<(u32, Range<usize>)>,
    data: Range<usize>,
    /// A bit for each block that was verified.
    clean: Vec<AtomicU64>,
    damage: OnceLock<String>,
}

impl BlockFile {
    /// Maps a file and verifies its header, its index and its table; blocks are verified later.
    /// O(table): 16 bytes for each 64 KB.
    pub(crate) fn open(path: &Path, kind: u16) -> Result<Self, SegmentError> {
        let damaged = |why: &str| SegmentError::damaged(path, why);
        let map = Map::open(path)?;
        let (version, _) =
            FileHeader::split(kind, &map).map_err(|error| damaged(&error.to_string()))?;
        if version != VERSION {
            return Err(damaged(&format!("version {version} is not known here")));
        }
        let (sections, data) = layout(&map).ok_or_else(|| damaged("its index is damaged"))?;
        let blocks = data.len().div_ceil(BLOCK);
        let clean = (0..blocks.div_ceil(64)).map(|_| AtomicU64::new(0)).collect();
        let path = path.to_path_buf();
        Ok(Self { map, path, sections, data, clean, damage: OnceLock::new() })
    }

    /// The bytes of a section, by place in [`Self::bytes`].
    pub(crate) fn section(&self, tag: u32) -> Result<Range<usize>, SegmentError> {
        let found = self.sections.iter().find(|section| section.0 == tag);
        let missing = || SegmentError::damaged(&self.path, &format!("section {tag} is missing"));
        found.map(|section| section.1.clone()).ok_or_else(missing)
    }

    /// The whole file; nothing is verified.
    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.map
    }

    /// Verifies the blocks in which `range` lies, each once. Whether they are clean; damage is kept
    /// in [`Self::damage`].
    #[inline]
    pub(crate) fn touch(&self, range: &Range<usize>) -> bool {
        let first = (range.start - self.data.start) >> BLOCK_BITS;
        let last = (range.end.max(range.start + 1) - 1 - self.data.start) >> BLOCK_BITS;
        (first..=last).all(|block| self.is_clean(block) || self.verify(block))
    }

    /// Verifies every block that was not verified yet.
    pub(crate) fn touch_all(&self) -> bool {
        (0..self.data.len().div_ceil(BLOCK)).all(|block| self.is_clean(block) || self.verify(block))
    }

    /// [`Self::touch_all`], or until it is cancelled; `pace` is called before each block that was
    /// not verified yet.
    pub(crate) fn touch_until(&self, cancel: &Cancel, pace: &dyn Fn()) {
        let mut blocks = 0..self.data.len().div_ceil(BLOCK);
        blocks.all(|block| {
            let verified = || {
                pace();
                self.verify(block)
            };
            !cancel.is_cancelled() && (self.is_clean(block) || verified())
        });
    }

    /// What was found damaged, by the file's name.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.damage.get().map(String::as_str)
    }

    #[inline]
    fn is_clean(&self, block: usize) -> bool {
        self.clean
            .get(block / 64)
            .is_some_and(|bits| bits.load(Ordering::Relaxed) >> (block % 64) & 1 == 1)
    }

    #[cold]
    fn verify(&self, block: usize) -> bool {
        let start = self.data.start + (block << BLOCK_BITS);
        let place = self.data.end + CHECK * block;
        let (bytes, said) = (
            self.map.get(start..self.data.end.min(start + BLOCK)),
            self.map.get(place..place + CHECK),
        );
        let same =
            bytes.zip(said).is_some_and(|(bytes, said)| short(&blake3::hash(bytes)) == *said);
        match self.clean.get(block / 64) {
            Some(bits) if same => drop(bits.fetch_or(1 << (block % 64), Ordering::Relaxed)),
            _ => {
                drop(self.damage.set(format!("{}: block {block} is damaged", self.path.display())))
            }
        }
        same
    }
}

/// Sections and data range from the index, if the index and the table are what they were.
fn layout(file: &[u8]) -> Option<(Vec<(u32, Range<usize>)>, Range<usize>)> {
    let word = |at: usize| Some(u32::from_le_bytes(*file.get(at..)?.first_chunk()?));
    let long =
        |at: usize| usize::try_from(u64::from_le_bytes(*file.get(at..)?.first_chunk()?)).ok();
    let count = word(FileHeader::BYTES)? as usize;
    if count == 0 || count > SECTIONS_MAX || word(FileHeader::BYTES + 4)? != BLOCK_BITS {
        return None;
    }
    let data = (INDEX + ENTRY * count).next_multiple_of(ALIGN)..long(FileHeader::BYTES + 8)?;
    let table = data.end..file.len().checked_sub(CHECK)?;
    if data.is_empty() && data.start != data.end {
        return None;
    }
    if table.len() != CHECK * data.len().div_ceil(BLOCK) || table.end < table.start {
        return None;
    }
    let mut hasher = blake3::Hasher::new();
    hasher.update(file.get(FileHeader::BYTES..data.start)?).update(file.get(table.clone())?);
    if short(&hasher.finalize()) != file.get(table.end..)? {
        return None;
    }
    let section = |number: usize| {
        let at = INDEX + ENTRY * number;
        let (start, bytes) = (long(at + 8)?, long(at + 16)?);
        let end = start.checked_add(bytes)?;
        (start >= data.start && end <= data.end).then_some((word(at)?, start..end))
    };
    Some(((0..count).map(section).collect::<Option<_>>()?, data.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(words: &[u32]) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f");
        let sections = [Section::words(7, words), Section::bytes(9, b"abc")];
        write(&path, 4, &sections).unwrap();
        (folder, path)
    }

    #[test]
    fn sections_come_back_and_the_whole_is_hashed() {
        let words: Vec<u32> = (0..50_000).collect();
        let (_folder, path) = written(&words);
        let bytes = std::fs::read(&path).unwrap();
        assert!(FileHeader::checked(4, &bytes).is_ok());
        let file = BlockFile::open(&path, 4).unwrap();
        let range = file.section(7).unwrap();
        assert!(file.touch(&range) && file.touch_all() && file.damage().is_none());
        assert_eq!(vitrail_disk::words(&file.bytes()[range]), Some(words.as_slice()));
        assert_eq!(&file.bytes()[file.section(9).unwrap()], b"abc");
        assert!(file.section(8).is_err() && BlockFile::open(&path, 5).is_err());
    }

    #[test]
    fn any_flipped_byte_is_noticed_at_opening_or_by_its_block() {
        let words: Vec<u32> = (0..50_000).collect();
        let (_folder, path) = written(&words);
        let whole = std::fs::read(&path).unwrap();
        let step = whole.len() / 97;
        for at in
            (0..160).chain((160..whole.len()).step_by(step)).chain(whole.len() - 80..whole.len())
        {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            vitrail_disk::safe_write(&path, &bytes).unwrap();
            let noticed = match BlockFile::open(&path, 4) {
                Ok(file) => !file.touch_all() && file.damage().unwrap().contains("/f: block"),
                Err(error) => error.to_string().contains("/f"),
            };
            assert!(noticed, "byte {at}");
        }
        for cut in [0, 1, 63, 64, 100, 5_000, whole.len() - 1] {
            vitrail_disk::safe_write(&path, &whole[..cut]).unwrap();
            assert!(BlockFile::open(&path, 4).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn only_the_touched_block_is_looked_at() {
        let words: Vec<u32> = (0..50_000).collect();
        let (_folder, path) = written(&words);
        let mut bytes = std::fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        vitrail_disk::safe_write(&path, &bytes).unwrap();
        let file = BlockFile::open(&path, 4).unwrap();
        let range = file.section(7).unwrap();
        assert!(file.touch(&(range.start..range.start + 4)) && file.damage().is_none());
        assert!(!file.touch(&(middle..middle + 1)) && file.damage().is_some());
        assert!(!file.touch(&range));
    }
}
