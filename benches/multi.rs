//! Multi-vectors of 32 x 128: recall@10 of the mean-row path against exact max-sim, by how many
//! candidates are compared exactly, and what both cost, through a collection on a real disk.
//!
//! `cargo bench -p vitrail-collection --profile release --bench multi -- [points] [queries]`
//!
//! Drawn, seeded: an image has a finding of 200 and a place on a sheet of 12 dimensions. Its row r
//! is the unit vector of `base_r + image + finding_row + noise`: what all images have at r (1.0),
//! the image's place on the sheet (0.6), the finding's own sign in the six rows where it is seen
//! (0.9), and what nobody shares (the set's own size: 0.6 `near`, 1.2 `rough`). Rows of `alone`
//! share nothing at all: no mean can stand for them, so it bounds the claim from below.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a bench")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};
use vitrail_collection::{Catalog, Collection, VectorSpec};
use vitrail_domain::{
    Change, Clock, Comparator, Dim, Ef, Metric, MultiVector, PointId, PointWrite, Question, Roles,
    Timestamp, TopK, Vector, VectorName,
};
use vitrail_store::{Store, StoreOptions};

const ROWS: usize = 32;
const DIM: usize = 128;
const FINDINGS: usize = 200;
const SHEET: usize = 12;
const SEEN: usize = 6;
const K: usize = 10;
const CANDIDATES: [usize; 9] = [10, 20, 50, 100, 200, 300, 500, 1_000, 2_000];

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

/// SplitMix64, and normal numbers by Box and Muller.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    fn normal(&mut self) -> f32 {
        let [a, b] = [0; 2].map(|_| ((self.next() >> 11) as f64 + 1.0) / (1_u64 << 53) as f64);
        ((-2.0 * a.ln()).sqrt() * (std::f64::consts::TAU * b).cos()) as f32
    }

    /// Of length about 1.
    fn row(&mut self) -> Vec<f32> {
        let scale = 1.0 / (DIM as f32).sqrt();
        (0..DIM).map(|_| self.normal() * scale).collect()
    }
}

fn add(row: &mut [f32], other: &[f32], weight: f32) {
    row.iter_mut().zip(other).for_each(|(x, y)| *x += weight * y);
}

/// What images are drawn from.
struct World {
    draw: Draw,
    base: Vec<Vec<f32>>,
    sheet: Vec<Vec<f32>>,
    /// For each finding the rows in which it is seen, and its sign in each.
    findings: Vec<Vec<(usize, Vec<f32>)>>,
    noise: f32,
    shared: f32,
}

impl World {
    fn new(noise: f32, shared: f32) -> Self {
        let mut draw = Draw(20_261_124);
        let base = (0..ROWS).map(|_| draw.row()).collect();
        let sheet = (0..SHEET).map(|_| draw.row()).collect();
        let finding = |draw: &mut Draw| {
            (0..SEEN).map(|_| (draw.next() as usize % ROWS, draw.row())).collect()
        };
        let findings = (0..FINDINGS).map(|_| finding(&mut draw)).collect();
        Self { draw, base, sheet, findings, noise, shared }
    }

    fn image(&mut self) -> MultiVector {
        let finding = self.draw.next() as usize % FINDINGS;
        let mut image = vec![0.0; DIM];
        for direction in &self.sheet {
            add(&mut image, direction, self.draw.normal() / (SHEET as f32).sqrt());
        }
        let mut rows = Vec::with_capacity(ROWS);
        for number in 0..ROWS {
            let mut row: Vec<f32> = vec![0.0; DIM];
            add(&mut row, &self.base[number], self.shared);
            add(&mut row, &image, 0.6 * self.shared);
            for (at, sign) in &self.findings[finding] {
                if *at == number {
                    add(&mut row, sign, 0.9 * self.shared);
                }
            }
            let own = self.draw.row();
            add(&mut row, &own, self.noise);
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.iter_mut().for_each(|x| *x /= length);
            rows.push(row);
        }
        MultiVector::of_rows(&rows).unwrap()
    }
}

fn name() -> VectorName {
    "v".parse().unwrap()
}

fn filled(
    folder: &std::path::Path,
    world: &mut World,
    points: usize,
) -> (Catalog, Arc<Collection>) {
    let store = Store::open(folder, StoreOptions::default()).unwrap();
    let catalog = Catalog::open(Arc::new(store), Arc::new(Still)).unwrap();
    let spec = VectorSpec {
        dim: Dim::new(DIM).unwrap(),
        metric: Metric::Cosine,
        multi: Some(Comparator::MaxSim),
        model: None,
        contract: None,
    };
    let vectors = BTreeMap::from([(name(), spec)]);
    let collection = catalog.create(&"c".parse().unwrap(), vectors, Roles::default()).unwrap();
    for first in (0..points).step_by(1_000) {
        let batch = (first..points.min(first + 1_000)).map(|id| {
            Change::Upsert(PointWrite {
                id: PointId::Number(id as u64),
                image: None,
                payload: None,
                vectors: BTreeMap::from([(name(), world.image().into())]),
            })
        });
        collection.apply(batch.collect()).unwrap();
    }
    (catalog, collection)
}

fn question(query: &MultiVector, ef: Option<usize>) -> Question {
    let all = Question::nearest(name(), Vector::Many(query.clone()), TopK::new(K).unwrap());
    Question { ef: ef.and_then(|ef| Ef::new(ef).ok()), exact: ef.is_none(), ..all }
}

/// The ids of each query's hits, and the median and the 99th percentile in milliseconds.
fn asked(collection: &Collection, questions: &[Question]) -> (Vec<Vec<PointId>>, Value) {
    let mut millis = Vec::with_capacity(questions.len());
    let each = |question: &Question| {
        let started = Instant::now();
        let answer = collection.answer(question).unwrap();
        millis.push(started.elapsed().as_secs_f64() * 1e3);
        answer.hits.iter().map(|hit| hit.id).collect()
    };
    let hits = questions.iter().map(each).collect();
    millis.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let place = (millis.len() as f64 * share) as usize;
        (millis[place.min(millis.len() - 1)] * 1e3).round() / 1e3
    };
    (hits, json!({"p50_ms": at(0.5), "p99_ms": at(0.99)}))
}

fn measured(points: usize, queries: usize, set: (&str, f32, f32)) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let mut world = World::new(set.1, set.2);
    let (_catalog, collection) = filled(folder.path(), &mut world, points);
    let queries: Vec<MultiVector> = (0..queries).map(|_| world.image()).collect();
    let with = |ef: Option<usize>| -> Vec<Question> {
        queries.iter().map(|query| question(query, ef)).collect()
    };
    let (truth, exact) = asked(&collection, &with(None));
    let curve = CANDIDATES.iter().map(|&candidates| {
        let (hits, mut times) = asked(&collection, &with(Some(candidates)));
        let right = |(hits, truth): (&Vec<PointId>, &Vec<PointId>)| {
            hits.iter().filter(|id| truth.contains(id)).count()
        };
        let found: usize = hits.iter().zip(&truth).map(right).sum();
        times["candidates"] = json!(candidates);
        times["oversampling"] = json!(candidates / K);
        times["recall_at_10"] = json!(found as f64 / (K * truth.len()) as f64);
        times
    });
    let curve: Vec<Value> = curve.collect();
    let mut ranked = with(Some(1_000));
    ranked.iter_mut().for_each(|question| question.percentiles = true);
    let (_, percentiles) = asked(&collection, &ranked);
    json!({
        "set": set.0, "noise": set.1, "shared": set.2, "exact": exact, "curve": curve,
        "with_percentiles_at_1000": percentiles,
    })
}

fn main() {
    let numbers: Vec<usize> = std::env::args().filter_map(|arg| arg.parse().ok()).collect();
    let points = numbers.first().copied().unwrap_or(20_000);
    let queries = numbers.get(1).copied().unwrap_or(100);
    let sets = [("near", 0.6, 1.0), ("rough", 1.2, 1.0), ("alone", 1.0, 0.0)];
    let sets: Vec<Value> = sets.into_iter().map(|set| measured(points, queries, set)).collect();
    let report = json!({
        "points": points, "queries": queries, "rows": ROWS, "dim": DIM, "metric": "cosine",
        "k": K, "sets": sets,
    });
    println!("{report:#}");
}
