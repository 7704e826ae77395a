//! What of a payload goes into the index: its terms, and its numbers by path.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use vitrail_domain::Payload;
use vitrail_domain::limits::{FIELD_TERM_BYTES_MAX, FIELD_TERMS_MAX};
use vitrail_domain::words::words;

use crate::term::{Mark, PathBytes, Section, bool_value, integer_value, text_value, whole_term};

/// The terms and numbers of one payload.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Leaves {
    /// Index terms, each once.
    pub(crate) terms: Vec<Vec<u8>>,
    /// Column name and numbers of each path that has some.
    pub(crate) numbers: Vec<(String, Vec<f64>)>,
}

/// What is at one path of one payload.
#[derive(Debug, Default)]
struct AtPath {
    /// Bits of [`Mark`].
    marks: u16,
    /// Ends of value terms.
    values: BTreeSet<Vec<u8>>,
    texts: usize,
    words: BTreeSet<String>,
    numbers: Vec<f64>,
}

/// Everything at every path of one payload.
#[derive(Debug, Default)]
pub(crate) struct Reading {
    paths: BTreeMap<PathBytes, usize>,
    found: Vec<AtPath>,
    terms: usize,
    bytes: usize,
}

impl Leaves {
    /// The leaves of `payload`. One with more than the bounds gets a single term that says so.
    pub(crate) fn of(payload: &Payload) -> Self {
        Reading::of(payload).map_or_else(
            || Self { terms: vec![whole_term()], numbers: Vec::new() },
            Reading::leaves,
        )
    }
}

impl Reading {
    /// Reads `payload`; `None` if it has more terms than the bounds in `limits`.
    pub(crate) fn of(payload: &Payload) -> Option<Self> {
        let mut reading = Self::default();
        let mut path = PathBytes::default();
        for (key, value) in payload.fields() {
            reading.within_key(&mut path, key, value)?;
        }
        Some(reading)
    }

    /// Each path and the marks of what is there.
    pub(crate) fn marks(&self) -> impl Iterator<Item = (&PathBytes, u16)> {
        self.paths.iter().map(|(path, &index)| (path, self.found[index].marks))
    }

    fn leaves(mut self) -> Leaves {
        let mut leaves = Leaves::default();
        leaves.terms.reserve(self.terms);
        for (path, index) in self.paths {
            let at = std::mem::take(&mut self.found[index]);
            let marks = Mark::ALL.into_iter().filter(|mark| at.marks & mark.bit() != 0);
            leaves.terms.extend(marks.map(|mark| path.mark(mark)));
            leaves.terms.extend(at.values.iter().map(|value| path.value(value)));
            leaves.terms.extend(at.words.iter().map(|word| path.word(word)));
            if !at.numbers.is_empty() {
                leaves.numbers.push((path.column(), at.numbers));
            }
        }
        leaves
    }

    fn within_key(&mut self, path: &mut PathBytes, key: &str, value: &Value) -> Option<()> {
        let len = path.len();
        path.push_key(key);
        let done = self.reached(path, value);
        path.truncate(len);
        done
    }

    /// `value` is what `path` reaches. A path too long for terms is left to the direct evaluator.
    fn reached(&mut self, path: &mut PathBytes, value: &Value) -> Option<()> {
        if !path.fits() {
            return Some(());
        }
        match value {
            Value::Null => self.mark(path, Mark::Null),
            Value::Array(items) if items.is_empty() => Some(()),
            Value::Array(items) => {
                self.mark(path, Mark::List)?;
                items.iter().try_for_each(|item| self.scalar(path, item))?;
                let len = path.len();
                path.push_each();
                let done = items.iter().try_for_each(|item| self.reached(path, item));
                path.truncate(len);
                done
            }
            Value::Object(fields) => {
                self.mark(path, Mark::Object)?;
                fields.iter().try_for_each(|(key, value)| self.within_key(path, key, value))
            }
            scalar => self.scalar(path, scalar),
        }
    }

    /// `value` is among the scalars of `path`.
    fn scalar(&mut self, path: &PathBytes, value: &Value) -> Option<()> {
        match value {
            Value::Null => Some(()),
            Value::Bool(flag) => self.value(path, Mark::Bool, bool_value(*flag)),
            Value::Number(number) => {
                if let Some(number) = number.as_f64() {
                    self.number(path, number)?;
                }
                match number.as_i64() {
                    Some(integer) => self.value(path, Mark::Integer, integer_value(integer)),
                    None => self.mark(path, Mark::Float),
                }
            }
            Value::String(text) => self.text(path, text),
            Value::Array(_) => self.mark(path, Mark::Inner),
            Value::Object(_) => self.mark(path, Mark::Object),
        }
    }

    fn text(&mut self, path: &PathBytes, text: &str) -> Option<()> {
        match text_value(text) {
            Some(value) => self.value(path, Mark::Text, value)?,
            None => {
                self.mark(path, Mark::Text)?;
                self.mark(path, Mark::Long)?;
                // A long text has no value term, but it is a value beside the others.
                if !self.at(path).values.is_empty() {
                    self.mark(path, Mark::Several)?;
                }
            }
        }
        self.at(path).texts += 1;
        if self.at(path).texts == 2 {
            self.mark(path, Mark::Texts)?;
        }
        for word in words(text) {
            let bytes = path.len() + word.len();
            if self.at(path).words.insert(word) {
                self.spend(bytes)?;
            }
        }
        Some(())
    }

    fn value(&mut self, path: &PathBytes, mark: Mark, value: Vec<u8>) -> Option<()> {
        self.mark(path, mark)?;
        let bytes = path.len() + value.len();
        let at = self.at(path);
        let beside_long = at.marks & Mark::Long.bit() != 0;
        let (new, values) = (at.values.insert(value), at.values.len());
        if new {
            self.spend(bytes)?;
        }
        if values > 1 || beside_long { self.mark(path, Mark::Several) } else { Some(()) }
    }

    fn number(&mut self, path: &PathBytes, number: f64) -> Option<()> {
        // Minus zero and zero are equal in a range but not in the order of a column.
        let number = if number == 0.0 { 0.0 } else { number };
        self.at(path).numbers.push(number);
        self.spend(size_of::<f64>())
    }

    fn mark(&mut self, path: &PathBytes, mark: Mark) -> Option<()> {
        let at = self.at(path);
        if at.marks & mark.bit() != 0 {
            return Some(());
        }
        at.marks |= mark.bit();
        self.spend(path.len() + 2)
    }

    fn at(&mut self, path: &PathBytes) -> &mut AtPath {
        let known = self.paths.get(path).copied();
        let index = known.unwrap_or_else(|| {
            self.found.push(AtPath::default());
            self.paths.insert(path.clone(), self.found.len() - 1);
            self.found.len() - 1
        });
        &mut self.found[index]
    }

    fn spend(&mut self, bytes: usize) -> Option<()> {
        self.terms += 1;
        self.bytes += bytes + size_of::<Section>();
        (self.terms <= FIELD_TERMS_MAX && self.bytes <= FIELD_TERM_BYTES_MAX).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn payload(value: Value) -> Payload {
        Payload::trusted(value.as_object().cloned().unwrap())
    }

    #[test]
    fn a_payload_beyond_the_bounds_has_no_field_terms() {
        let many: Vec<_> = (0..FIELD_TERMS_MAX).collect();
        assert_eq!(Leaves::of(&payload(json!({ "a": many }))).terms, [whole_term()]);
    }

    #[test]
    fn lists_count_as_their_elements() {
        let reading = Reading::of(&payload(json!({"a": ["x", "y", null, [1]]}))).unwrap();
        let path = PathBytes::of(&"a".parse().unwrap()).unwrap();
        let at = &reading.found[reading.paths[&path]];
        let expected = [Mark::List, Mark::Text, Mark::Texts, Mark::Several, Mark::Inner];
        assert_eq!(at.marks, expected.iter().map(|mark| mark.bit()).sum::<u16>());
        assert_eq!(at.values.len(), 2);
    }
}
