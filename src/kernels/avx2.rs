//! Kernels on 256-bit registers with fused multiply-add. Two running sums a row: four rows then fit
//! the sixteen registers.

use std::arch::x86_64::{
    __m256, _mm_add_ps, _mm_add_ss, _mm_cvtss_f32, _mm_loadu_si128, _mm_movehl_ps, _mm_shuffle_ps,
    _mm256_add_ps, _mm256_andnot_ps, _mm256_castps256_ps128, _mm256_cvtph_ps,
    _mm256_extractf128_ps, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_maskload_ps, _mm256_set1_ps, _mm256_setzero_ps, _mm256_sub_ps,
};

use crate::dispatch::{DOT, L2};
use crate::element::{Element, padded};

const LANES: usize = 8;
const SUMS: usize = 2;

/// Eight set words, then eight clear ones: a window of eight masks the wanted lanes.
static MASKS: [i32; 2 * LANES] = [-1, -1, -1, -1, -1, -1, -1, -1, 0, 0, 0, 0, 0, 0, 0, 0];

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn step<const OP: u8>(sum: __m256, a: __m256, b: __m256) -> __m256 {
    match OP {
        DOT => _mm256_fmadd_ps(a, b, sum),
        L2 => {
            let difference = _mm256_sub_ps(a, b);
            _mm256_fmadd_ps(difference, difference, sum)
        }
        _ => {
            let sign = _mm256_set1_ps(-0.0);
            _mm256_add_ps(sum, _mm256_andnot_ps(sign, _mm256_sub_ps(a, b)))
        }
    }
}

/// The first `count` (at most 8) floats from `offset` on, zeros behind them.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn load_part<E: Element>(values: &[E], offset: usize, count: usize) -> __m256 {
    debug_assert!(offset + count <= values.len() && count <= LANES);
    if E::HALF {
        return load(&padded::<E, LANES>(values, offset, count), 0);
    }
    // SAFETY: the elements are floats, as they aren't halves. The window starts at 0 to 8 of 16
    // words and is eight long; lanes that the mask clears are not read, the others end at
    // offset + count, which the callers keep in the slice.
    unsafe {
        let mask = _mm256_loadu_si256(MASKS.as_ptr().add(LANES - count).cast());
        _mm256_maskload_ps(values.as_ptr().add(offset).cast(), mask)
    }
}

#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn load<E: Element>(values: &[E], offset: usize) -> __m256 {
    debug_assert!(offset + LANES <= values.len());
    // SAFETY: the callers keep offset + 8 within the slice of halves (2 bytes each, 16 together) or
    // of floats; neither load needs alignment.
    unsafe {
        let from = values.as_ptr().add(offset);
        if E::HALF {
            _mm256_cvtph_ps(_mm_loadu_si128(from.cast()))
        } else {
            _mm256_loadu_ps(from.cast())
        }
    }
}

/// The sum of the eight lanes, always in the same order.
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn total(sum: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(sum), _mm256_extractf128_ps::<1>(sum));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_shuffle_ps::<1>(two, two)))
}

/// `R` sums of one query with `R` rows. Every row has the query's length or more.
#[expect(clippy::needless_range_loop, reason = "constant ranges: unrolled, sums stay in registers")]
#[inline]
#[target_feature(enable = "avx2,fma,f16c")]
fn rows<const OP: u8, E: Element, const R: usize>(query: &[f32], rows: [&[E]; R]) -> [f32; R] {
    let len = query.len();
    assert!(rows.iter().all(|row| row.len() >= len), "a row is shorter than the query");
    let mut sums = [[_mm256_setzero_ps(); SUMS]; R];
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
    sums.map(|[s0, s1]| total(_mm256_add_ps(s0, s1)))
}

/// One query with one row.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn one<const OP: u8, E: Element>(query: &[f32], row: &[E]) -> f32 {
    let [sum] = rows::<OP, E, 1>(query, [row]);
    sum
}

/// One query with four rows: each part of the query is loaded once for the four.
#[target_feature(enable = "avx2,fma,f16c")]
pub fn four<const OP: u8, E: Element>(query: &[f32], four: [&[E]; 4]) -> [f32; 4] {
    rows::<OP, E, 4>(query, four)
}
