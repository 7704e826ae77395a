//! The reference kernels, in plain Rust. Eight running sums, so that a compiler may use whatever
//! registers the build's baseline has.

use crate::dispatch::{DOT, L2};
use crate::element::Element;

const LANES: usize = 8;

/// `sum(a[i] * b[i])`, over the shorter length.
#[must_use]
pub fn dot<E: Element>(a: &[f32], b: &[E]) -> f32 {
    sum_over(a, b, |x, y| x * y)
}

/// `sum((a[i] - b[i])^2)`, over the shorter length.
#[must_use]
pub fn l2_squared<E: Element>(a: &[f32], b: &[E]) -> f32 {
    sum_over(a, b, |x, y| (x - y) * (x - y))
}

/// `sum(|a[i] - b[i]|)`, over the shorter length.
#[must_use]
pub fn l1<E: Element>(a: &[f32], b: &[E]) -> f32 {
    sum_over(a, b, |x, y| (x - y).abs())
}

/// The sum numbered `OP` (see `dispatch`) of one query with one row.
pub(crate) fn one<const OP: u8, E: Element>(query: &[f32], row: &[E]) -> f32 {
    match OP {
        DOT => dot(query, row),
        L2 => l2_squared(query, row),
        _ => l1(query, row),
    }
}

/// The same with four rows.
pub(crate) fn four<const OP: u8, E: Element>(query: &[f32], rows: [&[E]; 4]) -> [f32; 4] {
    rows.map(|row| one::<OP, E>(query, row))
}

#[inline(always)]
fn sum_over<E: Element>(a: &[f32], b: &[E], term: impl Fn(f32, f32) -> f32) -> f32 {
    let len = a.len().min(b.len());
    let (a_blocks, a_rest) = a[..len].as_chunks::<LANES>();
    let (b_blocks, b_rest) = b[..len].as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane].wide());
        }
    }
    for (lane, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] += term(*x, y.wide());
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}
