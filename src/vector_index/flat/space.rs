//! Distances between rows while a graph is built.

use vitrail_kernels::{Distance, Sq8Ref, sq8};

/// Rows of bytes, and for inner products what makes them a distance.
pub(super) struct Space<'a> {
    codes: Sq8Ref<'a>,
    lift: Option<Lift>,
}

/// Every row gets one more component, so that all have the same length; then the nearest by Euclid
/// is the largest by inner product, for every query (Bachrach and others 2014, "Speeding up the
/// Xbox recommender system").
struct Lift {
    squared_length: f32,
    components: Vec<f32>,
}

impl Lift {
    fn new(codes: &Sq8Ref<'_>) -> Self {
        let square = |row: u32| sq8::squared_length(codes.row(row));
        let rows = 0..codes.len() as u32;
        let squared_length = rows.clone().map(square).fold(0.0, f32::max);
        let components = rows.map(|row| (squared_length - square(row)).max(0.0).sqrt()).collect();
        Self { squared_length, components }
    }
}

impl<'a> Space<'a> {
    pub(super) fn new(codes: Sq8Ref<'a>) -> Self {
        let lift = (codes.distance() == Distance::MinusDot).then(|| Lift::new(&codes));
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
            let own = lift.components[from as usize];
            for (out, &id) in out.iter_mut().zip(ids) {
                *out += lift.squared_length - own * lift.components[id as usize];
            }
        }
    }
}
