//! Exposure, contrast, colour and emptiness: percentiles of luminance, clipped shares, saturation,
//! colourfulness (Hasler and Suesstrunk, 2003), entropy.

use vitrail_domain::Raster;

use super::plane::Plane;

/// What light and colour are judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Light {
    /// Mean luminance, 0 to 255.
    pub brightness: f64,
    /// Luminance below which a hundredth, half and 99 hundredths of the pixels lie.
    pub low: f64,
    pub middle: f64,
    pub high: f64,
    /// Share of pixels at 2 or below, and at 253 or above.
    pub dark: f64,
    pub bright: f64,
    /// Mean of the largest less the smallest channel, 0 to 255.
    pub saturation: f64,
    /// Colourfulness: 0 grey, 15 slightly, 100 extremely.
    pub colour: f64,
    /// Bits of the luminance histogram, 0 to 8.
    pub entropy: f64,
    /// Share of pixels that are pale and nearly without colour: glass, paper, nothing.
    pub background: f64,
}

/// Pale: lighter than this, and the channels within `GLASS_SPREAD` of each other.
const GLASS_LEVEL: u8 = 205;
const GLASS_SPREAD: u8 = 22;

pub(super) fn light(raster: &Raster, plane: &Plane) -> Light {
    let mut histogram = [0u64; 256];
    for value in &plane.values {
        histogram[value.round().clamp(0.0, 255.0) as usize] += 1;
    }
    let count = plane.values.len().max(1) as f64;
    let share = |levels: &[u64]| levels.iter().sum::<u64>() as f64 / count;
    let (saturation, background, colour) = colours(raster, count);
    let weighted = histogram.iter().enumerate().map(|(level, n)| level as f64 * *n as f64);
    Light {
        brightness: weighted.sum::<f64>() / count,
        low: percentile(&histogram, 0.01 * count),
        middle: percentile(&histogram, 0.5 * count),
        high: percentile(&histogram, 0.99 * count),
        dark: share(&histogram[..3]),
        bright: share(&histogram[253..]),
        saturation,
        colour,
        entropy: histogram.iter().map(|n| bits(*n as f64 / count)).sum(),
        background,
    }
}

fn bits(share: f64) -> f64 {
    if share > 0.0 { -share * share.log2() } else { 0.0 }
}

fn percentile(histogram: &[u64; 256], below: f64) -> f64 {
    let mut left = below;
    let reached = histogram.iter().position(|count| {
        left -= *count as f64;
        left < 0.0
    });
    reached.unwrap_or(255) as f64
}

/// Mean saturation, share of background, colourfulness.
fn colours(raster: &Raster, count: f64) -> (f64, f64, f64) {
    let (mut spread_sum, mut pale) = (0u64, 0u64);
    let (mut rg, mut yb) = ([0.0f64; 2], [0.0f64; 2]);
    for p in raster.pixels().chunks_exact(3) {
        let (high, low) = (p[0].max(p[1]).max(p[2]), p[0].min(p[1]).min(p[2]));
        spread_sum += u64::from(high - low);
        pale += u64::from(low >= GLASS_LEVEL && high - low <= GLASS_SPREAD);
        let [r, g, b] = [p[0], p[1], p[2]].map(f64::from);
        for (sums, value) in [(&mut rg, r - g), (&mut yb, (r + g) / 2.0 - b)] {
            sums[0] += value;
            sums[1] += value * value;
        }
    }
    let moments = |sums: [f64; 2]| {
        let mean = sums[0] / count;
        (mean, (sums[1] / count - mean * mean).max(0.0))
    };
    let ((rg_mean, rg_var), (yb_mean, yb_var)) = (moments(rg), moments(yb));
    let colour = (rg_var + yb_var).sqrt() + 0.3 * rg_mean.hypot(yb_mean);
    (spread_sum as f64 / count, pale as f64 / count, colour)
}
