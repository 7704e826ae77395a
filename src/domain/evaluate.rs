//! The reference meaning of a filter: directly over one payload. The field index must agree with
//! it on every payload and filter; a property test there holds it to that.

use std::collections::HashSet;

use serde_json::Value;

use crate::filter::{Condition, Filter, MatchValue, Test};
use crate::ids::PointId;
use crate::payload::{Path, Payload};
use crate::words::words;

/// Whether the point of this id and payload passes.
#[must_use]
pub fn holds(filter: &Filter, id: PointId, payload: &Payload) -> bool {
    let passes = |condition: &Condition| condition_holds(condition, id, payload);
    filter.must.iter().all(passes)
        && (filter.should.is_empty() || filter.should.iter().any(passes))
        && !filter.must_not.iter().any(passes)
}

fn condition_holds(condition: &Condition, id: PointId, payload: &Payload) -> bool {
    match condition {
        Condition::Field(path, test) => test_holds(test, path, payload),
        Condition::HasId(ids) => ids.contains(&id),
        Condition::Filter(inner) => holds(inner, id, payload),
    }
}

fn test_holds(test: &Test, path: &Path, payload: &Payload) -> bool {
    let reached = payload.at(path);
    match test {
        Test::Match(wanted) => scalars(&reached).any(|value| equals(value, wanted)),
        Test::Any(wanted) => {
            scalars(&reached).any(|value| wanted.iter().any(|wanted| equals(value, wanted)))
        }
        Test::Except(unwanted) => scalars(&reached)
            .any(|value| !value.is_null() && !unwanted.iter().any(|other| equals(value, other))),
        Test::Range(range) => {
            scalars(&reached).filter_map(Value::as_f64).any(|number| range.holds(number))
        }
        Test::Text(query) => {
            let wanted: Vec<String> = words(query).collect();
            let has_all = |text: &str| {
                let present: HashSet<String> = words(text).collect();
                wanted.iter().all(|word| present.contains(word))
            };
            !wanted.is_empty() && scalars(&reached).filter_map(Value::as_str).any(has_all)
        }
        Test::IsEmpty => reached.iter().all(|value| match value {
            Value::Null => true,
            Value::Array(items) => items.is_empty(),
            _ => false,
        }),
        Test::IsNull => reached.iter().any(|value| value.is_null()),
    }
}

/// Values that tests look at: a list counts as its elements, one level deep.
fn scalars<'a>(reached: &'a [&'a Value]) -> impl Iterator<Item = &'a Value> {
    reached.iter().flat_map(|value| match value {
        Value::Array(items) => items.as_slice(),
        other => std::slice::from_ref(*other),
    })
}

fn equals(value: &Value, wanted: &MatchValue) -> bool {
    match wanted {
        MatchValue::Text(text) => value.as_str() == Some(text),
        MatchValue::Integer(integer) => value.as_i64() == Some(*integer),
        MatchValue::Bool(flag) => value.as_bool() == Some(*flag),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::filter::Range;

    fn check(test: Test, path: &str, payload: Value, expected: bool) {
        let path: Path = path.parse().unwrap_or_else(|error| panic!("{error}"));
        let fields = payload.as_object().cloned().unwrap_or_default();
        let filter =
            Filter { must: vec![Condition::Field(path, test.clone())], ..Filter::default() };
        let got = holds(&filter, PointId::Number(1), &Payload::trusted(fields));
        assert_eq!(got, expected, "{test:?} over {payload}");
    }

    #[test]
    fn each_test_means_what_the_documents_say() {
        let text = |text: &str| MatchValue::Text(text.to_owned());
        let range = Test::Range(Range { gte: Some(40.0), lt: Some(50.0), ..Range::default() });
        check(Test::Match(text("nv")), "label", json!({"label": "nv"}), true);
        check(Test::Match(text("nv")), "label", json!({"label": ["mel", "nv"]}), true);
        check(Test::Match(text("nv")), "label", json!({}), false);
        check(Test::Match(MatchValue::Integer(3)), "n", json!({"n": 3.0}), false);
        check(Test::Any(vec![text("a"), text("b")]), "l", json!({"l": "b"}), true);
        check(Test::Except(vec![text("a")]), "l", json!({"l": ["a", "b"]}), true);
        check(Test::Except(vec![text("a")]), "l", json!({}), false);
        check(range.clone(), "age", json!({"age": 49.9}), true);
        check(range.clone(), "age", json!({"age": "45"}), false);
        check(range, "age", json!({"age": [1, 45]}), true);
        check(Test::Text("Left ARM".into()), "t", json!({"t": "arm, left"}), true);
        check(Test::Text("left leg".into()), "t", json!({"t": "arm, left"}), false);
        check(Test::IsEmpty, "x", json!({"x": null}), true);
        check(Test::IsEmpty, "x", json!({"x": []}), true);
        check(Test::IsEmpty, "x", json!({"x": ""}), false);
        check(Test::IsNull, "x", json!({}), false);
        check(Test::IsNull, "x", json!({"x": null}), true);
    }
}
