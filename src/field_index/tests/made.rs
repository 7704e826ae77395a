//! Made payloads and filters, few enough of each kind that they meet.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vitrail_domain::limits::{FIELD_TERMS_MAX, KEYWORD_BYTES_MAX};
use vitrail_domain::{
    Condition, Filter, MatchValue, Path, Payload, PayloadSource, PointId, Range, Slot, SlotSet,
    Test,
};

/// Points by slot: the oracle, and the source of payloads.
#[derive(Debug, Clone, Default)]
pub(super) struct Points(pub(super) BTreeMap<u32, (PointId, Payload)>);

impl PayloadSource for Points {
    fn payload(&self, slot: Slot) -> Option<Payload> {
        self.0.get(&slot.0).map(|(_, payload)| payload.clone())
    }
}

impl Points {
    pub(super) fn live(&self) -> SlotSet {
        self.0.keys().map(|&slot| Slot(slot)).collect()
    }
}

/// A source of choices, seeded (splitmix64).
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub(super) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    pub(super) fn id(&mut self, slot: u32) -> PointId {
        if slot.is_multiple_of(2) {
            PointId::Number(u64::from(slot) * 7)
        } else {
            format!("00000000-0000-0000-0000-{slot:012}").parse().unwrap()
        }
    }

    pub(super) fn payload(&mut self) -> Payload {
        if self.one_in(300) {
            let many: Vec<_> = (0..FIELD_TERMS_MAX).collect();
            return payload(json!({"a": many, "b": "nv"}));
        }
        let mut fields = Map::new();
        for _ in 0..self.below(4) {
            fields.insert(self.key(), self.value(3));
        }
        Payload::trusted(fields)
    }

    fn key(&mut self) -> String {
        (*self.pick(&["a", "a", "b", "b", "c.d", "ü", "", "q\"x", "vitrail"])).to_owned()
    }

    fn value(&mut self, depth: usize) -> Value {
        match self.below(if depth == 0 { 7 } else { 11 }) {
            0 => Value::Null,
            1 => json!(self.one_in(2)),
            2 | 3 => self.number(),
            4..=6 => json!(self.text()),
            7..=9 => (0..self.below(4)).map(|_| self.value(depth - 1)).collect(),
            _ => {
                let fields = 0..self.below(3);
                Value::Object(fields.map(|_| (self.key(), self.value(depth - 1))).collect())
            }
        }
    }

    fn number(&mut self) -> Value {
        let integers = [0, 1, -1, 3, 4, 5, i64::MIN, i64::MAX, 1 << 53, (1 << 53) + 1];
        match self.below(4) {
            0 | 1 => json!(*self.pick(&integers)),
            2 => json!(*self.pick(&[u64::MAX, 1 << 63, (1 << 63) + 1])),
            _ => json!(self.bound()),
        }
    }

    fn bound(&mut self) -> f64 {
        let huge = 2f64.powi(63);
        let floats = [0.0, -0.0, 3.0, 3.5, 1e300, -1e300, 5e-324, -5e-324, 9007199254740992.0];
        if self.one_in(8) { *self.pick(&[huge, 2.0 * huge]) } else { *self.pick(&floats) }
    }

    fn text(&mut self) -> String {
        let texts = ["", "nv", "mel", "arm left", "Left ARM, nv", "ÜBER ü", "mel\0nv", "3", "true"];
        if self.one_in(40) { self.long() } else { (*self.pick(&texts)).to_owned() }
    }

    /// Texts about the bound of value terms: the first has one, the others don't.
    fn long(&mut self) -> String {
        let bytes = KEYWORD_BYTES_MAX + self.below(2);
        let letter = *self.pick(&["x", "y"]);
        format!("nv {}", letter.repeat(bytes - 3))
    }

    pub(super) fn path(&mut self) -> Path {
        let texts = [
            "a",
            "a",
            "b",
            "b",
            "a[]",
            "a[][]",
            "a.b",
            "a[].b",
            "b[].a",
            "b.a",
            "a[0]",
            "b[1].a",
            "\"c.d\"",
            "ü",
            "a.b[]",
            "vitrail",
            "nowhere",
            "a.\"c.d\"[].b",
            "\"c.d\"[].a",
        ];
        match self.below(24) {
            0 => Path::key(""),
            1 => Path::key("q\"x"),
            2 => Path::key("a").join("q\"x"),
            3 => Path::key(&"k".repeat(2_000)),
            _ => self.pick(&texts).parse().unwrap(),
        }
    }

    fn match_value(&mut self) -> MatchValue {
        match self.below(6) {
            0 => MatchValue::Bool(self.one_in(2)),
            1 | 2 => MatchValue::Integer(self.number().as_i64().unwrap_or(3)),
            _ => MatchValue::Text(self.text()),
        }
    }

    fn match_values(&mut self) -> Vec<MatchValue> {
        let many = if self.one_in(10) { 40 } else { 4 };
        (0..self.below(many)).map(|_| self.match_value()).collect()
    }

    fn range(&mut self) -> Range {
        let mut bound = |share| {
            let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
            let chosen = if self.one_in(30) { *self.pick(&odd) } else { self.bound() };
            self.one_in(share).then_some(chosen)
        };
        Range { lt: bound(3), lte: bound(3), gt: bound(3), gte: bound(3) }
    }

    fn test(&mut self) -> Test {
        match self.below(9) {
            0 | 1 => Test::Match(self.match_value()),
            2 => Test::Any(self.match_values()),
            3 => Test::Except(self.match_values()),
            4 | 5 => Test::Range(self.range()),
            6 => Test::Text(
                (*self.pick(&["nv", "left arm", "nv mel", "über", "...", "true"])).into(),
            ),
            7 => Test::IsEmpty,
            _ => Test::IsNull,
        }
    }

    pub(super) fn filter(&mut self, depth: usize) -> Filter {
        let mut conditions = |share| {
            let some = if self.one_in(share) { 1 + self.below(2) } else { 0 };
            (0..some).map(|_| self.condition(depth)).collect()
        };
        Filter { must: conditions(2), should: conditions(3), must_not: conditions(3) }
    }

    fn condition(&mut self, depth: usize) -> Condition {
        match self.below(8) {
            0 => Condition::HasId((0..self.below(30)).map(|slot| self.id(slot as u32)).collect()),
            1 | 2 if depth > 0 => Condition::Filter(Box::new(self.filter(depth - 1))),
            _ => Condition::Field(self.path(), self.test()),
        }
    }
}

pub(super) fn payload(value: Value) -> Payload {
    Payload::trusted(value.as_object().cloned().unwrap())
}

pub(super) fn only(path: &str, test: Test) -> Filter {
    Filter { must: vec![Condition::Field(path.parse().unwrap(), test)], ..Filter::default() }
}

pub(super) fn text(text: &str) -> MatchValue {
    MatchValue::Text(text.to_owned())
}
