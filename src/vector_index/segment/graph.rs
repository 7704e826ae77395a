//! A graph over all offsets of a segment, as flat lists of links, its file, and the walk over it.
//!
//! How the links come about is `builder`'s affair; the walk is the best-first one of HNSW (Malkov
//! and Yashunin 2016, algorithms 2 and 5): greedily down the upper layers, then with `ef`
//! candidates over layer 0. Each step scores a node's unseen neighbours in one batch.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use parking_lot::Mutex;
use vitrail_kernels::top_k::{entry, key};
use vitrail_kernels::{Scorer, TopK};

use crate::error::SegmentError;
use crate::segment::store::RowStore;
use crate::segment::words::Words;
use crate::shelf::blocks::{self, BlockFile, Section};

/// Scratches kept for later walks: more searching threads than this allocate anew.
const SCRATCHES_KEPT: usize = 64;

/// Kind of the file of links, and the tags in it.
const LINKS: u16 = 4;
const TAG_SHAPE: u32 = 1;
const TAG_GROUND: u32 = 2;
const TAG_LAYERS: u32 = 16;
const LISTS: u32 = 1;

/// Layers that a file may have: a node reaches the thirteenth once in 10^15.
const LAYERS_MAX: u32 = 12;

/// Lists of numbers, one behind the other.
pub(crate) struct Lists {
    /// List `i` is `links[starts[i]..starts[i + 1]]`.
    starts: Words,
    links: Words,
}

/// Lists, looked up once for a walk.
#[derive(Clone, Copy)]
struct ListsRef<'a> {
    starts: &'a [u32],
    links: &'a [u32],
}

impl<'a> ListsRef<'a> {
    #[inline]
    fn of(self, number: u32) -> &'a [u32] {
        let number = number as usize;
        &self.links[self.starts[number] as usize..self.starts[number + 1] as usize]
    }
}

impl Lists {
    /// Puts them behind each other.
    pub(crate) fn flat(lists: &[Vec<u32>]) -> Self {
        let mut starts = Vec::with_capacity(lists.len() + 1);
        let mut links = Vec::with_capacity(lists.iter().map(Vec::len).sum());
        for list in lists {
            starts.push(links.len() as u32);
            links.extend_from_slice(list);
        }
        starts.push(links.len() as u32);
        Self { starts: Words::Held(starts), links: Words::Held(links) }
    }

    fn seen(&self) -> ListsRef<'_> {
        ListsRef { starts: self.starts.get(), links: self.links.get() }
    }

    fn bytes(&self) -> usize {
        size_of::<u32>() * (self.starts.get().len() + self.links.get().len())
    }

    fn sections(&self, tag: u32) -> [Section<'_>; 2] {
        [Section::words(tag, self.starts.get()), Section::words(tag + 1, self.links.get())]
    }

    fn of_file(file: &Arc<BlockFile>, tag: u32) -> Result<Self, SegmentError> {
        Ok(Self { starts: Words::of_file(file, tag)?, links: Words::of_file(file, tag + 1)? })
    }
}

/// A layer above layer 0; its nodes are numbered by rank.
pub(crate) struct Layer {
    /// Rank -> offset of the row, rising.
    pub(crate) nodes: Words,
    /// Rank -> rank in the layer below (offset, for layer 0).
    pub(crate) below: Words,
    /// Rank -> ranks.
    pub(crate) links: Lists,
}

/// Links over the offsets `0..len`; the rows themselves are the segment's.
pub(crate) struct Graph {
    /// Offset -> offsets.
    ground: Lists,
    /// From layer 1 up.
    upper: Vec<Layer>,
    /// Where walks begin: a rank in the top layer (an offset, where there is only layer 0).
    start: u32,
    len: u32,
    /// The file in which the links lie, if they do.
    file: Option<Arc<BlockFile>>,
    sound: OnceLock<bool>,
    scratches: Mutex<Vec<Scratch>>,
}

/// Which nodes a walk has seen: those stamped with its number.
#[derive(Default)]
struct Scratch {
    stamps: Vec<u16>,
    walk: u16,
    fresh: Vec<u32>,
}

/// A question to a graph.
pub(crate) struct Walk<'a> {
    pub(crate) query: &'a [f32],
    /// Candidates kept.
    pub(crate) ef: usize,
    /// Rows compared before it gives up.
    pub(crate) limit: usize,
    pub(crate) rows: &'a RowStore,
    pub(crate) scorer: &'a Scorer,
}

/// What a walk found.
pub(crate) struct Walked {
    /// Up to `ef` (distance, offset); `None` where it gave up.
    pub(crate) nearest: Option<TopK>,
    /// Rows compared.
    pub(crate) compared: usize,
}

impl Graph {
    pub(crate) fn new(ground: Lists, upper: Vec<Layer>, start: u32, len: u32) -> Self {
        let (sound, scratches) = (OnceLock::new(), Mutex::default());
        Self { ground, upper, start, len, file: None, sound, scratches }
    }

    /// Writes the links to a file. O(links).
    pub(crate) fn write(&self, path: &Path) -> Result<(), SegmentError> {
        let shape = [LISTS, self.len, self.upper.len() as u32, self.start];
        let mut sections = vec![Section::words(TAG_SHAPE, &shape)];
        sections.extend(self.ground.sections(TAG_GROUND));
        for (tag, layer) in (TAG_LAYERS..).step_by(4).zip(&self.upper) {
            sections.push(Section::words(tag, layer.nodes.get()));
            sections.push(Section::words(tag + 1, layer.below.get()));
            sections.extend(layer.links.sections(tag + 2));
        }
        blocks::write(path, LINKS, &sections)
    }

    /// Maps the links of a file over `rows` rows. They are verified by the first walk.
    pub(crate) fn open(path: &Path, rows: u32) -> Result<Self, SegmentError> {
        let file = Arc::new(BlockFile::open(path, LINKS)?);
        let shape = Words::of_file(&file, TAG_SHAPE)?;
        let damaged = || SegmentError::damaged(path, "its shape can't be");
        file.touch(&file.section(TAG_SHAPE)?);
        let &[LISTS, len, layers, start] = shape.get() else { return Err(damaged()) };
        if len != rows || layers > LAYERS_MAX {
            return Err(damaged());
        }
        let layer = |number: u32| {
            let tag = TAG_LAYERS + 4 * number;
            let [nodes, below] = [tag, tag + 1].map(|tag| Words::of_file(&file, tag));
            Ok(Layer { nodes: nodes?, below: below?, links: Lists::of_file(&file, tag + 2)? })
        };
        let upper = (0..layers).map(layer).collect::<Result<_, SegmentError>>()?;
        let ground = Lists::of_file(&file, TAG_GROUND)?;
        Ok(Self { file: Some(file), ..Self::new(ground, upper, start, len) })
    }

    /// Whether the links are what was written. The first call on a mapped graph hashes all of it,
    /// so that a walk may trust them: about 0.1 s a million rows.
    #[inline]
    pub(crate) fn is_sound(&self) -> bool {
        *self.sound.get_or_init(|| self.file.as_ref().is_none_or(|file| file.touch_all()))
    }

    /// What was found damaged, by the file's name.
    pub(crate) fn damage(&self) -> Option<&str> {
        self.file.as_ref().and_then(|file| file.damage())
    }

    /// Bytes of its lists.
    pub(crate) fn bytes(&self) -> usize {
        let layer =
            |layer: &Layer| layer.links.bytes() + size_of::<u32>() * 2 * layer.nodes.get().len();
        self.ground.bytes() + self.upper.iter().map(layer).sum::<usize>()
    }

    /// The nearest nodes for which `accept` holds; the others are walked through.
    pub(crate) fn walk(&self, walk: &Walk<'_>, accept: impl Fn(u32) -> bool) -> Walked {
        let mut compared = 0;
        let start = self.descend(walk, &mut compared);
        let mut scratch = self.scratches.lock().pop().unwrap_or_default();
        scratch.begin(self.len as usize);
        let walked = self.walk_ground(walk, start, compared, &mut scratch, accept);
        let mut kept = self.scratches.lock();
        if kept.len() < SCRATCHES_KEPT {
            kept.push(scratch);
        }
        walked
    }

    /// Greedily to the nearest node of each upper layer; the offset at which layer 0 begins.
    fn descend(&self, walk: &Walk<'_>, compared: &mut usize) -> u32 {
        let mut at = self.start;
        for layer in self.upper.iter().rev() {
            let (nodes, lists) = (layer.nodes.get(), layer.links.seen());
            let row = |rank: u32| walk.rows.row(nodes[rank as usize]);
            let mut nearest = walk.scorer.one(walk.query, row(at));
            loop {
                let links = lists.of(at);
                let mut next = at;
                let linked = |number: usize| row(links[number]);
                walk.scorer.each(walk.query, links.len(), linked, |number, distance| {
                    if distance < nearest {
                        (nearest, next) = (distance, links[number]);
                    }
                });
                *compared += links.len() + 1;
                if next == at {
                    break;
                }
                at = next;
            }
            at = layer.below.get()[at as usize];
        }
        at
    }

    fn walk_ground(
        &self,
        walk: &Walk<'_>,
        start: u32,
        mut compared: usize,
        scratch: &mut Scratch,
        accept: impl Fn(u32) -> bool,
    ) -> Walked {
        let ground = self.ground.seen();
        let mut nearest = TopK::new(walk.ef);
        let mut candidates = BinaryHeap::new();
        let first = walk.scorer.one(walk.query, walk.rows.row(start));
        scratch.is_new(start);
        candidates.push(Reverse(key(first, start)));
        if accept(start) {
            nearest.push(first, start);
        }
        while let Some(Reverse(closest)) = candidates.pop() {
            let (distance, node) = entry(closest);
            // Once `ef` are kept and the closest candidate is behind them all, none can do better.
            if nearest.len() == walk.ef && behind(&nearest, distance, node) {
                break;
            }
            if compared > walk.limit {
                return Walked { nearest: None, compared };
            }
            let fresh = scratch.unseen(ground.of(node));
            let row = |number: usize| walk.rows.row(fresh[number]);
            walk.scorer.each(walk.query, fresh.len(), row, |number, distance| {
                let node = fresh[number];
                if nearest.wants(distance, node) {
                    candidates.push(Reverse(key(distance, node)));
                    if accept(node) {
                        nearest.push(distance, node);
                    }
                }
            });
            compared += fresh.len();
        }
        Walked { nearest: Some(nearest), compared }
    }
}

/// Whether a candidate lies behind all that are kept (those that are kept themselves don't).
#[inline]
fn behind(nearest: &TopK, distance: f32, node: u32) -> bool {
    nearest.farthest().is_some_and(|farthest| key(distance, node) > farthest)
}

impl Scratch {
    /// Forgets what was seen: a new number, and clean stamps when the numbers run out.
    fn begin(&mut self, nodes: usize) {
        if self.stamps.len() != nodes || self.walk == u16::MAX {
            self.stamps.clear();
            self.stamps.resize(nodes, 0);
            self.walk = 0;
        }
        self.walk += 1;
    }

    #[inline]
    fn is_new(&mut self, node: u32) -> bool {
        let stamp = &mut self.stamps[node as usize];
        let new = *stamp != self.walk;
        *stamp = self.walk;
        new
    }

    /// Those of `nodes` that this walk hadn't seen; it has now.
    fn unseen(&mut self, nodes: &[u32]) -> &[u32] {
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.clear();
        fresh.extend(nodes.iter().copied().filter(|&node| self.is_new(node)));
        self.fresh = fresh;
        &self.fresh
    }
}
