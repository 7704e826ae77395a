//! A collection over real files: restarts by its segments, damage of them, refused vectors.

mod model;

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;
use vitrail_domain::{
    Cancel, Change, Clock, Code, Dim, Filter, Metric, PointId, PointWrite, Question, Roles,
    Timestamp, TopK, VectorName,
};
use vitrail_store::{Store, StoreOptions, VectorSpec};
use vitrail_vector_index::{Built, Task};

use crate::{Catalog, Collection};

mod recall;

const DIM: usize = 32;

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp(1_700_000_000_000)
    }
}

fn vector_name() -> VectorName {
    "v".parse().unwrap()
}

fn open(folder: &Path) -> Catalog {
    let options = StoreOptions { free_bytes_min: 1 << 20, ..StoreOptions::default() };
    let store = Store::open(&folder.join("store"), options).unwrap();
    Catalog::open(Arc::new(store), Arc::new(Still)).unwrap()
}

fn made(metric: Metric) -> (TempDir, Catalog, Arc<Collection>) {
    let folder = tempfile::tempdir().unwrap();
    let catalog = open(folder.path());
    let spec = VectorSpec {
        dim: Dim::new(DIM).unwrap(),
        metric,
        multi: None,
        model: None,
        contract: None,
    };
    let vectors = BTreeMap::from([(vector_name(), spec)]);
    let collection = catalog.create(&"c".parse().unwrap(), vectors, Roles::default()).unwrap();
    (folder, catalog, collection)
}

/// Seeded numbers from -1 to 1 (SplitMix64).
fn row(seed: u64) -> Vec<f32> {
    let number = |at: u64| {
        let mut bits = (seed * 1_000 + at).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((bits ^ (bits >> 31)) >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..DIM as u64).map(number).collect()
}

fn upsert(id: u64, vector: Vec<f32>) -> Change {
    let vectors = BTreeMap::from([(vector_name(), vector.into())]);
    Change::Upsert(PointWrite { id: PointId::Number(id), image: None, payload: None, vectors })
}

fn answers(collection: &Collection) -> Vec<(PointId, f32)> {
    let question = |seed: u64| {
        let all = Question::nearest(vector_name(), row(seed).into(), TopK::new(20).unwrap());
        Question { exact: true, percentiles: true, ..all }
    };
    let seeds = [90_001, 90_002, 90_003];
    let hits = seeds.into_iter().flat_map(|seed| collection.answer(&question(seed)).unwrap().hits);
    hits.map(|hit| (hit.id, hit.distance)).collect()
}

/// Three thousand points, most of them frozen, some replaced or deleted since, some new.
fn stocked(metric: Metric) -> (TempDir, Catalog, Arc<Collection>) {
    let (folder, catalog, collection) = made(metric);
    collection.apply((0..2_500).map(|id| upsert(id, row(id))).collect()).unwrap();
    collection.indexes()[0].1.seal();
    assert_eq!(collection.segments_due(Task::Freeze), [vector_name()]);
    let work = |task| collection.work_on_segments(&vector_name(), task, &Cancel::new()).unwrap();
    assert_eq!((work(Task::Merge), work(Task::Freeze)), (Built::Nothing, Built::Published(2_500)));
    assert!(Task::ALL.iter().all(|&task| collection.segments_due(task).is_empty()));
    assert!(collection.segments_progress().is_empty());
    collection.apply((0..50).map(|id| upsert(id * 7, row(id + 5_000))).collect()).unwrap();
    let gone = |id: u64| Change::Delete(PointId::Number(id));
    collection.apply((0..90).map(|id| gone(id * 5)).collect()).unwrap();
    collection.apply((2_500..3_000).map(|id| upsert(id, row(id))).collect()).unwrap();
    (folder, catalog, collection)
}

fn files(collection: &Collection) -> Vec<PathBuf> {
    let folder = collection.store().segments_folder().join("v");
    let entries = |folder: &Path| -> Vec<PathBuf> {
        std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect()
    };
    let nested = |path: PathBuf| if path.is_dir() { entries(&path) } else { vec![path] };
    let mut files: Vec<PathBuf> = entries(&folder).into_iter().flat_map(nested).collect();
    files.sort();
    files
}

/// Flips one bit in the middle of a file, in place.
fn flip(path: &Path) {
    let file = File::options().read(true).write(true).open(path).unwrap();
    let (at, mut byte) = (file.metadata().unwrap().len() / 2, [0]);
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 8], at).unwrap();
}

#[test]
fn a_restart_gives_the_same_answers_with_and_without_an_orderly_end() {
    for (metric, orderly) in [(Metric::Cosine, true), (Metric::Euclid, false)] {
        let (folder, catalog, collection) = stocked(metric);
        let before = answers(&collection);
        if orderly {
            catalog.close();
        }
        drop((collection, catalog));
        let catalog = open(folder.path());
        let collection = catalog.get(&"c".parse().unwrap()).unwrap();
        assert_eq!(answers(&collection), before, "{metric}");
        let view = collection.view();
        let vectors = &view.vectors[&vector_name()];
        // The frozen rows came from their file: only what changed since lies in memory.
        assert_eq!((vectors.graph_len(), vectors.mutable_rows().1 < 600), (2_500, true));
    }
}

#[test]
fn every_damaged_file_is_made_again_and_answers_stay() {
    let count = files(&stocked(Metric::Cosine).2).len();
    assert!(count >= 5, "{count}");
    for at in 0..count {
        let (folder, catalog, collection) = stocked(Metric::Cosine);
        let (before, path) = (answers(&collection), files(&collection).swap_remove(at));
        catalog.close();
        drop((collection, catalog));
        flip(&path);
        let catalog = open(folder.path());
        assert!(catalog.damaged().is_empty());
        let collection = catalog.get(&"c".parse().unwrap()).unwrap();
        assert_eq!(answers(&collection), before, "{}", path.display());
        let _ = collection.mend().unwrap();
        assert!(!collection.mend().unwrap());
    }
}

#[test]
fn a_block_that_rots_under_a_running_collection_is_read_again() {
    let (folder, catalog, collection) = stocked(Metric::Manhattan);
    let before = answers(&collection);
    catalog.close();
    drop((collection, catalog));
    let catalog = open(folder.path());
    let collection = catalog.get(&"c".parse().unwrap()).unwrap();
    let rows = files(&collection).into_iter().find(|path| path.ends_with("vectors.f32")).unwrap();
    flip(&rows);
    assert_eq!(answers(&collection), before);
    assert!(collection.view().vectors[&vector_name()].damage().is_empty());
    assert_eq!(collection.view().vectors[&vector_name()].graph_len(), 0);
}

#[test]
fn a_vector_that_could_not_be_found_is_refused_before_it_is_durable() {
    let (folder, catalog, collection) = made(Metric::Cosine);
    let refused = collection.apply(vec![upsert(1, row(1)), upsert(2, vec![0.0; DIM])]).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidVector);
    assert!(collection.is_empty());
    // Written by an older program: the others are found, and the collection opens.
    let changes = vec![upsert(1, row(1)), upsert(2, vec![0.0; DIM]), upsert(3, row(3))];
    collection.store().write(changes, &|_| ()).unwrap();
    drop((collection, catalog));
    let catalog = open(folder.path());
    let collection = catalog.get(&"c".parse().unwrap()).unwrap();
    assert_eq!((collection.len(), collection.view().vectors[&vector_name()].len()), (3, 2));
}

#[test]
fn the_change_log_is_kept_from_the_checkpoint_on() {
    let (folder, catalog, collection) = stocked(Metric::Dot);
    let before = answers(&collection);
    let checkpointed = collection.indexes()[0].1.checkpointed().unwrap();
    collection.commit_fields().unwrap();
    assert!(collection.store().slots_changed_since(checkpointed).unwrap().is_some());
    collection.checkpoint().unwrap();
    collection.commit_fields().unwrap();
    assert!(collection.store().slots_changed_since(checkpointed).unwrap().is_none());
    drop((collection, catalog));
    let catalog = open(folder.path());
    let collection = catalog.get(&"c".parse().unwrap()).unwrap();
    assert_eq!(answers(&collection), before);
}
