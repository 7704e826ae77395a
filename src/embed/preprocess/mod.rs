//! Preprocessing: raster to tensor by a manifest's recipe, equal to Pillow, torchvision, TensorFlow
//! and OpenCV.

mod float;
mod geometry;
mod resample;
mod tensor;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use vitrail_domain::Raster;
use vitrail_domain::limits::{PREDICT_SIDE_MAX, RESAMPLE_SIDE_MAX};

pub(crate) use geometry::{Pixels, Square};
use resample::Window;

use crate::manifest::{Geometry, Manifest, Scaling};
use crate::vocabulary::{ColourRule, Kernel, Layout, ResizeType};

/// A kernel and the numbers that come out of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Resize {
    kernel: Kernel,
    dtype: ResizeType,
}

impl Resize {
    fn of(manifest: &Manifest) -> Self {
        let kernel = manifest.kernel.unwrap_or(Kernel::Nearest);
        let floats = matches!(kernel, Kernel::Tf1Bilinear | Kernel::Tf2Bilinear);
        let usual = if floats { ResizeType::F32 } else { ResizeType::U8 };
        Self { kernel, dtype: manifest.resize_dtype.unwrap_or(usual) }
    }

    /// A window of the resized picture.
    fn run(self, raster: &Raster, across: Window, down: Window) -> Pixels {
        let Self { kernel, dtype } = self;
        let floats = || float::resample_f32(raster, kernel, across, down);
        let bytes = |round: fn(f32) -> f32| {
            // A cast keeps within 0 to 255.
            Pixels::U8(floats().into_iter().map(|value| round(value) as u8).collect())
        };
        match (dtype, kernel) {
            (ResizeType::F32, _) => Pixels::F32(floats()),
            (ResizeType::U8, Kernel::Tf1Bilinear | Kernel::Tf2Bilinear) => bytes(|value| value),
            (ResizeType::U8, Kernel::CvArea | Kernel::CvCubic) => bytes(f32::round_ties_even),
            (ResizeType::U8, _) => Pixels::U8(resample::resample(raster, kernel, across, down)),
        }
    }
}

/// The steps of one model, picked from its manifest.
#[derive(Debug, Clone)]
pub struct Recipe {
    geometry: Geometry,
    resize: Resize,
    scaling: Scaling,
    layout: Layout,
    channels: usize,
    grey: bool,
    pixels_max: f64,
}

impl Recipe {
    /// The recipe of a manifest.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        let channels = manifest.tensor.channels;
        Self {
            geometry: manifest.geometry.clone(),
            resize: Resize::of(manifest),
            scaling: manifest.scaling.clone(),
            layout: manifest.tensor.layout,
            channels,
            grey: channels == 1 || manifest.source.color == ColourRule::Grey,
            pixels_max: manifest.limits.max_megapixels.map_or(f64::INFINITY, |most| most * 1e6),
        }
    }

    /// Side of the network's input in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.geometry.side()
    }

    /// Squares that one picture makes: 1, or 5 for five crops.
    #[must_use]
    pub fn views(&self) -> usize {
        self.geometry.views()
    }

    /// Floats of one square: channels x side x side.
    #[must_use]
    pub fn floats(&self) -> usize {
        self.channels * self.side() as usize * self.side() as usize
    }

    /// The input tensor's shape for `batch` squares.
    #[must_use]
    pub fn shape(&self, batch: usize) -> [usize; 4] {
        let side = self.side() as usize;
        match self.layout {
            Layout::Nchw => [batch, self.channels, side, side],
            Layout::Nhwc => [batch, side, side, self.channels],
        }
    }

    /// What the network sees: resized and cut, not scaled yet.
    ///
    /// # Errors
    /// A picture that the geometry refuses, in words.
    pub(crate) fn squares(&self, raster: &Raster) -> Result<Vec<Square>, String> {
        let (width, height) = (raster.width(), raster.height());
        if width.max(height) > RESAMPLE_SIDE_MAX {
            return Err(format!(
                "{width} x {height} pixels: a side of at most {RESAMPLE_SIDE_MAX} is resized"
            ));
        }
        if f64::from(width) * f64::from(height) > self.pixels_max {
            let most = self.pixels_max / 1e6;
            return Err(format!("{width} x {height} pixels: the manifest takes {most} megapixels"));
        }
        let raster = if self.grey { Cow::Owned(grey(raster)) } else { Cow::Borrowed(raster) };
        geometry::squares(&raster, &self.geometry, self.resize)
    }

    /// Appends the picture's floats to `out`, `self.views() * self.floats()` of them.
    ///
    /// # Errors
    /// A picture that the geometry refuses, in words; `out` is then as it was.
    pub fn append(&self, raster: &Raster, out: &mut Vec<f32>) -> Result<(), String> {
        let shape = tensor::Shape { layout: self.layout, channels: self.channels };
        let pad = (!self.scaling.pad_before_norm).then_some(self.geometry.pad_value);
        for square in self.squares(raster)? {
            let start = out.len();
            tensor::append(&square.pixels, &self.scaling, shape, out);
            if let (Some(value), Some(inside)) = (pad, square.inside) {
                let added = out.get_mut(start..).unwrap_or_default();
                tensor::fill_around(added, self.side(), shape, inside, value);
            }
        }
        Ok(())
    }
}

/// A whole picture as OpenCV resizes it: cubic where it grows, by area where it shrinks. `None`: a
/// size outside the bounds.
#[must_use]
pub fn opencv_resize(raster: &Raster, width: u32, height: u32) -> Option<Raster> {
    let sides = 1..=PREDICT_SIDE_MAX;
    if !sides.contains(&width) || !sides.contains(&height) {
        return None;
    }
    Raster::byte_len(width, height).ok()?;
    let grows = width > raster.width() || height > raster.height();
    let kernel = if grows { Kernel::CvCubic } else { Kernel::CvArea };
    let resize = Resize { kernel, dtype: ResizeType::U8 };
    match resize.run(raster, Window::whole(width), Window::whole(height)) {
        Pixels::U8(bytes) => Raster::new(width, height, bytes).ok(),
        Pixels::F32(_) => None,
    }
}

/// Luminance in all three channels, by Pillow's `convert("L")`.
fn grey(raster: &Raster) -> Raster {
    let mut grey = raster.clone();
    for pixel in grey.pixels_mut().chunks_exact_mut(Raster::CHANNELS) {
        let sum: u32 = pixel.iter().zip([19_595, 38_470, 7_471]).map(|(&v, w)| u32::from(v) * w).sum();
        pixel.fill(((sum + 0x8000) >> 16) as u8);
    }
    grey
}
