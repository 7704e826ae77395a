//! Recall of the engine's default answers, by metric and filter share, through the life of a
//! collection; and exact answers that are the same to the last bit whatever lies beneath.

use serde_json::json;
use vitrail_domain::{Answer, Condition, Ef, MatchValue, Path as Field, Payload, Test};

use super::*;

/// Points inserted before the first freeze.
const FIRST: u64 = 3_000;
const QUERIES: u64 = 40;

/// The fields of a point, and the filters: passes every so many points.
const SHARES: [(&str, u64); 4] = [("all", 1), ("half", 2), ("tenth", 10), ("hundredth", 100)];

/// Mean recall@10 at least, without a filter and with one. Measured: 0.995 to 1, and 1.
const FLOORS: [f64; 2] = [0.985, 0.99];

/// The same of walks alone, under every filter. Measured: 0.995 to 1.
const WALK_FLOOR: f64 = 0.98;

/// Forty wide clusters in all 32 dimensions: lists of links fill up.
fn clustered(seed: u64) -> Vec<f32> {
    let centre = row(2_000_000 + seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) % 40);
    row(seed).iter().zip(centre).map(|(own, centre)| own + 0.5 * centre).collect()
}

fn tagged(id: u64, seed: u64) -> Change {
    let fields =
        SHARES.iter().map(|(name, every)| (name.to_string(), json!(id.is_multiple_of(*every))));
    let payload = Some(Payload::trusted(fields.collect()));
    let vectors = BTreeMap::from([(vector_name(), clustered(seed).into())]);
    Change::Upsert(PointWrite { id: PointId::Number(id), image: None, payload, vectors })
}

fn passes(share: &str) -> Filter {
    let test = Test::Match(MatchValue::Bool(true));
    let must = match share {
        "all" => Vec::new(),
        field => vec![Condition::Field(Field::key(field), test)],
    };
    Filter { must, ..Filter::default() }
}

/// A collection and what is in it.
struct Life {
    metric: Metric,
    folder: TempDir,
    open: Option<(Catalog, Arc<Collection>)>,
    /// Id -> seed of the vector.
    truth: BTreeMap<u64, u64>,
}

impl Life {
    fn new(metric: Metric) -> Self {
        let (folder, catalog, collection) = made(metric);
        Self { metric, folder, open: Some((catalog, collection)), truth: BTreeMap::new() }
    }

    fn collection(&self) -> &Collection {
        &self.open.as_ref().unwrap().1
    }

    fn put(&mut self, points: impl Iterator<Item = (u64, u64)>) {
        let points: Vec<(u64, u64)> = points.collect();
        for points in points.chunks(500) {
            let changes = points.iter().map(|&(id, seed)| tagged(id, seed)).collect();
            self.collection().apply(changes).unwrap();
        }
        self.truth.extend(points);
    }

    fn delete(&mut self, ids: impl Iterator<Item = u64>) {
        let ids: Vec<u64> = ids.collect();
        let changes = ids.iter().map(|&id| Change::Delete(PointId::Number(id))).collect();
        self.collection().apply(changes).unwrap();
        self.truth.retain(|id, _| !ids.contains(id));
    }

    /// Freezes, merges and compacts until nothing is due; exact answers stay what they are.
    fn settle(&self, stage: &str) {
        let before = self.exact();
        self.collection().indexes()[0].1.seal();
        let mut rounds = 0;
        let due = |task: &Task| !self.collection().segments_due(*task).is_empty();
        while let Some(task) = Task::ALL.into_iter().find(due) {
            self.collection().work_on_segments(&vector_name(), task, &Cancel::new()).unwrap();
            rounds += 1;
        }
        assert!(rounds > 0, "{stage}: nothing was due");
        assert!(self.exact() == before, "{} {stage}: exact answers changed", self.metric);
    }

    fn reopen(&mut self) {
        let before = self.exact();
        let (catalog, collection) = self.open.take().unwrap();
        catalog.close();
        drop((catalog, collection));
        let catalog = open(self.folder.path());
        let collection = catalog.get(&"c".parse().unwrap()).unwrap();
        self.open = Some((catalog, collection));
        assert!(self.exact() == before, "{}: exact answers changed by a restart", self.metric);
    }

    fn answer(&self, query: u64, share: &str, exact: bool) -> Answer {
        let query = clustered(9_000_000 + query).into();
        let all = Question::nearest(vector_name(), query, TopK::new(10).unwrap());
        let question = Question { exact, filter: passes(share), ..all };
        self.collection().answer(&question).unwrap()
    }

    /// Distances of what walks find, whatever they cost: so few points are compared exactly by
    /// default.
    fn walk(&self, query: u64, share: &str) -> impl Iterator<Item = f32> {
        let view = self.collection().view();
        let vectors = view.vector(&vector_name()).unwrap();
        let query = vectors.check_query(&clustered(9_000_000 + query)).unwrap();
        let (k, ef) = (TopK::new(10).unwrap(), Ef::new(64).unwrap());
        let allowed = (share != "all").then(|| view.matching(&passes(share)).unwrap().slots);
        let found = vectors.search_graph(&query, k, ef, allowed.as_ref()).unwrap();
        found.hits.into_iter().map(|hit| hit.1)
    }

    /// Ids and distances of every query under every filter.
    fn exact(&self) -> Vec<Vec<(PointId, u32)>> {
        let asked = |query: u64| SHARES.map(|(share, _)| self.answer(query, share, true));
        let hits = |answer: Answer| -> Vec<(PointId, u32)> {
            answer.hits.into_iter().map(|hit| (hit.id, hit.distance.to_bits())).collect()
        };
        (0..QUERIES).flat_map(asked).map(hits).collect()
    }

    /// The tenth smallest distance of a query among the points that pass, in double precision.
    fn tenth(&self, query: u64, every: u64) -> f64 {
        let query = clustered(9_000_000 + query);
        let passing = self.truth.iter().filter(|(id, _)| *id % every == 0);
        let mut all: Vec<f64> =
            passing.map(|(_, &seed)| distance(self.metric, &query, &clustered(seed))).collect();
        all.sort_by(f64::total_cmp);
        all[9]
    }

    fn check(&self, stage: &str) {
        for (share, every) in SHARES {
            let (mut right, mut walked) = (0, 0);
            for query in 0..QUERIES {
                let exact = self.answer(query, share, true);
                let last = exact.hits.last().unwrap().distance;
                if query < 5 {
                    let (ours, tenth) = (f64::from(last), self.tenth(query, every));
                    let near = (ours - tenth).abs() <= 1e-4 * (1.0 + tenth.abs());
                    assert!(near, "{} {stage} {share}: {ours} {tenth}", self.metric);
                }
                let found = self.answer(query, share, false);
                assert_eq!((exact.hits.len(), found.hits.len()), (10, 10));
                right += found.hits.iter().filter(|hit| hit.distance <= last).count();
                walked += self.walk(query, share).filter(|far| *far <= last).count();
            }
            let of = |right: usize| right as f64 / (10 * QUERIES) as f64;
            let (chosen, walked) = (of(right), of(walked));
            let [all, filtered] = FLOORS;
            let floor = if every == 1 { all } else { filtered };
            let held = chosen >= floor && walked >= WALK_FLOOR;
            assert!(held, "{} {stage} {share}: {chosen}, walks {walked}", self.metric);
        }
    }
}

/// What the kernels compute, by the book.
fn distance(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let sum = |each: fn(f64, f64) -> f64| -> f64 {
        a.iter().zip(b).map(|(&a, &b)| each(f64::from(a), f64::from(b))).sum()
    };
    let length = |row: &[f32]| row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
    match metric {
        Metric::Cosine => 1.0 - sum(|a, b| a * b) / (length(a) * length(b)),
        Metric::Dot => -sum(|a, b| a * b),
        Metric::Euclid => sum(|a, b| (a - b) * (a - b)),
        Metric::Manhattan => sum(|a, b| (a - b).abs()),
    }
}

fn recall_keeps_its_floors(metric: Metric) {
    let mut life = Life::new(metric);
    life.put((0..FIRST).map(|id| (id, id)));
    life.settle("build");
    life.check("build");
    life.put((FIRST..FIRST + 700).map(|id| (id, id)));
    life.check("insert");
    // Some replaced; an eighth deleted.
    life.put((0..200).map(|id| (id * 9, 500_000 + id)));
    life.delete((0..450).map(|id| id * 8 + 3));
    life.check("delete");
    life.settle("merge");
    life.check("merge");
    // More than a quarter of what there is: the graph is made from scratch.
    life.delete((0..1_200).map(|id| id * 3 + 1).filter(|id| id % 8 != 3));
    life.settle("compact");
    life.check("compact");
    life.reopen();
    life.check("reopen");
}

#[test]
fn by_cosine() {
    recall_keeps_its_floors(Metric::Cosine);
}

#[test]
fn by_inner_product() {
    recall_keeps_its_floors(Metric::Dot);
}

#[test]
fn by_euclid() {
    recall_keeps_its_floors(Metric::Euclid);
}

#[test]
fn by_manhattan() {
    recall_keeps_its_floors(Metric::Manhattan);
}
