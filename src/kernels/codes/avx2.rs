//! Code kernels on 256-bit registers, and the plain encoders compiled for them.

use std::arch::x86_64::{
    __m256i, _mm_add_epi32, _mm_cvtsi128_si32, _mm_shuffle_epi32, _mm_unpackhi_epi64,
    _mm256_abs_epi8, _mm256_add_epi32, _mm256_and_si256, _mm256_castsi256_si128, _mm256_cmpeq_epi8,
    _mm256_extracti128_si256, _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16,
    _mm256_set1_epi8, _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_epi64x, _mm256_setr_epi64x,
    _mm256_setzero_si256, _mm256_shuffle_epi8, _mm256_sign_epi8, _mm256_xor_si256,
};

use crate::codes::each::each_kernel;
use crate::lines::LINE;
use crate::{bits, rotate, sq8};

const BYTES: usize = 32;

each_kernel!(sq8_each(sq8::Form) = sq8_sums, #[target_feature(enable = "avx2,fma,f16c")]);
each_kernel!(bits_each(bits::Form) = bits_sums, #[target_feature(enable = "avx2,fma,f16c")]);

/// [`sq8::encode`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn sq8_encode(vector: &[f32], out: &mut [u8]) {
    sq8::encode_plain(vector, out);
}

/// [`rotate::Rotation::apply`].
#[target_feature(enable = "avx2,fma,f16c")]
pub(crate) fn rotate(signs: &[f32], vector: &mut [f32]) {
    rotate::rotate_plain(signs, vector);
}

#[inline]
#[target_feature(enable = "avx2")]
fn load(bytes: &[u8], at: usize) -> __m256i {
    debug_assert!(at + BYTES <= bytes.len());
    // SAFETY: the callers keep at + 32 within the slice; the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().add(at).cast()) }
}

#[inline]
#[target_feature(enable = "avx2")]
fn total(sums: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

/// Products of neighbours fit 16 bits: codes end at 127, and 2 * 127 * 127 is 32,258.
#[inline]
#[target_feature(enable = "avx2")]
fn sq8_sums<const R: usize>(query: &[u8], rows: [&[u8]; R]) -> [i32; R] {
    let codes = query.len() - LINE;
    assert!(rows.iter().all(|row| row.len() >= codes), "a row is shorter than the query");
    let (flip, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
    let mut sums = [_mm256_setzero_si256(); R];
    for at in (0..codes).step_by(BYTES) {
        let wanted = _mm256_xor_si256(flip, load(query, at));
        let size = _mm256_abs_epi8(wanted);
        for row in 0..R {
            let given = _mm256_xor_si256(flip, load(rows[row], at));
            let pairs = _mm256_maddubs_epi16(size, _mm256_sign_epi8(given, wanted));
            sums[row] = _mm256_add_epi32(sums[row], _mm256_madd_epi16(ones, pairs));
        }
    }
    let mut totals = [0; R];
    for row in 0..R {
        totals[row] = total(sums[row]);
    }
    totals
}

/// 32 bits become 32 masks: each byte gets its eighth of the word, and its own bit of it.
#[inline]
#[target_feature(enable = "avx2")]
fn bits_sums<const R: usize>(query: &[u8], rows: [&[u8]; R]) -> [i32; R] {
    let codes = query.len() - LINE;
    assert!(rows.iter().all(|row| row.len() >= codes / 8), "a row is shorter than the query");
    let (flip, ones) = (_mm256_set1_epi8(-128), _mm256_set1_epi16(1));
    let unit = _mm256_set1_epi8(1);
    let eighth =
        _mm256_setr_epi64x(0, 0x0101_0101_0101_0101, 0x0202_0202_0202_0202, 0x0303_0303_0303_0303);
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let mut sums = [_mm256_setzero_si256(); R];
    for at in (0..codes).step_by(BYTES) {
        let wanted = _mm256_xor_si256(flip, load(query, at));
        for row in 0..R {
            let four = &rows[row][at / 8..at / 8 + 4];
            let word = i32::from_le_bytes([four[0], four[1], four[2], four[3]]);
            let spread = _mm256_shuffle_epi8(_mm256_set1_epi32(word), eighth);
            let mask = _mm256_cmpeq_epi8(_mm256_and_si256(spread, bit), bit);
            let pairs = _mm256_maddubs_epi16(unit, _mm256_and_si256(mask, wanted));
            sums[row] = _mm256_add_epi32(sums[row], _mm256_madd_epi16(ones, pairs));
        }
    }
    let mut totals = [0; R];
    for row in 0..R {
        totals[row] = total(sums[row]);
    }
    totals
}
