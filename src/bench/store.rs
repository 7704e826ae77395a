//! A collection under load: durable writes, filters, payload changes, restarts.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use serde_json::{Map, Value, json};
use vitrail_collection::{Catalog, Collection};
use vitrail_domain::{
    Answer, Change, CollectionName, Condition, Filter, MatchValue, Path as Field, Payload, PointId,
    PointWrite, Question, Range, Test, TopK, VectorName,
};

use super::drawn::{Drawn, Random};
use super::{made, settle, times};
use crate::open::{self, Failure};

/// What is written.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Points.
    pub points: usize,
    /// Components.
    pub dim: usize,
    /// Points of one durable batch.
    pub batch: usize,
    /// Threads that write.
    pub writers: usize,
    /// Whether to freeze and merge afterwards, so that what follows finds segments on disk.
    pub settle: bool,
}

/// Queries asked of each kind.
const QUERIES: usize = 200;

const SEED: u64 = 7;

fn names() -> Result<(CollectionName, VectorName), Failure> {
    Ok(("bench".parse()?, "v".parse()?))
}

/// Drawn points with a keyword of nine values, one of a hundred, and a number.
fn points(load: Load, vector: &VectorName) -> Vec<Change> {
    let (mut drawn, mut random) = (Drawn::new(load.dim, SEED), Random::new(SEED + 1));
    let point = |at: usize| {
        let (row, cluster) = drawn.row();
        let fields = json!({
            "kind": format!("k{}", cluster % 9),
            "site": format!("s{}", random.next() % 100),
            "age": random.next() % 90,
        });
        Change::Upsert(PointWrite {
            id: PointId::Number(at as u64),
            image: None,
            payload: Some(Payload::trusted(fields.as_object().cloned().unwrap_or_default())),
            vectors: BTreeMap::from([(vector.clone(), row.into())]),
        })
    };
    (0..load.points).map(point).collect()
}

/// Durable, visible writes a second, and how long one batch takes to be acknowledged.
///
/// # Errors
/// A store that can't be made or written.
pub fn write(folder: &Path, load: Load) -> Result<Value, Failure> {
    let catalog = open::catalog(folder, true)?;
    let (name, vector) = names()?;
    let collection = made(&catalog, (&name, &vector), load.dim)?;
    let batches: Vec<Vec<Change>> =
        points(load, &vector).chunks(load.batch.max(1)).map(<[Change]>::to_vec).collect();
    let next = parking_lot::Mutex::new(batches.into_iter());
    let waits = parking_lot::Mutex::new(Vec::new());
    let failed = parking_lot::Mutex::new(None);
    let started = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..load.writers.max(1) {
            scope.spawn(|| {
                loop {
                    let Some(batch) = next.lock().next() else { return };
                    let begun = Instant::now();
                    match collection.apply(batch) {
                        Ok(_) => waits.lock().push(begun.elapsed().as_secs_f64() * 1e6),
                        Err(error) => *failed.lock() = Some(error),
                    }
                }
            });
        }
    });
    let seconds = started.elapsed().as_secs_f64();
    if let Some(error) = failed.into_inner() {
        return Err(error.into());
    }
    let batch = times(waits.into_inner());
    let started = Instant::now();
    if load.settle {
        settle(&collection)?;
        collection.checkpoint()?;
    }
    let settle_seconds = load.settle.then(|| started.elapsed().as_secs_f64());
    catalog.close();
    Ok(json!({
        "points": load.points, "dim": load.dim, "batch": load.batch, "writers": load.writers,
        "seconds": seconds, "points_per_second": load.points as f64 / seconds,
        "batch_p50_us": batch["p50_us"], "batch_p99_us": batch["p99_us"],
        "settle_seconds": settle_seconds,
    }))
}

fn opened(folder: &Path) -> Result<(Arc<Catalog>, Arc<Collection>), Failure> {
    let catalog = open::catalog(folder, false)?;
    let collection = catalog.get(&names()?.0)?;
    Ok((catalog, collection))
}

fn is(field: &str, value: &str) -> Condition {
    Condition::Field(Field::key(field), Test::Match(MatchValue::Text(value.to_owned())))
}

/// Milliseconds to make the bitmap of each kind of filter, and how many points pass.
///
/// # Errors
/// A store without the collection that [`write`] fills.
pub fn filter(folder: &Path) -> Result<Value, Failure> {
    let (_catalog, collection) = opened(folder)?;
    let old = Condition::Field(
        Field::key("age"),
        Test::Range(Range { gte: Some(60.0), ..Range::default() }),
    );
    let kinds = [
        ("keyword", vec![is("kind", "k3")]),
        ("rare_keyword", vec![is("site", "s42")]),
        ("range", vec![old.clone()]),
        ("and_of_two_keywords", vec![is("kind", "k3"), is("site", "s42")]),
        ("keyword_and_range", vec![is("kind", "k3"), old]),
    ];
    let mut report = Map::new();
    for (name, must) in kinds {
        let filter = Filter { must, ..Filter::default() };
        let view = collection.view();
        let mut micros = Vec::new();
        let mut matched = 0;
        for _ in 0..QUERIES {
            let started = Instant::now();
            matched = view.matching(&filter)?.slots.len();
            micros.push(started.elapsed().as_secs_f64() * 1e6);
        }
        let first = micros.first().copied().unwrap_or_default();
        let mut times = times(micros);
        times["first_us"] = json!(first);
        times["matched"] = json!(matched);
        report.insert(name.to_owned(), times);
    }
    Ok(json!({"points": collection.len(), "filters": report}))
}

/// Seconds to tag every point of one kind by filter; no vector is written.
///
/// # Errors
/// A store without the collection that [`write`] fills, or one that can't be written.
pub fn payload(folder: &Path, batch: usize) -> Result<Value, Failure> {
    let (catalog, collection) = opened(folder)?;
    let view = collection.view();
    let before = vector_files(folder)?;
    let all = Filter { should: vec![is("kind", "k3"), is("kind", "k4")], ..Filter::default() };
    let started = Instant::now();
    let slots = view.matching(&all)?.slots;
    let ids: Vec<PointId> =
        slots.iter().filter_map(|slot| view.records.record(slot)).map(|one| one.id).collect();
    let tag = Map::from_iter([("reviewed".to_owned(), json!("bench"))]);
    for ids in ids.chunks(batch.max(1)) {
        let tagged = ids.iter().map(|id| Change::MergePayload(*id, tag.clone()));
        collection.apply(tagged.collect())?;
    }
    let seconds = started.elapsed().as_secs_f64();
    let seen = Filter { must: vec![is("reviewed", "bench")], ..Filter::default() };
    let visible = collection.view().matching(&seen)?.slots.len();
    let untouched = before == vector_files(folder)?;
    catalog.close();
    Ok(json!({
        "vector_files": before.len(), "vector_files_untouched": untouched,
        "points": collection.len(), "tagged": ids.len(), "visible": visible, "seconds": seconds,
        "points_per_second": ids.len() as f64 / seconds,
    }))
}

/// The files of segments in a store: path, bytes, when last written.
fn vector_files(folder: &Path) -> Result<Vec<(PathBuf, u64, SystemTime)>, Failure> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder)? {
            let (path, meta) = entry.and_then(|entry| Ok((entry.path(), entry.metadata()?)))?;
            if meta.is_dir() {
                folders.push(path);
            } else if path.components().any(|part| part.as_os_str() == "segments") {
                found.push((path, meta.len(), meta.modified()?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Seconds from nothing to the first answer over a store that was closed before.
///
/// # Errors
/// A store without the collection that [`write`] fills.
pub fn restart(folder: &Path) -> Result<Value, Failure> {
    let started = Instant::now();
    let (_catalog, collection) = opened(folder)?;
    let open_seconds = started.elapsed().as_secs_f64();
    let vector = names()?.1;
    let dim = collection.view().vector(&vector)?.dim().get();
    let (query, _) = Drawn::new(dim, SEED).row();
    let first = asked(&collection, &vector, query.clone())?;
    let first_answer_seconds = started.elapsed().as_secs_f64();
    let nearest = first.hits.first().map(|hit| hit.id);
    let mut micros = Vec::new();
    for _ in 0..QUERIES {
        let begun = Instant::now();
        asked(&collection, &vector, query.clone())?;
        micros.push(begun.elapsed().as_secs_f64() * 1e6);
    }
    Ok(json!({
        "points": collection.len(), "dim": dim, "open_seconds": open_seconds,
        "first_answer_seconds": first_answer_seconds,
        "first_answer_is_right": nearest == Some(PointId::Number(0)),
        "then": times(micros),
    }))
}

fn asked(collection: &Collection, vector: &VectorName, query: Vec<f32>) -> Result<Answer, Failure> {
    let k = TopK::new(10)?;
    Ok(collection.answer(&Question::nearest(vector.clone(), query.into(), k))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_load_is_written_filtered_tagged_and_found_again() {
        let folder = tempfile::tempdir().expect("a folder");
        // So long that the mutable segment is sealed in between.
        let load = Load { points: 1_100, dim: 8_192, batch: 100, writers: 2, settle: true };
        let written = write(folder.path(), load).expect("written");
        assert!(written["points_per_second"].as_f64() > Some(0.0));
        let filters = filter(folder.path()).expect("filtered");
        let matched = |name: &str| filters["filters"][name]["matched"].as_u64().unwrap_or(0);
        assert!(matched("keyword") > matched("and_of_two_keywords"));
        let tagged = payload(folder.path(), 50).expect("tagged");
        assert_eq!(tagged["tagged"], tagged["visible"]);
        assert!(tagged["tagged"].as_u64() > Some(0));
        assert!(tagged["vector_files"].as_u64() > Some(3), "{tagged}");
        assert_eq!(tagged["vector_files_untouched"], json!(true));
        let again = restart(folder.path()).expect("opened");
        assert_eq!(again["points"], json!(1_100));
        assert_eq!(again["first_answer_is_right"], json!(true));
    }
}
