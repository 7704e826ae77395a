//! Whether vectors may become durable: what the index would refuse could never be found.

use vitrail_domain::{Change, MultiVectorError, PointId, Vector, VectorName};
use vitrail_store::{CollectionSpec, VectorSpec};
use vitrail_vector_index::{check_rows, check_vector};

use crate::error::CollectionError;

/// Checks every vector of a batch against its name's schema; one row under a multi-vector's name
/// becomes a list of one. Unknown names are left to the store. O(components).
///
/// # Errors
/// The first vector that does not fit, with its point, name, row and component.
pub fn fit(spec: &CollectionSpec, changes: &mut [Change]) -> Result<(), CollectionError> {
    for change in changes {
        let Change::Upsert(point) = change else { continue };
        for (name, vector) in &mut point.vectors {
            let Some(bound) = spec.vectors.get(name) else { continue };
            let given = std::mem::replace(vector, Vector::One(Vec::new()));
            *vector = fitted(bound, given).map_err(|why| why.of(point.id, name))?;
        }
    }
    Ok(())
}

/// What is wrong with a vector, before its point is named.
enum Misfit {
    Vector(Option<usize>, vitrail_vector_index::VectorError),
    Rows(MultiVectorError),
    Many(usize),
}

impl Misfit {
    fn of(self, point: PointId, name: &VectorName) -> CollectionError {
        let name = name.clone();
        match self {
            Self::Vector(None, source) => CollectionError::Vector { point, name, source },
            Self::Vector(Some(row), source) => CollectionError::Row { point, name, row, source },
            Self::Rows(source) => CollectionError::Rows { point, name, source },
            Self::Many(rows) => CollectionError::OneRow { point, name, rows },
        }
    }
}

fn fitted(bound: &VectorSpec, given: Vector) -> Result<Vector, Misfit> {
    match (bound.multi, given) {
        (None, Vector::One(row)) => {
            let checked = check_vector(bound.dim, bound.metric, &row);
            checked.map(|()| Vector::One(row)).map_err(|error| Misfit::Vector(None, error))
        }
        (None, Vector::Many(rows)) => Err(Misfit::Many(rows.len())),
        (Some(_), given) => {
            let rows = given.into_rows().map_err(Misfit::Rows)?;
            check_rows(bound.dim, bound.metric, &rows)
                .map_err(|(row, error)| Misfit::Vector(Some(row), error))?;
            Ok(Vector::Many(rows))
        }
    }
}
