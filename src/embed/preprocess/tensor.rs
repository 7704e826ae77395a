//! From the square's bytes to floats: scaling, mean, std, layout.

use vitrail_domain::Raster;

use super::Pixels;
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
            for (byte, value) in (0_u8..=255).zip(table) {
                *value = finish(scaling, channel, base(scaling.base, f32::from(byte), low, range));
            }
        }
        Self(tables)
    }
}

/// Less the channel's mean, by its deviation.
fn finish(scaling: &Scaling, channel: usize, scaled: f32) -> f32 {
    let mean = scaling.mean.and_then(|mean| mean.get(channel).copied());
    let std = scaling.std.and_then(|std| std.get(channel).copied());
    let centred = mean.map_or(scaled, |mean| scaled - mean);
    std.map_or(centred, |std| centred / std)
}

fn base(base: ScalingBase, x: f32, low: f32, range: f32) -> f32 {
    match base {
        ScalingBase::U8_255 | ScalingBase::DtypeMax => x / 255.0,
        ScalingBase::Signed127_5 => x / 127.5 - 1.0,
        ScalingBase::PerImageMinmax if range == 0.0 => 0.0,
        ScalingBase::PerImageMinmax => (x - low) / range,
        ScalingBase::None => x,
    }
}

/// Axes of the tensor.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shape {
    pub layout: Layout,
    /// 3, or 1: the first of three equal ones.
    pub channels: usize,
}

/// Appends one square's floats to `out`: `[channels, side, side]` or `[side, side, channels]`.
pub(crate) fn append(pixels: &Pixels, scaling: &Scaling, shape: Shape, out: &mut Vec<f32>) {
    match pixels {
        Pixels::U8(bytes) => {
            let Tables(tables) = Tables::new(scaling, bytes);
            arrange(bytes, shape, out, |channel, byte| tables[channel][usize::from(byte)]);
        }
        Pixels::F32(floats) => {
            let low = floats.iter().copied().fold(f32::INFINITY, f32::min);
            let range = floats.iter().copied().fold(f32::NEG_INFINITY, f32::max) - low;
            arrange(floats, shape, out, |channel, value| {
                finish(scaling, channel, base(scaling.base, value, low, range))
            });
        }
    }
}

fn arrange<T: Copy>(
    values: &[T],
    Shape { layout, channels }: Shape,
    out: &mut Vec<f32>,
    number: impl Fn(usize, T) -> f32,
) {
    let pixels = values.as_chunks::<{ Raster::CHANNELS }>().0;
    match layout {
        Layout::Nhwc => {
            for pixel in pixels {
                out.extend((0..channels).map(|channel| number(channel, pixel[channel])));
            }
        }
        Layout::Nchw => {
            for channel in 0..channels {
                out.extend(pixels.iter().map(|pixel| number(channel, pixel[channel])));
            }
        }
    }
}

/// Puts `value` wherever the picture is not.
pub(crate) fn fill_around(
    tensor: &mut [f32],
    side: u32,
    shape: Shape,
    [left, top, width, height]: [u32; 4],
    value: f32,
) {
    let side = side as usize;
    let inside = |at: usize| {
        let (x, y) = ((at % side) as u32, (at / side) as u32);
        (left..left + width).contains(&x) && (top..top + height).contains(&y)
    };
    for (at, number) in tensor.iter_mut().enumerate() {
        let pixel = match shape.layout {
            Layout::Nhwc => at / shape.channels,
            Layout::Nchw => at % (side * side),
        };
        if !inside(pixel) {
            *number = value;
        }
    }
}
