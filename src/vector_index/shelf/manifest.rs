//! The manifest, slots and tombstones: small files, read and verified whole
//! (`schemas/formats/segment.md`).

use std::path::Path;

use roaring::RoaringBitmap;
use vitrail_disk::{FileHeader, read_bounded, safe_write};
use vitrail_domain::limits::SEGMENT_FILE_BYTES_MAX;
use vitrail_domain::{Dim, Metric, Seq};

use crate::error::SegmentError;
use crate::shelf::blocks::VERSION;

const MANIFEST: u16 = 2;
const SLOTS: u16 = 3;
const TOMBSTONES: u16 = 7;

/// Which segments make up a vector, and up to which Seq they are complete.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Manifest {
    pub(crate) seq: Seq,
    pub(crate) dim: u32,
    pub(crate) metric: u32,
    /// Number of the next segment.
    pub(crate) next: u64,
    pub(crate) segments: Vec<Named>,
    /// Slots with a vector in the truth that no segment holds.
    pub(crate) pending: RoaringBitmap,
}

/// A segment in a manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) number: u64,
    pub(crate) rows: u32,
    /// Rows that are dead at the manifest's Seq; the tombstones name them, or more.
    pub(crate) dead: u32,
}

/// The number of a metric in a manifest.
pub(crate) fn metric_number(metric: Metric) -> u32 {
    match metric {
        Metric::Cosine => 0,
        Metric::Dot => 1,
        Metric::Euclid => 2,
        Metric::Manhattan => 3,
    }
}

impl Manifest {
    /// Whether it is of a vector of this shape.
    pub(crate) fn is_of(&self, dim: Dim, metric: Metric) -> bool {
        self.dim as usize == dim.get() && self.metric == metric_number(metric)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), SegmentError> {
        let mut body = Vec::new();
        body.extend(self.seq.0.to_le_bytes());
        body.extend(self.dim.to_le_bytes());
        body.extend(self.metric.to_le_bytes());
        body.extend(self.next.to_le_bytes());
        body.extend((self.segments.len() as u32).to_le_bytes());
        body.extend((self.pending.serialized_size() as u32).to_le_bytes());
        for named in &self.segments {
            body.extend(named.number.to_le_bytes());
            body.extend(named.rows.to_le_bytes());
            body.extend(named.dead.to_le_bytes());
        }
        put_set(&mut body, &self.pending, path)?;
        write(path, MANIFEST, &body)
    }

    pub(crate) fn read(path: &Path) -> Result<Self, SegmentError> {
        let body = read(path, MANIFEST)?;
        Self::parse(&body).ok_or_else(|| SegmentError::damaged(path, "its body can't be"))
    }

    fn parse(body: &[u8]) -> Option<Self> {
        let mut rest = body;
        let seq = Seq(long(&mut rest)?);
        let (dim, metric, next) = (word(&mut rest)?, word(&mut rest)?, long(&mut rest)?);
        let (count, pending) = (word(&mut rest)? as usize, word(&mut rest)? as usize);
        if rest.len() != count.checked_mul(16)?.checked_add(pending)? {
            return None;
        }
        let mut segments = Vec::with_capacity(count);
        for _ in 0..count {
            let (number, rows, dead) = (long(&mut rest)?, word(&mut rest)?, word(&mut rest)?);
            segments.push(Named { number, rows, dead });
        }
        let pending = RoaringBitmap::deserialize_from(rest).ok()?;
        Some(Self { seq, dim, metric, next, segments, pending })
    }
}

/// Dead offsets of a segment at a Seq.
pub(crate) fn write_tombstones(
    path: &Path,
    seq: Seq,
    rows: u32,
    dead: &RoaringBitmap,
) -> Result<(), SegmentError> {
    let mut body = Vec::new();
    body.extend(seq.0.to_le_bytes());
    body.extend(rows.to_le_bytes());
    body.extend([0; 4]);
    put_set(&mut body, dead, path)?;
    write(path, TOMBSTONES, &body)
}

/// The dead offsets of a segment. A row that died stays dead, so those that are as many as the
/// manifest says are as old as it, or newer.
pub(crate) fn read_tombstones(path: &Path, of: &Named) -> Result<RoaringBitmap, SegmentError> {
    let body = read(path, TOMBSTONES)?;
    let mut rest = body.as_slice();
    let mut parse = || {
        let (_, rows, _) = (long(&mut rest)?, word(&mut rest)?, word(&mut rest)?);
        let dead = RoaringBitmap::deserialize_from(rest).ok()?;
        let fits = dead.max().is_none_or(|last| last < of.rows);
        (dead.len() >= u64::from(of.dead) && rows == of.rows && fits).then_some(dead)
    };
    parse().ok_or_else(|| SegmentError::damaged(path, "its body is not that of this segment"))
}

pub(crate) fn write_slots(path: &Path, slots: &[u32]) -> Result<(), SegmentError> {
    write(path, SLOTS, vitrail_disk::bytes_of_words(slots))
}

/// The slots of a segment of `rows` rows.
pub(crate) fn read_slots(path: &Path, rows: u32) -> Result<Vec<u32>, SegmentError> {
    let body = read(path, SLOTS)?;
    let (words, rest) = body.as_chunks::<4>();
    if !rest.is_empty() || words.len() != rows as usize {
        return Err(SegmentError::damaged(path, &format!("{} slots, not {rows}", words.len())));
    }
    Ok(words.iter().map(|&word| u32::from_le_bytes(word)).collect())
}

fn write(path: &Path, kind: u16, body: &[u8]) -> Result<(), SegmentError> {
    Ok(safe_write(path, &FileHeader { kind, version: VERSION }.file(body))?)
}

/// The verified body of a small file.
fn read(path: &Path, kind: u16) -> Result<Vec<u8>, SegmentError> {
    let file = read_bounded(path, SEGMENT_FILE_BYTES_MAX)?;
    let damaged = |why: &str| SegmentError::damaged(path, why);
    match FileHeader::checked(kind, &file) {
        Ok((VERSION, body)) => Ok(body.to_vec()),
        Ok((version, _)) => Err(damaged(&format!("version {version} is not known here"))),
        Err(error) => Err(damaged(&error.to_string())),
    }
}

fn put_set(body: &mut Vec<u8>, set: &RoaringBitmap, path: &Path) -> Result<(), SegmentError> {
    let failed = |source| SegmentError::Write { path: path.to_path_buf(), source };
    set.serialize_into(body).map_err(failed)
}

fn word(rest: &mut &[u8]) -> Option<u32> {
    let (first, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    Some(u32::from_le_bytes(*first))
}

fn long(rest: &mut &[u8]) -> Option<u64> {
    let (first, behind) = rest.split_first_chunk::<8>()?;
    *rest = behind;
    Some(u64::from_le_bytes(*first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_a_flipped_byte_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("manifest");
        let manifest = Manifest {
            seq: Seq(77),
            dim: 384,
            metric: 3,
            next: 9,
            segments: vec![
                Named { number: 2, rows: 100, dead: 3 },
                Named { number: 8, rows: u32::MAX, dead: 0 },
            ],
            pending: [1, 5, 70_000].into_iter().collect(),
        };
        manifest.write(&path).unwrap();
        assert_eq!(Manifest::read(&path).unwrap(), manifest);
        assert!(manifest.is_of(Dim::new(384).unwrap(), Metric::Manhattan));
        assert!(!manifest.is_of(Dim::new(384).unwrap(), Metric::Cosine));
        let whole = std::fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 4;
            safe_write(&path, &bytes).unwrap();
            let error = Manifest::read(&path).unwrap_err();
            assert!(error.to_string().contains("manifest"), "{at}: {error}");
        }
    }

    #[test]
    fn tombstones_of_another_segment_or_an_older_time_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tombstones");
        let dead: RoaringBitmap = [0, 9].into_iter().collect();
        write_tombstones(&path, Seq(5), 10, &dead).unwrap();
        let of = Named { number: 1, rows: 10, dead: 2 };
        assert_eq!(read_tombstones(&path, &of).unwrap(), dead);
        assert_eq!(read_tombstones(&path, &Named { dead: 1, ..of }).unwrap(), dead);
        assert!(read_tombstones(&path, &Named { dead: 3, ..of }).is_err());
        assert!(read_tombstones(&path, &Named { rows: 11, ..of }).is_err());
        write_slots(&path, &[7, 8]).unwrap();
        assert!(read_tombstones(&path, &Named { dead: 0, ..of }).is_err());
        assert_eq!(read_slots(&path, 2).unwrap(), [7, 8]);
        assert!(read_slots(&path, 3).is_err());
    }
}
