//! Every metric, with one row a point and with many, against the plainest reference: a map, and
//! every distance in double precision. Written, changed, deleted, frozen, opened again.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tempfile::TempDir;
use vitrail_domain::{
    Answer, Cancel, Change, Comparator, Condition, Dim, Ef, Filter, GroupBy, MatchValue, Metric,
    MultiVector, Path, Payload, Plan, PointId, PointWrite, Question, Range, Roles, Slot, Test,
    TopK, Vector,
};
use vitrail_store::VectorSpec;
use vitrail_vector_index::{Built, Task};

use super::{open, vector_name};
use crate::{Catalog, Collection};

struct Draw(u64);

impl Draw {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 33) % end
    }

    /// From -1 to 1.
    fn number(&mut self) -> f32 {
        self.below(1 << 24) as f32 / (1 << 23) as f32 - 1.0
    }

    fn row(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.number()).collect()
    }
}

/// What is drawn: rows around one of thirty centres; for dot of very uneven lengths.
#[derive(Clone, Copy)]
struct Kind {
    metric: Metric,
    many: bool,
    dim: usize,
}

impl Kind {
    fn vector(self, draw: &mut Draw) -> Vector {
        let mut centre = Draw(1_000 + draw.below(30));
        let centre = centre.row(self.dim);
        let own = draw.row(self.dim);
        let length = match self.metric {
            Metric::Dot => 10_f32.powf(1.5 * draw.number()),
            _ => 1.0,
        };
        let row = |draw: &mut Draw| -> Vec<f32> {
            let noise = draw.row(self.dim);
            let parts = centre.iter().zip(&own).zip(&noise);
            parts.map(|((c, o), n)| length * (c + 0.4 * o + 0.2 * n)).collect()
        };
        match self.many {
            false => Vector::One(row(draw)),
            true => {
                let rows: Vec<Vec<f32>> = (0..1 + draw.below(6)).map(|_| row(draw)).collect();
                MultiVector::of_rows(&rows).unwrap().into()
            }
        }
    }

    fn made(self) -> (TempDir, Catalog, Arc<Collection>) {
        let folder = tempfile::tempdir().unwrap();
        let catalog = open(folder.path());
        let spec = VectorSpec {
            dim: Dim::new(self.dim).unwrap(),
            metric: self.metric,
            multi: self.many.then_some(Comparator::MaxSim),
            model: None,
            contract: None,
        };
        let vectors = BTreeMap::from([(vector_name(), spec)]);
        let collection = catalog.create(&"c".parse().unwrap(), vectors, Roles::default()).unwrap();
        (folder, catalog, collection)
    }

    /// The definition: for each query row the smallest distance, summed; of cosine 1 less the sum
    /// of the largest cosines.
    fn distance(self, query: &Vector, stored: &Vector) -> f64 {
        let best = |one: &[f32]| {
            let rows = stored.values().chunks_exact(self.dim);
            rows.map(|row| self.pair(one, row)).fold(f64::NEG_INFINITY, f64::max)
        };
        let sum: f64 = query.values().chunks_exact(self.dim).map(best).sum();
        if self.metric == Metric::Cosine { 1.0 - sum } else { 0.0 - sum }
    }

    /// A larger similarity is closer.
    fn pair(self, a: &[f32], b: &[f32]) -> f64 {
        let wide = |row: &[f32]| row.iter().map(|&x| f64::from(x)).collect::<Vec<f64>>();
        let (a, b) = (wide(a), wide(b));
        let sum = |term: fn(f64, f64) -> f64| a.iter().zip(&b).map(|(x, y)| term(*x, *y)).sum();
        let length = |row: &[f64]| row.iter().map(|x| x * x).sum::<f64>().sqrt();
        let dot: f64 = sum(|x, y| x * y);
        match self.metric {
            Metric::Cosine => dot / (length(&a) * length(&b)),
            Metric::Dot => dot,
            Metric::Euclid => -sum(|x, y| (x - y) * (x - y)),
            Metric::Manhattan => -sum(|x, y| (x - y).abs()),
        }
    }
}

type Points = BTreeMap<u64, (Vector, &'static str, i64)>;

const KINDS: [&str; 3] = ["a", "b", "c"];

fn upsert(points: &mut Points, draw: &mut Draw, kind: Kind, id: u64) -> Change {
    let (vector, tag) = (kind.vector(draw), KINDS[draw.below(3) as usize]);
    let age = draw.below(90) as i64;
    points.insert(id, (vector.clone(), tag, age));
    let fields = json!({"kind": tag, "age": age});
    Change::Upsert(PointWrite {
        id: PointId::Number(id),
        image: None,
        payload: Some(Payload::trusted(fields.as_object().cloned().unwrap())),
        vectors: BTreeMap::from([(vector_name(), vector)]),
    })
}

fn question(query: &Vector, k: usize, exact: bool, filter: Filter) -> Question {
    let all = Question::nearest(vector_name(), query.clone(), TopK::new(k).unwrap());
    Question { exact, filter, ..all }
}

/// Filters that pass all, a third, and few, beside the same over the reference.
fn filters() -> Vec<(Filter, fn(&str, i64) -> bool)> {
    let tag = Test::Match(MatchValue::Text("b".to_owned()));
    let young = Test::Range(Range { lt: Some(15.0), ..Range::default() });
    let third = Filter {
        must: vec![Condition::Field(Path::key("kind"), tag.clone())],
        ..Filter::default()
    };
    let few = Filter {
        must: vec![Condition::Field(Path::key("age"), young)],
        must_not: vec![Condition::Field(Path::key("kind"), tag)],
        ..Filter::default()
    };
    vec![
        (Filter::default(), |_, _| true),
        (third, |tag, _| tag == "b"),
        (few, |tag, age| age < 15 && tag != "b"),
    ]
}

/// Holds exact answers to the reference, and others to true distances; `(hits right, hits in all)`
/// of the others.
fn compare(
    collection: &Collection,
    points: &Points,
    draw: &mut Draw,
    kind: Kind,
) -> (usize, usize) {
    let (mut right, mut all) = (0, 0);
    for (filter, passes) in filters() {
        let query = kind.vector(draw);
        let of = |(id, (vector, _, _)): (&u64, &(Vector, &str, i64))| {
            (kind.distance(&query, vector), *id)
        };
        let passing = points.iter().filter(|(_, (_, tag, age))| passes(tag, *age));
        let mut expected: Vec<(f64, u64)> = passing.map(of).collect();
        expected.sort_by(|a, b| a.0.total_cmp(&b.0));
        let near =
            |got: f32, want: f64| (f64::from(got) - want).abs() <= 2e-4 * want.abs().max(1.0);
        for exact in [true, false] {
            let asked = question(&query, 10, exact, filter.clone());
            // So few points would all be compared.
            let ef = Ef::new(120).ok().filter(|_| kind.many);
            let answer = collection.answer(&Question { ef, ..asked }).unwrap();
            assert_eq!(answer.explain.matched, expected.len());
            assert_eq!(answer.hits.len(), expected.len().min(10), "exact {exact}");
            for (hit, wanted) in answer.hits.iter().zip(&expected) {
                let PointId::Number(id) = hit.id else { panic!("{}", hit.id) };
                let own = expected.iter().find(|one| one.1 == id).expect("a point that passes");
                assert!(near(hit.distance, own.0), "{id}: {} is not {}", hit.distance, own.0);
                if exact {
                    assert!(near(hit.distance, wanted.0), "{} is not {}", hit.distance, wanted.0);
                } else {
                    let last = expected[answer.hits.len() - 1].0;
                    right += usize::from(own.0 <= last);
                    all += 1;
                }
            }
        }
    }
    (right, all)
}

/// The row that the index holds of each point.
fn indexed(collection: &Collection) -> Vec<(Slot, Vec<f32>)> {
    let view = collection.view();
    let vectors = &view.vectors[&vector_name()];
    let row = |slot: Slot| (slot, vectors.vector(slot).expect("a row").to_vec());
    vectors.slots().iter().map(row).collect()
}

fn freeze(collection: &Collection) {
    collection.indexes()[0].1.seal();
    let built = collection.work_on_segments(&vector_name(), Task::Freeze, &Cancel::new()).unwrap();
    assert!(matches!(built, Built::Published(_)), "{built:?}");
}

/// The life of a collection of one kind, compared with the reference after each step.
fn live(kind: Kind, seed: u64) -> (usize, usize) {
    let (folder, mut catalog, mut collection) = kind.made();
    let (mut draw, mut points) = (Draw(seed), Points::new());
    let mut total = (0, 0);
    for round in 0..4 {
        let first = round * 200;
        let batch = (first..first + 300).map(|id| upsert(&mut points, &mut draw, kind, id));
        collection.apply(batch.collect()).unwrap();
        if round == 1 || round == 2 {
            freeze(&collection);
        }
        let changed = (0..60).map(|_| draw.below(first + 300)).collect::<Vec<u64>>();
        let again = changed.iter().map(|&id| upsert(&mut points, &mut draw, kind, id)).collect();
        collection.apply(again).unwrap();
        let gone: Vec<u64> = (0..40).map(|_| draw.below(first + 300)).collect();
        gone.iter().for_each(|id| drop(points.remove(id)));
        let gone = gone.into_iter().map(|id| Change::Delete(PointId::Number(id))).collect();
        collection.apply(gone).unwrap();
        if let Some((&id, point)) = points.iter_mut().nth(7) {
            point.1 = "b";
            let fields = json!({"kind": "b"}).as_object().cloned().unwrap();
            collection.apply(vec![Change::MergePayload(PointId::Number(id), fields)]).unwrap();
        }
        let before = compare(&collection, &points, &mut draw, kind);
        let held = indexed(&collection);
        if round % 2 == 0 {
            catalog.close();
        }
        drop((collection, catalog));
        catalog = open(folder.path());
        collection = catalog.get(&"c".parse().unwrap()).unwrap();
        assert_eq!(collection.len(), points.len());
        assert!(indexed(&collection) == held, "{}: a row changed by a restart", kind.metric);
        let after = compare(&collection, &points, &mut draw, kind);
        total = (total.0 + before.0 + after.0, total.1 + before.1 + after.1);
    }
    total
}

#[test]
fn one_row_a_point_answers_as_the_reference_in_every_metric() {
    for (seed, metric) in Metric::ALL.into_iter().enumerate() {
        let (right, all) = live(Kind { metric, many: false, dim: 12 }, 40 + seed as u64);
        println!("{metric}: {right} of {all}");
        assert!(right * 100 >= all * 99, "{metric}: {right} of {all}");
    }
}

#[test]
fn many_rows_a_point_answer_as_the_reference_in_every_metric() {
    for (seed, metric) in Metric::ALL.into_iter().enumerate() {
        let (right, all) = live(Kind { metric, many: true, dim: 12 }, 80 + seed as u64);
        println!("{metric}: {right} of {all}");
        assert!(right * 100 >= all * 97, "{metric}: {right} of {all}");
    }
}

#[test]
fn the_narrowest_and_the_widest_rows_are_frozen_and_found_in_every_metric() {
    for (dim, count) in [(2, 500), (3, 500), (16_384, 120)] {
        for metric in Metric::ALL {
            let kind = Kind { metric, many: false, dim };
            let (_folder, _catalog, collection) = kind.made();
            let (mut draw, mut points) = (Draw(dim as u64), Points::new());
            let batch = (0..count).map(|id| upsert(&mut points, &mut draw, kind, id)).collect();
            collection.apply(batch).unwrap();
            freeze(&collection);
            assert_eq!(collection.view().vectors[&vector_name()].graph_len(), count as usize);
            let (mut right, mut all) = (0, 0);
            for _ in 0..4 {
                let found = compare(&collection, &points, &mut draw, kind);
                (right, all) = (right + found.0, all + found.1);
            }
            assert!(right * 100 >= all * 98, "{metric}, {dim}: {right} of {all}");
        }
    }
}

#[test]
fn rows_of_a_point_are_grouped_ranked_and_walked_to() {
    let kind = Kind { metric: Metric::Cosine, many: true, dim: 16 };
    let (_folder, _catalog, collection) = kind.made();
    let (mut draw, mut points) = (Draw(5), Points::new());
    let batch = (0..3_000).map(|id| upsert(&mut points, &mut draw, kind, id)).collect();
    collection.apply(batch).unwrap();
    freeze(&collection);
    let query = kind.vector(&mut draw);
    let asked = question(&query, 10, false, Filter::default());
    let plain = collection.answer(&asked).unwrap();
    assert!(matches!(plain.explain.plan, Plan::Graph | Plan::Means), "{:?}", plain.explain.plan);
    // At most every mean row, and the rows of 1,000 points.
    assert!((1_000..=4_000).contains(&plain.explain.compared), "{:?}", plain.explain);
    let whole = collection.answer(&Question { exact: true, ..asked.clone() }).unwrap();
    assert_eq!((whole.explain.plan, whole.explain.compared), (Plan::Exact, 3_000));
    let ids = |answer: &Answer| answer.hits.iter().map(|hit| hit.id).collect::<Vec<_>>();
    assert_eq!(ids(&plain), ids(&whole));

    let group_by = Some(GroupBy { path: Path::key("kind"), size: 4 });
    let k = TopK::new(3).unwrap();
    let grouped = collection.answer(&Question { group_by, k, ..asked.clone() }).unwrap();
    assert_eq!((grouped.groups.len(), grouped.hits.len()), (3, 12));
    assert_eq!(grouped.hits[0].id, whole.hits[0].id);

    let ranked = collection.answer(&Question { percentiles: true, ..asked.clone() }).unwrap();
    assert!(ranked.hits[0].percentile > Some(98.0), "{:?}", ranked.hits[0]);

    let left = collection
        .answer(&Question { exclude_ids: vec![whole.hits[0].id], exact: true, ..asked })
        .unwrap();
    assert_eq!(ids(&left)[..9], ids(&whole)[1..]);
}

#[test]
fn what_does_not_fit_is_named_and_nothing_of_the_batch_is_kept() {
    let kind = Kind { metric: Metric::Cosine, many: true, dim: 2 };
    let (_folder, _catalog, collection) = kind.made();
    let put = |id: u64, vector: Vector| {
        let vectors = BTreeMap::from([(vector_name(), vector)]);
        Change::Upsert(PointWrite { id: PointId::Number(id), image: None, payload: None, vectors })
    };
    let rows = |rows: &[[f32; 2]]| -> Vector {
        let rows: Vec<Vec<f32>> = rows.iter().map(|row| row.to_vec()).collect();
        MultiVector::of_rows(&rows).unwrap().into()
    };
    let cases = [
        (rows(&[[1.0, 0.0], [0.5, f32::NAN]]), "row 1: component 1 of the vector is NaN"),
        (rows(&[[f32::NEG_INFINITY, 0.0]]), "row 0: component 0 of the vector is -inf"),
        (rows(&[[1.0, 0.0], [0.0, 0.0]]), "row 1: the vector is all zeros"),
        (Vector::One(vec![1.0, 2.0, 3.0]), "row 0: the vector has 3 components, not 2"),
        (Vector::One(vec![]), "rows have from 1 to 16384 components, not 0"),
    ];
    for (vector, words) in cases {
        let refused = collection.apply(vec![put(1, rows(&[[1.0, 1.0]])), put(7, vector)]);
        let text = refused.unwrap_err().to_string();
        assert!(text.starts_with("point 7, vector \"v\"") && text.contains(words), "{text}");
    }
    assert!(collection.is_empty());
    // One row is a list of one; rows that cancel each other out are found all the same.
    let opposite = rows(&[[0.6, 0.8], [-0.6, -0.8]]);
    collection.apply(vec![put(1, vec![1.0, 0.0].into()), put(2, opposite)]).unwrap();
    let asked = question(&Vector::One(vec![-3.0, -4.0]), 2, false, Filter::default());
    let found = collection.answer(&asked).unwrap();
    assert_eq!(found.hits.iter().map(|hit| hit.id).next(), Some(PointId::Number(2)));
    assert!(found.hits[0].distance.abs() < 1e-6, "{:?}", found.hits[0]);

    let one = Kind { many: false, ..kind };
    let (_folder, _catalog, single) = one.made();
    let text = single.apply(vec![put(7, rows(&[[1.0, 0.0]]))]).unwrap_err().to_string();
    assert_eq!(text, "point 7, vector \"v\": 1 rows are given, and points have one here");
    let asked = question(&rows(&[[1.0, 0.0], [0.0, 1.0]]), 2, false, Filter::default());
    let text = single.answer(&asked).unwrap_err().to_string();
    assert_eq!(text, "the query for vector \"v\" has 2 rows, and its points have one");
}
