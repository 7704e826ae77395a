//! Measures what rows cost on this machine, once in a process: the planner's constants.

use std::hint::black_box;
use std::sync::OnceLock;
use std::time::Instant;

use vitrail_kernels::{BitQuery, BitsRef, Distance, Lines, Scorer, Sq8Ref, bits, split_mix, sq8};

use crate::search::plan::{Costs, Line};
use crate::segment::bits::coder;

/// Bytes that rows are read from: more than second caches hold, as in a real collection.
const BYTES: usize = 32 << 20;

/// Rows read in a round. Each round reads others, so that none is in a cache already.
const ROWS: usize = 1 << 11;

/// The median of so many rounds is taken.
const ROUNDS: usize = 5;

/// The lengths of rows through which the lines are drawn.
const DIMS: [usize; 2] = [256, 4_096];

impl Costs {
    /// Those of this machine. The first call takes some 50 ms and 32 MB for that time.
    #[must_use]
    pub fn measured() -> &'static Self {
        static MEASURED: OnceLock<Costs> = OnceLock::new();
        MEASURED.get_or_init(|| {
            let costs = Measuring::new().costs();
            tracing::debug!(?costs, "measured what rows cost");
            costs
        })
    }
}

struct Measuring {
    memory: Lines,
    state: u64,
}

impl Measuring {
    fn new() -> Self {
        let mut memory = Lines::zeroed(BYTES);
        // Written, so that the memory is there: pages of zeros are all the same one.
        memory.bytes_mut().iter_mut().step_by(64).for_each(|byte| *byte = 128);
        Self { memory, state: 1 }
    }

    fn costs(&mut self) -> Costs {
        let line = |points: [(usize, f32); 2]| Line::through(points[0], points[1]);
        Costs {
            floats: line(DIMS.map(|dim| (4 * dim, self.floats(dim)))),
            bytes: line(DIMS.map(|dim| (dim, self.bytes(dim)))),
            bits: line(DIMS.map(|dim| (dim / 8, self.bits(dim)))),
            rotation: rotation(DIMS[1]),
        }
    }

    /// Numbers of rows, all over the memory.
    fn ids(&mut self, rows: usize) -> Vec<u32> {
        (0..ROWS).map(|_| (split_mix(&mut self.state) % rows as u64) as u32).collect()
    }

    fn median(&mut self, rows: usize, mut read: impl FnMut(&Lines, &[u32])) -> f32 {
        let mut rounds: Vec<f32> = (0..ROUNDS)
            .map(|_| {
                let ids = self.ids(rows);
                let started = Instant::now();
                read(&self.memory, &ids);
                started.elapsed().as_nanos() as f32 / ROWS as f32
            })
            .collect();
        rounds.sort_by(f32::total_cmp);
        rounds[ROUNDS / 2]
    }

    fn floats(&mut self, dim: usize) -> f32 {
        let scorer = Scorer::new(Distance::OneMinusDot);
        let query = vec![0.5; dim];
        self.median(BYTES / 4 / dim, |memory, ids| {
            let floats = vitrail_disk::floats(memory.bytes()).unwrap_or(&[]);
            let row = |at: usize| &floats[ids[at] as usize * dim..][..dim];
            scorer.each(&query, ids.len(), row, |_, distance| {
                black_box(distance);
            });
        })
    }

    fn bytes(&mut self, dim: usize) -> f32 {
        let stride = sq8::stride(dim);
        let (rows, mut query) = (BYTES / stride, vec![0; stride]);
        sq8::encode(&vec![0.5; dim], &mut query);
        self.median(rows, |memory, ids| {
            let codes = Sq8Ref::new(&memory.bytes()[..rows * stride], dim, Distance::OneMinusDot);
            let mut out = [0.0; 64];
            for ids in ids.chunks(out.len()) {
                codes.inspect(|codes| codes.distances(&query, ids, &mut out));
                black_box(&out);
            }
        })
    }

    fn bits(&mut self, dim: usize) -> f32 {
        let stride = bits::stride(dim);
        let rows = BYTES / stride;
        let query = encoded(dim);
        self.median(rows, |memory, ids| {
            let codes = BitsRef::new(&memory.bytes()[..rows * stride], dim);
            let mut out = [0.0; 256];
            for ids in ids.chunks(out.len()) {
                codes.inspect(|codes| codes.distances(&query, ids, &mut out));
                black_box(&out);
            }
        })
    }
}

fn encoded(dim: usize) -> BitQuery {
    let mut query = BitQuery::default();
    if let Some(coder) = coder(vec![0.0; dim], Distance::OneMinusDot) {
        coder.encode_query(&vec![0.5; dim], &mut query);
    }
    query
}

/// Nanoseconds of a query's rotation for each `dim * log2(dim)`.
fn rotation(dim: usize) -> f32 {
    const TIMES: u32 = 16;
    let Some(coder) = coder(vec![0.0; dim], Distance::OneMinusDot) else { return 0.0 };
    let (vector, mut query) = (vec![0.5; dim], BitQuery::default());
    let started = Instant::now();
    for _ in 0..TIMES {
        coder.encode_query(black_box(&vector), &mut query);
        black_box(&query);
    }
    let each = started.elapsed().as_nanos() as f32 / TIMES as f32;
    each / (dim as f32 * (dim as f32).log2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shorter_rows_cost_less() {
        let costs = Measuring::new().costs();
        let all = [costs.floats, costs.bytes, costs.bits];
        assert!(all.iter().all(|line| line.byte >= 0.0 && line.byte < 100.0), "{costs:?}");
        assert!(costs.rotation > 0.0 && costs.floats.byte > 0.0, "{costs:?}");
    }
}
