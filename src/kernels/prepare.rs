//! What is done to a vector before it is compared.

/// A squared length this near to 1 is left alone, so that scaling twice equals scaling once.
const UNIT_TOLERANCE: f64 = 1e-6;

/// Scales to length 1, measured in double precision; false (and untouched) where there is no
/// length to scale: all zeros, or not finite. Scaling again changes nothing. O(n).
pub fn normalise(vector: &mut [f32]) -> bool {
    let squared: f64 = vector.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if !squared.is_finite() || squared == 0.0 {
        return false;
    }
    if (squared - 1.0).abs() > UNIT_TOLERANCE {
        let length = squared.sqrt();
        for component in vector.iter_mut() {
            *component = (f64::from(*component) / length) as f32;
        }
    }
    true
}

/// The position of the first component that is NaN or infinite. O(n).
#[must_use]
pub fn first_non_finite(vector: &[f32]) -> Option<usize> {
    vector.iter().position(|component| !component.is_finite())
}
