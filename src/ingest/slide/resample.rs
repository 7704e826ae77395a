//! Two-pass bilinear (triangle) resampling with antialiasing, as Pillow's `resize(box=...)` does
//! it: support widened by the scale, 8-bit fixed-point weights, rounding between the passes
//! (Pillow, `src/libImaging/Resample.c`).

use vitrail_domain::Raster;

/// A box in source pixels; its edges may lie between pixels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Box2 {
    pub x: f64,
    pub y: f64,
    pub width: f64,
    pub height: f64,
}

/// Fixed-point bits of a weight, as in Pillow.
const PRECISION: u32 = 32 - 8 - 2;

/// The weights that make one output pixel.
struct Window {
    start: usize,
    weights: Vec<i32>,
}

/// `source` inside `area`, at `width x height`. Work: output pixels x window, twice.
pub(super) fn bilinear(source: &Raster, area: Box2, width: u32, height: u32) -> Option<Raster> {
    let across = windows(area.x, area.width, source.width() as usize, width as usize);
    let down = windows(area.y, area.height, source.height() as usize, height as usize);
    // Only the rows that some output row reads are resampled across.
    let first = down.first()?.start;
    let last = down.iter().map(|window| window.start + window.weights.len()).max()?;
    let mut middle = Vec::with_capacity((last - first) * width as usize * 3);
    for y in first..last {
        row_across(source.row(y as u32), &across, &mut middle);
    }
    let stride = width as usize * 3;
    let mut pixels = Vec::with_capacity(height as usize * stride);
    let mut sums = vec![0i32; stride];
    for window in &down {
        sums.fill(1 << (PRECISION - 1));
        for (row, &weight) in
            middle.chunks_exact(stride).skip(window.start - first).zip(&window.weights)
        {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += i32::from(value) * weight;
            }
        }
        pixels.extend(sums.iter().map(|&sum| to_u8(sum)));
    }
    Raster::new(width, height, pixels).ok()
}

fn row_across(row: &[u8], windows: &[Window], out: &mut Vec<u8>) {
    for window in windows {
        let mut sums = [1i32 << (PRECISION - 1); 3];
        for (pixel, &weight) in row[window.start * 3..].chunks_exact(3).zip(&window.weights) {
            for (sum, &value) in sums.iter_mut().zip(pixel) {
                *sum += i32::from(value) * weight;
            }
        }
        out.extend(sums.map(to_u8));
    }
}

fn to_u8(sum: i32) -> u8 {
    (sum >> PRECISION).clamp(0, 255) as u8
}

/// One window an output pixel: triangle weights around its centre in the source.
fn windows(start: f64, length: f64, source: usize, out: usize) -> Vec<Window> {
    let scale = length / out as f64;
    let support = scale.max(1.0);
    let narrow = 1.0 / support;
    let window = |at: usize| {
        let centre = start + (at as f64 + 0.5) * scale;
        let low = (centre - support + 0.5).max(0.0) as usize;
        let low = low.min(source.saturating_sub(1));
        let high = ((centre + support + 0.5).max(0.0) as usize).min(source).max(low + 1);
        let triangle = |x: usize| (1.0 - ((x as f64 - centre + 0.5) * narrow).abs()).max(0.0);
        let weights: Vec<f64> = (low..high).map(triangle).collect();
        let total: f64 = weights.iter().sum();
        let fixed = |weight: &f64| {
            let share = if total > 0.0 { weight / total } else { 1.0 / weights.len() as f64 };
            (share * f64::from(1u32 << PRECISION) + 0.5) as i32
        };
        Window { start: low, weights: weights.iter().map(fixed).collect() }
    };
    (0..out).map(window).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pillow 13.0: `Image.resize(size, BILINEAR, box=...)` of the same 9 x 7 picture.
    #[test]
    fn equal_to_pillow() {
        let mut pixels = Vec::new();
        for y in 0..7u32 {
            for x in 0..9u32 {
                let channels = [x * 29 + y * 53, x * x * 7 + y * 11, (x * 97) ^ (y * 61)];
                pixels.extend(channels.map(|value| (value % 256) as u8));
            }
        }
        let picture = Raster::new(9, 7, pixels).unwrap();
        let whole = Box2 { x: 0.0, y: 0.0, width: 9.0, height: 7.0 };
        let got = bilinear(&picture, whole, 4, 3).unwrap();
        let expected = [
            69, 18, 97, 128, 72, 127, 168, 138, 164, 111, 136, 111, 156, 42, 149, 145, 96, 133,
            108, 137, 126, 114, 141, 139, 84, 66, 108, 103, 120, 131, 159, 161, 141, 151, 131, 129,
        ];
        assert_eq!(got.pixels(), expected);
        let part = Box2 { x: 1.25, y: 0.5, width: 7.0, height: 5.75 };
        let got = bilinear(&picture, part, 3, 2).unwrap();
        let expected = [
            129, 49, 134, 155, 129, 146, 112, 121, 132, 115, 79, 132, 119, 154, 131, 141, 128, 131,
        ];
        assert_eq!(got.pixels(), expected);
        let larger = Box2 { x: 2.0, y: 1.0, width: 5.0, height: 4.5 };
        let got = bilinear(&picture, larger, 12, 5).unwrap();
        assert_eq!(got.pixels()[..9], [100, 32, 205, 112, 42, 224, 124, 57, 132]);
        assert!(got.pixels().ends_with(&[155, 68, 143, 167, 73, 138]));
    }
}
