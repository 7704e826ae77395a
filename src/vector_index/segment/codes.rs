//! Our own graph with the codes that it is walked by and those that are scanned under filters, in
//! memory or in mapped files.

use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use vitrail_kernels::{BitCoder, Distance, Lines, Sq8Ref, bits, sq8};

use crate::error::SegmentError;
use crate::flat::{FlatGraph, FlatGraphRef, FlatIndex, Scratch};
use crate::segment::bits::{Bits, Lately, coder};
use crate::segment::words::Words;
use crate::shelf::blocks::{self, BlockFile, Section};

/// Kinds of the files of links and of codes, and the tags in them.
const LINKS: u16 = 4;
const CODES: u16 = 6;
const BITS: u16 = 8;
const TAG_SHAPE: u32 = 1;
const TAG_GROUND: u32 = 2;
const TAG_NODES: u32 = 3;
const TAG_STARTS: u32 = 4;
const TAG_UPPER: u32 = 5;
const TAG_CODES: u32 = 1;
const TAG_MEAN: u32 = 2;

/// The kind of graph that a file of links says.
const FLAT: u32 = 2;

/// Scratches kept for later walks: more searching threads than this allocate anew.
const SCRATCHES_KEPT: usize = 64;

/// A graph and its codes.
pub(crate) struct Coded {
    links: FlatLinks,
    codes: Codes,
    bits: Codes,
    coder: BitCoder,
    lately: Lately,
    /// Whether rows are of much the same length: by inner product a walk under a filter may miss
    /// short ones else.
    even: bool,
    dim: usize,
    distance: Distance,
    sound: OnceLock<bool>,
    scratches: Mutex<Vec<Scratch>>,
}

enum FlatLinks {
    Held(FlatGraph),
    Mapped {
        file: Arc<BlockFile>,
        ground_links: usize,
        upper_links: usize,
        entry: u32,
        lists: Lists,
    },
}

struct Lists {
    ground: Words,
    nodes: Words,
    starts: Words,
    upper: Words,
}

enum Codes {
    Held(Vec<u8>),
    Lines(Lines),
    Mapped(BlockFile, Range<usize>),
}

impl Codes {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Held(codes) => codes,
            Self::Lines(codes) => codes.bytes(),
            Self::Mapped(file, range) => &file.bytes()[range.clone()],
        }
    }

    fn file(&self) -> Option<&BlockFile> {
        match self {
            Self::Held(_) | Self::Lines(_) => None,
            Self::Mapped(file, _) => Some(file),
        }
    }
}

/// What a graph that was just made consists of.
pub(crate) struct Made {
    pub(crate) graph: FlatGraph,
    pub(crate) codes: Lines,
    pub(crate) coder: BitCoder,
    pub(crate) bits: Vec<u8>,
    pub(crate) even: bool,
}

/// The codes of `len` rows, `sq8::stride(dim)` bytes each. O(rows * dim).
pub(crate) fn encode<'a>(len: u32, dim: usize, row: &dyn Fn(u32) -> &'a [f32]) -> Lines {
    let stride = sq8::stride(dim);
    let mut codes = Lines::zeroed(len as usize * stride);
    for (offset, code) in (0..len).zip(codes.bytes_mut().chunks_exact_mut(stride)) {
        sq8::encode(row(offset), code);
    }
    codes
}

impl Coded {
    /// In memory.
    pub(crate) fn held(made: Made, distance: Distance) -> Self {
        let (sound, scratches) = (OnceLock::new(), Mutex::default());
        Self {
            links: FlatLinks::Held(made.graph),
            codes: Codes::Lines(made.codes),
            bits: Codes::Held(made.bits),
            dim: made.coder.dim(),
            coder: made.coder,
            lately: Lately::default(),
            even: made.even,
            distance,
            sound,
            scratches,
        }
    }

    /// Writes links and codes into a segment's folder. O(bytes).
    pub(crate) fn write(&self, folder: &Path) -> Result<(), SegmentError> {
        let graph = self.graph();
        let widths = [graph.ground_links, graph.upper_links].map(|width| width as u32);
        let even = u32::from(self.even);
        let shape = [FLAT, graph.len() as u32, widths[0], widths[1], graph.entry, even];
        let sections = [
            Section::words(TAG_SHAPE, &shape),
            Section::words(TAG_GROUND, graph.ground),
            Section::words(TAG_NODES, graph.nodes),
            Section::words(TAG_STARTS, graph.starts),
            Section::words(TAG_UPPER, graph.upper),
        ];
        blocks::write(&folder.join("links"), LINKS, &sections)?;
        let section = Section::bytes(TAG_CODES, self.codes.bytes());
        blocks::write(&folder.join("codes.sq8"), CODES, &[section])?;
        let mean = vitrail_disk::bytes_of_floats(self.coder.mean());
        let sections =
            [Section::bytes(TAG_CODES, self.bits.bytes()), Section::bytes(TAG_MEAN, mean)];
        blocks::write(&folder.join("codes.bit"), BITS, &sections)
    }

    /// Maps links and codes of `rows` rows. They are verified by the first walk.
    pub(crate) fn open(
        folder: &Path,
        rows: u32,
        dim: usize,
        distance: Distance,
    ) -> Result<Self, SegmentError> {
        let path = folder.join("links");
        let damaged = |why: &str| SegmentError::damaged(&path, why);
        let file = Arc::new(BlockFile::open(&path, LINKS)?);
        file.touch(&file.section(TAG_SHAPE)?);
        let shape = Words::of_file(&file, TAG_SHAPE)?;
        let &[FLAT, _, ground_links, upper_links, entry, even] = shape.get() else {
            return Err(damaged("its shape can't be"));
        };
        let section = |tag: u32| Words::of_file(&file, tag);
        let lists = Lists {
            ground: section(TAG_GROUND)?,
            nodes: section(TAG_NODES)?,
            starts: section(TAG_STARTS)?,
            upper: section(TAG_UPPER)?,
        };
        let (ground_links, upper_links) = (ground_links as usize, upper_links as usize);
        let codes = BlockFile::open(&folder.join("codes.sq8"), CODES)?;
        let range = codes.section(TAG_CODES)?;
        let (bits, coder) = open_bits(&folder.join("codes.bit"), (rows, dim), distance)?;
        let links =
            FlatLinks::Mapped { file: file.clone(), ground_links, upper_links, entry, lists };
        let coded = Self {
            links,
            codes: Codes::Mapped(codes, range),
            bits,
            coder,
            lately: Lately::default(),
            even: even != 0,
            dim,
            distance,
            sound: OnceLock::new(),
            scratches: Mutex::default(),
        };
        match coded.index().filter(|index| index.codes().len() == rows as usize) {
            Some(_) => Ok(coded),
            None => Err(damaged("links and codes are not of these rows")),
        }
    }

    /// The graph in slices.
    pub(crate) fn graph(&self) -> FlatGraphRef<'_> {
        match &self.links {
            FlatLinks::Held(graph) => graph.as_ref(),
            FlatLinks::Mapped { ground_links, upper_links, entry, lists, .. } => FlatGraphRef {
                ground_links: *ground_links,
                upper_links: *upper_links,
                ground: lists.ground.get(),
                nodes: lists.nodes.get(),
                starts: lists.starts.get(),
                upper: lists.upper.get(),
                entry: *entry,
            },
        }
    }

    /// The codes of bytes; none where they are not whole rows.
    pub(crate) fn sq8(&self) -> Option<Sq8Ref<'_>> {
        Sq8Ref::new(self.codes.bytes(), self.dim, self.distance)
    }

    /// The 1-bit codes.
    pub(crate) fn bits(&self) -> Bits<'_> {
        Bits::flat(&self.coder, self.bits.bytes(), &self.lately)
    }

    /// Whether a walk under a filter finds long and short rows alike.
    pub(crate) fn is_even(&self) -> bool {
        self.even
    }

    /// What is walked; none where links and codes don't fit each other.
    pub(crate) fn index(&self) -> Option<FlatIndex<'_>> {
        FlatIndex::new(self.graph(), self.sq8()?)
    }

    /// Whether the files are what was written. The first call hashes all of them: about 0.3 s a
    /// million rows of 384 components.
    #[inline]
    pub(crate) fn is_sound(&self) -> bool {
        *self.sound.get_or_init(|| self.files().into_iter().flatten().all(BlockFile::touch_all))
    }

    /// What was found damaged, by the file's name.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.files().into_iter().flatten().find_map(BlockFile::damage)
    }

    fn files(&self) -> [Option<&BlockFile>; 3] {
        let links = match &self.links {
            FlatLinks::Held(_) => None,
            FlatLinks::Mapped { file, .. } => Some(&**file),
        };
        [links, self.codes.file(), self.bits.file()]
    }

    /// Bytes of links and of the codes that they are walked by.
    pub(crate) fn bytes(&self) -> usize {
        self.graph().bytes() + self.codes.bytes().len()
    }

    /// Lends a scratch for a walk.
    pub(crate) fn with_scratch<T>(&self, walk: impl FnOnce(&mut Scratch) -> T) -> T {
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        let walked = walk(&mut scratch);
        let mut kept = self.scratches.lock();
        if kept.len() < SCRATCHES_KEPT {
            kept.push(scratch);
        }
        walked
    }
}

/// Maps the 1-bit codes of `rows` rows; their mean is verified and read.
fn open_bits(
    path: &Path,
    (rows, dim): (u32, usize),
    distance: Distance,
) -> Result<(Codes, BitCoder), SegmentError> {
    let damaged = |why: &str| SegmentError::damaged(path, why);
    let file = BlockFile::open(path, BITS)?;
    let (range, mean) = (file.section(TAG_CODES)?, file.section(TAG_MEAN)?);
    if range.len() != rows as usize * bits::stride(dim) || mean.len() != dim * size_of::<f32>() {
        return Err(damaged("codes and mean are not of these rows"));
    }
    file.touch(&mean);
    let mean = vitrail_disk::floats(&file.bytes()[mean]).unwrap_or(&[]).to_vec();
    let coder = coder(mean, distance).ok_or_else(|| damaged("this metric has no such codes"))?;
    Ok((Codes::Mapped(file, range), coder))
}
