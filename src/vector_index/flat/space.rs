//! Distances between rows while a graph is built.

use vitrail_kernels::{Distance, Sq8Ref, sq8};

/// The longest row's squared length, in means of all, up to which inner products
/// are lifted. Among much longer rows, a lifted graph leads to the short ones well and to the long
/// ones, which most queries want, badly; plain products do the reverse (figures: decision 0005).
const EVEN_UP_TO: f32 = 5.0;

/// Rows of bytes, and for inner products what makes them a distance.
pub(super) struct Space<'a> {
    codes: Sq8Ref<'a>,
    lift: Option<Lift>,
}

/// Every row gets one more component, so that all have the same length; then the nearest by Euclid
/// is the largest by inner product, for every query (Bachrach and others 2014, "Speeding up the
/// Xbox recommender system"). Half the squared distance of two such rows is
/// `(|a|^2 + |b|^2) / 2 - <a, b> + (l_a - l_b)^2 / 2`.
struct Lift {
    squares: Vec<f32>,
    components: Vec<f32>,
}

/// Whether rows are of much the same length, so that walks by inner product find the short ones
/// too. O(rows).
#[must_use]
pub fn lengths_are_even(codes: &Sq8Ref<'_>) -> bool {
    let squares = || (0..codes.len() as u32).map(|row| sq8::squared_length(codes.row(row)));
    let mean = squares().sum::<f32>() / codes.len().max(1) as f32;
    squares().all(|square| square <= EVEN_UP_TO * mean)
}

impl Lift {
    fn new(codes: &Sq8Ref<'_>) -> Self {
        let rows = 0..codes.len() as u32;
        let squares: Vec<f32> = rows.map(|row| sq8::squared_length(codes.row(row))).collect();
        let longest = squares.iter().copied().fold(0.0, f32::max);
        let components = squares.iter().map(|square| (longest - square).max(0.0).sqrt()).collect();
        Self { squares, components }
    }

    /// What is added to `-<a, b>`. The difference of the two components is taken from that of the
    /// squares: among long components, short rows would else lose their last digits.
    fn of(&self, a: u32, b: u32) -> f32 {
        let (a, b) = (a as usize, b as usize);
        let both = self.components[a] + self.components[b];
        let apart = (self.squares[a] - self.squares[b]) / both.max(f32::MIN_POSITIVE);
        0.5 * (self.squares[a] + self.squares[b] + apart * apart)
    }
}

impl<'a> Space<'a> {
    pub(super) fn new(codes: Sq8Ref<'a>) -> Self {
        let lift = match codes.distance() {
            Distance::MinusDot => lengths_are_even(&codes).then(|| Lift::new(&codes)),
            _ => None,
        };
        Self { codes, lift }
    }

    pub(super) fn len(&self) -> usize {
        self.codes.len()
    }

    /// The distances from one row to others.
    #[inline]
    pub(super) fn between(&self, from: u32, ids: &[u32], out: &mut [f32]) {
        self.codes.distances(self.codes.row(from), ids, out);
        if let Some(lift) = &self.lift {
            for (out, &id) in out.iter_mut().zip(ids) {
                *out += lift.of(from, id);
            }
        }
    }
}
