//! A collection through restarts: segments are opened, what is damaged comes back from the truth.

#![expect(clippy::disallowed_methods, reason = "tests harm files on purpose")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vitrail_domain::{
    Cancel, Change, Clock, Dim, Filter, Metric, PointId, PointWrite, Question, Roles, Timestamp,
    TopK, VectorName,
};
use vitrail_store::{Store, StoreOptions};
use vitrail_vector_index::Built;

use super::*;

const DIM: usize = 8;
const POINTS: u64 = 3_000;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

fn open(folder: &Path) -> (Catalog, Arc<Collection>) {
    let options = StoreOptions { free_bytes_min: 1 << 20, ..StoreOptions::default() };
    let store = Arc::new(Store::open(folder, options).unwrap());
    let catalog = Catalog::open(store, Arc::new(Still)).unwrap();
    let collection = catalog.get_or_create(&"c".parse().unwrap(), &Roles::default()).unwrap();
    let (dim, metric) = (Dim::new(DIM).unwrap(), Metric::Euclid);
    collection
        .bind_vector(&name(), VectorSpec { dim, metric, model: None, contract: None })
        .unwrap();
    (catalog, collection)
}

fn name() -> VectorName {
    "v".parse().unwrap()
}

fn row(number: u64, round: u64) -> Vec<f32> {
    let at = |component: u64| ((number * 7 + component * 13 + round * 29) % 101) as f32;
    (0..DIM as u64).map(at).collect()
}

fn write(collection: &Collection, numbers: impl Iterator<Item = u64>, round: u64) {
    let upsert = |number: u64| {
        let vectors = BTreeMap::from([(name(), row(number, round))]);
        Change::Upsert(PointWrite {
            id: PointId::Number(number),
            image: None,
            payload: None,
            vectors,
        })
    };
    let changes: Vec<Change> = numbers.map(upsert).collect();
    for batch in changes.chunks(500) {
        collection.apply(batch.to_vec()).unwrap();
    }
}

/// The nearest fifty of three queries, exactly and as planned.
fn answers(collection: &Collection) -> Vec<Vec<(PointId, f32)>> {
    let ask = |number: u64, exact: bool| {
        let question = Question {
            vector: name(),
            query: row(number, 3),
            k: TopK::new(50).unwrap(),
            ef: None,
            exact,
            filter: Filter::default(),
            exclude_same: Vec::new(),
            own: Vec::new(),
            exclude_ids: Vec::new(),
            group_by: None,
            percentiles: false,
        };
        let hits = collection.answer(&question).unwrap().hits;
        hits.into_iter().map(|hit| (hit.id, hit.distance)).collect()
    };
    [1, 50, 777]
        .into_iter()
        .flat_map(|number| [true, false].map(|exact| ask(number, exact)))
        .collect()
}

/// 3,000 frozen points, then updates and deletes that no file has.
fn filled(folder: &Path) -> Vec<Vec<(PointId, f32)>> {
    let (_catalog, collection) = open(folder);
    write(&collection, 0..POINTS, 0);
    let (_, index) = collection.indexes().remove(0);
    index.seal();
    assert_eq!(collection.segments_due(), [name()]);
    let built = collection.work_segments(&name(), &Cancel::new(), &|_, _| {}).unwrap();
    assert_eq!(built, Built::Published(POINTS as usize));
    write(&collection, (0..POINTS).step_by(50), 1);
    let gone = (0..POINTS).step_by(70).map(|number| Change::Delete(PointId::Number(number)));
    collection.apply(gone.collect()).unwrap();
    answers(&collection)
}

fn segment_files(folder: &Path) -> Vec<PathBuf> {
    let mut waiting = vec![folder.join("collections")];
    let mut files = Vec::new();
    while let Some(at) = waiting.pop() {
        for entry in std::fs::read_dir(at).unwrap().map(|entry| entry.unwrap().path()) {
            let inside = entry.components().any(|part| part.as_os_str() == "segments");
            match entry.is_dir() {
                true => waiting.push(entry),
                false if inside => files.push(entry),
                false => {}
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_restart_opens_segments_and_replays_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let before = filled(folder.path());
    for settled in [false, true] {
        let (catalog, collection) = open(folder.path());
        let view = collection.view();
        assert_eq!(view.vectors[&name()].graph_len(), POINTS as usize, "settled {settled}");
        // 60 points were written again; one in seven of them was deleted after.
        let read_again = view.vectors[&name()].mutable_rows().0;
        assert_eq!(read_again, 60 - 9, "settled {settled}");
        assert_eq!(answers(&collection), before, "settled {settled}");
        catalog.close();
    }
}

#[test]
fn a_trimmed_log_or_harmed_files_cost_no_answer() {
    let whole = tempfile::tempdir().unwrap();
    let before = filled(whole.path());
    let (catalog, collection) = open(whole.path());
    collection.store().trim_changes(collection.store().last_seq()).unwrap();
    drop((catalog, collection));
    for number in 0..5 {
        for harm in ["none", "missing", "flipped"] {
            let files = segment_files(whole.path());
            assert_eq!(files.len(), 5, "{files:?}");
            let file = &files[number];
            let mut bytes = std::fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 8;
            match harm {
                "missing" => std::fs::remove_file(file).unwrap(),
                "flipped" => std::fs::write(file, bytes).unwrap(),
                _ => {}
            }
            let of = format!("{} {harm}", file.display());
            let (catalog, collection) = open(whole.path());
            assert_eq!(answers(&collection), before, "{of}");
            let (_, index) = collection.indexes().remove(0);
            index.scrub(&Cancel::new());
            collection.mend_vectors().unwrap();
            assert_eq!(answers(&collection), before, "{of}: mended");
            index.build_graph(&Cancel::new(), &|_, _| {}).unwrap();
            catalog.close();
            drop((catalog, collection, index));
            let (_catalog, collection) = open(whole.path());
            assert_eq!(answers(&collection), before, "{of}: opened again");
            assert_eq!(collection.view().vectors[&name()].damage(), Vec::<String>::new());
        }
    }
}
