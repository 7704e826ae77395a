//! Seeded numbers: every test prints its seed.
#![expect(clippy::print_stdout, reason = "a test's seed")]

/// SplitMix64.
pub struct Dice(pub u64);

impl Dice {
    /// The seed of `VITRAIL_SEED`, or this one; printed.
    pub fn seeded(seed: u64) -> Self {
        let asked = std::env::var("VITRAIL_SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = asked.unwrap_or(seed);
        println!("VITRAIL_SEED={seed}");
        Self(seed)
    }

    pub fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    /// One in so many.
    pub fn one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    /// So many of a list, or all of it.
    pub fn some<T: Copy>(&mut self, of: &[T], count: usize) -> Vec<T> {
        let mut left = of.to_vec();
        let mut taken = Vec::new();
        while taken.len() < count && !left.is_empty() {
            taken.push(left.swap_remove(self.roll(left.len() as u64) as usize));
        }
        taken
    }
}
