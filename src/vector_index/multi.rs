//! Multi-vectors: the one row that stands for many in an index, and the exact comparison of all.
//!
//! An index holds a point's **mean row**; the rows themselves are the truth's. The mean is what the
//! inner product allows: the product of the means of two lists is the mean of all products of their
//! rows, and max-sim is at least that (each row's best is no less than its average). So points with
//! a high average are found, and of those the exact comparison tells which have the best rows.

use vitrail_domain::limits::COMPONENT_MAX;
use vitrail_domain::{Dim, Metric, MultiVector, Vector};
use vitrail_kernels::{Scorer, normalise};

use crate::error::VectorError;
use crate::vector::{check_vector, distance_of};

/// Whether rows or a query of rows may be taken: see [`check_vector`], which each must pass.
///
/// # Errors
/// The row, from 0, and what [`check_vector`] says of it.
pub fn check_rows(
    dim: Dim,
    metric: Metric,
    rows: &MultiVector,
) -> Result<(), (usize, VectorError)> {
    rows.rows()
        .enumerate()
        .try_for_each(|(at, row)| check_vector(dim, metric, row).map_err(|error| (at, error)))
}

/// The row that stands for `rows` (`[dim]` each, one after another) in an index, `[dim]`.
///
/// For cosine the mean of the rows at length 1, since a row's length says nothing there and a long
/// one must not outweigh the others; for the other metrics, where it does, the plain mean. Where
/// rows of cosine cancel each other out, the first one stands for all: a mean of zeros has no
/// direction. Summed in double precision in the rows' order, so that it is the same on every
/// machine and at every recovery. O(components).
#[must_use]
pub fn mean_row(metric: Metric, dim: Dim, rows: &[f32]) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dim.get()];
    let each = rows.chunks_exact(dim.get());
    let count = each.len().max(1) as f64;
    for row in each.clone() {
        let scale = if metric == Metric::Cosine { 1.0 / length(row) } else { 1.0 };
        for (sum, &value) in sums.iter_mut().zip(row) {
            *sum += f64::from(value) * scale;
        }
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
    let cancelled = metric == Metric::Cosine && mean.iter().all(|x| x.abs() < CANCELLED);
    match each.clone().next() {
        Some(first) if cancelled => first.to_vec(),
        _ => mean,
    }
}

/// Components of a mean of rows of length 1 that are what rounding leaves of nothing.
const CANCELLED: f32 = 1e-7;

/// The length of a row, 1 where it has none.
fn length(row: &[f32]) -> f64 {
    let squared: f64 = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
    if squared > 0.0 { squared.sqrt() } else { 1.0 }
}

/// A query of one or many rows, ready to be compared with lists of rows by max-sim: for each query
/// row the nearest row of the list, summed (Khattab and Zaharia 2020). A smaller distance is
/// closer, and of one row with one row it is that of the metric:
///
/// | Metric | Distance |
/// |---|---|
/// | cosine | `1 - sum of the largest cosines` |
/// | dot | `-sum of the largest products` |
/// | Euclid | `sum of the smallest squared distances` |
/// | Manhattan | `sum of the smallest distances` |
pub struct MaxSim {
    metric: Metric,
    dim: usize,
    scorer: Scorer,
    /// Prepared, one after another.
    query: Vec<f32>,
}

impl MaxSim {
    /// The query against lists of rows of `dim` components.
    ///
    /// # Errors
    /// A row of another length, or with a component that is not finite; its number.
    pub fn new(dim: Dim, metric: Metric, query: &Vector) -> Result<Self, (usize, VectorError)> {
        let wide = match query {
            Vector::One(row) => row.len(),
            Vector::Many(rows) => rows.dim().get(),
        };
        if wide != dim.get() {
            return Err((0, VectorError::Length { expected: dim.get(), got: wide }));
        }
        let mut query = query.values().to_vec();
        let unfit = |value: &f32| value.is_nan() || value.abs() > COMPONENT_MAX;
        if let Some(at) = query.iter().position(unfit) {
            let (component, value) = (at % wide, query.get(at).copied().unwrap_or(f32::NAN));
            return Err((at / wide, VectorError::Component { component, value }));
        }
        prepare(metric, wide, &mut query);
        Ok(Self { metric, dim: wide, scorer: Scorer::new(distance_of(metric)), query })
    }

    /// The one row that stands for the query in an index: see [`mean_row`].
    #[must_use]
    pub fn mean(&self) -> Vec<f32> {
        // A dimension by construction.
        let Ok(dim) = Dim::new(self.dim) else { return Vec::new() };
        let mut mean = mean_row(self.metric, dim, &self.query);
        prepare(self.metric, self.dim, &mut mean);
        mean
    }

    /// The distance to a list of rows, `[dim]` each and one after another, as written; they are
    /// scaled in place for cosine. Infinite for none. O(query rows * rows * dim).
    ///
    /// # Panics
    /// `rows` is no whole number of rows.
    #[must_use]
    pub fn distance(&self, rows: &mut [f32]) -> f32 {
        assert!(rows.len().is_multiple_of(self.dim), "rows of another length");
        if rows.is_empty() {
            return f32::INFINITY;
        }
        prepare(self.metric, self.dim, rows);
        let sum: f64 = self.query.chunks_exact(self.dim).map(|one| self.nearest(one, rows)).sum();
        // The sum of `1 - cosine` over n rows is n - (sum of cosines).
        let ones = self.query.len() / self.dim - 1;
        let kept = if self.metric == Metric::Cosine { sum - ones as f64 } else { sum };
        kept as f32
    }

    /// The distance of one query row to the nearest of `rows`, in fours: they share the loads of
    /// the query.
    fn nearest(&self, one: &[f32], rows: &[f32]) -> f64 {
        let (mut nearest, dim) = (f32::INFINITY, self.dim);
        let mut fours = rows.chunks_exact(4 * dim);
        for four in fours.by_ref() {
            let (front, back) = four.split_at(2 * dim);
            let ((r0, r1), (r2, r3)) = (front.split_at(dim), back.split_at(dim));
            let [a, b, c, d] = self.scorer.four(one, [r0, r1, r2, r3]);
            nearest = nearest.min(a.min(b)).min(c.min(d));
        }
        for row in fours.remainder().chunks_exact(dim) {
            nearest = nearest.min(self.scorer.one(one, row));
        }
        f64::from(nearest)
    }
}

/// Scales each row to length 1 for cosine (zeros stay zeros).
fn prepare(metric: Metric, dim: usize, rows: &mut [f32]) {
    if metric == Metric::Cosine {
        rows.chunks_exact_mut(dim).for_each(|row| {
            normalise(row);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dim(wide: usize) -> Dim {
        Dim::new(wide).unwrap()
    }

    fn rows(rows: &[&[f32]]) -> MultiVector {
        let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.to_vec()).collect();
        MultiVector::of_rows(&rows).unwrap()
    }

    /// Similarities in double precision, as the definition says.
    fn naive(metric: Metric, query: &MultiVector, list: &MultiVector) -> f64 {
        let unit = |row: &[f32]| -> Vec<f64> {
            let scale = if metric == Metric::Cosine { length(row) } else { 1.0 };
            row.iter().map(|&x| f64::from(x) / scale).collect()
        };
        let similar = |a: &[f32], b: &[f32]| -> f64 {
            let (a, b) = (unit(a), unit(b));
            let pairs = a.iter().zip(&b);
            match metric {
                Metric::Cosine | Metric::Dot => pairs.map(|(x, y)| x * y).sum(),
                Metric::Euclid => -pairs.map(|(x, y)| (x - y) * (x - y)).sum::<f64>(),
                Metric::Manhattan => -pairs.map(|(x, y)| (x - y).abs()).sum::<f64>(),
            }
        };
        let best = |one: &[f32]| {
            list.rows().map(|row| similar(one, row)).fold(f64::NEG_INFINITY, f64::max)
        };
        let sum: f64 = query.rows().map(best).sum();
        if metric == Metric::Cosine { 1.0 - sum } else { 0.0 - sum }
    }

    fn drawn(seed: &mut u64, count: usize, wide: usize) -> MultiVector {
        let mut next = || {
            *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (*seed >> 40) as f32 / 8_388_608.0 - 1.0
        };
        MultiVector::new(dim(wide), (0..count * wide).map(|_| next()).collect()).unwrap()
    }

    #[test]
    fn the_distance_is_the_naive_one_in_every_metric_and_shape() {
        let mut seed = 5;
        for metric in Metric::ALL {
            for (asked, listed, wide) in [(1, 1, 2), (3, 5, 3), (32, 32, 128), (7, 4, 100)] {
                let (query, list) = (drawn(&mut seed, asked, wide), drawn(&mut seed, listed, wide));
                let max_sim = MaxSim::new(dim(wide), metric, &Vector::Many(query.clone())).unwrap();
                let (got, want) =
                    (max_sim.distance(&mut list.values().to_vec()), naive(metric, &query, &list));
                let near = 1e-5 * want.abs().max(asked as f64);
                assert!(
                    (f64::from(got) - want).abs() < near,
                    "{metric} {asked} {listed} {got} {want}"
                );
            }
        }
    }

    #[test]
    fn one_row_with_one_row_has_the_metrics_distance() {
        let (query, row) = (vec![3.0, 4.0], [4.0, 3.0]);
        for metric in Metric::ALL {
            let max_sim = MaxSim::new(dim(2), metric, &Vector::One(query.clone())).unwrap();
            let (mut a, mut b) = (query.clone(), row.to_vec());
            prepare(metric, 2, &mut a);
            prepare(metric, 2, &mut b);
            let plain = Scorer::new(distance_of(metric)).one(&a, &b);
            assert_eq!(max_sim.distance(&mut row.to_vec()), plain, "{metric}");
        }
    }

    #[test]
    fn means_weigh_rows_alike_for_cosine_and_by_length_elsewhere() {
        let list = rows(&[&[10.0, 0.0], &[0.0, 1.0]]);
        assert_eq!(mean_row(Metric::Cosine, dim(2), list.values()), [0.5, 0.5]);
        for metric in [Metric::Dot, Metric::Euclid, Metric::Manhattan] {
            assert_eq!(mean_row(metric, dim(2), list.values()), [5.0, 0.5]);
        }
        let cancel = rows(&[&[0.6, 0.8], &[-0.6, -0.8]]);
        assert_eq!(mean_row(Metric::Cosine, dim(2), cancel.values()), [0.6, 0.8]);
        assert_eq!(mean_row(Metric::Dot, dim(2), cancel.values()), [0.0, 0.0]);
    }

    #[test]
    fn a_bad_row_is_named() {
        let bad = rows(&[&[1.0, 2.0], &[f32::INFINITY, 0.0]]);
        let component = VectorError::Component { component: 0, value: f32::INFINITY };
        assert_eq!(check_rows(dim(2), Metric::Dot, &bad), Err((1, component)));
        let zero = rows(&[&[1.0, 2.0], &[0.0, 0.0]]);
        assert_eq!(check_rows(dim(2), Metric::Cosine, &zero), Err((1, VectorError::Zero)));
        assert_eq!(check_rows(dim(2), Metric::Euclid, &zero), Ok(()));
        let refused = MaxSim::new(dim(2), Metric::Dot, &Vector::Many(bad)).err();
        assert_eq!(refused, Some((1, component)));
        let short = MaxSim::new(dim(3), Metric::Dot, &Vector::Many(zero)).err();
        assert_eq!(short, Some((0, VectorError::Length { expected: 3, got: 2 })));
    }
}
