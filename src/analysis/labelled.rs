//! What is analysed: rows, their classes, and whose they are.

use vitrail_domain::Metric;

use crate::error::AnalysisError;

/// Points with labels. Every column has one entry a point, in one order.
#[derive(Debug, Clone)]
pub struct Labelled<'a> {
    /// How rows are compared.
    pub metric: Metric,
    /// Vectors, each `[dim]`; of length 1 for cosine.
    pub rows: Vec<&'a [f32]>,
    /// Each point's class: a number into `classes`.
    pub labels: Vec<u32>,
    /// The classes' names.
    pub classes: Vec<String>,
    /// Whose the points are.
    pub groupings: Vec<Grouping>,
}

/// One way in which points belong together: by patient, by lesion, by slide.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Its name in messages.
    pub name: String,
    /// Each point's group. Missing never equals missing.
    pub of: Vec<Option<u32>>,
    /// Whether points of one group are not compared with each other.
    pub excluded: bool,
    /// Whether points of one group are drawn together, as one piece of evidence.
    pub clustered: bool,
}

impl Labelled<'_> {
    /// Points.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Whether two points may be compared: they differ, and no excluded grouping holds both.
    #[must_use]
    pub fn may_compare(&self, one: usize, other: usize) -> bool {
        one != other
            && !self.groupings.iter().any(|grouping| grouping.excluded && grouping.same(one, other))
    }

    /// Whether all columns belong together.
    pub(crate) fn check(&self) -> Result<(), AnalysisError> {
        let (points, dim) = (self.len(), self.rows.first().map_or(0, |row| row.len()));
        let equal = |what: &str, got: usize, expected: usize| {
            let shape = || AnalysisError::Shape { what: what.to_owned(), got, expected };
            (got == expected).then_some(()).ok_or_else(shape)
        };
        equal("labels", self.labels.len(), points)?;
        for grouping in &self.groupings {
            equal(&grouping.name, grouping.of.len(), points)?;
        }
        for row in &self.rows {
            equal("components of a vector", row.len(), dim)?;
        }
        let classes = self.classes.len();
        match self.labels.iter().find(|&&label| label as usize >= classes) {
            None => Ok(()),
            Some(&label) => Err(AnalysisError::Class { label, classes }),
        }
    }
}

impl Grouping {
    fn same(&self, one: usize, other: usize) -> bool {
        match (self.of.get(one), self.of.get(other)) {
            (Some(Some(one)), Some(Some(other))) => one == other,
            _ => false,
        }
    }
}
