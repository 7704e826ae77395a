//! What a point holds under one vector name: one row of components, or many rows of one length.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

use crate::limits::{MULTI_COMPONENTS_MAX, MULTI_ROWS_MAX};
use crate::units::Dim;

/// How two lists of rows are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Comparator {
    /// For each row of the query the most similar row of the point, summed over the query's rows:
    /// late interaction (Khattab and Zaharia 2020, "ColBERT", SIGIR). Rows stand in no order, and a
    /// point may have more of them than the query.
    MaxSim,
}

impl Comparator {
    /// Every comparator, in the order in which documents list them.
    pub const ALL: [Self; 1] = [Self::MaxSim];

    /// The name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::MaxSim => "max_sim",
        }
    }
}

impl fmt::Display for Comparator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Comparator {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|comparator| comparator.name() == text);
        found.ok_or_else(|| format!("\"{text}\" compares no lists of rows: use max_sim"))
    }
}

/// Why rows make no multi-vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum MultiVectorError {
    /// No row at all.
    #[error("there are no rows: a multi-vector has from 1 to {MULTI_ROWS_MAX}")]
    Empty,
    /// A row of another length than the first.
    #[error("row {row} has {got} components, and row 0 has {expected}")]
    Ragged {
        /// The row, from 0.
        row: usize,
        /// Its components.
        got: usize,
        /// Those of the first row.
        expected: usize,
    },
    /// A length that is no dimension.
    #[error("rows have from 1 to {max} components, not {got}", max = crate::limits::DIM_MAX)]
    Dim {
        /// Components of a row.
        got: usize,
    },
    /// Components that are no whole number of rows.
    #[error("{got} components are no whole number of rows of {dim}")]
    Whole {
        /// Components in all.
        got: usize,
        /// Components of a row.
        dim: usize,
    },
    /// More rows than the bound.
    #[error("{got} rows are more than the limit of {MULTI_ROWS_MAX}")]
    Rows {
        /// Rows given.
        got: usize,
    },
    /// More components than the bound.
    #[error("{got} components in all are more than the limit of {MULTI_COMPONENTS_MAX}")]
    Components {
        /// Components in all.
        got: usize,
    },
}

/// 1 to [`MULTI_ROWS_MAX`] rows of one length, at most [`MULTI_COMPONENTS_MAX`] components in all.
#[derive(Debug, Clone, PartialEq)]
pub struct MultiVector {
    dim: Dim,
    values: Vec<f32>,
}

impl MultiVector {
    /// Rows of `dim` components, one after another in `values`.
    ///
    /// # Errors
    /// No row, a part of a row, or more than a bound.
    pub fn new(dim: Dim, values: Vec<f32>) -> Result<Self, MultiVectorError> {
        let (got, wide) = (values.len(), dim.get());
        match got / wide {
            _ if !got.is_multiple_of(wide) => Err(MultiVectorError::Whole { got, dim: wide }),
            0 => Err(MultiVectorError::Empty),
            rows if rows > MULTI_ROWS_MAX => Err(MultiVectorError::Rows { got: rows }),
            _ if got > MULTI_COMPONENTS_MAX => Err(MultiVectorError::Components { got }),
            _ => Ok(Self { dim, values }),
        }
    }

    /// The same from a list for each row.
    ///
    /// # Errors
    /// As [`Self::new`], and rows of different lengths.
    pub fn of_rows(rows: &[Vec<f32>]) -> Result<Self, MultiVectorError> {
        let first = rows.first().ok_or(MultiVectorError::Empty)?;
        let expected = first.len();
        if let Some(row) = rows.iter().position(|row| row.len() != expected) {
            let got = rows.get(row).map_or(0, Vec::len);
            return Err(MultiVectorError::Ragged { row, got, expected });
        }
        if rows.len() > MULTI_ROWS_MAX {
            return Err(MultiVectorError::Rows { got: rows.len() });
        }
        let dim = Dim::new(expected).map_err(|_| MultiVectorError::Dim { got: expected })?;
        Self::new(dim, rows.concat())
    }

    /// Components of a row.
    #[must_use]
    pub fn dim(&self) -> Dim {
        self.dim
    }

    /// How many rows, from 1.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dim.get()
    }

    /// Never: there is a row at least.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }

    /// The rows in order, `[dim]` each.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim.get())
    }

    /// All components, row after row.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        &self.values
    }
}

/// What a point holds under one vector name, or what is asked for: one row, or many.
#[derive(Debug, Clone, PartialEq)]
pub enum Vector {
    /// One row, `[dim]`.
    One(Vec<f32>),
    /// Many rows.
    Many(MultiVector),
}

impl Vector {
    /// All components; of many rows one after another.
    #[must_use]
    pub fn values(&self) -> &[f32] {
        match self {
            Self::One(row) => row,
            Self::Many(rows) => rows.values(),
        }
    }

    /// The one row; `None` of many.
    #[must_use]
    pub fn one(&self) -> Option<&[f32]> {
        match self {
            Self::One(row) => Some(row),
            Self::Many(_) => None,
        }
    }

    /// As rows: one row becomes a list of one.
    ///
    /// # Errors
    /// A row whose length is no dimension.
    pub fn into_rows(self) -> Result<MultiVector, MultiVectorError> {
        match self {
            Self::One(row) => MultiVector::of_rows(&[row]),
            Self::Many(rows) => Ok(rows),
        }
    }
}

impl From<Vec<f32>> for Vector {
    fn from(row: Vec<f32>) -> Self {
        Self::One(row)
    }
}

impl From<MultiVector> for Vector {
    fn from(rows: MultiVector) -> Self {
        Self::Many(rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_of_one_length_and_within_the_bounds() {
        let rows = MultiVector::of_rows(&[vec![1.0, 2.0], vec![3.0, 4.0]]).unwrap();
        assert_eq!(
            (rows.len(), rows.dim().get(), rows.values()),
            (2, 2, &[1.0, 2.0, 3.0, 4.0][..])
        );
        assert_eq!(rows.rows().nth(1), Some(&[3.0, 4.0][..]));
        let ragged = MultiVector::of_rows(&[vec![1.0], vec![1.0, 2.0]]);
        assert_eq!(ragged, Err(MultiVectorError::Ragged { row: 1, got: 2, expected: 1 }));
        assert_eq!(MultiVector::of_rows(&[]), Err(MultiVectorError::Empty));
        assert_eq!(MultiVector::of_rows(&[vec![]]), Err(MultiVectorError::Dim { got: 0 }));
        let many = vec![vec![0.5]; MULTI_ROWS_MAX + 1];
        assert_eq!(MultiVector::of_rows(&many), Err(MultiVectorError::Rows { got: 257 }));
        assert!(MultiVector::of_rows(&many[1..]).is_ok());
        let (dim, wide) = (Dim::new(16_384).unwrap(), MULTI_COMPONENTS_MAX / 16_384);
        assert!(MultiVector::new(dim, vec![0.0; wide * 16_384]).is_ok());
        let got = (wide + 1) * 16_384;
        let refused = MultiVector::new(dim, vec![0.0; got]);
        assert_eq!(refused, Err(MultiVectorError::Components { got }));
        let dim = Dim::new(2).unwrap();
        assert_eq!(
            MultiVector::new(dim, vec![0.0; 3]),
            Err(MultiVectorError::Whole { got: 3, dim: 2 })
        );
    }

    #[test]
    fn one_row_reads_as_a_list_of_one() {
        let rows = Vector::from(vec![1.0, 2.0]).into_rows().unwrap();
        assert_eq!((rows.len(), rows.values()), (1, &[1.0, 2.0][..]));
        assert_eq!("max_sim".parse(), Ok(Comparator::MaxSim));
        assert!("colbert".parse::<Comparator>().is_err());
    }
}
