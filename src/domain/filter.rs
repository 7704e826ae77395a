//! The filter tree: must, should, must_not over payload paths. Its meaning is in `evaluate`.

use thiserror::Error;

use crate::ids::PointId;
use crate::limits::{FILTER_CONDITIONS_MAX, FILTER_VALUES_MAX, NESTING_MAX};
use crate::payload::Path;

/// All of `must`, any of `should` (when there is one), none of `must_not`. Empty: everything.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Filter {
    /// Every one of these holds.
    pub must: Vec<Condition>,
    /// At least one of these holds, where there are any.
    pub should: Vec<Condition>,
    /// None of these holds.
    pub must_not: Vec<Condition>,
}

/// One leaf or one subtree.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// A test of what a path reaches.
    Field(Path, Test),
    /// The point's id is one of these.
    HasId(Vec<PointId>),
    /// A filter within a filter.
    Filter(Box<Filter>),
}

/// What is asked of the values at a path. A list counts as its elements: one of them is enough.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Equal to this value, type and all.
    Match(MatchValue),
    /// Equal to one of these.
    Any(Vec<MatchValue>),
    /// Some value there is equal to none of these.
    Except(Vec<MatchValue>),
    /// A number within bounds.
    Range(Range),
    /// A text that has all of these words, in any order (see `words`).
    Text(String),
    /// Nothing there: the path is absent, null, or an empty list.
    IsEmpty,
    /// Null is there.
    IsNull,
}

/// A value that can be equal: floats can't, they have ranges.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum MatchValue {
    /// A text, compared byte by byte.
    Text(String),
    /// A whole number; a stored `3.0` is a float and is not equal to 3.
    Integer(i64),
    /// True or false.
    Bool(bool),
}

/// Bounds of a number, each optional; integers are compared as 64-bit floats.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Range {
    /// Less than.
    pub lt: Option<f64>,
    /// Less than or equal to.
    pub lte: Option<f64>,
    /// Greater than.
    pub gt: Option<f64>,
    /// Greater than or equal to.
    pub gte: Option<f64>,
}

/// Why a filter was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum FilterError {
    /// More conditions than the bound.
    #[error("the filter has more than {FILTER_CONDITIONS_MAX} conditions")]
    TooMany,
    /// Nested deeper than the bound.
    #[error("the filter is nested deeper than {NESTING_MAX} levels")]
    TooDeep,
    /// More values in one condition than the bound.
    #[error("a condition lists more than {FILTER_VALUES_MAX} values")]
    TooManyValues,
}

impl Filter {
    /// Whether it lets everything through.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.must.is_empty() && self.should.is_empty() && self.must_not.is_empty()
    }

    /// Holds where both hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.is_empty(), other.is_empty()) {
            (true, _) => other,
            (_, true) => self,
            _ => Self {
                must: vec![Condition::Filter(Box::new(self)), Condition::Filter(Box::new(other))],
                ..Self::default()
            },
        }
    }

    /// Every condition, in the order must, should, must_not.
    pub fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.must.iter().chain(&self.should).chain(&self.must_not)
    }

    /// # Errors
    /// More conditions, values or levels than the bounds in `limits`.
    pub fn check(&self) -> Result<(), FilterError> {
        let mut left = FILTER_CONDITIONS_MAX;
        self.check_within(&mut left, NESTING_MAX)
    }

    fn check_within(&self, left: &mut usize, depth: usize) -> Result<(), FilterError> {
        let depth = depth.checked_sub(1).ok_or(FilterError::TooDeep)?;
        for condition in self.conditions() {
            *left = left.checked_sub(1).ok_or(FilterError::TooMany)?;
            let values = match condition {
                Condition::Filter(inner) => {
                    inner.check_within(left, depth)?;
                    0
                }
                Condition::HasId(ids) => ids.len(),
                Condition::Field(_, Test::Any(values) | Test::Except(values)) => values.len(),
                Condition::Field(..) => 0,
            };
            if values > FILTER_VALUES_MAX {
                return Err(FilterError::TooManyValues);
            }
        }
        Ok(())
    }
}

impl Range {
    /// Whether `number` is within every bound that is given.
    #[must_use]
    pub fn holds(&self, number: f64) -> bool {
        self.lt.is_none_or(|bound| number < bound)
            && self.lte.is_none_or(|bound| number <= bound)
            && self.gt.is_none_or(|bound| number > bound)
            && self.gte.is_none_or(|bound| number >= bound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_within_itself_too_often_is_refused() {
        let deep = (0..NESTING_MAX + 1).fold(Filter::default(), |inner, _| Filter {
            must: vec![Condition::Filter(Box::new(inner))],
            ..Filter::default()
        });
        assert_eq!(deep.check(), Err(FilterError::TooDeep));
        let wide = Filter {
            must: vec![Condition::HasId(vec![]); FILTER_CONDITIONS_MAX + 1],
            ..Filter::default()
        };
        assert_eq!(wide.check(), Err(FilterError::TooMany));
    }
}
