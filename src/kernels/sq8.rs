//! Rows of bytes: each vector with a step of its own. A query is a row of the same format, so that
//! one kernel serves the build of a graph and the search in it.
//!
//! A row of `dim` components has `stride(dim)` bytes, little-endian: `dim` codes from -127 to 127,
//! stored with 128 added and filled up with 128 to a multiple of 64; then a line of 64 bytes with
//! the step (f32), the sum of the codes (i32), the squared length (f32), and zeros.
//!
//! The step is `<v, v> / <v, codes>`, so that a row's product with itself has no bias
//! (RaBitQ's estimator, Gao and Long 2024, on eight bits).

use crate::codes::each::Job;
use crate::dispatch::Kernels;
use crate::lines::LINE;
use crate::scorer::Distance;

const LANES: usize = 32;
/// The largest code.
const TOP: f32 = 127.0;
/// A vector whose largest component is below becomes a row of zeros: `TOP` divided by it is too
/// large for a float.
const SMALLEST: f32 = 1e-36;
/// Added and taken away again, it rounds to whole numbers, ties to even: 1.5 * 2^23.
const ROUND: f32 = 12_582_912.0;

/// Bytes of a row: `dim` rounded up to 64, and a line.
#[must_use]
pub const fn stride(dim: usize) -> usize {
    dim.next_multiple_of(LINE) + LINE
}

/// Writes the row of a vector of finite numbers. O(n).
///
/// # Panics
/// `out` hasn't `stride(vector.len())` bytes.
pub fn encode(vector: &[f32], out: &mut [u8]) {
    Kernels::best().encode_sq8(vector, out);
}

#[inline(always)]
fn largest(vector: &[f32]) -> f32 {
    let mut sizes = [0.0_f32; LANES];
    let (blocks, rest) = vector.as_chunks::<LANES>();
    for block in blocks {
        for lane in 0..LANES {
            sizes[lane] = sizes[lane].max(block[lane].abs());
        }
    }
    rest.iter().map(|value| value.abs()).chain(sizes).fold(0.0, f32::max)
}

/// Sums over a vector `u` (scaled to 127) and its codes.
struct Sums {
    square: [f32; LANES],
    product: [f32; LANES],
    code: [i32; LANES],
}

#[expect(clippy::manual_clamp, reason = "clamp would let NaN through")]
#[inline(always)]
fn block(values: &[f32; LANES], inverse: f32, sums: &mut Sums, out: &mut [u8; LANES]) {
    for lane in 0..LANES {
        let value = values[lane] * inverse;
        let rounded = (value + ROUND) - ROUND;
        // Not a number becomes 127 here, and spoils nothing but its own row.
        let code = rounded.min(TOP).max(-TOP);
        sums.square[lane] += value * value;
        sums.product[lane] += value * code;
        let code = (code + ROUND).to_bits() as i32 - ROUND.to_bits() as i32;
        sums.code[lane] += code;
        out[lane] = (code + 128) as u8;
    }
}

/// The reference, which the wider instruction sets compile once more: every sum is taken in 32
/// lanes, in one order, so that all write the same bytes.
#[inline(always)]
pub(crate) fn encode_plain(vector: &[f32], out: &mut [u8]) {
    assert_eq!(out.len(), stride(vector.len()), "a row of bytes has its stride");
    let (codes, tail) = out.split_at_mut(out.len() - LINE);
    let size = largest(vector);
    let blank = !(SMALLEST..=f32::MAX).contains(&size);
    let inverse = if blank { 0.0 } else { TOP / size };
    let mut sums = Sums { square: [0.0; LANES], product: [0.0; LANES], code: [0; LANES] };
    let (in_blocks, in_rest) = vector.as_chunks::<LANES>();
    let (out_blocks, _) = codes.as_chunks_mut::<LANES>();
    for (values, out) in in_blocks.iter().zip(out_blocks.iter_mut()) {
        block(values, inverse, &mut sums, out);
    }
    for (number, out) in out_blocks.iter_mut().enumerate().skip(in_blocks.len()) {
        let mut values = [0.0; LANES];
        if number == in_blocks.len() {
            values[..in_rest.len()].copy_from_slice(in_rest);
        }
        block(&values, inverse, &mut sums, out);
    }
    let (square, product) = (sums.square.iter().sum::<f32>(), sums.product.iter().sum::<f32>());
    let step = if blank { 0.0 } else { size / TOP };
    let scale = if product > 0.0 { step * (square / product) } else { 0.0 };
    let squared_length = (step * step * square).min(f32::MAX);
    tail.fill(0);
    tail[..4].copy_from_slice(&scale.to_le_bytes());
    tail[4..8].copy_from_slice(&sums.code.iter().sum::<i32>().to_le_bytes());
    tail[8..12].copy_from_slice(&squared_length.to_le_bytes());
}

/// A word of the last line of a row.
#[inline(always)]
fn word(row: &[u8], number: usize) -> [u8; 4] {
    let at = row.len() - LINE + 4 * number;
    [row[at], row[at + 1], row[at + 2], row[at + 3]]
}

/// The step of a row.
#[inline(always)]
#[must_use]
pub fn scale(row: &[u8]) -> f32 {
    f32::from_le_bytes(word(row, 0))
}

/// The sum of a row's codes.
#[inline(always)]
#[must_use]
pub fn sum(row: &[u8]) -> i32 {
    i32::from_le_bytes(word(row, 1))
}

/// The squared length of the vector that a row was made of.
#[inline(always)]
#[must_use]
pub fn squared_length(row: &[u8]) -> f32 {
    f32::from_le_bytes(word(row, 2))
}

/// How a query's product with a row's codes becomes a distance.
pub(crate) struct Form {
    base: f32,
    /// Of a row's squared length: 0 or 1.
    weight: f32,
    factor: f32,
}

impl Form {
    #[inline]
    pub(crate) fn new(distance: Distance, query: &[u8]) -> Self {
        let scale = scale(query);
        match distance {
            Distance::OneMinusDot => Self { base: 1.0, weight: 0.0, factor: scale },
            Distance::MinusDot => Self { base: 0.0, weight: 0.0, factor: scale },
            Distance::L2Squared | Distance::L1 => {
                Self { base: squared_length(query), weight: 1.0, factor: 2.0 * scale }
            }
        }
    }

    #[inline(always)]
    pub(crate) fn finish(&self, product: i32, row: &[u8]) -> f32 {
        let dot = product as f32 * scale(row);
        self.base + self.weight * squared_length(row) - self.factor * dot
    }
}

/// Rows of bytes, one behind the other, as a file has them.
#[derive(Clone, Copy)]
pub struct Sq8Ref<'a> {
    rows: &'a [u8],
    stride: usize,
    distance: Distance,
    kernels: Kernels,
}

impl<'a> Sq8Ref<'a> {
    /// Rows of `dim` components; none for Manhattan, which has no kernel here, or where `rows`
    /// isn't a whole number of rows.
    #[must_use]
    pub fn new(rows: &'a [u8], dim: usize, distance: Distance) -> Option<Self> {
        Self::on(Kernels::best(), rows, dim, distance)
    }

    /// The same on given kernels.
    #[must_use]
    pub fn on(kernels: Kernels, rows: &'a [u8], dim: usize, distance: Distance) -> Option<Self> {
        let stride = stride(dim);
        let fits = distance != Distance::L1 && rows.len().is_multiple_of(stride);
        fits.then_some(Self { rows, stride, distance, kernels })
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() / self.stride
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Bytes of a row.
    #[must_use]
    pub fn stride(&self) -> usize {
        self.stride
    }

    /// What its distances mean.
    #[must_use]
    pub fn distance(&self) -> Distance {
        self.distance
    }

    /// The first `len` rows, or all.
    #[must_use]
    pub fn first(&self, len: usize) -> Self {
        Self { rows: &self.rows[..len.min(self.len()) * self.stride], ..*self }
    }

    /// One row. O(1).
    ///
    /// # Panics
    /// There is no such row.
    #[inline]
    #[must_use]
    pub fn row(&self, id: u32) -> &'a [u8] {
        &self.rows[id as usize * self.stride..][..self.stride]
    }

    /// Writes the query of a vector: the row it would have. O(n).
    pub fn encode_query(&self, vector: &[f32], out: &mut [u8]) {
        self.kernels.encode_sq8(vector, out);
    }

    /// The distances of a query (a row) to the rows `ids`, which may lie apart: those that come
    /// next are on their way from memory. O(ids * n).
    ///
    /// # Panics
    /// There is no such row, `out` is shorter than `ids`, or the query has another length.
    #[inline]
    pub fn distances(&self, query: &[u8], ids: &[u32], out: &mut [f32]) {
        assert_eq!(query.len(), self.stride, "the query is of another format");
        let form = Form::new(self.distance, query);
        self.kernels.sq8_each(
            &form,
            &Job { query, rows: self.rows, stride: self.stride, ids },
            out,
        );
    }
}
