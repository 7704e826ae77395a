//! The files of segments in the folder of one vector: written whole, opened, swept.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use roaring::RoaringBitmap;
use vitrail_disk::{
    DiskError, bytes_of_floats, create_dir_synced, free_bytes, list, remove_tree, sweep_temporaries,
};
use vitrail_domain::{Metric, Seq};

use crate::error::SegmentError;
use crate::segment::links::Links;
use crate::segment::store::{MappedRows, RowStore, TAG_ROWS, VECTORS};
use crate::segment::{Segment, Slots};
use crate::shelf::blocks::{self, BlockFile, Section};
use crate::shelf::manifest::{Named, read_slots, read_tombstones, write_slots, write_tombstones};

/// About what the links of a row take.
const LINK_BYTES: usize = 200;

/// The folder of one vector's segments.
#[derive(Debug, Clone)]
pub(crate) struct Files {
    folder: PathBuf,
}

impl Files {
    /// The folder, made if it is missing; what a crash left unfinished is swept.
    pub(crate) fn open(folder: &Path) -> Result<Self, SegmentError> {
        create_dir_synced(folder)?;
        sweep_temporaries(folder)?;
        Ok(Self { folder: folder.to_path_buf() })
    }

    pub(crate) fn manifest(&self) -> PathBuf {
        self.folder.join("manifest")
    }

    /// Whether a segment of so many rows finds room: vectors, codes, links.
    pub(crate) fn room_for(&self, rows: usize, dim: usize) -> Result<(), SegmentError> {
        let bytes = rows * (dim * (size_of::<f32>() + 1) + LINK_BYTES);
        if free_bytes(&self.folder)? < bytes as u64 {
            let full = io::Error::from(io::ErrorKind::StorageFull);
            return Err(DiskError::of("write a segment in", &self.folder)(full).into());
        }
        Ok(())
    }

    fn segment(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:016x}"))
    }

    /// Writes the rows of a new segment, given by offset, and maps them. O(rows * dim).
    pub(crate) fn write_rows<'a>(
        &self,
        number: u64,
        len: u32,
        dim: usize,
        row: &dyn Fn(u32) -> &'a [f32],
    ) -> Result<RowStore, SegmentError> {
        let folder = self.segment(number);
        create_dir_synced(&folder)?;
        let path = folder.join("vectors.f32");
        let emit = move |out: &mut dyn Write| {
            (0..len).try_for_each(|offset| out.write_all(bytes_of_floats(row(offset))))
        };
        let bytes = len as usize * dim * size_of::<f32>();
        let section = Section { tag: TAG_ROWS, bytes, emit: Box::new(emit) };
        blocks::write(&path, VECTORS, &[section])?;
        self.open_rows(number, len, dim)
    }

    fn open_rows(&self, number: u64, len: u32, dim: usize) -> Result<RowStore, SegmentError> {
        let path = self.segment(number).join("vectors.f32");
        let file = BlockFile::open(&path, VECTORS)?;
        let rows = MappedRows::of(file, dim, len);
        Ok(RowStore::Mapped(Arc::new(rows.map_err(|why| SegmentError::damaged(&path, &why))?)))
    }

    /// Writes the slots and the graph of a segment whose rows are written, and gives the graph as
    /// it lies in the file. O(links).
    pub(crate) fn write_rest(
        &self,
        number: u64,
        slots: &[u32],
        graph: &Links,
        (dim, metric): (usize, Metric),
    ) -> Result<Links, SegmentError> {
        let folder = self.segment(number);
        write_slots(&folder.join("slots"), slots)?;
        graph.write(&folder)?;
        Links::open(&folder, slots.len() as u32, dim, metric)
    }

    /// The tombstones of a segment as they are at a Seq.
    pub(crate) fn write_tombstones(
        &self,
        number: u64,
        seq: Seq,
        rows: u32,
        dead: &RoaringBitmap,
    ) -> Result<(), SegmentError> {
        write_tombstones(&self.segment(number).join("tombstones"), seq, rows, dead)
    }

    /// Opens a segment of a manifest, with its dead offsets. A graph that can't be opened is told
    /// to `problem` and left out: the rows are what matters.
    pub(crate) fn open_segment(
        &self,
        named: &Named,
        (dim, metric): (usize, Metric),
        problem: &mut dyn FnMut(SegmentError),
    ) -> Result<(Segment, RoaringBitmap), SegmentError> {
        let folder = self.segment(named.number);
        let slots = read_slots(&folder.join("slots"), named.rows)?;
        let dead = read_tombstones(&folder.join("tombstones"), named)?;
        let rows = self.open_rows(named.number, named.rows, dim)?;
        let graph = Links::open(&folder, rows.len(), dim, metric);
        let graph = graph.map_err(problem).ok().map(Arc::new);
        let slots = Slots::List(slots.into());
        let number = Some(named.number);
        Ok((Segment { rows, slots, graph, growing_bits: None, number }, dead))
    }

    /// Whether a segment is there that a manifest named, or was about to: tombstones are written
    /// just before. Others a crash left half written.
    pub(crate) fn has_segments(&self) -> Result<bool, SegmentError> {
        let named = |name: String| self.folder.join(name).join("tombstones").exists();
        Ok(list(&self.folder)?.into_iter().any(|entry| entry.is_folder && named(entry.name)))
    }

    /// Removes every segment's folder but those of `kept`; maps of them stay good.
    pub(crate) fn sweep(&self, kept: &dyn Fn(u64) -> bool) -> Result<(), SegmentError> {
        for entry in list(&self.folder)? {
            let number = u64::from_str_radix(&entry.name, 16);
            if entry.is_folder && !number.is_ok_and(kept) {
                remove_tree(&self.folder.join(entry.name))?;
            }
        }
        Ok(())
    }
}
