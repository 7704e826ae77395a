//! Filters on the wire. Parsing is by hand, so that the condition that is wrong is named.

use serde::Serialize;
use serde_json::{Map, Value, json};
use thiserror::Error;
use utoipa::ToSchema;
use vitrail_domain::limits::NESTING_MAX;
use vitrail_domain::{Condition, Filter, MatchValue, Path, PointId, Range, Test};

use crate::contract::id::Id;

/// Why a filter was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{at}: {why}")]
pub struct FilterParseError {
    /// The place: `filter.must[2].range`.
    pub at: String,
    /// What is wrong there.
    pub why: String,
}

/// A filter as documented: all of `must`, any of `should` where there is one, none of `must_not`. A
/// single condition is taken where a list is expected.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Filter)]
pub struct FilterDoc {
    /// Every one of these holds.
    #[schema(no_recursion)]
    pub must: Option<Vec<ConditionDoc>>,
    /// At least one of these holds.
    #[schema(no_recursion)]
    pub should: Option<Vec<ConditionDoc>>,
    /// None of these holds.
    #[schema(no_recursion)]
    pub must_not: Option<Vec<ConditionDoc>>,
}

/// One condition: `key` with `match` or `range`; or `is_empty`; or `is_null`; or `has_id`; or a
/// filter (`must`, `should`, `must_not`).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Condition)]
pub struct ConditionDoc {
    /// A payload path: `label`, `a.b`, `tags[]`, `list[0].x`.
    pub key: Option<String>,
    /// `{"value": x}`, `{"any": [..]}`, `{"except": [..]}` or `{"text": "words"}`.
    #[serde(rename = "match")]
    pub matches: Option<MatchDoc>,
    /// Bounds of a number.
    pub range: Option<RangeDoc>,
    /// Nothing is there: absent, null or an empty list.
    pub is_empty: Option<KeyDoc>,
    /// Null is there.
    pub is_null: Option<KeyDoc>,
    /// The point's id is one of these.
    pub has_id: Option<Vec<Id>>,
    /// A filter within the filter.
    #[schema(no_recursion)]
    pub must: Option<Vec<ConditionDoc>>,
    /// A filter within the filter.
    #[schema(no_recursion)]
    pub should: Option<Vec<ConditionDoc>>,
    /// A filter within the filter.
    #[schema(no_recursion)]
    pub must_not: Option<Vec<ConditionDoc>>,
}

/// One of these; values are texts, whole numbers, true or false.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Match)]
pub struct MatchDoc {
    /// Equal to this, type and all.
    pub value: Option<Value>,
    /// Equal to one of these.
    pub any: Option<Vec<Value>>,
    /// Some value there is equal to none of these.
    pub except: Option<Vec<Value>>,
    /// Has all of these words.
    pub text: Option<String>,
}

/// Bounds, each optional.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Range)]
pub struct RangeDoc {
    /// Greater than.
    pub gt: Option<f64>,
    /// Greater than or equal to.
    pub gte: Option<f64>,
    /// Less than.
    pub lt: Option<f64>,
    /// Less than or equal to.
    pub lte: Option<f64>,
}

/// A payload path.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Key)]
pub struct KeyDoc {
    /// The path.
    pub key: String,
}

type Parsed<T> = Result<T, FilterParseError>;

/// Reads a filter and checks it against its bounds.
///
/// # Errors
/// The place that is wrong, and why.
pub fn parse(value: &Value) -> Parsed<Filter> {
    let filter = filter_at(value, "filter", NESTING_MAX)?;
    filter.check().map_err(|error| fail("filter", &error.to_string()))?;
    Ok(filter)
}

fn fail(at: &str, why: &str) -> FilterParseError {
    FilterParseError { at: at.to_owned(), why: why.to_owned() }
}

fn object_at<'a>(value: &'a Value, at: &str, allowed: &[&str]) -> Parsed<&'a Map<String, Value>> {
    let object = value.as_object().ok_or_else(|| fail(at, "expected an object"))?;
    match object.keys().find(|key| !allowed.contains(&key.as_str())) {
        None => Ok(object),
        Some(key) => {
            let key: String = key.chars().take(64).flat_map(char::escape_debug).collect();
            Err(fail(at, &format!("\"{key}\" is not known here; use {}", allowed.join(", "))))
        }
    }
}

fn filter_at(value: &Value, at: &str, depth: usize) -> Parsed<Filter> {
    let depth = depth.checked_sub(1).ok_or_else(|| fail(at, "nested too deep"))?;
    let object = object_at(value, at, &["must", "should", "must_not"])?;
    let list = |key: &str| -> Parsed<Vec<Condition>> {
        let at = format!("{at}.{key}");
        match object.get(key) {
            None => Ok(Vec::new()),
            Some(Value::Array(items)) => items
                .iter()
                .enumerate()
                .map(|(index, item)| condition_at(item, &format!("{at}[{index}]"), depth))
                .collect(),
            Some(single) => Ok(vec![condition_at(single, &at, depth)?]),
        }
    };
    Ok(Filter { must: list("must")?, should: list("should")?, must_not: list("must_not")? })
}

fn condition_at(value: &Value, at: &str, depth: usize) -> Parsed<Condition> {
    let object = value.as_object().ok_or_else(|| fail(at, "expected an object"))?;
    let has = |key: &str| object.contains_key(key);
    if has("must") || has("should") || has("must_not") {
        return Ok(Condition::Filter(Box::new(filter_at(value, at, depth)?)));
    }
    if has("has_id") {
        let object = object_at(value, at, &["has_id"])?;
        return Ok(Condition::HasId(ids_at(object.get("has_id"), &format!("{at}.has_id"))?));
    }
    for (name, test) in [("is_empty", Test::IsEmpty), ("is_null", Test::IsNull)] {
        if let Some(inner) = object.get(name) {
            object_at(value, at, &[name])?;
            let at = format!("{at}.{name}");
            let path = path_at(object_at(inner, &at, &["key"])?.get("key"), &at)?;
            return Ok(Condition::Field(path, test));
        }
    }
    if !has("key") {
        return Err(fail(at, "expected key, has_id, is_empty, is_null, must, should or must_not"));
    }
    let object = object_at(value, at, &["key", "match", "range"])?;
    let path = path_at(object.get("key"), at)?;
    match (object.get("match"), object.get("range")) {
        (Some(matches), None) => Ok(Condition::Field(path, match_at(matches, at)?)),
        (None, Some(range)) => Ok(Condition::Field(path, range_at(range, at)?)),
        _ => Err(fail(at, "a key takes either match or range")),
    }
}

fn path_at(value: Option<&Value>, at: &str) -> Parsed<Path> {
    let text = value.and_then(Value::as_str).ok_or_else(|| fail(at, "key must be a text"))?;
    text.parse().map_err(|error: vitrail_domain::PathError| fail(at, &error.to_string()))
}

fn ids_at(value: Option<&Value>, at: &str) -> Parsed<Vec<PointId>> {
    let items =
        value.and_then(Value::as_array).ok_or_else(|| fail(at, "expected a list of ids"))?;
    let id = |(index, item): (usize, &Value)| {
        let at = format!("{at}[{index}]");
        let id = match item {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64().map(PointId::Number),
        };
        id.ok_or_else(|| fail(&at, "ids are unsigned integers or UUIDs"))
    };
    items.iter().enumerate().map(id).collect()
}

fn match_at(value: &Value, at: &str) -> Parsed<Test> {
    let at = format!("{at}.match");
    let object = object_at(value, &at, &["value", "any", "except", "text"])?;
    let mut entries = object.iter();
    let (Some((name, value)), None) = (entries.next(), entries.next()) else {
        return Err(fail(&at, "expected one of value, any, except, text"));
    };
    let at = format!("{at}.{name}");
    match name.as_str() {
        "value" => Ok(Test::Match(value_at(value, &at)?)),
        "any" => Ok(Test::Any(values_at(value, &at)?)),
        "except" => Ok(Test::Except(values_at(value, &at)?)),
        _ => {
            let words = value.as_str().ok_or_else(|| fail(&at, "expected a text"))?;
            Ok(Test::Text(words.to_owned()))
        }
    }
}

fn values_at(value: &Value, at: &str) -> Parsed<Vec<MatchValue>> {
    let items = value.as_array().ok_or_else(|| fail(at, "expected a list"))?;
    let each = |(index, item): (usize, &Value)| value_at(item, &format!("{at}[{index}]"));
    items.iter().enumerate().map(each).collect()
}

fn value_at(value: &Value, at: &str) -> Parsed<MatchValue> {
    match value {
        Value::String(text) => Ok(MatchValue::Text(text.clone())),
        Value::Bool(flag) => Ok(MatchValue::Bool(*flag)),
        Value::Number(number) => number
            .as_i64()
            .map(MatchValue::Integer)
            .ok_or_else(|| fail(at, "only whole numbers can be equal; use range for others")),
        _ => Err(fail(at, "expected a text, a whole number, true or false")),
    }
}

fn range_at(value: &Value, at: &str) -> Parsed<Test> {
    let at = format!("{at}.range");
    let object = object_at(value, &at, &["gt", "gte", "lt", "lte"])?;
    let bound = |key: &str| match object.get(key) {
        None => Ok(None),
        Some(value) => match value.as_f64() {
            Some(number) => Ok(Some(number)),
            None => Err(fail(&format!("{at}.{key}"), "expected a number")),
        },
    };
    let (gt, gte, lt, lte) = (bound("gt")?, bound("gte")?, bound("lt")?, bound("lte")?);
    Ok(Test::Range(Range { lt, lte, gt, gte }))
}

/// Prints a filter as [`parse`] reads it. Empty lists are left out.
#[must_use]
pub fn print(filter: &Filter) -> Value {
    let mut object = Map::new();
    let lists =
        [("must", &filter.must), ("should", &filter.should), ("must_not", &filter.must_not)];
    for (name, conditions) in lists {
        if !conditions.is_empty() {
            object.insert(name.to_owned(), conditions.iter().map(print_condition).collect());
        }
    }
    Value::Object(object)
}

fn print_condition(condition: &Condition) -> Value {
    match condition {
        // A condition of no kind at all is refused, so an empty filter needs a list to be known by.
        Condition::Filter(inner) if inner.is_empty() => json!({"must": []}),
        Condition::Filter(inner) => print(inner),
        Condition::HasId(ids) => {
            json!({"has_id": ids.iter().map(|&id| Id::from(id)).collect::<Vec<_>>()})
        }
        Condition::Field(path, test) => print_test(&path.to_string(), test),
    }
}

fn print_test(key: &str, test: &Test) -> Value {
    let values = |values: &[MatchValue]| values.iter().map(print_value).collect::<Vec<_>>();
    match test {
        Test::Match(value) => json!({"key": key, "match": {"value": print_value(value)}}),
        Test::Any(any) => json!({"key": key, "match": {"any": values(any)}}),
        Test::Except(except) => json!({"key": key, "match": {"except": values(except)}}),
        Test::Text(words) => json!({"key": key, "match": {"text": words}}),
        Test::IsEmpty => json!({"is_empty": {"key": key}}),
        Test::IsNull => json!({"is_null": {"key": key}}),
        Test::Range(range) => {
            let bounds =
                [("gt", range.gt), ("gte", range.gte), ("lt", range.lt), ("lte", range.lte)];
            let given = bounds.into_iter().filter_map(|(name, bound)| Some((name, bound?)));
            let range: Map<String, Value> =
                given.map(|(name, bound)| (name.to_owned(), json!(bound))).collect();
            json!({"key": key, "range": range})
        }
    }
}

/// A value as JSON, of its own type.
#[must_use]
pub fn print_value(value: &MatchValue) -> Value {
    match value {
        MatchValue::Text(text) => json!(text),
        MatchValue::Integer(number) => json!(number),
        MatchValue::Bool(flag) => json!(flag),
    }
}

#[cfg(test)]
mod tests;
