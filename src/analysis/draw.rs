//! Seeded random numbers: SplitMix64 (Steele, Lea, Flood 2014), so that any other program can draw
//! the same.

use std::f64::consts::TAU;

use vitrail_kernels::split_mix;

/// A stream of random numbers that its seed alone decides.
#[derive(Debug, Clone)]
pub(crate) struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    /// A number from 0 to `end` - 1; 0 where `end` is 0. The bias is under `end` / 2^64.
    pub fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.bits()) * end as u128) >> 64) as usize
    }

    /// A number from the standard normal distribution (Box and Muller 1958).
    pub fn normal(&mut self) -> f64 {
        let unit = |bits: u64| (bits >> 11) as f64 / (1_u64 << 53) as f64;
        let (u, v) = (1.0 - unit(self.bits()), unit(self.bits()));
        (-2.0 * u.ln()).sqrt() * (TAU * v).cos()
    }

    /// `count` different numbers below `end`, rising. O(end).
    pub fn sample(&mut self, end: usize, count: usize) -> Vec<usize> {
        let mut numbers: Vec<usize> = (0..end).collect();
        let count = count.min(end);
        for at in 0..count {
            let other = at + self.below(end - at);
            numbers.swap(at, other);
        }
        numbers.truncate(count);
        numbers.sort_unstable();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_stream_is_splitmix64() {
        // The first outputs of the reference implementation for the seed 1234567.
        let mut draw = Draw::new(1_234_567);
        let bits: Vec<u64> = (0..3).map(|_| draw.bits()).collect();
        let reference =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(bits, reference);
    }

    #[test]
    fn samples_are_distinct_and_cover() {
        let mut draw = Draw::new(7);
        let mut seen = [0; 10];
        for _ in 0..1_000 {
            let sample = draw.sample(10, 4);
            assert!(sample.len() == 4 && sample.windows(2).all(|pair| pair[0] < pair[1]));
            sample.iter().for_each(|&number| seen[number] += 1);
        }
        assert!(seen.iter().all(|&count| (330..470).contains(&count)), "{seen:?}");
        assert_eq!(draw.sample(3, 9), [0, 1, 2]);
    }

    #[test]
    fn normals_have_their_mean_and_spread() {
        let mut draw = Draw::new(1);
        let numbers: Vec<f64> = (0..20_000).map(|_| draw.normal()).collect();
        let mean = numbers.iter().sum::<f64>() / 20_000.0;
        let spread = numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 20_000.0;
        assert!(mean.abs() < 0.03 && (spread - 1.0).abs() < 0.03, "{mean} {spread}");
    }
}
