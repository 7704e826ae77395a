//! Code kernels on 512-bit registers with sums of products of bytes, and the plain encoders
//! compiled for 512 bits.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_maskz_mov_epi8,
    _mm512_reduce_add_epi32, _mm512_set1_epi8, _mm512_setzero_si512, _mm512_xor_si512,
};

use crate::codes::each::each_kernel;
use crate::lines::LINE;
use crate::{bits, rotate, sq8};

each_kernel!(
    sq8_each(sq8::Form) = sq8_sums,
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
);
each_kernel!(
    bits_each(bits::Form) = bits_sums,
    #[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
);

/// [`sq8::encode`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(crate) fn sq8_encode(vector: &[f32], out: &mut [u8]) {
    sq8::encode_plain(vector, out);
}

/// [`rotate::Rotation::apply`].
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(crate) fn rotate(signs: &[f32], vector: &mut [f32]) {
    rotate::rotate_plain(signs, vector);
}

#[inline]
#[target_feature(enable = "avx512f")]
fn load(bytes: &[u8], at: usize) -> __m512i {
    debug_assert!(at + LINE <= bytes.len());
    // SAFETY: the callers keep at + 64 within the slice; the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().add(at).cast()) }
}

/// The machine multiplies unsigned by signed bytes: rows stay as they are, with 128 added, and 128
/// times the sum of the query's codes is taken away at the end.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn sq8_sums<const R: usize>(query: &[u8], rows: [&[u8]; R]) -> [i32; R] {
    let codes = query.len() - LINE;
    assert!(rows.iter().all(|row| row.len() >= codes), "a row is shorter than the query");
    let flip = _mm512_set1_epi8(-128);
    let mut sums = [_mm512_setzero_si512(); R];
    for at in (0..codes).step_by(LINE) {
        let wanted = _mm512_xor_si512(flip, load(query, at));
        for row in 0..R {
            sums[row] = _mm512_dpbusd_epi32(sums[row], load(rows[row], at), wanted);
        }
    }
    let bias = sq8::sum(query).wrapping_mul(128);
    let mut totals = [0; R];
    for row in 0..R {
        totals[row] = _mm512_reduce_add_epi32(sums[row]).wrapping_sub(bias);
    }
    totals
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn bits_sums<const R: usize>(query: &[u8], rows: [&[u8]; R]) -> [i32; R] {
    let codes = query.len() - LINE;
    assert!(rows.iter().all(|row| row.len() >= codes / 8), "a row is shorter than the query");
    let (flip, ones) = (_mm512_set1_epi8(-128), _mm512_set1_epi8(1));
    let mut sums = [_mm512_setzero_si512(); R];
    for at in (0..codes).step_by(LINE) {
        let wanted = _mm512_xor_si512(flip, load(query, at));
        for row in 0..R {
            let mut eight = [0; 8];
            eight.copy_from_slice(&rows[row][at / 8..at / 8 + 8]);
            let kept = _mm512_maskz_mov_epi8(u64::from_le_bytes(eight), wanted);
            sums[row] = _mm512_dpbusd_epi32(sums[row], ones, kept);
        }
    }
    let mut totals = [0; R];
    for row in 0..R {
        totals[row] = _mm512_reduce_add_epi32(sums[row]);
    }
    totals
}
