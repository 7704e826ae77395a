//! Vectors on the wire: a list of numbers, or a list of such lists. What can't be read is named by
//! its row and component, and by its point and vector around it.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vitrail_domain::{Code, MultiVector, Vector};

use crate::error::ApiError;

/// One row of components, or many rows of one length where the vector is a multi-vector.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum VectorDoc {
    /// `[0.1, 0.2]`.
    One(Vec<f32>),
    /// `[[0.1, 0.2], [0.3, 0.4]]`.
    Many(Vec<Vec<f32>>),
}

impl VectorDoc {
    /// The vector that it says.
    ///
    /// # Errors
    /// Rows of different lengths, none, or more than their bound.
    pub fn read(self) -> Result<Vector, ApiError> {
        match self {
            Self::One(row) => Ok(Vector::One(row)),
            Self::Many(rows) => MultiVector::of_rows(&rows)
                .map(Vector::Many)
                .map_err(|error| ApiError::new(Code::InvalidVector, error)),
        }
    }
}

impl From<Vector> for VectorDoc {
    fn from(vector: Vector) -> Self {
        match vector {
            Vector::One(row) => Self::One(row),
            Vector::Many(rows) => Self::Many(rows.rows().map(<[f32]>::to_vec).collect()),
        }
    }
}

impl<'de> Deserialize<'de> for VectorDoc {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(Rows)
    }
}

/// An element of the outer list.
enum Element {
    Number(f32),
    Row(Vec<f32>),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(AnElement)
    }
}

struct AnElement;

impl<'de> Visitor<'de> for AnElement {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a number, or a list of numbers")
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Element, E> {
        Ok(Element::Number(value as f32))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Element, E> {
        Ok(Element::Number(value as f32))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Element, E> {
        Ok(Element::Number(value as f32))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Element, A::Error> {
        let mut row = Vec::new();
        while let Some(value) = next(&mut list, || format!("component {}", row.len()))? {
            row.push(value);
        }
        Ok(Element::Row(row))
    }
}

struct Rows;

impl<'de> Visitor<'de> for Rows {
    type Value = VectorDoc;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of numbers, or a list of such lists")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<VectorDoc, A::Error> {
        let (mut row, mut rows) = (Vec::new(), Vec::new());
        loop {
            let word = if rows.is_empty() { "component" } else { "row" };
            let at = row.len() + rows.len();
            match next(&mut list, || format!("{word} {at}"))? {
                Some(Element::Number(value)) if rows.is_empty() => row.push(value),
                Some(Element::Row(next)) if row.is_empty() => rows.push(next),
                Some(_) => {
                    let mixed = "numbers and lists stand side by side";
                    return Err(A::Error::custom(format!("element {at}: {mixed}")));
                }
                None if rows.is_empty() => return Ok(VectorDoc::One(row)),
                None => return Ok(VectorDoc::Many(rows)),
            }
        }
    }
}

/// The list's next element; an error says which it was.
fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    list: &mut A,
    which: impl FnOnce() -> String,
) -> Result<Option<T>, A::Error> {
    list.next_element().map_err(|error| A::Error::custom(format!("{}: {error}", which())))
}

/// Vectors by name, or null; an error says whose.
///
/// # Errors
/// What is no such map.
pub fn by_name<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<BTreeMap<String, VectorDoc>>, D::Error> {
    struct ByName;

    impl<'de> Visitor<'de> for ByName {
        type Value = Option<BTreeMap<String, VectorDoc>>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("vectors by name")
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut vectors = BTreeMap::new();
            while let Some(name) = map.next_key::<String>()? {
                let vector = map.next_value().map_err(|error| {
                    let shown: String = name.chars().take(64).collect();
                    A::Error::custom(format!("vector \"{}\": {error}", shown.escape_debug()))
                })?;
                vectors.insert(name, vector);
            }
            Ok(Some(vectors))
        }
    }

    from.deserialize_any(ByName)
}

/// Points of a list; an error says which.
///
/// # Errors
/// What is no such list.
pub fn numbered<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    from: D,
) -> Result<Vec<T>, D::Error> {
    struct Numbered<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for Numbered<T> {
        type Value = Vec<T>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a list of points")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
            let mut points = Vec::new();
            while let Some(point) = next(&mut list, || format!("points[{}]", points.len()))? {
                points.push(point);
            }
            Ok(points)
        }
    }

    from.deserialize_seq(Numbered(PhantomData))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::point::UpsertRequest;

    fn read(text: &str) -> Result<VectorDoc, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn a_row_and_rows_are_told_apart_and_print_as_they_were() {
        for text in ["[1.0,2.0]", "[[1.0,2.0],[3.0]]", "[]", "[[]]"] {
            let vector = read(text).expect(text);
            assert_eq!(serde_json::to_string(&vector).expect(text), text);
        }
        assert_eq!(read("[1, -2, 18446744073709551615]").expect("whole numbers"), {
            VectorDoc::One(vec![1.0, -2.0, 1.844_674_4e19])
        });
    }

    #[test]
    fn what_is_no_number_is_named_by_row_and_component() {
        let cases = [
            ("[1.0, null]", "component 1: invalid type: null"),
            ("[1.0, 1e400]", "component 1: number out of range"),
            ("[[1.0], [2.0, null]]", "row 1: component 1: invalid type: null"),
            ("[[1.0], [2.0, -1e999]]", "row 1: component 1: number out of range"),
            ("[[1.0], 2.0]", "element 1: numbers and lists"),
            ("[1.0, [2.0]]", "element 1: numbers and lists"),
            ("[\"NaN\"]", "component 0: invalid type: string"),
        ];
        for (text, words) in cases {
            let error = read(text).expect_err(text);
            assert!(error.starts_with(words), "{text}: {error}");
        }
    }

    #[test]
    fn the_point_and_the_name_stand_before_it() {
        let text = r#"{"points": [{"id": 1}, {"id": 2, "vectors": {"v": [0.5, null]}}]}"#;
        let error = serde_json::from_str::<UpsertRequest>(text).expect_err("null").to_string();
        assert!(error.starts_with("points[1]: vector \"v\": component 1: invalid"), "{error}");
        let text = r#"{"points": [{"id": 1, "vectors": null}]}"#;
        assert!(serde_json::from_str::<UpsertRequest>(text).is_ok());
    }
}
