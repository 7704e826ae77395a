//! Kernels on 512-bit registers. Four running sums a row hide the latency of the multiply-add; the
//! last 1 to 15 components come by masked load, so that no length needs a scalar tail.

use std::arch::x86_64::{
    __m512, _mm256_loadu_si256, _mm512_abs_ps, _mm512_add_ps, _mm512_cvtph_ps, _mm512_fmadd_ps,
    _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_reduce_add_ps, _mm512_setzero_ps, _mm512_sub_ps,
};

use crate::dispatch::{DOT, L2};
use crate::element::{Element, padded};

const LANES: usize = 16;
const SUMS: usize = 4;

#[inline]
#[target_feature(enable = "avx512f")]
fn step<const OP: u8>(sum: __m512, a: __m512, b: __m512) -> __m512 {
    match OP {
        DOT => _mm512_fmadd_ps(a, b, sum),
        L2 => {
            let difference = _mm512_sub_ps(a, b);
            _mm512_fmadd_ps(difference, difference, sum)
        }
        _ => _mm512_add_ps(sum, _mm512_abs_ps(_mm512_sub_ps(a, b))),
    }
}

/// The first `count` (at most 16) floats from `offset` on, zeros behind them.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_part<E: Element>(values: &[E], offset: usize, count: usize) -> __m512 {
    debug_assert!(offset + count <= values.len() && count <= LANES);
    if E::HALF {
        return load(&padded::<E, LANES>(values, offset, count), 0);
    }
    let mask = ((1_u32 << count) - 1) as u16;
    // SAFETY: the elements are floats, as they aren't halves; lanes outside the mask are not read,
    // those inside end at offset + count, which the callers keep within the slice.
    unsafe { _mm512_maskz_loadu_ps(mask, values.as_ptr().add(offset).cast()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load<E: Element>(values: &[E], offset: usize) -> __m512 {
    debug_assert!(offset + LANES <= values.len());
    // SAFETY: the callers keep offset + 16 within the slice of halves (2 bytes each, 32 together)
    // or of floats; neither load needs alignment.
    unsafe {
        let from = values.as_ptr().add(offset);
        if E::HALF {
            _mm512_cvtph_ps(_mm256_loadu_si256(from.cast()))
        } else {
            _mm512_loadu_ps(from.cast())
        }
    }
}

/// `R` sums of one query with `R` rows. Every row has the query's length or more.
#[expect(clippy::needless_range_loop, reason = "constant ranges: unrolled, sums stay in registers")]
#[inline]
#[target_feature(enable = "avx512f")]
fn rows<const OP: u8, E: Element, const R: usize>(query: &[f32], rows: [&[E]; R]) -> [f32; R] {
    let len = query.len();
    assert!(rows.iter().all(|row| row.len() >= len), "a row is shorter than the query");
    let mut sums = [[_mm512_setzero_ps(); SUMS]; R];
    let mut at = 0;
    while at + SUMS * LANES <= len {
        for part in 0..SUMS {
            let wanted = load(query, at + part * LANES);
            for row in 0..R {
                let given = load(rows[row], at + part * LANES);
                sums[row][part] = step::<OP>(sums[row][part], wanted, given);
            }
        }
        at += SUMS * LANES;
    }
    for part in 0..SUMS {
        if at < len {
            let count = LANES.min(len - at);
            let wanted = load_part(query, at, count);
            for row in 0..R {
                let given = load_part(rows[row], at, count);
                sums[row][part] = step::<OP>(sums[row][part], wanted, given);
            }
            at += count;
        }
    }
    sums.map(|[s0, s1, s2, s3]| {
        _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(s0, s1), _mm512_add_ps(s2, s3)))
    })
}

/// One query with one row.
#[target_feature(enable = "avx512f")]
pub fn one<const OP: u8, E: Element>(query: &[f32], row: &[E]) -> f32 {
    let [sum] = rows::<OP, E, 1>(query, [row]);
    sum
}

/// One query with four rows: each part of the query is loaded once for the four.
#[target_feature(enable = "avx512f")]
pub fn four<const OP: u8, E: Element>(query: &[f32], four: [&[E]; 4]) -> [f32; 4] {
    rows::<OP, E, 4>(query, four)
}
