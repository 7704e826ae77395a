//! Preprocessing: raster to tensor by a manifest's recipe, equal to Pillow and torchvision.

mod geometry;
mod resample;
mod tensor;
#[cfg(test)]
mod tests;

use vitrail_domain::Raster;
use vitrail_domain::limits::RESAMPLE_SIDE_MAX;

use crate::manifest::{Geometry, Manifest, Scaling};
use crate::vocabulary::{Kernel, Layout};

/// The steps of one model, picked from its manifest.
#[derive(Debug, Clone)]
pub struct Recipe {
    geometry: Geometry,
    kernel: Kernel,
    scaling: Scaling,
    layout: Layout,
}

impl Recipe {
    /// The recipe of a manifest.
    #[must_use]
    pub fn of(manifest: &Manifest) -> Self {
        Self {
            geometry: manifest.geometry.clone(),
            kernel: manifest.kernel.unwrap_or(Kernel::Nearest),
            scaling: manifest.scaling.clone(),
            layout: manifest.tensor.layout,
        }
    }

    /// Side of the network's input in pixels.
    #[must_use]
    pub fn side(&self) -> u32 {
        self.geometry.side()
    }

    /// Floats of one picture: 3 x side x side.
    #[must_use]
    pub fn floats(&self) -> usize {
        Raster::CHANNELS * self.side() as usize * self.side() as usize
    }

    /// The input tensor's shape for `batch` pictures.
    #[must_use]
    pub fn shape(&self, batch: usize) -> [usize; 4] {
        let side = self.side() as usize;
        match self.layout {
            Layout::Nchw => [batch, Raster::CHANNELS, side, side],
            Layout::Nhwc => [batch, side, side, Raster::CHANNELS],
        }
    }

    /// What the network sees: resized and cut, still as bytes `[side x side x 3]`.
    ///
    /// # Errors
    /// A picture that the geometry refuses, in words.
    pub fn square(&self, raster: &Raster) -> Result<Vec<u8>, String> {
        let (width, height) = (raster.width(), raster.height());
        if width.max(height) > RESAMPLE_SIDE_MAX {
            return Err(format!(
                "{width} x {height} pixels: a side of at most {RESAMPLE_SIDE_MAX} is resized"
            ));
        }
        geometry::square(raster, &self.geometry, self.kernel)
    }

    /// Appends the picture's floats to `out`, `self.floats()` of them.
    ///
    /// # Errors
    /// A picture that the geometry refuses, in words; `out` is then as it was.
    pub fn append(&self, raster: &Raster, out: &mut Vec<f32>) -> Result<(), String> {
        let bytes = self.square(raster)?;
        tensor::append(&bytes, &self.scaling, self.layout, out);
        Ok(())
    }
}
