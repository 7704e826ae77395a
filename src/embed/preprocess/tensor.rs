//! From the square's bytes to floats: scaling, mean, std, layout.

use vitrail_domain::Raster;

use crate::manifest::Scaling;
use crate::vocabulary::{Layout, ScalingBase};

/// What each of the 256 byte values becomes, for each channel: every recipe is a table.
struct Tables([[f32; 256]; 3]);

impl Tables {
    /// Single-precision operations in the order of NumPy and torchvision, so results are equal.
    fn new(scaling: &Scaling, bytes: &[u8]) -> Self {
        let low = f32::from(bytes.iter().copied().min().unwrap_or(0));
        let range = f32::from(bytes.iter().copied().max().unwrap_or(0)) - low;
        let mut tables = [[0.0; 256]; 3];
        for (channel, table) in tables.iter_mut().enumerate() {
            let mean = scaling.mean.and_then(|mean| mean.get(channel).copied());
            let std = scaling.std.and_then(|std| std.get(channel).copied());
            for (byte, value) in (0_u8..=255).zip(table) {
                let scaled = base(scaling.base, f32::from(byte), low, range);
                let centred = mean.map_or(scaled, |mean| scaled - mean);
                *value = std.map_or(centred, |std| centred / std);
            }
        }
        Self(tables)
    }
}

fn base(base: ScalingBase, x: f32, low: f32, range: f32) -> f32 {
    match base {
        ScalingBase::U8_255 => x / 255.0,
        ScalingBase::Signed127_5 => x / 127.5 - 1.0,
        ScalingBase::PerImageMinmax if range == 0.0 => 0.0,
        ScalingBase::PerImageMinmax => (x - low) / range,
        ScalingBase::None => x,
    }
}

/// Appends one picture's floats to `out`: `[3, side, side]` or `[side, side, 3]`.
pub(crate) fn append(bytes: &[u8], scaling: &Scaling, layout: Layout, out: &mut Vec<f32>) {
    let Tables(tables) = Tables::new(scaling, bytes);
    let pixels = bytes.as_chunks::<{ Raster::CHANNELS }>().0;
    match layout {
        Layout::Nhwc => {
            for pixel in pixels {
                out.extend(pixel.iter().zip(&tables).map(|(&byte, table)| look(table, byte)));
            }
        }
        Layout::Nchw => {
            for (channel, table) in tables.iter().enumerate() {
                out.extend(pixels.iter().map(|pixel| look(table, pixel[channel])));
            }
        }
    }
}

fn look(table: &[f32; 256], byte: u8) -> f32 {
    table[usize::from(byte)]
}
