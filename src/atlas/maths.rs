//! Small functions on `f32` made of additions, multiplications, divisions and square roots only:
//! IEEE 754 rounds those alike everywhere, so the pictures' bytes are the same on every machine.
//! (`sin` and `exp` of the standard library come from the platform and differ in the last bit.)

/// A colour in sRGB, each channel from 0 to 1.
pub(crate) type Colour = [f32; 3];

/// The largest whole number that is not above `x`, for |x| below 2^31.
#[inline]
pub(crate) fn floor(x: f32) -> i32 {
    let cut = x as i32;
    cut - i32::from((cut as f32) > x)
}

/// `a` at 0, `b` at 1.
#[inline]
pub(crate) fn lerp(a: f32, b: f32, at: f32) -> f32 {
    a + (b - a) * at
}

/// Colour `a` at 0, `b` at 1.
#[inline]
pub(crate) fn blend(a: Colour, b: Colour, at: f32) -> Colour {
    [lerp(a[0], b[0], at), lerp(a[1], b[1], at), lerp(a[2], b[2], at)]
}

/// Every channel times `by`.
#[inline]
pub(crate) fn scale(colour: Colour, by: f32) -> Colour {
    [colour[0] * by, colour[1] * by, colour[2] * by]
}

/// 0 up to `from`, 1 from `to`, an S between them.
#[inline]
pub(crate) fn smooth(from: f32, to: f32, x: f32) -> f32 {
    let t = ((x - from) / (to - from)).clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

/// sin(2 pi `turns`) to about 0.001, by a parabola and its correction.
#[inline]
pub(crate) fn wave(turns: f32) -> f32 {
    let t = turns - floor(turns + 0.5) as f32;
    let y = 8.0 * t - 16.0 * t * t.abs();
    0.225 * (y * y.abs() - y) + y
}

/// exp(-`x`) for `x` >= 0 to about 0.001: the reciprocal of the exponential series.
#[inline]
pub(crate) fn decay(x: f32) -> f32 {
    let x = x.max(0.0);
    let series = 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x * (1.0 / 24.0 + x / 90.0))));
    1.0 / series
}

/// 1 in the middle, 0 from distance 1 on, smooth.
#[inline]
pub(crate) fn bump(squared_distance: f32) -> f32 {
    let rest = (1.0 - squared_distance).max(0.0);
    rest * rest
}

/// A channel as a byte.
#[inline]
pub(crate) fn byte(channel: f32) -> u8 {
    (channel.clamp(0.0, 1.0) * 255.0 + 0.5) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_the_standard_library() {
        for step in -400..400 {
            let x = step as f32 / 100.0;
            assert_eq!(floor(x), x.floor() as i32, "{x}");
            assert!((wave(x) - (x * std::f32::consts::TAU).sin()).abs() < 2e-3, "{x}");
            if (0.0..3.0).contains(&x) {
                assert!((decay(x) - (-x).exp()).abs() < 6e-3, "{x}");
            }
        }
    }
}
