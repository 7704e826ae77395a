//! The loop over rows that lie apart, written out for each code and instruction set, so that the
//! sums inside are inlined with their registers.

use crate::lines::LINE;

/// Rows that are asked for ahead of the four being scored.
pub(crate) const AHEAD: usize = 4;

/// Lines of a row that are asked for: the hardware follows on by itself.
const LINES_MAX: usize = 16;

/// Asks the memory for the row's first KB. No-op elsewhere than on x86-64.
#[inline(always)]
pub(crate) fn prefetch_row(row: &[u8]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in row.chunks(LINE).take(LINES_MAX) {
            // SAFETY: SSE is part of every x86-64; the address is inside the row, and a prefetch
            // reads nothing that the program could see.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (row, LINE, LINES_MAX);
}

/// Asks the memory for numbers that are read soon. No-op elsewhere than on x86-64.
#[inline(always)]
pub fn prefetch_links(links: &[u32]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        for line in links.chunks(LINE / 4).take(LINES_MAX) {
            // SAFETY: as in `prefetch_row`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = links;
}

/// What is to be scored.
pub(crate) struct Job<'a> {
    /// A row of bytes.
    pub(crate) query: &'a [u8],
    /// Codes, `stride` bytes each.
    pub(crate) rows: &'a [u8],
    pub(crate) stride: usize,
    /// Which of them.
    pub(crate) ids: &'a [u32],
}

/// `each_kernel!(name(Form) = sums, attributes)`: a function that scores the rows `ids` of one
/// query in fours, by `sums::<R>(query, [row; R]) -> [i32; R]` and the form's `finish`.
macro_rules! each_kernel {
    ($name:ident($form:ty) = $sums:ident $(, #[$meta:meta])*) => {
        $(#[$meta])*
        pub(crate) fn $name(
            form: &$form,
            job: &crate::codes::each::Job<'_>,
            out: &mut [f32],
        ) {
            use crate::codes::each::{AHEAD, Job, prefetch_row};
            let &Job { query, rows, stride, ids } = job;
            let row = |id: u32| &rows[id as usize * stride..][..stride];
            let (fours, rest) = ids.as_chunks::<4>();
            let (out_fours, out_rest) = out[..ids.len()].as_chunks_mut::<4>();
            for &id in &ids[..AHEAD.min(ids.len())] {
                prefetch_row(row(id));
            }
            let mut next = AHEAD.min(ids.len());
            for (four, out) in fours.iter().zip(out_fours) {
                let soon = ids.len().min(next + 4);
                for &id in &ids[next..soon] {
                    prefetch_row(row(id));
                }
                next = soon;
                let rows = [row(four[0]), row(four[1]), row(four[2]), row(four[3])];
                let sums = $sums::<4>(query, rows);
                for lane in 0..4 {
                    out[lane] = form.finish(sums[lane], rows[lane]);
                }
            }
            for (&id, out) in rest.iter().zip(out_rest) {
                let row = row(id);
                let [sum] = $sums::<1>(query, [row]);
                *out = form.finish(sum, row);
            }
        }
    };
}
pub(crate) use each_kernel;
