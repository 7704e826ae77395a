//! Checks and preparation of rows and queries, per metric.

use std::borrow::Cow;

use vitrail_domain::limits::COMPONENT_MAX;
use vitrail_domain::{Dim, Metric};
use vitrail_kernels::{Distance, normalise};

use crate::error::VectorError;

/// Whether a row or a query may be taken: length, sizes, and for cosine a direction. To be asked
/// before a vector is made durable. O(n).
///
/// # Errors
/// [`VectorError::Length`], [`VectorError::Component`], [`VectorError::Zero`].
pub fn check_vector(dim: Dim, metric: Metric, vector: &[f32]) -> Result<(), VectorError> {
    if vector.len() != dim.get() {
        return Err(VectorError::Length { expected: dim.get(), got: vector.len() });
    }
    let unfit = |value: &f32| value.is_nan() || value.abs() > COMPONENT_MAX;
    if let Some(component) = vector.iter().position(unfit) {
        return Err(VectorError::Component { component, value: vector[component] });
    }
    if metric == Metric::Cosine && vector.iter().all(|&value| value == 0.0) {
        return Err(VectorError::Zero);
    }
    Ok(())
}

/// The query as search takes it, `[dim]`: scaled to length 1 for cosine (all zeros stay zeros, at
/// distance 1 from everything), else as it is. Preparing again changes nothing. O(n).
#[must_use]
pub fn prepare_query(metric: Metric, query: &[f32]) -> Vec<f32> {
    prepared(metric, query).into_owned()
}

/// The row as it is kept.
pub(crate) fn prepared(metric: Metric, vector: &[f32]) -> Cow<'_, [f32]> {
    if metric != Metric::Cosine {
        return Cow::Borrowed(vector);
    }
    let mut unit = vector.to_vec();
    normalise(&mut unit);
    Cow::Owned(unit)
}

/// The distance of a metric's prepared vectors.
pub(crate) fn distance_of(metric: Metric) -> Distance {
    match metric {
        Metric::Cosine => Distance::OneMinusDot,
        Metric::Dot => Distance::MinusDot,
        Metric::Euclid => Distance::L2Squared,
        Metric::Manhattan => Distance::L1,
    }
}
