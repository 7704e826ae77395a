//! 1-bit codes of a segment: made while it grows, so that every search may scan it, or lying in a
//! file beside the graph of a frozen one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use vitrail_kernels::{BitCoder, BitQuery, BitsRef, Distance, SCORED_AT_ONCE, bits};

use crate::search::plan::COMPARED;
use crate::segment::rows::Rows;

/// Floats of rows from which on a growing segment has codes: fewer are compared as they are in
/// some 50 us, and their mean would stand for nothing.
const FLOATS_MIN: usize = 1 << 18;

/// What rotations are drawn by. Another seed makes other codes: it is part of the format.
const ROTATION_SEED: u64 = 0x5649_5452_4149_4C31;

/// What makes the codes of rows about this mean; none for Manhattan.
pub(crate) fn coder(mean: Vec<f32>, distance: Distance) -> Option<BitCoder> {
    BitCoder::new(mean, ROTATION_SEED, distance)
}

/// The mean of rows, `[dim]`. O(rows * dim).
pub(crate) fn mean_of<'a>(dim: usize, rows: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let (mut sums, mut count) = (vec![0.0_f64; dim], 0_u32);
    for row in rows {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
        count += 1;
    }
    sums.into_iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect()
}

/// The codes of `len` rows, `bits::stride(dim)` bytes each. O(rows * dim log dim).
pub(crate) fn encode<'a>(coder: &BitCoder, len: u32, row: &dyn Fn(u32) -> &'a [f32]) -> Vec<u8> {
    let stride = bits::stride(coder.dim());
    let mut codes = vec![0; len as usize * stride];
    let mut scratch = Vec::new();
    for (offset, code) in (0..len).zip(codes.chunks_exact_mut(stride)) {
        coder.encode(row(offset), &mut scratch, code);
    }
    codes
}

/// How many rows scans by bits have lately had to compare exactly: what is kept at first by the
/// next, and what the planner expects of it. Threads may lose one another's notes, which does no
/// harm.
#[derive(Debug)]
pub(crate) struct Lately(AtomicU32);

impl Default for Lately {
    fn default() -> Self {
        Self(AtomicU32::new(COMPARED as u32))
    }
}

impl Lately {
    pub(crate) fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    /// Goes up by a quarter of what was missing, and down by a sixteenth of what was too much: to
    /// have kept too few costs a second scan.
    pub(crate) fn note(&self, needed: usize) {
        let needed = u32::try_from(needed).unwrap_or(u32::MAX).max(COMPARED as u32);
        let before = self.0.load(Ordering::Relaxed);
        let after = if needed > before {
            before + (needed - before).div_ceil(4)
        } else {
            before - (before - needed) / 16
        };
        self.0.store(after, Ordering::Relaxed);
    }
}

/// The codes of a segment that grows. A clone shares them.
#[derive(Clone)]
pub(crate) struct GrowingBits {
    distance: Distance,
    lately: Arc<Lately>,
    made: Option<(Arc<BitCoder>, Rows<u8>)>,
}

impl GrowingBits {
    /// No codes yet; nothing at all for a distance that has none.
    pub(crate) fn new(distance: Distance) -> Option<Self> {
        let has_codes = distance != Distance::L1;
        has_codes.then(|| Self { distance, lately: Arc::default(), made: None })
    }

    /// Follows `rows`, which just got one more at their end. O(dim log dim); once, when there are
    /// enough for a mean, all that there are.
    pub(crate) fn follow(&mut self, rows: &Rows) {
        match &mut self.made {
            Some((coder, codes)) => push(coder, codes, rows.row(rows.len() - 1)),
            None if rows.len() as usize * rows.dim() >= FLOATS_MIN => self.begin(rows),
            None => {}
        }
    }

    fn begin(&mut self, rows: &Rows) {
        let all = || (0..rows.len()).map(|offset| rows.row(offset));
        let Some(coder) = coder(mean_of(rows.dim(), all()), self.distance) else { return };
        let mut codes = Rows::beside(rows, bits::stride(rows.dim()));
        all().for_each(|row| push(&coder, &mut codes, row));
        self.made = Some((Arc::new(coder), codes));
    }

    /// The codes, if there are any.
    pub(crate) fn get(&self) -> Option<Bits<'_>> {
        let (coder, codes) = self.made.as_ref()?;
        Some(Bits { coder, codes: Where::Chunks(codes), lately: &self.lately })
    }

    /// Bytes of memory.
    pub(crate) fn bytes(&self) -> usize {
        self.made.as_ref().map_or(0, |(_, codes)| codes.len() as usize * codes.dim())
    }
}

fn push(coder: &BitCoder, codes: &mut Rows<u8>, row: &[f32]) {
    let (mut code, mut scratch) = (vec![0; codes.dim()], Vec::new());
    coder.encode(row, &mut scratch, &mut code);
    codes.push(&code);
}

/// Codes that can be scanned.
pub(crate) struct Bits<'a> {
    coder: &'a BitCoder,
    codes: Where<'a>,
    pub(crate) lately: &'a Lately,
}

enum Where<'a> {
    Chunks(&'a Rows<u8>),
    Flat(&'a [u8]),
}

impl<'a> Bits<'a> {
    /// Codes one behind the other.
    pub(crate) fn flat(coder: &'a BitCoder, codes: &'a [u8], lately: &'a Lately) -> Self {
        Self { coder, codes: Where::Flat(codes), lately }
    }

    /// A query as the codes take it. O(dim log dim).
    pub(crate) fn query(&self, query: &[f32]) -> BitQuery {
        let mut coded = BitQuery::default();
        self.coder.encode_query(query, &mut coded);
        coded
    }

    /// Estimated distances of the rows at some offsets, [`SCORED_AT_ONCE`] at most; infinity for
    /// one that isn't there.
    pub(crate) fn distances(&self, query: &BitQuery, offsets: &[u32], out: &mut [f32]) {
        match self.codes {
            Where::Flat(codes) => score(self.coder, codes, query, offsets, out),
            Where::Chunks(rows) => {
                let chunk = |offset: &u32| offset / rows.chunk_rows();
                let mut local = [0; SCORED_AT_ONCE];
                let mut at = 0;
                for run in offsets.chunk_by(|a, b| chunk(a) == chunk(b)) {
                    let local = &mut local[..run.len()];
                    for (local, offset) in local.iter_mut().zip(run) {
                        *local = offset % rows.chunk_rows();
                    }
                    let codes = rows.chunk(chunk(&run[0]));
                    score(self.coder, codes, query, local, &mut out[at..at + run.len()]);
                    at += run.len();
                }
            }
        }
    }
}

fn score(coder: &BitCoder, codes: &[u8], query: &BitQuery, ids: &[u32], out: &mut [f32]) {
    match BitsRef::new(codes, coder.dim()) {
        Some(codes) => codes.distances(query, ids, out),
        None => out[..ids.len()].fill(f32::INFINITY),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_scans_lately_needed_rises_fast_and_falls_slowly() {
        let lately = Lately::default();
        (0..20).for_each(|_| lately.note(1_000));
        assert!((900..=1_000).contains(&lately.get()), "{}", lately.get());
        lately.note(10);
        assert!(lately.get() > 850);
        (0..200).for_each(|_| lately.note(10));
        assert!(lately.get() < 2 * COMPARED, "{}", lately.get());
    }

    #[test]
    fn a_distance_without_codes_follows_no_rows() {
        assert!(GrowingBits::new(Distance::L1).is_none());
        assert!(GrowingBits::new(Distance::OneMinusDot).is_some());
    }

    #[test]
    fn a_mean_is_that_of_the_rows() {
        let rows = [[1.0, -2.0], [3.0, 4.0]];
        assert_eq!(mean_of(2, rows.iter().map(|row| row.as_slice())), [2.0, 1.0]);
        assert_eq!(mean_of(2, std::iter::empty()), [0.0, 0.0]);
    }
}
