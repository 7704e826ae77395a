//! Counting: values at a path, and paths there are.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;
use serde_json::Value;
use vitrail_domain::limits::FACET_VALUES_MAX;
use vitrail_domain::{MatchValue, Path, Payload, PayloadSource, Slot};

use crate::error::FieldError;
use crate::leaves::Reading;
use crate::term::{
    Mark, PathBytes, Section, bool_value, integer_value, read_mark, read_value, text_value,
};
use crate::view::{FieldView, Shares};

/// Values at one path among some points.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Facet {
    /// Value as shown, value as matched, points that have it; the most frequent first.
    pub values: Vec<(String, MatchValue, usize)>,
    /// Points with nothing there: absent, null or an empty list.
    pub missing: usize,
    /// Points with something there that can't be equal to a value: a fraction, an object, a text
    /// longer than `KEYWORD_BYTES_MAX`.
    pub other: usize,
    /// How many different values there are, those beyond the limit included.
    pub distinct: usize,
}

/// A payload path and what is there.
#[derive(Debug, Clone, PartialEq)]
pub struct PathInfo {
    /// The path.
    pub path: Path,
    /// Points with something there.
    pub points: usize,
    /// Points by type of what is there; a point with a list counts for its elements' types too.
    pub types: Vec<(FieldType, usize)>,
}

/// The type of a value at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FieldType {
    /// Text.
    Text,
    /// A whole number of 64 bits with sign.
    Integer,
    /// Any other number.
    Float,
    /// True or false.
    Bool,
    /// An object.
    Object,
    /// A list.
    List,
    /// Null.
    Null,
}

impl FieldType {
    /// Every type and the mark that says it is there.
    const MARKS: [(Self, Mark); 7] = [
        (Self::Text, Mark::Text),
        (Self::Integer, Mark::Integer),
        (Self::Float, Mark::Float),
        (Self::Bool, Mark::Bool),
        (Self::Object, Mark::Object),
        (Self::List, Mark::List),
        (Self::Null, Mark::Null),
    ];

    /// Its name, as documents and faces use it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Integer => "integer",
            Self::Float => "float",
            Self::Bool => "bool",
            Self::Object => "object",
            Self::List => "list",
            Self::Null => "null",
        }
    }
}

/// Counts as they add up: ends of value terms with numbers of points, in any order, repeated.
#[derive(Default)]
struct Counts {
    values: Vec<(Vec<u8>, usize)>,
    missing: usize,
    other: usize,
}

pub(crate) fn facet(
    view: &FieldView,
    path: &Path,
    within: &RoaringBitmap,
    limit: usize,
    source: &dyn PayloadSource,
) -> Result<Facet, FieldError> {
    let shares = view.shares(within);
    let mut counts = Counts::default();
    let read = |slots: &RoaringBitmap, counts: &mut Counts| {
        for payload in slots.iter().filter_map(|slot| source.payload(Slot(slot))) {
            counts.payload(path, &payload);
        }
    };
    read(&shares.unsure, &mut counts);
    match PathBytes::of(path) {
        Some(path) => counts.indexed(view, &path, &shares)?,
        None => read(&shares.sure, &mut counts),
    }
    for (slot, _, payload) in view.overlay.present() {
        if shares.changed.contains(slot.0) {
            counts.payload(path, payload);
        }
    }
    Ok(counts.facet(limit.min(FACET_VALUES_MAX)))
}

impl Counts {
    fn indexed(
        &mut self,
        view: &FieldView,
        path: &PathBytes,
        shares: &Shares,
    ) -> Result<(), FieldError> {
        let asked = view.asked(shares);
        let filled = asked.marked(path, &Mark::FILLED)?;
        let other = [Mark::Float, Mark::Object, Mark::Inner, Mark::Long];
        let other = asked.marked(path, &other)?;
        self.missing += count(shares.sure.len() - shares.sure.intersection_len(&filled));
        self.other += count(shares.sure.intersection_len(&other));
        let prefix = path.prefix(Section::Value);
        view.generation.committed.count_terms(&prefix, &shares.sure, |value, points| {
            self.values.push((value.to_vec(), points));
        })
    }

    /// Adds one payload.
    fn payload(&mut self, path: &Path, payload: &Payload) {
        let reached = payload.at(path);
        let empty = |value: &&Value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            _ => false,
        };
        if reached.iter().all(empty) {
            self.missing += 1;
        }
        let scalars = reached.iter().flat_map(|value| match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(*other),
        });
        let ends: BTreeSet<Option<Vec<u8>>> =
            scalars.filter(|value| !value.is_null()).map(value_end).collect();
        self.other += usize::from(ends.contains(&None));
        self.values.extend(ends.into_iter().flatten().map(|end| (end, 1)));
    }

    fn facet(mut self, limit: usize) -> Facet {
        if !self.values.is_sorted_by(|before, after| before.0 < after.0) {
            self.values.sort_unstable();
            self.values.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    kept.1 += later.1;
                }
                same
            });
        }
        let distinct = self.values.len();
        let order = |a: &(Vec<u8>, usize), b: &(Vec<u8>, usize)| b.1.cmp(&a.1).then(a.0.cmp(&b.0));
        if limit < distinct {
            self.values.select_nth_unstable_by(limit, order);
            self.values.truncate(limit);
        }
        self.values.sort_unstable_by(order);
        let shown = |(end, points): (Vec<u8>, usize)| {
            read_value(&end).map(|value| (display(&value), value, points))
        };
        Facet {
            values: self.values.into_iter().filter_map(shown).collect(),
            missing: self.missing,
            other: self.other,
            distinct,
        }
    }
}

/// The end of the value term of a scalar; `None` for what no value is equal to.
fn value_end(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::String(text) => text_value(text),
        Value::Bool(flag) => Some(bool_value(*flag)),
        Value::Number(number) => number.as_i64().map(integer_value),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

fn display(value: &MatchValue) -> String {
    match value {
        MatchValue::Text(text) => text.clone(),
        MatchValue::Integer(integer) => integer.to_string(),
        MatchValue::Bool(flag) => flag.to_string(),
    }
}

pub(crate) fn paths(view: &FieldView) -> Result<Vec<PathInfo>, FieldError> {
    let shares = view.shares(&view.generation.committed.docs);
    let asked = view.asked(&shares);
    let changed: Vec<Reading> =
        view.overlay.present().filter_map(|(_, _, payload)| Reading::of(payload)).collect();
    let mut fresh: BTreeMap<&PathBytes, Vec<u16>> = BTreeMap::new();
    for (path, marks) in changed.iter().flat_map(Reading::marks) {
        fresh.entry(path).or_default().push(marks);
    }
    let terms = view.generation.committed.terms(&[Section::Mark as u8])?;
    let mut known: BTreeSet<PathBytes> =
        terms.iter().filter_map(|term| read_mark(term)).map(|(path, _)| path).collect();
    known.extend(fresh.keys().map(|&path| path.clone()));
    let mut found = Vec::new();
    for bytes in known.iter().filter(|path| !path.ends_with_each()) {
        let Some(path) = bytes.to_path() else { continue };
        let fresh = fresh.get(bytes).map_or(&[][..], Vec::as_slice);
        let points = |marks: &[Mark]| {
            let bits = marks.iter().fold(0, |bits, mark| bits | mark.bit());
            let committed = asked.marked(bytes, marks)?.intersection_len(&shares.sure);
            let fresh = fresh.iter().filter(|&&marks| marks & bits != 0).count();
            Ok(count(committed) + fresh)
        };
        let mut info = PathInfo { path, points: points(&Mark::FILLED)?, types: Vec::new() };
        for (kind, mark) in FieldType::MARKS {
            let points = points(&[mark])?;
            if points > 0 {
                info.types.push((kind, points));
            }
        }
        // A path whose last point was changed or deleted lingers until its segment is merged.
        if !info.types.is_empty() {
            found.push(info);
        }
    }
    Ok(found)
}

fn count(slots: u64) -> usize {
    usize::try_from(slots).unwrap_or(usize::MAX)
}
