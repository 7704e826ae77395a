//! One condition on one path, said by terms and columns of the last commit.

use std::collections::BTreeSet;
use std::sync::Arc;

use roaring::RoaringBitmap;
use vitrail_domain::words::words;
use vitrail_domain::{MatchValue, Path, PointId, Range, Test};

use crate::cache::LeafCache;
use crate::error::FieldError;
use crate::known::Known;
use crate::shelf::Committed;
use crate::term::{Mark, PathBytes, id_term, match_value};

/// Values of a condition up to which each one's set is kept by itself.
const VALUES_KEPT: usize = 16;

type Set = Arc<RoaringBitmap>;

/// A commit, the sets kept of it, and the slots of the question that it can speak about.
pub(crate) struct Asked<'a> {
    pub(crate) committed: &'a Committed,
    pub(crate) cache: &'a LeafCache,
    /// Slots whose document says all that its payload says.
    pub(crate) sure: &'a RoaringBitmap,
    /// Slots of which the index knows nothing: only their payloads tell.
    pub(crate) unsure: &'a RoaringBitmap,
}

impl Asked<'_> {
    /// Where `test` holds of what `path` reaches; slots the index knows nothing of may.
    pub(crate) fn field(&self, path: &Path, test: &Test) -> Result<Known, FieldError> {
        let Some(path) = PathBytes::of(path) else {
            return Ok(Known::of(RoaringBitmap::new(), self.sure | self.unsure));
        };
        let mut known = match test {
            Test::Match(wanted) => self.any(&path, std::slice::from_ref(wanted)),
            Test::Any(wanted) => self.any(&path, wanted),
            Test::Except(unwanted) => self.except(&path, unwanted),
            Test::Range(range) => self.range(&path, range),
            Test::Text(query) => self.text(&path, query),
            Test::IsEmpty => {
                Ok(Known::surely(Arc::new(self.sure - &self.marked(&path, &Mark::FILLED)?)))
            }
            Test::IsNull => self.mark(&path, Mark::Null).map(Known::surely),
        }?;
        if !self.unsure.is_empty() {
            *Arc::make_mut(&mut known.maybe) |= self.unsure;
        }
        Ok(known)
    }

    /// Points of these ids; a slot that was never applied has none.
    pub(crate) fn ids(&self, ids: &[PointId]) -> Result<Known, FieldError> {
        let terms: Vec<_> = ids.iter().map(|&id| id_term(id)).collect();
        let terms = terms.iter().map(Vec::as_slice);
        Ok(Known::surely(Arc::new(self.committed.having_any(terms)?)))
    }

    fn any(&self, path: &PathBytes, wanted: &[MatchValue]) -> Result<Known, FieldError> {
        let (terms, long) = value_terms(path, wanted);
        let yes = self.having_any(&terms)?;
        let maybe = if long { &*self.mark(path, Mark::Long)? - &*yes } else { Default::default() };
        Ok(Known { yes, maybe: Arc::new(maybe) })
    }

    /// Some value there is none of `unwanted`. What can't be equal to anything always is.
    fn except(&self, path: &PathBytes, unwanted: &[MatchValue]) -> Result<Known, FieldError> {
        let (terms, long) = value_terms(path, unwanted);
        let listed = self.having_any(&terms)?;
        let several = self.mark(path, Mark::Several)?;
        let mut yes = self.marked(path, &[Mark::Text, Mark::Integer, Mark::Bool])?;
        yes -= &*listed;
        let mut maybe = RoaringBitmap::new();
        let both = &*listed & &*several;
        if terms.len() == 1 && !long {
            // Two distinct values there: one of them is not the one unwanted.
            yes |= both;
        } else {
            maybe |= both;
        }
        if long {
            let long = self.mark(path, Mark::Long)?;
            yes -= &*long;
            maybe |= &*long;
        }
        yes |= self.marked(path, &[Mark::Float, Mark::Object, Mark::Inner])?;
        maybe -= &yes;
        Ok(Known::of(yes, maybe))
    }

    fn range(&self, path: &PathBytes, range: &Range) -> Result<Known, FieldError> {
        let Some((low, high)) = bounds(range) else { return Ok(Known::default()) };
        let column = path.column();
        let key = [b"range", column.as_bytes(), &low.to_be_bytes(), &high.to_be_bytes()].concat();
        let make = || self.committed.within(&column, low..=high);
        self.cache.get(&key, make).map(Known::surely)
    }

    fn text(&self, path: &PathBytes, query: &str) -> Result<Known, FieldError> {
        let wanted: BTreeSet<String> = words(query).collect();
        let mut sets = wanted.iter().map(|word| self.having(&path.word(word)));
        let Some(first) = sets.next() else { return Ok(Known::default()) };
        let mut yes = first?;
        for set in sets {
            *Arc::make_mut(&mut yes) &= &*set?;
        }
        if wanted.len() == 1 {
            return Ok(Known::surely(yes));
        }
        // All words must be in one text; terms don't say which text a word is from.
        let texts = self.mark(path, Mark::Texts)?;
        Ok(Known::of(&*yes - &*texts, &*yes & &*texts))
    }

    fn mark(&self, path: &PathBytes, mark: Mark) -> Result<Set, FieldError> {
        self.having(&path.mark(mark))
    }

    /// Slots with any of `marks` at `path`.
    pub(crate) fn marked(
        &self,
        path: &PathBytes,
        marks: &[Mark],
    ) -> Result<RoaringBitmap, FieldError> {
        let mut found = RoaringBitmap::new();
        for &mark in marks {
            found |= &*self.mark(path, mark)?;
        }
        Ok(found)
    }

    fn having(&self, term: &[u8]) -> Result<Set, FieldError> {
        self.cache.get(term, || self.committed.having(term))
    }

    fn having_any(&self, terms: &[Vec<u8>]) -> Result<Set, FieldError> {
        if let [term] = terms {
            return self.having(term);
        }
        if terms.len() > VALUES_KEPT {
            return self.committed.having_any(terms.iter().map(Vec::as_slice)).map(Arc::new);
        }
        let mut found = RoaringBitmap::new();
        for term in terms {
            found |= &*self.having(term)?;
        }
        Ok(Arc::new(found))
    }
}

/// Distinct terms of `values`, and whether one of them is too long to have a term.
fn value_terms(path: &PathBytes, values: &[MatchValue]) -> (Vec<Vec<u8>>, bool) {
    let ends: BTreeSet<_> = values.iter().map(match_value).collect();
    let terms = ends.iter().flatten().map(|end| path.value(end)).collect();
    (terms, ends.contains(&None))
}

/// The least and the largest number in `range`; `None` if there is none.
fn bounds(range: &Range) -> Option<(f64, f64)> {
    let given = [range.lt, range.lte, range.gt, range.gte];
    if given.into_iter().flatten().any(f64::is_nan) {
        return None;
    }
    let lows = [Some(f64::MIN), range.gte, range.gt.map(f64::next_up)];
    let highs = [Some(f64::MAX), range.lte, range.lt.map(f64::next_down)];
    let low = lows.into_iter().flatten().fold(f64::NEG_INFINITY, f64::max);
    let high = highs.into_iter().flatten().fold(f64::INFINITY, f64::min);
    // A column has no minus zero: next_down of the least positive number and a bound of -0.0
    // mean 0.
    let zeroed = |number: f64| if number == 0.0 { 0.0 } else { number };
    (low <= high).then_some((zeroed(low), zeroed(high)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_those_of_the_range() {
        let range = Range { gt: Some(-0.0), lte: Some(7.0), ..Range::default() };
        assert_eq!(bounds(&range), Some((f64::from_bits(1), 7.0)));
        let range = Range { lt: Some(f64::from_bits(1)), gte: Some(-0.0), ..Range::default() };
        assert_eq!(bounds(&range).map(|(low, high)| (low.to_bits(), high.to_bits())), Some((0, 0)));
        assert_eq!(bounds(&Range { gt: Some(f64::NAN), ..Range::default() }), None);
        assert_eq!(bounds(&Range { gt: Some(f64::INFINITY), ..Range::default() }), None);
        assert_eq!(bounds(&Range { gte: Some(2.0), lt: Some(2.0), ..Range::default() }), None);
    }
}
