//! A part of the slide while it is drawn: how much of each dye lies over each pixel.

use crate::maths::{byte, decay};

/// What each dye takes from red, green and blue (optical density of a unit of dye).
const HAEMATOXYLIN: [f32; 3] = [0.92, 1.02, 0.46];
const EOSIN: [f32; 3] = [0.10, 0.86, 0.46];
/// The lamp through bare glass.
const GLASS: [f32; 3] = [0.957, 0.953, 0.961];

/// Dye over the pixels of a box of the slide.
pub(crate) struct Sheet {
    /// The box's corner on the slide; it may lie outside.
    pub(crate) x: i64,
    pub(crate) y: i64,
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Haematoxylin and eosin, row major.
    pub(crate) dye: Vec<[f32; 2]>,
}

/// An ellipse on the slide: centre, half axes, direction of the first axis.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ellipse {
    pub(crate) x: f32,
    pub(crate) y: f32,
    pub(crate) axes: (f32, f32),
    pub(crate) way: (f32, f32),
}

impl Sheet {
    /// Bare glass.
    pub(crate) fn new(x: i64, y: i64, width: usize, height: usize) -> Self {
        Self { x, y, width, height, dye: vec![[0.0; 2]; width * height] }
    }

    /// Changes the pixels in an ellipse and up to `reach` times as far out, given each pixel's
    /// place on the slide and its distance (1 on the ellipse).
    pub(crate) fn stamp(
        &mut self,
        ellipse: Ellipse,
        reach: f32,
        mut change: impl FnMut(f32, f32, f32, &mut [f32; 2]),
    ) {
        let far = ellipse.axes.0.max(ellipse.axes.1) * reach + 1.0;
        let (left, top) = (ellipse.x - self.x as f32, ellipse.y - self.y as f32);
        let low = |at: f32, end: usize| ((at - far).max(0.0) as usize).min(end);
        let high = |at: f32, end: usize| ((at + far + 1.0).max(0.0) as usize).min(end);
        let (c, s) = ellipse.way;
        for row in low(top, self.height)..high(top, self.height) {
            for column in low(left, self.width)..high(left, self.width) {
                let x = (self.x + column as i64) as f32;
                let y = (self.y + row as i64) as f32;
                let (dx, dy) = (x - ellipse.x, y - ellipse.y);
                let along = (dx * c + dy * s) / ellipse.axes.0;
                let across = (dy * c - dx * s) / ellipse.axes.1;
                let squared = along * along + across * across;
                if squared < reach * reach {
                    change(x, y, squared.sqrt(), &mut self.dye[row * self.width + column]);
                }
            }
        }
    }

    /// Light through the dyes, as bytes (law of Beer and Lambert).
    pub(crate) fn lit(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.dye.len() * 3);
        let bare = GLASS.map(byte);
        for &[h, e] in &self.dye {
            if h + e <= 0.0 {
                bytes.extend_from_slice(&bare);
                continue;
            }
            for channel in 0..3 {
                let density = h * HAEMATOXYLIN[channel] + e * EOSIN[channel];
                bytes.push(byte(GLASS[channel] * decay(density)));
            }
        }
        bytes
    }
}
