//! What rows are made of: floats, or halves (IEEE binary16) that take half the memory.

use crate::dispatch::{Kernels, Pair};
use crate::scorer::Distance;

/// A number of a row: `f32`, or `u16` with the bits of a binary16. Queries are always `f32`.
pub trait Element: Copy + Default + Table {
    /// Whether it is a half.
    const HALF: bool;

    /// Its value; exact.
    fn wide(self) -> f32;
}

/// Which kernels score rows of an element.
pub trait Table: Sized {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "nobody outside can name this trait to call it")]
    fn pair(kernels: &Kernels, distance: Distance) -> Pair<Self>;
}

impl Element for f32 {
    const HALF: bool = false;

    #[inline(always)]
    fn wide(self) -> f32 {
        self
    }
}

impl Element for u16 {
    const HALF: bool = true;

    #[inline(always)]
    fn wide(self) -> f32 {
        half_to_f32(self)
    }
}

#[expect(private_interfaces, reason = "as in the trait")]
impl Table for f32 {
    fn pair(kernels: &Kernels, distance: Distance) -> Pair<Self> {
        match distance {
            Distance::OneMinusDot | Distance::MinusDot => kernels.0.dot,
            Distance::L2Squared => kernels.0.l2_squared,
            Distance::L1 => kernels.0.l1,
        }
    }
}

#[expect(private_interfaces, reason = "as in the trait")]
impl Table for u16 {
    fn pair(kernels: &Kernels, distance: Distance) -> Pair<Self> {
        match distance {
            Distance::OneMinusDot | Distance::MinusDot => kernels.0.dot_half,
            Distance::L2Squared => kernels.0.l2_squared_half,
            Distance::L1 => kernels.0.l1_half,
        }
    }
}

/// `count` (at most `N`) elements from `offset` on, zeros behind them.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(crate) fn padded<E: Element, const N: usize>(
    values: &[E],
    offset: usize,
    count: usize,
) -> [E; N] {
    let mut part = [E::default(); N];
    part[..count].copy_from_slice(&values[offset..offset + count]);
    part
}

const SIGN: u16 = 1 << 15;
/// Bits of the fraction that a float has more.
const FRACTION: u32 = 23 - 10;
/// What a float's exponent is larger by.
const BIAS: u32 = 127 - 15;

/// The value of a binary16; exact, NaN stays NaN.
#[must_use]
pub fn half_to_f32(half: u16) -> f32 {
    let sign = u32::from(half & SIGN) << 16;
    let rest = u32::from(half & !SIGN);
    let bits = match rest >> 10 {
        // Below the normal numbers: a whole number of 2^-24.
        0 => (rest as f32 / 16_777_216.0).to_bits(),
        31 => (rest << FRACTION) | 0x7F80_0000,
        _ => (rest << FRACTION) + (BIAS << 23),
    };
    f32::from_bits(sign | bits)
}

/// The nearest binary16, ties to the even one; infinite from 65,520 on, NaN stays NaN.
#[must_use]
pub fn f32_to_half(value: f32) -> u16 {
    let sign = ((value.to_bits() >> 16) as u16) & SIGN;
    let size = value.abs();
    let half = if size.is_nan() {
        0x7E00
    } else if size >= 65_520.0 {
        0x7C00
    } else if size < 6.103_515_6e-5 {
        // A whole number of 2^-24; adding 2^23 rounds to it, ties to even.
        let rounded = size * 16_777_216.0 + 8_388_608.0;
        (rounded.to_bits() & 0x7FFF) as u16
    } else {
        let bits = size.to_bits();
        let to_even = (bits >> FRACTION) & 1;
        ((bits + 0xFFF + to_even - (BIAS << 23)) >> FRACTION) as u16
    };
    sign | half
}

/// Halves of a row's floats. O(n).
///
/// # Panics
/// The lengths differ.
pub fn encode_halves(row: &[f32], out: &mut [u16]) {
    assert_eq!(row.len(), out.len(), "a row of halves has the length of the row");
    for (half, &value) in out.iter_mut().zip(row) {
        *half = f32_to_half(value);
    }
}
