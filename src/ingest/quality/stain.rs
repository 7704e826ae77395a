//! Haematoxylin and eosin of a tile, by Macenko et al. (ISBI 2009): the plane of optical densities,
//! the extreme angles in it, and how much of each stain there is.

use vitrail_domain::Raster;

/// Optical density below which a pixel is glass.
const GLASS_DENSITY: f64 = 0.15;

/// Light without tissue.
const LIGHT: f64 = 240.0;

/// Hundredths at either end that are left to outliers.
const OUTLIERS: f64 = 0.01;

/// Pixels that are looked at: means over more differ in the fourth digit.
const PIXELS: usize = 16_384;

/// Share of pixels that must be denser than glass.
const TISSUE_MIN: f64 = 0.05;

/// Mean optical density of each stain over the pixels denser than glass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stain {
    pub haematoxylin: f64,
    pub eosin: f64,
}

/// `None` where there is too little tissue, or one colour only.
pub(super) fn stain(raster: &Raster) -> Option<Stain> {
    let count = raster.pixels().len() / 3;
    let step = count.div_ceil(PIXELS).max(1);
    let looked = count.div_ceil(step);
    // A table: a logarithm a channel would cost more than all the rest.
    let densities: Vec<f64> =
        (0..256).map(|v| -(f64::from(v.max(1)) / LIGHT).log10().min(0.0)).collect();
    let pixels: Vec<[f64; 3]> = raster
        .pixels()
        .chunks_exact(3)
        .step_by(step)
        .map(|p| [0, 1, 2].map(|c| densities[usize::from(p[c])]))
        .filter(|od| od.iter().sum::<f64>() > 3.0 * GLASS_DENSITY)
        .collect();
    if (pixels.len() as f64) < looked as f64 * TISSUE_MIN {
        return None;
    }
    let (first, second) = plane_of(&pixels);
    let mut angles: Vec<f64> =
        pixels.iter().map(|od| dot(*od, second).atan2(dot(*od, first))).collect();
    angles.sort_by(f64::total_cmp);
    let at = |share: f64| angles[((angles.len() - 1) as f64 * share).round() as usize];
    let along = |angle: f64| {
        let (sin, cos) = angle.sin_cos();
        [0, 1, 2].map(|c| first[c] * cos + second[c] * sin)
    };
    let (a, b) = (along(at(OUTLIERS)), along(at(1.0 - OUTLIERS)));
    // Haematoxylin takes more red out of the light.
    let (h, e) = if a[0] > b[0] { (a, b) } else { (b, a) };
    amounts(&pixels, h, e)
}

/// Mean amounts by least squares; what comes out negative is none.
fn amounts(pixels: &[[f64; 3]], h: [f64; 3], e: [f64; 3]) -> Option<Stain> {
    let (hh, ee, he) = (dot(h, h), dot(e, e), dot(h, e));
    let scale = hh * ee - he * he;
    if scale < 1e-6 {
        return None;
    }
    let (mut sum_h, mut sum_e) = (0.0, 0.0);
    for od in pixels {
        let (oh, oe) = (dot(*od, h), dot(*od, e));
        sum_h += ((ee * oh - he * oe) / scale).max(0.0);
        sum_e += ((hh * oe - he * oh) / scale).max(0.0);
    }
    let count = pixels.len() as f64;
    Some(Stain { haematoxylin: sum_h / count, eosin: sum_e / count })
}

fn dot(a: [f64; 3], b: [f64; 3]) -> f64 {
    a[0] * b[0] + a[1] * b[1] + a[2] * b[2]
}

/// The two directions of largest variance, the first along the mean density.
fn plane_of(pixels: &[[f64; 3]]) -> ([f64; 3], [f64; 3]) {
    let count = pixels.len().max(1) as f64;
    let mut mean = [0.0; 3];
    for od in pixels {
        (0..3).for_each(|c| mean[c] += od[c] / count);
    }
    let mut covariance = [[0.0; 3]; 3];
    for od in pixels {
        for i in 0..3 {
            for j in 0..3 {
                covariance[i][j] += (od[i] - mean[i]) * (od[j] - mean[j]) / count;
            }
        }
    }
    let vectors = eigenvectors(covariance);
    let upright = |v: [f64; 3]| if dot(v, mean) < 0.0 { v.map(|c| -c) } else { v };
    (upright(vectors[0]), vectors[1])
}

/// Eigenvectors of a symmetric matrix, largest eigenvalue first, by Jacobi's rotations: for 3 x 3
/// six sweeps reach the last bit.
fn eigenvectors(mut m: [[f64; 3]; 3]) -> [[f64; 3]; 3] {
    let mut v = [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]];
    for (p, q) in [(0, 1), (0, 2), (1, 2)].into_iter().cycle().take(18) {
        if m[p][q].abs() < 1e-15 {
            continue;
        }
        let theta = 0.5 * (2.0 * m[p][q]).atan2(m[q][q] - m[p][p]);
        let (sin, cos) = theta.sin_cos();
        let turn = |a: f64, b: f64| (cos * a - sin * b, sin * a + cos * b);
        for row in m.iter_mut().chain(&mut v) {
            (row[p], row[q]) = turn(row[p], row[q]);
        }
        let (first, second) = (m[p], m[q]);
        for k in 0..3 {
            (m[p][k], m[q][k]) = turn(first[k], second[k]);
        }
    }
    let mut order = [0, 1, 2];
    order.sort_by(|a, b| m[*b][*b].total_cmp(&m[*a][*a]));
    order.map(|column| [v[0][column], v[1][column], v[2][column]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eigenvectors_of_a_known_matrix() {
        let [first, second, third] =
            eigenvectors([[2.0, 1.0, 0.0], [1.0, 2.0, 0.0], [0.0, 0.0, 0.5]]);
        let half = std::f64::consts::FRAC_1_SQRT_2;
        assert!((dot(first, [half, half, 0.0]).abs() - 1.0).abs() < 1e-12, "{first:?}");
        assert!((dot(second, [half, -half, 0.0]).abs() - 1.0).abs() < 1e-12, "{second:?}");
        assert!((third[2].abs() - 1.0).abs() < 1e-12, "{third:?}");
    }

    /// Ruifrok's vectors (HSD of H and E), mixed in known amounts.
    #[test]
    fn stains_that_were_mixed_are_measured() {
        let (h, e) = ([0.650, 0.704, 0.286], [0.072, 0.990, 0.105]);
        for (more_h, more_e) in [(0.8, 0.4), (0.4, 0.8)] {
            let mut pixels = Vec::new();
            for at in 0..64u32 * 64 {
                let (ch, ce) = match at % 4 {
                    0 => (more_h, 0.0),
                    1 => (0.0, more_e),
                    2 => (more_h, more_e / 2.0),
                    _ => (more_h / 2.0, more_e),
                };
                pixels.extend(
                    [0, 1, 2].map(|c: usize| {
                        (LIGHT * 10f64.powf(-(ch * h[c] + ce * e[c]))).round() as u8
                    }),
                );
            }
            let raster = Raster::new(64, 64, pixels).expect("a raster");
            let found = stain(&raster).expect("stains");
            let expected = (more_h * 2.5 / 4.0, more_e * 2.5 / 4.0);
            assert!((found.haematoxylin - expected.0).abs() < 0.04, "{found:?} {expected:?}");
            assert!((found.eosin - expected.1).abs() < 0.04, "{found:?} {expected:?}");
        }
        assert_eq!(stain(&Raster::filled(64, 64, [240; 3]).expect("glass")), None);
    }
}
