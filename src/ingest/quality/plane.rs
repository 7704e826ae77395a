//! One plane of luminance, 0 to 255, and what is measured on any plane.

use vitrail_domain::Raster;

/// A picture of one channel, row major.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plane {
    pub width: usize,
    pub height: usize,
    pub values: Vec<f32>,
}

impl Plane {
    /// Luminance by Rec. 601, as JPEG has it.
    pub(super) fn luminance(raster: &Raster) -> Self {
        let pixels = raster.pixels().chunks_exact(3);
        let luma =
            |p: &[u8]| 0.299 * f32::from(p[0]) + 0.587 * f32::from(p[1]) + 0.114 * f32::from(p[2]);
        Self {
            width: raster.width() as usize,
            height: raster.height() as usize,
            values: pixels.map(luma).collect(),
        }
    }

    /// Means of 2 x 2; an odd last column or row is left out.
    pub(super) fn half(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut values = Vec::with_capacity(width * height);
        for rows in self.values.chunks_exact(self.width.max(1) * 2).take(height) {
            let (upper, lower) = rows.split_at(self.width);
            let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
            values.extend(pairs.map(|(a, b)| (a[0] + a[1] + b[0] + b[1]) / 4.0));
        }
        Self { width, height, values }
    }

    /// Mean of the absolute steps to the right and down: grey levels a pixel.
    pub(super) fn gradient(&self) -> f64 {
        let mut sum = 0.0f64;
        let rows = || self.values.chunks_exact(self.width.max(1));
        for row in rows() {
            sum += f64::from(row.windows(2).map(|w| (w[1] - w[0]).abs()).sum::<f32>());
        }
        for (upper, lower) in rows().zip(rows().skip(1)) {
            sum += f64::from(upper.iter().zip(lower).map(|(a, b)| (a - b).abs()).sum::<f32>());
        }
        let steps = (self.width.saturating_sub(1) * self.height)
            + self.width * self.height.saturating_sub(1);
        sum / steps.max(1) as f64
    }

    /// Folds `f` over the inner pixels with their 3 x 3 neighbourhood, row by row: upper, own and
    /// lower row, each three values.
    pub(super) fn neighbourhoods<T>(
        &self,
        mut state: T,
        mut f: impl FnMut(&mut T, [&[f32]; 3]),
    ) -> T {
        let width = self.width.max(1);
        let rows: Vec<&[f32]> = self.values.chunks_exact(width).collect();
        for three in rows.windows(3) {
            let [upper, own, lower] = three else { continue };
            for x in 0..width.saturating_sub(2) {
                f(&mut state, [&upper[x..x + 3], &own[x..x + 3], &lower[x..x + 3]]);
            }
        }
        state
    }

    /// Inner pixels: those with a whole neighbourhood.
    pub(super) fn inner(&self) -> f64 {
        (self.width.saturating_sub(2) * self.height.saturating_sub(2)).max(1) as f64
    }
}
