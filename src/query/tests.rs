//! The read path against the plainest possible reference: every point looked at, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value, json};
use vitrail_domain::{
    Condition, Dim, Filter, GroupBy, Identity, MatchValue, Metric, Path, Payload, PayloadSource,
    PointId, PointRecord, Question, Range, RecordSource, Role, Roles, Seq, Slot, SlotSet, Test,
    TopK, VectorName, evaluate,
};
use vitrail_field_index::FieldIndex;
use vitrail_vector_index::VectorIndex;

use crate::{QueryError, View, answer};

const POINTS: u32 = 600;
const DIM: usize = 12;

/// SplitMix64: small, seeded, good enough to draw test data.
struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 33) % end
    }

    fn vector(&mut self) -> Vec<f32> {
        (0..DIM).map(|_| self.below(2001) as f32 / 1000.0 - 1.0).collect()
    }

    fn of(&mut self, items: &[&'static str]) -> &'static str {
        items[self.below(items.len() as u64) as usize]
    }
}

struct Records(BTreeMap<Slot, PointRecord>);

impl PayloadSource for Records {
    fn payload(&self, slot: Slot) -> Option<Payload> {
        self.0.get(&slot).map(|record| record.payload.clone())
    }
}

impl RecordSource for Records {
    fn record(&self, slot: Slot) -> Option<PointRecord> {
        self.0.get(&slot).cloned()
    }

    fn slot(&self, id: PointId) -> Option<Slot> {
        self.0.iter().find(|(_, record)| record.id == id).map(|(&slot, _)| slot)
    }
}

struct Bench {
    view: View,
    records: Arc<Records>,
    rows: BTreeMap<Slot, Vec<f32>>,
    _folder: tempfile::TempDir,
}

fn bench(seed: u64) -> Bench {
    let mut draw = Draw(seed);
    let folder = tempfile::tempdir().expect("a folder");
    let fields = FieldIndex::open(folder.path()).expect("an index");
    let index = VectorIndex::new(Dim::new(DIM).expect("a dimension"), Metric::Euclid);
    let (mut records, mut rows) = (BTreeMap::new(), BTreeMap::new());
    for number in 0..POINTS {
        let (slot, id) = (Slot(number), PointId::Number(u64::from(number) + 1000));
        let payload = payload(&mut draw);
        fields
            .apply(Seq(u64::from(number) + 1), [(slot, id, Some(payload.clone()))])
            .expect("applied");
        records.insert(slot, PointRecord { id, image: None, payload });
        rows.insert(slot, draw.vector());
        if number == POINTS / 2 {
            fields.commit().expect("a commit half way");
        }
    }
    let written: Vec<_> = rows.iter().map(|(&slot, row)| (slot, row.as_slice())).collect();
    index.apply(&written, &[]).expect("applied");
    let records = Arc::new(Records(records));
    let view = View {
        vectors: BTreeMap::from([(name(), index.view())]),
        rows: BTreeMap::new(),
        fields: fields.view(),
        records: records.clone(),
        live: Arc::new(SlotSet::below(POINTS)),
        roles: Roles([(Role::Patient, Path::key("patient"))].into_iter().collect()),
    };
    Bench { view, records, rows, _folder: folder }
}

fn payload(draw: &mut Draw) -> Payload {
    let mut value = json!({
        "label": draw.of(&["nv", "mel", "bkl", "bcc"]),
        "age": draw.below(90),
        "mm": draw.below(100) as f64 / 7.0,
        "note": draw.of(&["left arm", "left leg, raised", "right ARM"]),
        "tags": [draw.of(&["a", "b"]), draw.of(&["c", "d"])],
    });
    if draw.below(3) > 0 {
        value["patient"] = json!(format!("p{}", draw.below(40)));
    }
    if draw.below(5) == 0 {
        value["age"] = Value::Null;
    }
    Payload::trusted(value.as_object().cloned().unwrap_or_default())
}

fn condition(draw: &mut Draw, depth: u32) -> Condition {
    let text = |draw: &mut Draw| {
        MatchValue::Text(draw.of(&["nv", "mel", "bkl", "a", "d", "none"]).to_owned())
    };
    let key = |draw: &mut Draw| Path::key(draw.of(&["label", "tags", "age", "patient", "absent"]));
    let test = match draw.below(8) {
        0 if depth > 0 => return Condition::Filter(Box::new(filter(draw, depth - 1))),
        0 | 1 => Test::Match(text(draw)),
        2 => Test::Any(vec![text(draw), text(draw), MatchValue::Integer(40)]),
        3 => Test::Except(vec![text(draw)]),
        4 => {
            let low = draw.below(80) as f64;
            let range = Range { gte: Some(low), lt: Some(low + 20.0), ..Range::default() };
            let path = Path::key(draw.of(&["age", "mm"]));
            return Condition::Field(path, Test::Range(range));
        }
        5 => {
            let words = draw.of(&["left", "arm", "left raised", ""]);
            return Condition::Field(Path::key("note"), Test::Text(words.to_owned()));
        }
        6 => Test::IsEmpty,
        _ => return Condition::HasId((0..60).map(|_| PointId::Number(draw.below(1700))).collect()),
    };
    Condition::Field(key(draw), test)
}

fn filter(draw: &mut Draw, depth: u32) -> Filter {
    let mut list = |most: u64| -> Vec<Condition> {
        (0..draw.below(most + 1)).map(|_| condition(draw, depth)).collect()
    };
    Filter { must: list(2), should: list(2), must_not: list(1) }
}

fn name() -> VectorName {
    "v".parse().expect("a name")
}

fn question(query: Vec<f32>, k: usize) -> Question {
    Question::nearest(name(), query.into(), TopK::new(k).expect("k"))
}

/// Every point looked at: who passes, in order of distance, ties by slot.
fn naive(bench: &Bench, query: &[f32], filter: &Filter) -> Vec<(f32, Slot)> {
    let mut passing: Vec<(f32, Slot)> = bench
        .records
        .0
        .iter()
        .filter(|(_, record)| evaluate::holds(filter, record.id, &record.payload))
        .map(|(&slot, _)| {
            let row = &bench.rows[&slot];
            (query.iter().zip(row).map(|(a, b)| (a - b) * (a - b)).sum::<f32>(), slot)
        })
        .collect();
    passing.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    passing
}

#[test]
fn a_thousand_random_filters_answer_as_the_naive_reference() {
    let bench = bench(7);
    let mut draw = Draw(11);
    for round in 0..1000 {
        let (query, filter) = (draw.vector(), filter(&mut draw, 2));
        let asked = Question { filter: filter.clone(), ..question(query.clone(), 10) };
        let answer = answer(&bench.view, &asked).expect("an answer");
        let expected = naive(&bench, &query, &filter);
        assert_eq!(answer.explain.matched, expected.len(), "round {round}: {filter:?}");
        assert_eq!(answer.hits.len(), expected.len().min(10), "round {round}: {filter:?}");
        for (hit, (distance, _)) in answer.hits.iter().zip(&expected) {
            assert!((hit.distance - distance).abs() <= 1e-4 * distance.max(1.0), "round {round}");
        }
    }
}

#[test]
fn an_excluded_patient_is_left_out_and_strangers_stay() {
    let bench = bench(3);
    let query = bench.rows[&Slot(0)].clone();
    let identity = Identity { role: Role::Patient, value: "p7".to_owned() };
    let asked = Question { exclude_same: vec![identity], ..question(query, 600) };
    let answer = answer(&bench.view, &asked).expect("an answer");
    let of = |record: &PointRecord| record.payload.scalar_text(&Path::key("patient"));
    let own = bench.records.0.values().filter(|record| of(record).as_deref() == Some("p7")).count();
    assert!(own > 0);
    assert_eq!(answer.hits.len(), POINTS as usize - own);
}

#[test]
fn groups_are_full_and_in_order_of_their_best() {
    let bench = bench(5);
    let query = bench.rows[&Slot(1)].clone();
    let group_by = GroupBy { path: Path::key("label"), size: 3 };
    let asked = Question { group_by: Some(group_by), ..question(query, 4) };
    let answer = answer(&bench.view, &asked).expect("an answer");
    assert_eq!(answer.groups.len(), 4);
    assert!(answer.groups.iter().all(|(value, size)| value.is_some() && *size == 3));
    let firsts: Vec<f32> = answer.hits.iter().step_by(3).map(|hit| hit.distance).collect();
    assert!(firsts.is_sorted());
}

#[test]
fn percentiles_fall_with_distance() {
    let bench = bench(9);
    let query = bench.rows[&Slot(2)].clone();
    let asked = Question { percentiles: true, ..question(query, 600) };
    let answer = answer(&bench.view, &asked).expect("an answer");
    let all: Vec<f32> = answer.hits.iter().filter_map(|hit| hit.percentile).collect();
    assert_eq!(all.len(), 600);
    assert!(all.is_sorted_by(|a, b| a >= b) && all[0] > 99.0 && all[599] < 1.0);
}

#[test]
fn wrong_queries_are_named() {
    let bench = bench(1);
    let short = answer(&bench.view, &question(vec![0.0; 3], 1));
    assert!(matches!(short, Err(QueryError::Vector { .. })));
    let mut missing = question(vec![0.0; DIM], 1);
    missing.vector = "other".parse().expect("a name");
    assert!(matches!(answer(&bench.view, &missing), Err(QueryError::UnknownVector { .. })));
}
