//! The reference kernels, in plain Rust. Eight running sums, so that a compiler may use whatever
//! registers the build's baseline has.

const LANES: usize = 8;

/// `sum(a[i] * b[i])`, over the shorter length.
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_over(a, b, |x, y| x * y)
}

/// `sum((a[i] - b[i])^2)`, over the shorter length.
#[must_use]
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    sum_over(a, b, |x, y| (x - y) * (x - y))
}

/// `sum(|a[i] - b[i]|)`, over the shorter length.
#[must_use]
pub fn l1(a: &[f32], b: &[f32]) -> f32 {
    sum_over(a, b, |x, y| (x - y).abs())
}

/// [`dot`] of one query with four rows.
#[must_use]
pub fn dot_four(query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    rows.map(|row| dot(query, row))
}

/// [`l2_squared`] of one query with four rows.
#[must_use]
pub fn l2_squared_four(query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    rows.map(|row| l2_squared(query, row))
}

/// [`l1`] of one query with four rows.
#[must_use]
pub fn l1_four(query: &[f32], rows: [&[f32]; 4]) -> [f32; 4] {
    rows.map(|row| l1(query, row))
}

#[inline(always)]
fn sum_over(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let len = a.len().min(b.len());
    let (a_blocks, a_rest) = a[..len].as_chunks::<LANES>();
    let (b_blocks, b_rest) = b[..len].as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_blocks.iter().zip(b_blocks) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane]);
        }
    }
    for (lane, (x, y)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[lane] += term(*x, *y);
    }
    let [s0, s1, s2, s3, s4, s5, s6, s7] = sums;
    ((s0 + s4) + (s2 + s6)) + ((s1 + s5) + (s3 + s7))
}
