//! Rows of one bit a component, after RaBitQ (Gao and Long 2024): the mean is taken away, the rest
//! rotated, and each component's sign kept. Two numbers a row turn the product with a query into an
//! estimate without bias.
//!
//! A row of `dim` components has `stride(dim)` bytes, little-endian: `dim` bits, lowest first,
//! filled up with zeros to a multiple of 64; the factor (f32), the offset (f32), and zeros. Its
//! estimate is `query base + offset - factor * <signs / 2, rotated query>`; what factor and offset
//! are made of depends on the distance, so that one kernel serves all.

use crate::codes::each::Job;
use crate::dispatch::Kernels;
use crate::lines::{LINE, Lines};
use crate::rotate::Rotation;
use crate::scorer::Distance;
use crate::sq8;

/// Bytes of a row: one line where that is enough, so that it touches no other; else eights.
#[must_use]
pub const fn stride(dim: usize) -> usize {
    let bytes = code_bytes(dim) + 8;
    if bytes <= LINE { LINE } else { bytes.next_multiple_of(8) }
}

const fn code_bytes(dim: usize) -> usize {
    dim.next_multiple_of(64) / 8
}

/// What rows and queries are encoded by.
#[derive(Debug, Clone)]
pub struct BitCoder {
    rotation: Rotation,
    mean: Vec<f32>,
    distance: Distance,
}

/// A query: the rotated vector as a row of bytes, and what all distances have in common.
#[derive(Debug, Clone, Default)]
pub struct BitQuery {
    rotated: Vec<f32>,
    row: Lines,
    base: f32,
}

impl BitCoder {
    /// By a seeded rotation about `mean`; none for Manhattan, or without components.
    #[must_use]
    pub fn new(mean: Vec<f32>, seed: u64, distance: Distance) -> Option<Self> {
        let fits = distance != Distance::L1 && !mean.is_empty();
        fits.then(|| Self { rotation: Rotation::new(mean.len(), seed), mean, distance })
    }

    /// Components of a vector.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.mean.len()
    }

    /// What is taken away from every vector, `[dim]`.
    #[must_use]
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Writes the row of a vector; `scratch` is any buffer, kept for the next call. O(n log n).
    ///
    /// # Panics
    /// The vector isn't of the coder's dimension, or `out` hasn't `stride(dim)` bytes.
    pub fn encode(&self, vector: &[f32], scratch: &mut Vec<f32>, out: &mut [u8]) {
        assert_eq!(vector.len(), self.dim(), "the coder is of another dimension");
        assert_eq!(out.len(), stride(self.dim()), "a row of bits has its stride");
        self.centre(vector, scratch);
        let kernels = Kernels::best();
        let with_mean = kernels.dot(scratch, &self.mean);
        self.rotation.apply_on(&kernels, scratch);
        let square = kernels.dot(scratch, scratch);
        out.fill(0);
        let mut size = 0.0_f32;
        for (byte, eight) in out.iter_mut().zip(scratch.chunks(8)) {
            for (place, value) in eight.iter().enumerate() {
                *byte |= u8::from(*value > 0.0) << place;
                size += value.abs();
            }
        }
        let factor = if size > 0.0 { square / (0.5 * size) } else { 0.0 };
        let (factor, offset) = match self.distance {
            Distance::L2Squared => (2.0 * factor, square),
            _ => (factor, -with_mean),
        };
        let at = code_bytes(self.dim());
        out[at..at + 4].copy_from_slice(&factor.to_le_bytes());
        out[at + 4..at + 8].copy_from_slice(&offset.to_le_bytes());
    }

    /// Makes `query` that of a vector, in the memory it has. O(n log n).
    ///
    /// # Panics
    /// The vector isn't of the coder's dimension.
    pub fn encode_query(&self, vector: &[f32], query: &mut BitQuery) {
        assert_eq!(vector.len(), self.dim(), "the coder is of another dimension");
        let kernels = Kernels::best();
        self.centre(vector, &mut query.rotated);
        query.base = match self.distance {
            Distance::OneMinusDot => 1.0 - kernels.dot(vector, &self.mean),
            Distance::MinusDot => 0.0 - kernels.dot(vector, &self.mean),
            _ => kernels.dot(&query.rotated, &query.rotated),
        };
        self.rotation.apply_on(&kernels, &mut query.rotated);
        query.row.resize(sq8::stride(self.dim()));
        kernels.encode_sq8(&query.rotated, query.row.bytes_mut());
    }

    fn centre(&self, vector: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend(vector.iter().zip(&self.mean).map(|(value, mean)| value - mean));
    }
}

/// How a sum of the query's codes becomes a distance.
pub(crate) struct Form {
    base: f32,
    scale: f32,
    half: f32,
    code_bytes: usize,
}

impl Form {
    fn new(query: &BitQuery) -> Self {
        let row = query.row.bytes();
        let scale = sq8::scale(row);
        let half = 0.5 * scale * sq8::sum(row) as f32;
        Self { base: query.base, scale, half, code_bytes: (row.len() - LINE) / 8 }
    }

    #[inline(always)]
    pub(crate) fn finish(&self, sum: i32, row: &[u8]) -> f32 {
        let tail = &row[self.code_bytes..self.code_bytes + 8];
        let factor = f32::from_le_bytes([tail[0], tail[1], tail[2], tail[3]]);
        let offset = f32::from_le_bytes([tail[4], tail[5], tail[6], tail[7]]);
        self.base + offset - factor * (sum as f32 * self.scale - self.half)
    }
}

/// Rows of bits, one behind the other, as a file has them.
#[derive(Clone, Copy)]
pub struct BitsRef<'a> {
    rows: &'a [u8],
    dim: usize,
    kernels: Kernels,
}

impl<'a> BitsRef<'a> {
    /// Rows of `dim` components; none where `rows` isn't a whole number of them.
    #[must_use]
    pub fn new(rows: &'a [u8], dim: usize) -> Option<Self> {
        Self::on(Kernels::best(), rows, dim)
    }

    /// The same on given kernels.
    #[must_use]
    pub fn on(kernels: Kernels, rows: &'a [u8], dim: usize) -> Option<Self> {
        (dim > 0 && rows.len().is_multiple_of(stride(dim))).then_some(Self { rows, dim, kernels })
    }

    /// How many rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len() / stride(self.dim)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Estimated distances of a query to the rows `ids`. O(ids * n / 8).
    ///
    /// # Panics
    /// There is no such row, `out` is shorter than `ids`, or the query is of another dimension.
    #[inline]
    pub fn distances(&self, query: &BitQuery, ids: &[u32], out: &mut [f32]) {
        let row = query.row.bytes();
        assert_eq!(row.len(), sq8::stride(self.dim), "the query is of another dimension");
        let form = Form::new(query);
        let job = Job { query: row, rows: self.rows, stride: stride(self.dim), ids };
        self.kernels.bits_each(&form, &job, out);
    }
}
