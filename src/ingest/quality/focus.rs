//! Sharpness: variance of the Laplacian (Pech-Pacheco et al., ICPR 2000), the ratio of gradients at
//! two scales (blur takes the fine one first), and noise by Immerkaer (CVIU 64, 1996).

use super::plane::Plane;

/// What sharpness is judged by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Focus {
    /// Variance of the 4-neighbour Laplacian, grey levels squared.
    pub laplacian: f64,
    /// Mean step from pixel to pixel over that of the picture at half its size: 0.5 where all is
    /// smooth, near 1 for fine detail, 2 for noise without a picture.
    pub ratio: f64,
    /// The same one octave lower.
    pub ratio_half: f64,
    /// Standard deviation of noise, grey levels; fine texture counts as some.
    pub noise: f64,
}

pub(super) fn focus(plane: &Plane) -> Focus {
    let (sum, squares, noise) = plane.neighbourhoods((0.0, 0.0, 0.0), |state, [up, own, down]| {
        let lap = f64::from(up[1] + down[1] + own[0] + own[2] - 4.0 * own[1]);
        let corners = up[0] + up[2] + down[0] + down[2];
        let sides = up[1] + down[1] + own[0] + own[2];
        state.0 += lap;
        state.1 += lap * lap;
        state.2 += f64::from((corners - 2.0 * sides + 4.0 * own[1]).abs());
    });
    let count = plane.inner();
    let half = plane.half();
    let [fine, middle, coarse] = [plane.gradient(), half.gradient(), half.half().gradient()];
    // Where nothing changes at all there is nothing to be sharp.
    let ratio = |fine: f64, coarse: f64| if coarse > 1e-3 { fine / coarse } else { 0.5 };
    Focus {
        laplacian: (squares / count - (sum / count).powi(2)).max(0.0),
        ratio: ratio(fine, middle),
        ratio_half: ratio(middle, coarse),
        noise: (std::f64::consts::PI / 2.0).sqrt() * noise / (6.0 * count),
    }
}
