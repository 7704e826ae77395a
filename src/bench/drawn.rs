//! Seeded vectors with the clusters and the few free dimensions of real embeddings.

use vitrail_kernels::split_mix;

/// Free dimensions, and clusters among them.
const FREE: usize = 16;
const CLUSTERS: usize = 200;

/// SplitMix64.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub fn next(&mut self) -> u64 {
        split_mix(&mut self.0)
    }

    /// -1 to 1.
    fn unit(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// Draws rows of one space, one after the other.
pub struct Drawn {
    random: Random,
    axes: Vec<Vec<f32>>,
    centres: Vec<Vec<f32>>,
}

impl Drawn {
    /// The space of a seed.
    pub fn new(dim: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut rows = |count: usize, dim: usize| -> Vec<Vec<f32>> {
            (0..count).map(|_| (0..dim).map(|_| random.unit()).collect()).collect()
        };
        let (axes, centres) = (rows(FREE, dim), rows(CLUSTERS, FREE));
        Self { random, axes, centres }
    }

    /// The next row, `[dim]`, and its cluster.
    pub fn row(&mut self) -> (Vec<f32>, usize) {
        let cluster = (self.random.next() % CLUSTERS as u64) as usize;
        let mut row = vec![0.0; self.axes.first().map_or(0, Vec::len)];
        for (axis, centre) in self.axes.iter().zip(&self.centres[cluster]) {
            let share = centre + 0.3 * self.random.unit();
            row.iter_mut().zip(axis).for_each(|(value, along)| *value += share * along);
        }
        row.iter_mut().for_each(|value| *value += 0.1 * self.random.unit());
        (row, cluster)
    }
}
