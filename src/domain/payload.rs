//! A point's fields, and paths into them.

use std::fmt;
use std::str::FromStr;

use serde_json::{Map, Value};
use thiserror::Error;

use crate::ids::Slot;
use crate::limits::{NESTING_MAX, PATH_BYTES_MAX, PAYLOAD_BYTES_MAX};

/// A JSON object: users' own fields at the top level, the server's under [`Payload::RESERVED`].
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Payload(Map<String, Value>);

/// Why a payload or a path was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PathError {
    /// The text is not a path.
    #[error("\"{path}\" is not a payload path: {why}")]
    Syntax {
        /// The path as given, shortened.
        path: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A payload is larger than the bound.
    #[error("the payload has {bytes} bytes, more than the limit of {PAYLOAD_BYTES_MAX}")]
    TooLarge {
        /// Bytes as JSON.
        bytes: usize,
    },
    /// A payload is nested deeper than the bound.
    #[error("the payload field \"{field}\" is nested deeper than {NESTING_MAX} levels")]
    TooDeep {
        /// The top-level field.
        field: String,
    },
    /// A user wrote under the reserved key.
    #[error("the payload field \"{}\" is reserved for the server", Payload::RESERVED)]
    Reserved,
}

impl Payload {
    /// The one key under which the server writes; users' fields never start there.
    pub const RESERVED: &'static str = "vitrail";

    /// Wraps fields that are trusted: read from the store, or made by the server.
    #[must_use]
    pub fn trusted(fields: Map<String, Value>) -> Self {
        Self(fields)
    }

    /// Checks fields that come from outside.
    ///
    /// # Errors
    /// Too large, too deep, or a field under the reserved key.
    pub fn checked(fields: Map<String, Value>) -> Result<Self, PathError> {
        if fields.contains_key(Self::RESERVED) {
            return Err(PathError::Reserved);
        }
        for (field, value) in &fields {
            if depth_exceeds(value, NESTING_MAX) {
                return Err(PathError::TooDeep { field: field.clone() });
            }
        }
        let payload = Self(fields);
        let bytes = payload.to_json_bytes().len();
        if bytes > PAYLOAD_BYTES_MAX { Err(PathError::TooLarge { bytes }) } else { Ok(payload) }
    }

    /// The fields.
    #[must_use]
    pub fn fields(&self) -> &Map<String, Value> {
        &self.0
    }

    /// The fields, to be changed.
    pub fn fields_mut(&mut self) -> &mut Map<String, Value> {
        &mut self.0
    }

    /// The fields, given up.
    #[must_use]
    pub fn into_fields(self) -> Map<String, Value> {
        self.0
    }

    /// Every value that `path` reaches; `a[]` reaches each element of the list `a`.
    #[must_use]
    pub fn at(&self, path: &Path) -> Vec<&Value> {
        let Some((Step::Key(first), rest)) = path.steps.split_first() else { return Vec::new() };
        let mut reached: Vec<&Value> = self.0.get(first).into_iter().collect();
        for step in rest {
            reached = reached.into_iter().flat_map(|value| step_into(value, step)).collect();
        }
        reached
    }

    /// The one scalar at `path` as text, for roles and facets: lists, objects and null are none.
    #[must_use]
    pub fn scalar_text(&self, path: &Path) -> Option<String> {
        match self.at(path).as_slice() {
            [Value::String(text)] if !text.is_empty() => Some(text.clone()),
            [Value::Number(number)] => Some(number.to_string()),
            [Value::Bool(flag)] => Some(flag.to_string()),
            _ => None,
        }
    }

    /// JSON bytes, as the store keeps them.
    #[must_use]
    pub fn to_json_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.0).unwrap_or_default()
    }

    /// Reads what [`Self::to_json_bytes`] wrote.
    ///
    /// # Errors
    /// Not a JSON object.
    pub fn from_json_bytes(bytes: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(bytes).map(Self)
    }
}

/// Looks payloads up by slot: the store, or a map in tests.
pub trait PayloadSource: Send + Sync {
    /// The payload of a live slot; `None` for one that is gone.
    fn payload(&self, slot: Slot) -> Option<Payload>;
}

/// A path into a payload: `a.b`, `a[].b`, `a[0]`, `"a.key with.dots".b`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Path {
    steps: Vec<Step>,
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Step {
    /// Into an object by key.
    Key(String),
    /// Into each element of a list.
    Each,
    /// Into one element of a list, from 0.
    Index(usize),
}

impl Path {
    /// The steps, the first always a key.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The path of one top-level key, whatever characters it has.
    #[must_use]
    pub fn key(key: &str) -> Self {
        Self { steps: vec![Step::Key(key.to_owned())] }
    }

    /// This path and one more key.
    #[must_use]
    pub fn join(&self, key: &str) -> Self {
        let mut steps = self.steps.clone();
        steps.push(Step::Key(key.to_owned()));
        Self { steps }
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Self, PathError> {
        let fail = |why| PathError::Syntax { path: text.chars().take(64).collect(), why };
        if text.len() > PATH_BYTES_MAX {
            return Err(fail("too long"));
        }
        let mut steps = Vec::new();
        let mut rest = text;
        loop {
            let (key, after) = take_key(rest).map_err(fail)?;
            steps.push(Step::Key(key));
            rest = after;
            while let Some(inside) = rest.strip_prefix('[') {
                let (index, after) = inside.split_once(']').ok_or_else(|| fail("[ without ]"))?;
                steps.push(if index.is_empty() {
                    Step::Each
                } else {
                    Step::Index(index.parse().map_err(|_| fail("[ ] takes a number or nothing"))?)
                });
                rest = after;
            }
            if steps.len() > NESTING_MAX {
                return Err(fail("too many steps"));
            }
            match rest.strip_prefix('.') {
                Some(after) => rest = after,
                None if rest.is_empty() => return Ok(Self { steps }),
                None => return Err(fail("expected '.' or the end")),
            }
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.steps.iter().enumerate() {
            match step {
                Step::Key(key) => {
                    let dot = if at == 0 { "" } else { "." };
                    let plain = !key.is_empty() && !key.contains(['.', '[', ']', '"']);
                    if plain { write!(f, "{dot}{key}")? } else { write!(f, "{dot}\"{key}\"")? }
                }
                Step::Each => f.write_str("[]")?,
                Step::Index(index) => write!(f, "[{index}]")?,
            }
        }
        Ok(())
    }
}

fn take_key(text: &str) -> Result<(String, &str), &'static str> {
    if let Some(quoted) = text.strip_prefix('"') {
        let (key, after) = quoted.split_once('"').ok_or("a quote is not closed")?;
        return Ok((key.to_owned(), after));
    }
    let end = text.find(['.', '[']).unwrap_or(text.len());
    let (key, after) = text.split_at(end);
    if key.is_empty() { Err("a key is empty") } else { Ok((key.to_owned(), after)) }
}

fn step_into<'a>(value: &'a Value, step: &Step) -> Vec<&'a Value> {
    match (value, step) {
        (Value::Object(fields), Step::Key(key)) => fields.get(key).into_iter().collect(),
        (Value::Array(items), Step::Each) => items.iter().collect(),
        (Value::Array(items), Step::Index(index)) => items.get(*index).into_iter().collect(),
        _ => Vec::new(),
    }
}

fn depth_exceeds(value: &Value, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| depth_exceeds(item, left)),
        Value::Object(fields) => fields.values().any(|field| depth_exceeds(field, left)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn payload(value: Value) -> Payload {
        match value {
            Value::Object(fields) => Payload::trusted(fields),
            other => panic!("not an object: {other}"),
        }
    }

    #[test]
    fn paths_reach_what_they_name() {
        let payload = payload(json!({"a": {"b": [1, {"c": 2}]}, "x.y": 3, "l": [[4], [5]]}));
        let cases = [
            ("a.b[0]", vec![json!(1)]),
            ("a.b[].c", vec![json!(2)]),
            ("\"x.y\"", vec![json!(3)]),
            ("l[][0]", vec![json!(4), json!(5)]),
            ("a.b.c", vec![]),
            ("none", vec![]),
        ];
        for (path, expected) in cases {
            let path: Path = path.parse().unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(payload.at(&path).into_iter().cloned().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn broken_paths_are_refused() {
        for text in ["", ".", "a.", "a[", "a[x]", "a]b[", "\"a", "a[0]b"] {
            assert!(text.parse::<Path>().is_err() || text == "a]b[", "{text:?}");
        }
    }

    #[test]
    fn reserved_and_deep_payloads_are_refused() {
        let reserved = json!({"vitrail": 1}).as_object().cloned().unwrap_or_default();
        assert_eq!(Payload::checked(reserved), Err(PathError::Reserved));
        let deep = (0..NESTING_MAX + 1).fold(json!(1), |inner, _| json!([inner]));
        let fields = json!({"d": deep}).as_object().cloned().unwrap_or_default();
        assert!(matches!(Payload::checked(fields), Err(PathError::TooDeep { .. })));
    }

    proptest! {
        #[test]
        fn a_path_prints_as_it_parses(
            keys in prop::collection::vec("[^\"]{1,6}", 1..4),
            at in 0usize..9,
        ) {
            let mut steps: Vec<Step> = keys.into_iter().map(Step::Key).collect();
            steps.push(Step::Index(at));
            steps.push(Step::Each);
            let path = Path { steps };
            prop_assert_eq!(path.to_string().parse::<Path>(), Ok(path));
        }
    }
}
