//! How fast it is: run with `--ignored --nocapture` on a free machine.

use std::time::{Duration, Instant};

use serde_json::json;
use vitrail_domain::evaluate::holds;
use vitrail_domain::{Filter, MatchValue, Payload, PointId, Range, Seq, Slot, Test};

use super::made::{Dice, Points, only, payload, text};
use crate::{FieldError, FieldIndex, FieldView, Rebuild};

const POINTS: u32 = 100_000;

fn point(dice: &mut Dice, slot: u32) -> Payload {
    let labels = ["nv", "mel", "bkl", "bcc", "akiec", "vasc", "df"];
    payload(json!({
        "label": dice.pick(&labels),
        "site": format!("site-{}", dice.below(20)),
        "patient_id": format!("P{:06}", slot / 5),
        "image_id": format!("ISIC_{slot:07}"),
        "age": dice.below(90),
        "score": dice.next() as f64 / u64::MAX as f64,
        "sex": dice.pick(&["female", "male"]),
        "biopsied": dice.one_in(3),
        "note": format!(
            "lesion on the {} arm, {} mm",
            dice.pick(&["left", "right"]),
            dice.below(30)
        ),
        "tags": [dice.pick(&labels), dice.pick(&["a", "b", "c"])],
    }))
}

fn median(mut run: impl FnMut(usize)) -> Duration {
    let mut times: Vec<_> = (0..21)
        .map(|at| {
            let start = Instant::now();
            run(at);
            start.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}

fn number(low: f64, high: f64) -> Test {
    Test::Range(Range { gte: Some(low), lt: Some(high), ..Range::default() })
}

/// Filters by name; `at` makes each one new, so that no kept set answers.
fn filters(at: usize) -> Vec<(&'static str, Filter)> {
    let at = at as f64;
    let many = (0..1_000).map(|n| text(&format!("P{:06}", n * 7 + at as usize))).collect();
    vec![
        ("keyword, 5 %", only("site", Test::Match(text(&format!("site-{}", at as usize % 20))))),
        (
            "keyword, 1 point",
            only("image_id", Test::Match(text(&format!("ISIC_{:07}", at as u32)))),
        ),
        ("any of 1,000", only("patient_id", Test::Any(many))),
        ("integer range, 50 %", only("age", number(at, 45.0 + at))),
        ("float range, 50 %", only("score", number(0.1 + at / 1e3, 0.6 + at / 1e3))),
        ("float range, 1 %", only("score", number(at / 1e3, 0.01 + at / 1e3))),
        ("words", only("note", Test::Text(format!("left {} mm", at as usize % 30)))),
        ("except", only("site", Test::Except(vec![text(&format!("site-{}", at as usize % 20))]))),
        ("and of both", only("age", number(at, 60.0)).and(only("label", Test::Match(text("mel"))))),
    ]
}

fn report(view: &FieldView, points: &Points, what: &str) {
    let live = points.live();
    for (at, (name, _)) in filters(0).into_iter().enumerate() {
        let fresh = median(|run| drop(view.evaluate(&filters(run)[at].1, &live, points).unwrap()));
        let (_, filter) = &filters(3)[at];
        let kept = median(|_| drop(view.evaluate(filter, &live, points).unwrap()));
        let found = view.evaluate(filter, &live, points).unwrap();
        let start = Instant::now();
        let direct = points.0.values().filter(|(id, payload)| holds(filter, *id, payload)).count();
        let direct_time = start.elapsed();
        assert_eq!(found.slots.len(), direct);
        println!(
            "{what}: {name}: {direct} found; p50 {fresh:?}, kept {kept:?}, direct {direct_time:?}"
        );
    }
    for name in ["label", "site", "age", "tags", "patient_id", "image_id", "score"] {
        let path = name.parse().unwrap();
        let time = median(|_| drop(view.facet(&path, &live, 20, points).unwrap()));
        let found = view.facet(&path, &live, 20, points).unwrap();
        println!("{what}: facet {name}: {} values, {time:?}", found.distinct);
    }
    let few = live.iter().step_by(1_000).collect();
    let image = "image_id".parse().unwrap();
    let time = median(|_| drop(view.facet(&image, &few, 20, points).unwrap()));
    println!("{what}: facet image_id within 100 points: {time:?}");
    println!("{what}: paths: {:?}", median(|_| drop(view.paths().unwrap())));
}

#[test]
#[ignore = "figures, not a test"]
fn figures_at_100_000_points() {
    let mut dice = Dice(11);
    let mut points = Points::default();
    for slot in 0..POINTS {
        points.0.insert(slot, (PointId::Number(slot.into()), point(&mut dice, slot)));
    }
    let folder = tempfile::tempdir().unwrap();
    let index = FieldIndex::open(folder.path()).unwrap();
    let start = Instant::now();
    let feed = |rebuild: &mut Rebuild<'_>| -> Result<(), FieldError> {
        points
            .0
            .iter()
            .try_for_each(|(&slot, (id, payload))| rebuild.push(Slot(slot), *id, payload))
    };
    index.rebuild(Seq(1), feed).unwrap();
    println!("rebuild: {:?}", start.elapsed());
    drop(index);
    let bytes: u64 = std::fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    let start = Instant::now();
    let index = FieldIndex::open(folder.path()).unwrap();
    println!("open: {:?}, {} MB", start.elapsed(), bytes / 1_000_000);
    report(&index.view(), &points, "one commit");

    let changes = (0..2_000).map(|at| at * 50).map(|slot| {
        let fresh = point(&mut dice, slot);
        points.0.insert(slot, (PointId::Number(slot.into()), fresh.clone()));
        (Slot(slot), PointId::Number(slot.into()), Some(fresh))
    });
    index.apply(Seq(2), changes.collect::<Vec<_>>()).unwrap();
    report(&index.view(), &points, "2,000 waiting");
    let start = Instant::now();
    index.commit().unwrap();
    println!("commit of 2,000: {:?}", start.elapsed());
    let mark = only("label", Test::Match(MatchValue::Text("nv".into())));
    let live = points.live();
    let single = median(|at| {
        let change = [(Slot(7), PointId::Number(7), Some(points.0[&7].1.clone()))];
        index.apply(Seq(3 + at as u64), change).unwrap();
        drop(index.view().evaluate(&mark, &live, &points).unwrap());
    });
    println!("apply one and ask: {single:?}");
}

#[test]
#[ignore = "figures, not a test"]
fn figures_of_a_bulk_load() {
    let mut dice = Dice(12);
    let payloads: Vec<_> = (0..POINTS).map(|slot| point(&mut dice, slot)).collect();
    let folder = tempfile::tempdir().unwrap();
    let index = FieldIndex::open(folder.path()).unwrap();
    let start = Instant::now();
    let mut worst = Duration::ZERO;
    for (batch, payloads) in payloads.chunks(64).enumerate() {
        let changes = (batch as u32 * 64..).zip(payloads.iter().cloned());
        let changes = changes
            .map(|(slot, payload)| (Slot(slot), PointId::Number(slot.into()), Some(payload)));
        let one = Instant::now();
        index.apply(Seq(batch as u64 + 1), changes).unwrap();
        worst = worst.max(one.elapsed());
        if index.pending().due() {
            index.commit().unwrap();
        }
    }
    index.commit().unwrap();
    let segments = index.view().generation.committed.segments();
    println!("load in batches of 64: {:?}, worst apply {worst:?}", start.elapsed());
    println!("{segments} segments at the end");
}
