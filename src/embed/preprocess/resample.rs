//! Pillow's 8-bit two-pass resampling, bit for bit (`src/libImaging/Resample.c`, Pillow 13).

use std::ops::Range;

use vitrail_domain::Raster;

use crate::vocabulary::Kernel;

/// Fraction bits of the fixed-point weights: 32, less 8 for the pixel and 2 for overshoot.
const PRECISION_BITS: u32 = 32 - 8 - 2;

/// Half of the last place: rounds the sum to nearest.
const HALF: i32 = 1 << (PRECISION_BITS - 1);

/// Which output pixels of one axis are wanted: `start..start + len` of a resize to `full`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    /// Length of the axis after the whole resize.
    pub full: u64,
    /// First output pixel wanted.
    pub start: u64,
    /// Output pixels wanted.
    pub len: u32,
}

impl Window {
    /// All of a resize to `full`.
    pub(crate) fn whole(full: u32) -> Self {
        Self { full: u64::from(full), start: 0, len: full }
    }
}

/// The weights of one axis: for each output pixel the first input pixel and its weights.
struct Weights {
    /// (first input pixel, weights in use) of each output pixel.
    bounds: Vec<(usize, usize)>,
    /// `taps` weights for each output pixel, unused ones zero.
    values: Vec<i32>,
    taps: usize,
}

impl Weights {
    fn of(&self, output: usize) -> (usize, &[i32]) {
        let (first, used) = self.bounds.get(output).copied().unwrap_or_default();
        let at = output * self.taps;
        (first, self.values.get(at..at + used).unwrap_or(&[]))
    }

    /// The input pixels that are read.
    fn span(&self) -> Range<usize> {
        let first = self.bounds.iter().map(|&(first, _)| first).min().unwrap_or(0);
        let end = self.bounds.iter().map(|&(first, used)| first + used).max().unwrap_or(0);
        first..end
    }
}

/// Resizes `raster` to `across.full x down.full` pixels and returns the window alone,
/// `[down.len x across.len x 3]` bytes: the same bytes as Pillow's `resize` and then `crop`.
///
/// Time: input rows in the window x output columns x taps, then output x taps (or the other way
/// round). Memory: what is between the passes, 3 bytes a pixel.
pub(crate) fn resample(raster: &Raster, kernel: Kernel, across: Window, down: Window) -> Vec<u8> {
    if kernel == Kernel::Nearest {
        return nearest(raster, across, down);
    }
    let vertical = weights(raster.height(), kernel, down);
    let horizontal = weights(raster.width(), kernel, across);
    if down_first(raster, across.full, down.full) {
        let columns = horizontal.span();
        let bytes = columns.start * Raster::CHANNELS..columns.end * Raster::CHANNELS;
        let row = |y: usize| raster.row(y as u32).get(bytes.clone()).unwrap_or(&[]);
        let rows = vertical_pass(row, &vertical, bytes.len());
        horizontal_pass(rows.chunks_exact(bytes.len().max(1)), &horizontal, columns.start)
    } else {
        let rows = vertical.span();
        let stride = across.len as usize * Raster::CHANNELS;
        let inputs = rows.clone().map(|y| raster.row(y as u32));
        let narrow = horizontal_pass(inputs, &horizontal, 0);
        let row = |y: usize| {
            let at = (y - rows.start) * stride;
            narrow.get(at..at + stride).unwrap_or(&[])
        };
        vertical_pass(row, &vertical, stride)
    }
}

/// Which pass comes first matters, since the rows between the passes are rounded to bytes. Pillow
/// 13 goes down first where the height shrinks by more than twice the pixels of the width; before,
/// it always went across first, which differs by a grey level or so on tall pictures.
fn down_first(raster: &Raster, across: u64, down: u64) -> bool {
    let shrinks = |size: u32, full: u64| i128::from(size) - i128::from(full);
    let height = shrinks(raster.height(), down);
    height > 0 && height > 2 * shrinks(raster.width(), across)
}

/// `precompute_coeffs` and `normalize_coeffs_8bpc`.
fn weights(size: u32, kernel: Kernel, window: Window) -> Weights {
    let (taps, rows) = weights_f64(size, kernel, window);
    let mut bounds = Vec::with_capacity(window.len as usize);
    let mut values = vec![0; window.len as usize * taps];
    for ((first, row), fixed) in rows.zip(values.chunks_exact_mut(taps)) {
        bounds.push((first, row.len()));
        fixed.iter_mut().zip(row).for_each(|(fixed, weight)| *fixed = fixed_point(weight));
    }
    Weights { bounds, values, taps }
}

/// `precompute_coeffs`, in doubles as there: (weights at most, for each output pixel the first
/// input pixel and its weights, which sum to 1).
pub(crate) fn weights_f64(
    size: u32,
    kernel: Kernel,
    window: Window,
) -> (usize, impl Iterator<Item = (usize, Vec<f64>)>) {
    let scale = f64::from(size) / window.full as f64;
    let filter_scale = scale.max(1.0);
    let (support, filter) = filter_of(kernel);
    let support = support * filter_scale;
    let taps = (support.ceil() as usize * 2 + 1).min(size as usize);
    let step = 1.0 / filter_scale;
    let rows = (0..u64::from(window.len)).map(move |output| {
        let center = ((window.start + output) as f64 + 0.5) * scale;
        let first = ((center - support + 0.5) as i64).max(0);
        let end = ((center + support + 0.5) as i64).min(i64::from(size));
        let used = usize::try_from(end - first).unwrap_or(0).min(taps);
        let at = |tap: usize| filter((tap as i64 + first) as f64 - center + 0.5, step);
        let mut row: Vec<f64> = (0..used).map(at).collect();
        let sum: f64 = row.iter().sum();
        if sum != 0.0 {
            row.iter_mut().for_each(|weight| *weight /= sum);
        }
        (usize::try_from(first).unwrap_or(0), row)
    });
    (taps, rows)
}

fn fixed_point(weight: f64) -> i32 {
    let scaled = weight * f64::from(1_u32 << PRECISION_BITS);
    (if weight < 0.0 { scaled - 0.5 } else { scaled + 0.5 }) as i32
}

/// Support and filter of Pillow's kernels; the filter takes a distance in input pixels and
/// 1 / scale.
fn filter_of(kernel: Kernel) -> (f64, fn(f64, f64) -> f64) {
    match kernel {
        Kernel::Bicubic => (2.0, |x, step| bicubic(x * step)),
        Kernel::Lanczos => (3.0, |x, step| lanczos(x * step)),
        _ => (1.0, |x, step| bilinear(x * step)),
    }
}

fn bilinear(x: f64) -> f64 {
    let x = x.abs();
    if x < 1.0 { 1.0 - x } else { 0.0 }
}

fn bicubic(x: f64) -> f64 {
    const A: f64 = -0.5;
    let x = x.abs();
    if x < 1.0 {
        ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * A
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    if x == 0.0 {
        return 1.0;
    }
    let x = x * std::f64::consts::PI;
    x.sin() / x
}

fn lanczos(x: f64) -> f64 {
    if (-3.0..3.0).contains(&x) { sinc(x) * sinc(x / 3.0) } else { 0.0 }
}

fn clip8(sum: i32) -> u8 {
    (sum >> PRECISION_BITS).clamp(0, 255) as u8
}

/// Each row begins with input column `first_column`.
fn horizontal_pass<'a>(
    rows: impl ExactSizeIterator<Item = &'a [u8]>,
    weights: &Weights,
    first_column: usize,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(rows.len() * weights.bounds.len() * Raster::CHANNELS);
    for row in rows {
        for output in 0..weights.bounds.len() {
            let (first, values) = weights.of(output);
            let at = (first - first_column) * Raster::CHANNELS;
            let pixels = row.get(at..at + values.len() * Raster::CHANNELS).unwrap_or(&[]);
            let mut sums = [HALF; Raster::CHANNELS];
            for (pixel, &weight) in pixels.as_chunks::<3>().0.iter().zip(values) {
                for (sum, &value) in sums.iter_mut().zip(pixel) {
                    *sum += i32::from(value) * weight;
                }
            }
            out.extend(sums.map(clip8));
        }
    }
    out
}

/// `row` gives `stride` bytes of an input row.
fn vertical_pass<'a>(row: impl Fn(usize) -> &'a [u8], weights: &Weights, stride: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(weights.bounds.len() * stride);
    let mut sums = vec![HALF; stride];
    for output in 0..weights.bounds.len() {
        let (first, values) = weights.of(output);
        sums.fill(HALF);
        for (y, &weight) in (first..).zip(values) {
            for (sum, &value) in sums.iter_mut().zip(row(y)) {
                *sum += i32::from(value) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| clip8(sum)));
    }
    out
}

/// Pillow's `ImagingScaleAffine` with the nearest pixel: positions are added up, not multiplied,
/// so that their rounding is the same.
fn nearest(raster: &Raster, across: Window, down: Window) -> Vec<u8> {
    let columns = nearest_inputs(raster.width(), across);
    let rows = nearest_inputs(raster.height(), down);
    let mut out = Vec::with_capacity(rows.len() * columns.len() * Raster::CHANNELS);
    for &y in &rows {
        for &x in &columns {
            out.extend(raster.pixel(x, y));
        }
    }
    out
}

fn nearest_inputs(size: u32, window: Window) -> Vec<u32> {
    let step = f64::from(size) / window.full as f64;
    let mut at = step * 0.5;
    for _ in 0..window.start {
        at += step;
    }
    let mut inputs = Vec::with_capacity(window.len as usize);
    for _ in 0..window.len {
        inputs.push((at as u32).min(size - 1));
        at += step;
    }
    inputs
}
