//! The index against the direct evaluator, through commits, deletes, rebuilds and reopening.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde_json::{Value, json};
use vitrail_domain::evaluate::holds;
use vitrail_domain::limits::FIELD_COMMIT_POINTS;
use vitrail_domain::{
    Condition, Filter, MatchValue, Path, Payload, PointId, Range, Seq, Slot, SlotSet, Test,
};

use super::made::{Dice, Points, only, payload, text};
use crate::{FieldError, FieldIndex, FieldType, FieldView};

type Log = Vec<Vec<(Slot, PointId, Option<Payload>)>>;

struct Model {
    folder: tempfile::TempDir,
    index: FieldIndex,
    points: Points,
    log: Log,
    next: u32,
}

impl Model {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let index = FieldIndex::open(&folder.path().join("fields")).unwrap();
        Self { folder, index, points: Points::default(), log: Vec::new(), next: 0 }
    }

    fn step(&mut self, dice: &mut Dice) {
        match dice.below(10) {
            0 | 1 => drop(self.index.commit().unwrap()),
            2 => self.reopen(),
            3 if dice.one_in(3) => self.rebuild(),
            _ => self.change(dice),
        }
    }

    fn change(&mut self, dice: &mut Dice) {
        let mut batch = Vec::new();
        for _ in 0..1 + dice.below(12) {
            let old = dice.below(self.next as usize + 1) as u32;
            let id = dice.id(old);
            if dice.one_in(2) || !self.points.0.contains_key(&old) {
                let slot = self.next;
                self.next += 1;
                batch.push((Slot(slot), dice.id(slot), Some(dice.payload())));
            } else if dice.one_in(2) {
                batch.push((Slot(old), id, Some(dice.payload())));
            } else {
                // The id of a point that is gone may be unknown.
                batch.push((Slot(old), PointId::Number(0), None));
            }
        }
        for (slot, id, payload) in batch.clone() {
            match payload {
                Some(payload) => drop(self.points.0.insert(slot.0, (id, payload))),
                None => drop(self.points.0.remove(&slot.0)),
            }
        }
        self.log.push(batch.clone());
        self.index.apply(Seq(self.log.len() as u64), batch).unwrap();
    }

    fn reopen(&mut self) {
        let elsewhere = tempfile::tempdir().unwrap();
        self.index = FieldIndex::open(&elsewhere.path().join("none")).unwrap();
        self.index = FieldIndex::open(&self.folder.path().join("fields")).unwrap();
        for at in self.index.indexed_seq().0 as usize..self.log.len() {
            self.index.apply(Seq(at as u64 + 1), self.log[at].clone()).unwrap();
        }
    }

    fn rebuild(&mut self) {
        let feed = |rebuild: &mut crate::Rebuild<'_>| -> Result<(), FieldError> {
            self.points
                .0
                .iter()
                .try_for_each(|(&slot, (id, payload))| rebuild.push(Slot(slot), *id, payload))
        };
        self.index.rebuild(Seq(self.log.len() as u64), feed).unwrap();
    }

    fn check(&self, dice: &mut Dice, what: &str) {
        let view = self.index.view();
        let live = self.points.live();
        check_filter(&view, &self.points, &dice.filter(3), what);
        let path = dice.path();
        let within: SlotSet = live.iter().filter(|_| !dice.one_in(3)).collect();
        check_facet(&view, &self.points, &path, &within, 1 + dice.below(6), what);
    }
}

fn check_filter(view: &FieldView, points: &Points, filter: &Filter, what: &str) {
    let found = view.evaluate(filter, &points.live(), points).unwrap();
    let passing = points.0.iter().filter(|(_, (id, payload))| holds(filter, *id, payload));
    let expected: SlotSet = passing.map(|(&slot, _)| Slot(slot)).collect();
    let off = found.slots.iter().chain(expected.iter());
    let off = off.filter(|&slot| found.slots.contains(slot) != expected.contains(slot));
    let off: Vec<_> = off.map(|slot| (slot, &points.0[&slot.0])).take(1).collect();
    assert!(off.is_empty(), "{what}: {filter:?} differs at {off:?}");
}

fn check_facet(
    view: &FieldView,
    points: &Points,
    path: &Path,
    within: &SlotSet,
    limit: usize,
    what: &str,
) {
    let found = view.facet(path, within, limit, points).unwrap();
    let mut counts: BTreeMap<MatchValue, usize> = BTreeMap::new();
    let (mut missing, mut other) = (0, 0);
    for slot in within.iter() {
        let (id, payload) = &points.0[&slot.0];
        let values = Vec::from_iter(values_at(payload, path));
        for value in values.iter().flatten().collect::<BTreeSet<_>>() {
            *counts.entry(value.clone()).or_default() += 1;
        }
        other += usize::from(values.contains(&None));
        let empty = Condition::Field(path.clone(), Test::IsEmpty);
        let empty = Filter { must: vec![empty], ..Filter::default() };
        missing += usize::from(holds(&empty, *id, payload));
    }
    let place = format!("{what}: facet of {path}");
    assert_eq!((found.missing, found.other), (missing, other), "{place}");
    assert_eq!(found.distinct, counts.len(), "{place}");
    assert_eq!(found.values.len(), limit.min(counts.len()), "{place}");
    assert!(found.values.is_sorted_by_key(|(.., count)| std::cmp::Reverse(*count)), "{place}");
    for (_, value, count) in &found.values {
        assert_eq!(counts.get(value), Some(count), "{place}: {value:?}");
    }
    let least = found.values.last().map_or(0, |(.., count)| *count);
    let more = counts.values().filter(|&&count| count > least).count();
    assert!(more <= found.values.len(), "{place}: a more frequent value is left out");
}

fn values_at(payload: &Payload, path: &Path) -> Vec<Option<MatchValue>> {
    let mut values = Vec::new();
    for reached in payload.at(path) {
        let items = reached.as_array().map_or(std::slice::from_ref(reached), Vec::as_slice);
        for item in items {
            values.push(match item {
                Value::Null => continue,
                Value::Bool(flag) => Some(MatchValue::Bool(*flag)),
                Value::Number(number) => number.as_i64().map(MatchValue::Integer),
                Value::String(text) if text.len() <= 8_192 => Some(MatchValue::Text(text.clone())),
                _ => None,
            });
        }
    }
    values
}

#[test]
fn is_equal_to_the_direct_evaluator() {
    let given = std::env::var("VITRAIL_SEED").ok().and_then(|seed| seed.parse().ok());
    let rounds = std::env::var("VITRAIL_ROUNDS").ok().and_then(|seed| seed.parse().ok());
    let seeds = given.map_or(1..=rounds.unwrap_or(12), |seed| seed..=seed);
    println!("seeds {seeds:?}; VITRAIL_SEED=n runs one of them, VITRAIL_ROUNDS=n the first n");
    for seed in seeds {
        println!("seed {seed}");
        let mut dice = Dice(seed);
        let mut model = Model::new();
        for step in 0..60 {
            model.step(&mut dice);
            for _ in 0..20 {
                model.check(&mut dice, &format!("seed {seed}, step {step}"));
            }
        }
        check_paths(&model);
    }
}

/// Paths and types against a count over all payloads that are small enough.
fn check_paths(model: &Model) {
    let small: Vec<_> = model
        .points
        .0
        .values()
        .map(|(_, payload)| payload)
        .filter(|payload| crate::leaves::Reading::of(payload).is_some())
        .collect();
    let found = model.index.view().paths().unwrap();
    for info in &found {
        let filled = only_at(&info.path, Test::IsEmpty);
        let points = small.iter().filter(|payload| !holds(&filled, PointId::Number(0), payload));
        assert_eq!(info.points, points.count(), "{}", info.path);
        let nulls = info.types.iter().find(|(kind, _)| *kind == FieldType::Null);
        let null = only_at(&info.path, Test::IsNull);
        let points = small.iter().filter(|payload| holds(&null, PointId::Number(0), payload));
        assert_eq!(nulls.map_or(0, |(_, points)| *points), points.count(), "{}", info.path);
    }
    let keys: BTreeSet<&String> =
        small.iter().flat_map(|payload| payload.fields().keys()).collect();
    for key in keys {
        let there = small.iter().any(|payload| match payload.fields().get(key) {
            None => false,
            Some(Value::Array(items)) => !items.is_empty(),
            Some(_) => true,
        });
        let listed = found.iter().any(|info| info.path == Path::key(key));
        assert_eq!(listed, there, "{key}");
    }
}

fn only_at(path: &Path, test: Test) -> Filter {
    Filter { must: vec![Condition::Field(path.clone(), test)], ..Filter::default() }
}

#[test]
fn an_old_view_sees_what_it_saw() {
    let mut dice = Dice(77);
    let mut model = Model::new();
    let mut held: Vec<(Arc<FieldView>, Points)> = Vec::new();
    for step in 0..80 {
        model.change(&mut dice);
        if dice.one_in(2) {
            model.index.commit().unwrap();
        }
        if step % 10 == 0 {
            held.push((model.index.view(), model.points.clone()));
        }
    }
    model.rebuild();
    for (at, (view, points)) in held.iter().enumerate() {
        for _ in 0..50 {
            check_filter(view, points, &dice.filter(2), &format!("view {at}"));
        }
    }
}

#[test]
fn slots_never_applied_are_asked_from_the_source() {
    let mut dice = Dice(5);
    let mut model = Model::new();
    for slot in 0..300 {
        let payload = dice.payload();
        if slot % 3 != 0 {
            let change = [(Slot(slot), dice.id(slot), Some(payload.clone()))];
            model.index.apply(Seq(u64::from(slot) + 1), change).unwrap();
        }
        model.points.0.insert(slot, (dice.id(slot), payload));
        if slot == 200 {
            model.index.commit().unwrap();
        }
    }
    let filters = std::iter::repeat_with(|| dice.filter(0)).filter(|filter| {
        filter.conditions().all(|condition| matches!(condition, Condition::Field(..)))
    });
    for filter in filters.take(300).collect::<Vec<_>>() {
        check_filter(&model.index.view(), &model.points, &filter, "partly applied");
    }
}

#[test]
fn says_which_paths_it_could_not_say() {
    let folder = tempfile::tempdir().unwrap();
    let index = FieldIndex::open(folder.path()).unwrap();
    let mut points = Points::default();
    let payloads = [
        json!({"l": ["x", "y"], "t": "left arm", "n": 3}),
        json!({"l": "x", "t": ["left", "arm"], "n": null}),
    ];
    for (slot, fields) in (0..).zip(payloads) {
        points.0.insert(slot, (PointId::Number(slot.into()), payload(fields)));
    }
    let changes =
        points.0.iter().map(|(&slot, (id, payload))| (Slot(slot), *id, Some(payload.clone())));
    index.apply(Seq(1), changes).unwrap();
    index.commit().unwrap();
    let view = index.view();
    let ask = |filter| {
        let found = view.evaluate(&filter, &points.live(), &points).unwrap();
        (found.slots.iter().map(|slot| slot.0).collect::<Vec<_>>(), found.unindexed, found.read)
    };
    let path = |path: &str| vec![path.to_owned()];
    let number = Range { gte: Some(3.0), ..Range::default() };
    assert_eq!(ask(only("l", Test::Match(text("x")))), (vec![0, 1], vec![], 0));
    assert_eq!(ask(only("l[0]", Test::Match(text("x")))), (vec![0], path("l[0]"), 2));
    assert_eq!(ask(only("t", Test::Text("arm left".into()))), (vec![0], path("t"), 1));
    assert_eq!(ask(only("n", Test::Range(number))), (vec![0], vec![], 0));
    assert_eq!(ask(only("n", Test::IsNull)), (vec![1], vec![], 0));
    assert_eq!(ask(only("l", Test::Except(vec![text("x")]))), (vec![0], vec![], 0));
    assert_eq!(ask(Filter::default()), (vec![0, 1], vec![], 0));
    let paths = view.paths().unwrap();
    let shown: Vec<_> = paths.iter().map(|info| (info.path.to_string(), info.points)).collect();
    assert_eq!(shown, [("l".into(), 2), ("n".into(), 1), ("t".into(), 2)]);
    assert_eq!(paths[0].types, [(FieldType::Text, 2), (FieldType::List, 1)]);
}

#[test]
fn waits_for_no_more_than_the_bound() {
    let folder = tempfile::tempdir().unwrap();
    let index = FieldIndex::open(folder.path()).unwrap();
    let mut most = 0;
    for batch in 0..20u32 {
        let slots = (0..1_000).map(|at| batch * 1_000 + at);
        let change = |slot| (Slot(slot), PointId::Number(slot.into()), Some(Payload::default()));
        index.apply(Seq(u64::from(batch) + 1), slots.map(change)).unwrap();
        most = most.max(index.pending().points);
    }
    assert!(most < FIELD_COMMIT_POINTS * 8, "{most}");
    assert!(index.indexed_seq() >= Seq(16));
    assert_eq!(index.view().seq(), Seq(20));
    assert!(index.commit().unwrap() && !index.commit().unwrap());
    assert_eq!((index.indexed_seq(), index.pending().points), (Seq(20), 0));
}

#[test]
fn a_rebuild_that_fails_leaves_the_old_index() {
    let mut dice = Dice(9);
    let mut model = Model::new();
    for _ in 0..10 {
        model.change(&mut dice);
    }
    model.index.commit().unwrap();
    let fail = |rebuild: &mut crate::Rebuild<'_>| {
        rebuild.push(Slot(999), PointId::Number(999), &Payload::default())?;
        Err(FieldError::Damaged { what: "the stream broke" })
    };
    assert!(model.index.rebuild(Seq(10), fail).is_err());
    for _ in 0..5 {
        model.change(&mut dice);
        model.index.commit().unwrap();
        for _ in 0..50 {
            model.check(&mut dice, "after a failed rebuild");
        }
    }
}

#[test]
fn readers_and_writers_go_on_through_commits() {
    let folder = tempfile::tempdir().unwrap();
    let index = FieldIndex::open(folder.path()).unwrap();
    let points = Points::default();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for slot in 0..3_000u32 {
                let fields = payload(json!({"n": slot, "even": slot % 2 == 0}));
                let change = [(Slot(slot), PointId::Number(slot.into()), Some(fields))];
                index.apply(Seq(u64::from(slot) + 1), change).unwrap();
            }
        });
        let committing = &index;
        scope.spawn(move || {
            while !writer.is_finished() {
                committing.commit().unwrap();
            }
        });
        while index.view().seq() < Seq(3_000) {
            let view = index.view();
            let live = SlotSet::below(u32::try_from(view.seq().0).unwrap());
            let even = only("even", Test::Match(MatchValue::Bool(true)));
            let found = view.evaluate(&even, &live, &points).unwrap();
            assert_eq!((found.slots.len(), found.read), (live.len().div_ceil(2), 0));
        }
    });
}
