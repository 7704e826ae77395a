//! Resampling in floats: OpenCV's kernels, TensorFlow's bilinear ones, and Pillow's kernels where
//! nothing is rounded (its mode F; torchvision's tensors, with antialias).

use vitrail_domain::Raster;

use super::resample::{self, Window};
use crate::vocabulary::Kernel;

/// The weights of one axis: `taps` input pixels and weights for each output pixel.
struct Axis {
    inputs: Vec<u32>,
    weights: Vec<f64>,
    taps: usize,
}

impl Axis {
    fn with_taps(taps: usize, len: u32) -> Self {
        let room = taps * len as usize;
        Self { inputs: Vec::with_capacity(room), weights: Vec::with_capacity(room), taps }
    }

    fn push(&mut self, input: u32, weight: f64) {
        self.inputs.push(input);
        self.weights.push(weight);
    }

    fn outputs(&self) -> impl Iterator<Item = (&[u32], &[f64])> {
        self.inputs.chunks_exact(self.taps).zip(self.weights.chunks_exact(self.taps))
    }

    /// First input pixel that is read, and the one after the last.
    fn span(&self) -> (u32, u32) {
        let first = self.inputs.iter().min().copied().unwrap_or(0);
        (first, self.inputs.iter().max().map_or(0, |last| last + 1))
    }
}

/// Resizes and returns the window alone, `[down.len x across.len x 3]`, 0 to 255 (a cubic kernel
/// overshoots). Time and memory as of `resample`, four bytes for one.
pub(crate) fn resample_f32(
    raster: &Raster,
    kernel: Kernel,
    across: Window,
    down: Window,
) -> Vec<f32> {
    let sides = (raster.width(), raster.height());
    match kernel {
        Kernel::Nearest => {
            let bytes = resample::resample(raster, kernel, across, down);
            bytes.into_iter().map(f32::from).collect()
        }
        Kernel::Tf1Bilinear | Kernel::Tf2Bilinear => {
            let half = kernel == Kernel::Tf2Bilinear;
            tensorflow(raster, &lerps(sides.0, across, half), &lerps(sides.1, down, half))
        }
        Kernel::Bilinear | Kernel::Bicubic | Kernel::Lanczos => {
            let of = |size, window| pillow(size, kernel, window);
            two_passes(raster, &of(sides.0, across), &of(sides.1, down))
        }
        Kernel::CvCubic => {
            two_passes(raster, &cubic(sides.0, across), &cubic(sides.1, down))
        }
        Kernel::CvArea => {
            let shrinks = across.full <= u64::from(sides.0) && down.full <= u64::from(sides.1);
            let of = if shrinks { area } else { area_enlarging };
            two_passes(raster, &of(sides.0, across), &of(sides.1, down))
        }
    }
}

/// Across, then down, each sum in doubles.
fn two_passes(raster: &Raster, across: &Axis, down: &Axis) -> Vec<f32> {
    let (first, end) = down.span();
    let stride = across.inputs.len() / across.taps.max(1) * Raster::CHANNELS;
    let mut narrow = Vec::with_capacity(stride * (end - first) as usize);
    for y in first..end {
        let row = raster.row(y).as_chunks::<{ Raster::CHANNELS }>().0;
        for (inputs, weights) in across.outputs() {
            let mut sums = [0.0; Raster::CHANNELS];
            for (&input, &weight) in inputs.iter().zip(weights) {
                let pixel = row.get(input as usize).copied().unwrap_or_default();
                for (sum, value) in sums.iter_mut().zip(pixel) {
                    *sum += f64::from(value) * weight;
                }
            }
            narrow.extend(sums.map(|sum| sum as f32));
        }
    }
    let mut out = Vec::with_capacity(down.inputs.len() / down.taps.max(1) * stride);
    let mut sums = vec![0.0; stride];
    for (inputs, weights) in down.outputs() {
        sums.fill(0.0);
        for (&input, &weight) in inputs.iter().zip(weights) {
            let at = (input - first) as usize * stride;
            let row = narrow.get(at..at + stride).unwrap_or(&[]);
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value) * weight;
            }
        }
        out.extend(sums.iter().map(|&sum| sum as f32));
    }
    out
}

fn pillow(size: u32, kernel: Kernel, window: Window) -> Axis {
    let (taps, rows) = resample::weights_f64(size, kernel, window);
    let mut axis = Axis::with_taps(taps, window.len);
    for (first, weights) in rows {
        for tap in 0..taps {
            let input = u32::try_from(first + tap).unwrap_or(u32::MAX).min(size - 1);
            axis.push(input, weights.get(tap).copied().unwrap_or(0.0));
        }
    }
    axis
}

fn outputs(window: Window) -> impl Iterator<Item = u64> {
    window.start..window.start + u64::from(window.len)
}

fn clamped(at: i64, size: u32) -> u32 {
    at.clamp(0, i64::from(size) - 1) as u32
}

/// OpenCV's `interpolateCubic`, a = -0.75, the border's pixel repeated.
fn cubic(size: u32, window: Window) -> Axis {
    const A: f32 = -0.75;
    let scale = f64::from(size) / window.full as f64;
    let mut axis = Axis::with_taps(4, window.len);
    for output in outputs(window) {
        let at = ((output as f64 + 0.5) * scale - 0.5) as f32;
        let first = at.floor();
        let x = at - first;
        let near = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
        let far = |x: f32| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
        let (w0, w1, w2) = (far(x + 1.0), near(x), near(1.0 - x));
        let weights = [w0, w1, w2, 1.0 - w0 - w1 - w2];
        for (tap, weight) in (-1..).zip(weights) {
            axis.push(clamped(first as i64 + tap, size), f64::from(weight));
        }
    }
    axis
}

/// OpenCV's `computeResizeAreaTab`: each output is the mean of what it covers.
fn area(size: u32, window: Window) -> Axis {
    let scale = f64::from(size) / window.full as f64;
    let taps = scale.ceil() as usize + 1;
    let mut axis = Axis::with_taps(taps, window.len);
    for output in outputs(window) {
        let begin = output as f64 * scale;
        let end = (begin + scale).min(f64::from(size));
        let covered = end - begin;
        for tap in 0..taps as i64 {
            let input = begin.floor() as i64 + tap;
            let (left, right) = ((input as f64).max(begin), (input as f64 + 1.0).min(end));
            // OpenCV leaves out slivers below a thousandth of a pixel.
            let share = if right - left > 1e-3 { right - left } else { 0.0 };
            axis.push(clamped(input, size), share / covered);
        }
    }
    axis
}

/// OpenCV's `INTER_AREA` where a side grows: linear between the pixels' edges.
fn area_enlarging(size: u32, window: Window) -> Axis {
    let scale = f64::from(size) / window.full as f64;
    let mut axis = Axis::with_taps(2, window.len);
    for output in outputs(window) {
        let first = (output as f64 * scale).floor();
        let x = ((output as f64 + 1.0) - (first + 1.0) / scale) as f32;
        let x = if x <= 0.0 { 0.0 } else { x - x.floor() };
        axis.push(clamped(first as i64, size), f64::from(1.0 - x));
        axis.push(clamped(first as i64 + 1, size), f64::from(x));
    }
    axis
}

/// Two neighbours and how far between them, for each output pixel of an axis.
struct Lerp {
    lower: u32,
    upper: u32,
    share: f32,
}

/// `compute_interpolation_weights` of TensorFlow's `resize_bilinear_op.cc`, in single precision as
/// there.
fn lerps(size: u32, window: Window, half_pixel_centers: bool) -> Vec<Lerp> {
    let scale = size as f32 / window.full as f32;
    let of = |output: u64| {
        let at = match half_pixel_centers {
            true => (output as f32 + 0.5) * scale - 0.5,
            false => output as f32 * scale,
        };
        let floor = at.floor();
        let (lower, upper) = (floor as i64, at.ceil() as i64);
        Lerp { lower: clamped(lower, size), upper: clamped(upper, size), share: at - floor }
    };
    outputs(window).map(of).collect()
}

/// `compute_lerp` for each output pixel, in single precision and in TensorFlow's order.
fn tensorflow(raster: &Raster, across: &[Lerp], down: &[Lerp]) -> Vec<f32> {
    let mut out = Vec::with_capacity(across.len() * down.len() * Raster::CHANNELS);
    for y in down {
        for x in across {
            let pixel = |x, y| raster.pixel(x, y).map(f32::from);
            let (top_left, top_right) = (pixel(x.lower, y.lower), pixel(x.upper, y.lower));
            let (low_left, low_right) = (pixel(x.lower, y.upper), pixel(x.upper, y.upper));
            for channel in 0..Raster::CHANNELS {
                let top = lerp(top_left[channel], top_right[channel], x.share);
                let low = lerp(low_left[channel], low_right[channel], x.share);
                out.push(lerp(top, low, y.share));
            }
        }
    }
    out
}

fn lerp(from: f32, to: f32, share: f32) -> f32 {
    from + (to - from) * share
}
