//! Measurements that a user makes on his own data and machine: `vitrail bench`. In process, one
//! query at a time; every report says how it was made.

mod ann;
mod asked;
mod drawn;
mod filtered;
mod load;
mod process;
mod scratch;
mod slide;
mod store;

pub use ann::{Ann, ann};
pub use load::{Loads, load};
pub use slide::{Cut, cut, make as make_slide};
pub use store::{Load, filter, payload, restart, write};

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use vitrail_collection::{Catalog, Collection, VectorSpec};
use vitrail_domain::{Cancel, CollectionName, Dim, Metric, Roles, VectorName};
use vitrail_vector_index::Task;

use crate::open::Failure;

/// Candidate counts of a curve.
const EFS: [usize; 11] = [10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256];

/// A new collection of one vector, compared by cosine.
fn made(
    catalog: &Catalog,
    (name, vector): (&CollectionName, &VectorName),
    dim: usize,
) -> Result<Arc<Collection>, Failure> {
    let (dim, metric) = (Dim::new(dim)?, Metric::Cosine);
    let spec = VectorSpec { dim, metric, multi: None, model: None, contract: None };
    Ok(catalog.create(name, BTreeMap::from([(vector.clone(), spec)]), Roles::default())?)
}

/// Freezes and merges until nothing is due, as a server's threads do in the end.
fn settle(collection: &Collection) -> Result<(), Failure> {
    let due = |task: &Task| !collection.segments_due(*task).is_empty();
    while let Some(task) = Task::ALL.into_iter().find(due) {
        for vector in collection.segments_due(task) {
            collection.work_on_segments(&vector, task, &Cancel::new())?;
        }
    }
    Ok(())
}

/// The value below which this share of sorted values lies.
fn at(sorted: &[f64], share: f64) -> f64 {
    let last = sorted.len().saturating_sub(1);
    sorted.get((last as f64 * share).round() as usize).copied().unwrap_or_default()
}

/// Median and 99th percentile of microseconds, and how many a second.
fn times(mut micros: Vec<f64>) -> Value {
    let total: f64 = micros.iter().sum();
    micros.sort_by(f64::total_cmp);
    let qps = if total > 0.0 { micros.len() as f64 / total * 1e6 } else { 0.0 };
    json!({"qps": qps, "p50_us": at(&micros, 0.5), "p99_us": at(&micros, 0.99)})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_sorted_values() {
        let of = times((1..=101).rev().map(f64::from).collect());
        assert_eq!((of["p50_us"].as_f64(), of["p99_us"].as_f64()), (Some(51.0), Some(100.0)));
        assert!((of["qps"].as_f64().unwrap_or_default() - 1e6 / 51.0).abs() < 1e-6);
        assert_eq!(times(Vec::new())["qps"].as_f64(), Some(0.0));
    }
}
