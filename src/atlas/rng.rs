//! The atlas's own seeded numbers: SplitMix64 (Steele, Lea, Flood 2014). No entropy from outside.

/// A stream of numbers that is the same for the same seed on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of a seed and a path of labels: one thing's numbers never shift another's.
    pub(crate) fn of(seed: u64, path: &[u64]) -> Self {
        let mut rng = Self(seed);
        for &label in path {
            rng.0 = mix(rng.0 ^ mix(label.wrapping_add(0x9E37_79B9_7F4A_7C15)));
        }
        rng
    }

    /// The next 64 bits.
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// From 0 up to, not with, 1; 24 bits, so exact in `f32`.
    pub(crate) fn unit(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / 16_777_216.0
    }

    /// From `low` to `high`.
    pub(crate) fn range(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * self.unit()
    }

    /// Bell-shaped round 0, within -1 to 1.
    pub(crate) fn bell(&mut self) -> f32 {
        (self.unit() + self.unit() + self.unit() + self.unit() - 2.0) / 2.0
    }

    /// A whole number below `count`; 0 where `count` is 0. The bias is below count / 2^64.
    pub(crate) fn below(&mut self, count: usize) -> usize {
        ((u128::from(self.bits()) * count as u128) >> 64) as usize
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn whole(&mut self, low: usize, high: usize) -> usize {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// True with probability `p`.
    pub(crate) fn chance(&mut self, p: f32) -> bool {
        self.unit() < p
    }

    /// One of the choices.
    pub(crate) fn pick<T: Copy, const N: usize>(&mut self, choices: [T; N]) -> T {
        choices[self.below(N)]
    }

    /// Puts the items into a random order (Fisher and Yates).
    pub(crate) fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            items.swap(end, self.below(end + 1));
        }
    }

    /// A point of a circle of radius 1, by rejection: no trigonometry, so the same everywhere.
    pub(crate) fn direction(&mut self) -> (f32, f32) {
        for _ in 0..64 {
            let (x, y) = (self.range(-1.0, 1.0), self.range(-1.0, 1.0));
            let length = (x * x + y * y).sqrt();
            if (0.1..=1.0).contains(&length) {
                return (x / length, y / length);
            }
        }
        (1.0, 0.0)
    }
}

/// SplitMix64's finaliser: every input bit moves about half of the output bits.
pub(crate) fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_the_published_sequence() {
        // SplitMix64 from seed 1234567, as the reference implementation prints it.
        let mut rng = Rng(1_234_567);
        assert_eq!(rng.bits(), 6_457_827_717_110_365_317);
        assert_eq!(rng.bits(), 3_203_168_211_198_807_973);
    }

    #[test]
    fn stays_in_bounds_and_differs_by_path() {
        let mut rng = Rng::of(1, &[2, 3]);
        assert_ne!(rng.bits(), Rng::of(1, &[3, 2]).bits());
        for _ in 0..1_000 {
            assert!((0.0..1.0).contains(&rng.unit()));
            assert!((3..=5).contains(&rng.whole(3, 5)));
            let (x, y) = rng.direction();
            assert!((x * x + y * y - 1.0).abs() < 1e-5);
        }
    }
}
