//! Filters read as they are printed; a wrong condition is named.

use proptest::prelude::*;
use uuid::Uuid;

use super::*;

fn value() -> impl Strategy<Value = MatchValue> {
    prop_oneof![
        ".{0,8}".prop_map(MatchValue::Text),
        any::<i64>().prop_map(MatchValue::Integer),
        any::<bool>().prop_map(MatchValue::Bool),
    ]
}

fn bound() -> impl Strategy<Value = Option<f64>> {
    proptest::option::of(prop_oneof![-1e300..1e300f64, Just(0.0), Just(-0.5)])
}

fn test() -> impl Strategy<Value = Test> {
    let values = || proptest::collection::vec(value(), 0..4);
    let range = (bound(), bound(), bound(), bound())
        .prop_map(|(lt, lte, gt, gte)| Test::Range(Range { lt, lte, gt, gte }));
    prop_oneof![
        value().prop_map(Test::Match),
        values().prop_map(Test::Any),
        values().prop_map(Test::Except),
        range,
        ".{0,12}".prop_map(Test::Text),
        Just(Test::IsEmpty),
        Just(Test::IsNull),
    ]
}

fn path() -> impl Strategy<Value = Path> {
    let texts = ["label", "a.b", "tags[]", "a[0].b[].c", "\"a.key with.dots\".b", "\u{e4}ge"];
    proptest::sample::select(texts.to_vec()).prop_filter_map("a path", |text| text.parse().ok())
}

fn id() -> impl Strategy<Value = PointId> {
    prop_oneof![
        any::<u64>().prop_map(PointId::Number),
        any::<u128>().prop_map(|bits| PointId::Uuid(Uuid::from_u128(bits))),
    ]
}

fn filter_of(condition: impl Strategy<Value = Condition> + Clone) -> impl Strategy<Value = Filter> {
    let list = |most| proptest::collection::vec(condition.clone(), 0..most);
    (list(4), list(3), list(3)).prop_map(|(must, should, must_not)| Filter {
        must,
        should,
        must_not,
    })
}

fn condition() -> impl Strategy<Value = Condition> + Clone {
    let leaf = prop_oneof![
        (path(), test()).prop_map(|(path, test)| Condition::Field(path, test)),
        proptest::collection::vec(id(), 0..4).prop_map(Condition::HasId),
    ];
    leaf.prop_recursive(4, 24, 4, |inner| {
        filter_of(inner).prop_map(|filter| Condition::Filter(Box::new(filter)))
    })
}

proptest! {
    #[test]
    fn a_filter_reads_as_it_is_printed(filter in filter_of(condition().boxed())) {
        let text = print(&filter).to_string();
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let read = parse(&value);
        prop_assert_eq!(parse(&print(&filter)), Ok(filter));
        prop_assert!(read.is_ok());
    }
}

#[test]
fn a_single_condition_stands_for_a_list() {
    let single = parse(&json!({"must": {"key": "label", "match": {"value": "mel"}}}));
    let list = parse(&json!({"must": [{"key": "label", "match": {"value": "mel"}}]}));
    assert!(single.is_ok());
    assert_eq!(single, list);
}

#[test]
fn the_condition_that_is_wrong_is_named() {
    let good = json!({"key": "label", "match": {"value": "mel"}});
    let cases = [
        (
            json!({"must": [good, {"key": "age", "range": {"gte": "old"}}]}),
            "filter.must[1].range.gte",
        ),
        (
            json!({"must": [good, {"key": "age", "match": {"value": 1.5}}]}),
            "filter.must[1].match.value",
        ),
        (json!({"should": [{"has_id": [1, -2]}]}), "filter.should[0].has_id[1]"),
        (
            json!({"must": [{"must_not": [{"key": "a..b", "match": {"value": 1}}]}]}),
            "filter.must[0].must_not[0]",
        ),
        (json!({"must": [{}]}), "filter.must[0]"),
        (json!({"musst": []}), "filter"),
        (json!({"must": [{"key": "a", "match": {"value": 1}, "range": {}}]}), "filter.must[0]"),
        (json!([]), "filter"),
    ];
    for (value, place) in cases {
        assert_eq!(parse(&value).map_err(|error| error.at), Err(place.to_owned()), "{value}");
    }
}

#[test]
fn a_filter_nested_without_end_is_refused() {
    let deep = (0..NESTING_MAX + 1).fold(json!({"must": []}), |inner, _| json!({"must": [inner]}));
    assert!(parse(&deep).is_err());
}
