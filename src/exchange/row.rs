//! One line of a file of vectors.

use crate::error::ExchangeError;

/// A picture's or point's vector with its names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'a> {
    /// The point's id, or whatever names the row.
    pub id: &'a str,
    /// Where the picture came from; empty where nobody knows.
    pub path: &'a str,
    /// Its vector.
    pub vector: &'a [f32],
}

/// What made the vectors of one file: two files may be compared only where it is equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin<'a> {
    /// The model's name.
    pub model: &'a str,
    /// The hash of everything in it that changes numbers.
    pub contract: &'a str,
}

/// The one length of all rows; 0 without any.
pub(crate) fn common_dim(rows: &[Row<'_>]) -> Result<usize, ExchangeError> {
    let expected = rows.first().map_or(0, |row| row.vector.len());
    let ragged = rows.iter().position(|row| row.vector.len() != expected);
    match ragged {
        None => Ok(expected),
        Some(row) => {
            let got = rows.get(row).map_or(0, |row| row.vector.len());
            Err(ExchangeError::Ragged { row, got, expected })
        }
    }
}
