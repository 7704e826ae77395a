//! Distances where smaller is closer: a sum of `dispatch` and what is made of it.

use crate::dispatch::{Kernels, Pair};
use crate::element::Element;
#[cfg(target_arch = "x86_64")]
use crate::lines::LINE;

/// Rows that are asked for ahead of the four being scored.
const AHEAD: usize = 4;

/// How a distance is made from a sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Distance {
    /// `1 - dot`: cosine distance of rows of length 1.
    OneMinusDot,
    /// `-dot`.
    MinusDot,
    /// The squared Euclidean distance.
    L2Squared,
    /// The Manhattan distance.
    L1,
}

/// One kind of distance on one set of kernels, chosen before the loop and not in it. Rows are of
/// floats, or of halves (`u16`); queries of floats.
#[derive(Clone, Copy)]
pub struct Scorer<E: Element = f32> {
    distance: Distance,
    sum: Pair<E>,
}

impl Scorer {
    /// On the best kernels of this machine.
    #[must_use]
    pub fn new(distance: Distance) -> Self {
        Self::on(&Kernels::best(), distance)
    }

    /// On given kernels.
    #[must_use]
    pub fn on(kernels: &Kernels, distance: Distance) -> Self {
        Self::of(kernels, distance)
    }
}

impl<E: Element> Scorer<E> {
    /// On given kernels, for rows of floats or of halves.
    #[must_use]
    pub fn of(kernels: &Kernels, distance: Distance) -> Self {
        Self { distance, sum: E::pair(kernels, distance) }
    }

    /// The distance of two vectors. O(n).
    ///
    /// # Panics
    /// The lengths differ.
    #[inline]
    #[must_use]
    pub fn one(&self, query: &[f32], row: &[E]) -> f32 {
        self.finish(self.sum.one(query, row))
    }

    /// The distances of a query to four rows; to the last bit what [`Self::one`] gives. O(n).
    ///
    /// # Panics
    /// A length differs.
    #[inline]
    #[must_use]
    pub fn four(&self, query: &[f32], rows: [&[E]; 4]) -> [f32; 4] {
        self.sum.four(query, rows).map(|sum| self.finish(sum))
    }

    /// Calls `take(i, distance)` for `row(0)` to `row(count - 1)`, in fours, with the rows that
    /// come next on their way from memory. For rows that lie apart. O(count * n).
    ///
    /// # Panics
    /// A length differs.
    #[inline]
    pub fn each<'a>(
        &self,
        query: &[f32],
        count: usize,
        row: impl Fn(usize) -> &'a [E],
        mut take: impl FnMut(usize, f32),
    ) where
        E: 'a,
    {
        (0..AHEAD.min(count)).for_each(|next| prefetch(row(next)));
        let mut at = 0;
        while at + 4 <= count {
            (at + AHEAD..count.min(at + AHEAD + 4)).for_each(|next| prefetch(row(next)));
            let distances = self.four(query, [row(at), row(at + 1), row(at + 2), row(at + 3)]);
            for (lane, distance) in distances.into_iter().enumerate() {
                take(at + lane, distance);
            }
            at += 4;
        }
        (at..count).for_each(|rest| take(rest, self.one(query, row(rest))));
    }

    /// `0 - dot` and not `-dot`: a zero has one sign then, and ties stay ties.
    #[inline]
    fn finish(&self, sum: f32) -> f32 {
        match self.distance {
            Distance::OneMinusDot => 1.0 - sum,
            Distance::MinusDot => 0.0 - sum,
            Distance::L2Squared | Distance::L1 => sum,
        }
    }
}

/// Asks the memory for the row's first 2 KB (the hardware follows on by itself), as far as the
/// second cache: more lines may be on their way there than to the first (rows apart at 384
/// components: 98 ns each, 150 ns by way of the first). No-op elsewhere than on x86-64.
#[inline]
pub fn prefetch<E: Element>(row: &[E]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        const LINES_MAX: usize = 32;
        let line_len = LINE / size_of::<E>();
        for line in 0..row.len().div_ceil(line_len).min(LINES_MAX) {
            // SAFETY: SSE is part of every x86-64; the address is inside the row, and a prefetch
            // reads nothing that the program could see.
            unsafe { _mm_prefetch::<_MM_HINT_T1>(row.as_ptr().add(line * line_len).cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = row;
}
