//! A seeded rotation of any dimension: rounds of sign flips and a Hadamard transform over the first
//! or the last power-of-two part, and between them one butterfly between the two halves. It spreads
//! a vector's length evenly over its components, which one bit a component needs.
//!
//! The butterfly comes once both parts are mixed. Where the parts hardly overlap (1,023: 512 and
//! 512), one after every round would carry a share of `1/sqrt(2)` of a spike past each transform.

use crate::dispatch::Kernels;

const BLOCK: usize = 16;

/// A rotation: lengths and products of vectors stay as they are.
#[derive(Debug, Clone)]
pub struct Rotation {
    dim: usize,
    /// `[rounds, dim]`: 1 or -1.
    signs: Vec<f32>,
}

/// Rounds: a power of two is mixed whole by each, another dimension by two together.
fn rounds(dim: usize) -> usize {
    if dim.is_power_of_two() { 3 } else { 4 }
}

impl Rotation {
    /// The rotation of a seed. Memory: 12 or 16 bytes a component.
    ///
    /// # Panics
    /// `dim` is 0.
    #[must_use]
    pub fn new(dim: usize, seed: u64) -> Self {
        assert!(dim > 0, "there is nothing to rotate");
        let mut state = seed;
        let mut sign = || if split_mix(&mut state) & 1 == 0 { 1.0 } else { -1.0 };
        Self { dim, signs: (0..rounds(dim) * dim).map(|_| sign()).collect() }
    }

    /// Rotates. O(n log n).
    ///
    /// # Panics
    /// The length isn't the rotation's.
    pub fn apply(&self, vector: &mut [f32]) {
        self.apply_on(&Kernels::best(), vector);
    }

    /// The same on given kernels; to the bit the same result.
    ///
    /// # Panics
    /// The length isn't the rotation's.
    pub fn apply_on(&self, kernels: &Kernels, vector: &mut [f32]) {
        assert_eq!(vector.len(), self.dim, "the rotation is of another dimension");
        kernels.rotate(&self.signs, vector);
    }
}

/// The next number of Steele, Lea and Flood's SplitMix64.
pub fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// The reference, which the wider instruction sets compile once more.
#[inline(always)]
pub(crate) fn rotate_plain(signs: &[f32], vector: &mut [f32]) {
    let dim = vector.len();
    let part = 1 << dim.ilog2();
    let scale = 1.0 / (part as f32).sqrt();
    for (round, signs) in signs.chunks_exact(dim).enumerate() {
        for (value, sign) in vector.iter_mut().zip(signs) {
            *value *= sign;
        }
        let begin = if round % 2 == 0 { 0 } else { dim - part };
        hadamard(&mut vector[begin..begin + part], scale);
        if part < dim && round == 1 {
            let (front, back) = vector.split_at_mut(dim.div_ceil(2));
            butterfly(front, back, std::f32::consts::FRAC_1_SQRT_2);
        }
    }
}

/// `(a, b)` to `(a + b, a - b)`, scaled.
#[inline(always)]
fn butterfly(front: &mut [f32], back: &mut [f32], scale: f32) {
    for (a, b) in front.iter_mut().zip(back) {
        (*a, *b) = ((*a + *b) * scale, (*a - *b) * scale);
    }
}

/// The Hadamard transform of a power of two, scaled.
#[inline(always)]
fn hadamard(vector: &mut [f32], scale: f32) {
    let len = vector.len();
    let (blocks, rest) = vector.as_chunks_mut::<BLOCK>();
    for block in blocks {
        sixteen(block);
    }
    let mut half = if rest.is_empty() { BLOCK } else { 1 };
    while 4 * half <= len {
        for four in vector.chunks_exact_mut(4 * half) {
            quarters(four, half);
        }
        half *= 4;
    }
    if half < len {
        let (front, back) = vector.split_at_mut(half);
        butterfly(front, back, 1.0);
    }
    for value in vector {
        *value *= scale;
    }
}

/// Two steps at once: the values are read and written once for both.
#[inline(always)]
fn quarters(four: &mut [f32], half: usize) {
    let (front, back) = four.split_at_mut(2 * half);
    let ((a, b), (c, d)) = (front.split_at_mut(half), back.split_at_mut(half));
    for (((a, b), c), d) in a.iter_mut().zip(b).zip(c).zip(d) {
        let (sum, difference) = (*a + *b, *a - *b);
        let (back_sum, back_difference) = (*c + *d, *c - *d);
        (*a, *c) = (sum + back_sum, sum - back_sum);
        (*b, *d) = (difference + back_difference, difference - back_difference);
    }
}

#[inline(always)]
fn sixteen(block: &mut [f32; BLOCK]) {
    *block = step::<8>(step::<4>(step::<2>(step::<1>(*block))));
}

#[inline(always)]
fn step<const APART: usize>(from: [f32; BLOCK]) -> [f32; BLOCK] {
    let mut to = [0.0; BLOCK];
    for lane in 0..BLOCK {
        let other = from[lane ^ APART];
        to[lane] = if lane & APART == 0 { other + from[lane] } else { other - from[lane] };
    }
    to
}
