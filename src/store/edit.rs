//! Taking paths out of a payload, and its bounds.

use serde_json::{Map, Value};
use vitrail_domain::limits::{NESTING_MAX, PAYLOAD_BYTES_MAX};
use vitrail_domain::{Path, Payload};

/// Removes what `path` reaches; whether there was something. `a[]` empties the list `a`, `a[0]`
/// takes its first element out.
pub(crate) fn remove(payload: &mut Payload, path: &Path) -> bool {
    use vitrail_domain::payload::Step;

    fn from_fields(fields: &mut Map<String, Value>, steps: &[Step]) -> bool {
        match steps {
            [Step::Key(key)] => fields.shift_remove(key).is_some(),
            [Step::Key(key), rest @ ..] => {
                fields.get_mut(key).is_some_and(|value| from_value(value, rest))
            }
            _ => false,
        }
    }

    fn from_value(value: &mut Value, steps: &[Step]) -> bool {
        match (value, steps) {
            (Value::Object(fields), steps) => from_fields(fields, steps),
            (Value::Array(items), [Step::Each]) => {
                let had = !items.is_empty();
                items.clear();
                had
            }
            (Value::Array(items), [Step::Each, rest @ ..]) => {
                items.iter_mut().fold(false, |removed, item| from_value(item, rest) | removed)
            }
            (Value::Array(items), [Step::Index(at)]) if *at < items.len() => {
                items.remove(*at);
                true
            }
            (Value::Array(items), [Step::Index(at), rest @ ..]) if !rest.is_empty() => {
                items.get_mut(*at).is_some_and(|item| from_value(item, rest))
            }
            _ => false,
        }
    }

    from_fields(payload.fields_mut(), path.steps())
}

/// Sets top-level fields; whether anything changed.
pub(crate) fn merge(payload: &mut Payload, fields: &Map<String, Value>) -> bool {
    let mut changed = false;
    for (key, value) in fields {
        let old = payload.fields_mut().insert(key.clone(), value.clone());
        changed |= old.as_ref() != Some(value);
    }
    changed
}

/// The payload as JSON bytes, within the bounds that reading it back needs.
pub(crate) fn checked_bytes(payload: &Payload) -> Result<Vec<u8>, String> {
    for (field, value) in payload.fields() {
        if exceeds(value, NESTING_MAX) {
            let limit = format!("is nested deeper than {NESTING_MAX} levels");
            return Err(format!("the payload field \"{field}\" {limit}"));
        }
    }
    let bytes = payload.to_json_bytes();
    if bytes.len() > PAYLOAD_BYTES_MAX {
        let got = bytes.len();
        return Err(format!("the payload has {got} bytes, more than {PAYLOAD_BYTES_MAX}"));
    }
    Ok(bytes)
}

fn exceeds(value: &Value, left: usize) -> bool {
    let Some(left) = left.checked_sub(1) else { return true };
    match value {
        Value::Array(items) => items.iter().any(|item| exceeds(item, left)),
        Value::Object(fields) => fields.values().any(|field| exceeds(field, left)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_take_out_what_they_reach() {
        let start = json!({"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}, {"y": 3}], "n": [1, 2]});
        let cases = [
            ("a.b", true, json!({"a": {"c": 2}, "l": start["l"], "n": [1, 2]})),
            ("l[].y", true, json!({"a": start["a"], "l": [{"x": 1}, {}], "n": [1, 2]})),
            ("n[0]", true, json!({"a": start["a"], "l": start["l"], "n": [2]})),
            ("n[]", true, json!({"a": start["a"], "l": start["l"], "n": []})),
            ("l[1].y", true, json!({"a": start["a"], "l": [{"x": 1, "y": 2}, {}], "n": [1, 2]})),
            ("n[2]", false, start.clone()),
            ("a.b.c", false, start.clone()),
            ("none", false, start.clone()),
        ];
        for (path, removed, expected) in cases {
            let mut payload = Payload::trusted(start.as_object().cloned().unwrap());
            assert_eq!(remove(&mut payload, &path.parse().unwrap()), removed, "{path}");
            assert_eq!(Value::Object(payload.into_fields()), expected, "{path}");
        }
    }
}
