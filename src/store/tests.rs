//! Tests of the whole room, over real files.

mod crash;
mod damage;
mod figures;
mod images;
mod model;
mod multi;
mod space;
mod store;
mod writers;

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};
use tempfile::TempDir;
use uuid::Uuid;
use vitrail_domain::{
    Change, CollectionName, Dim, ImageId, ImageRecord, Metric, Mpp, Payload, PointId, PointWrite,
    Roles, Timestamp, VectorName,
};

use crate::{CollectionSpec, CollectionStore, Store, StoreOptions, VectorSpec, Written};

/// Small buffers, so that tests reach flushes and compactions.
fn options() -> StoreOptions {
    StoreOptions { free_bytes_min: 1 << 20, ..StoreOptions::default() }
}

fn vector_name(name: &str) -> VectorName {
    name.parse().unwrap()
}

fn spec(name: &str, dim: usize) -> CollectionSpec {
    let vector = VectorSpec {
        dim: Dim::new(dim).unwrap(),
        metric: Metric::Cosine,
        multi: None,
        model: Some("m".to_owned()),
        contract: None,
    };
    CollectionSpec {
        id: Uuid::new_v4(),
        name: name.parse().unwrap(),
        vectors: BTreeMap::from([(vector_name("v"), vector)]),
        roles: Roles::default().with_guesses(["label", "patient_id"].into_iter()),
        created_at: Timestamp(1_700_000_000_000),
    }
}

/// A store with one collection "c" whose vector "v" has `dim` components.
fn made(dim: usize) -> (TempDir, Store, Arc<CollectionStore>) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s"), options()).unwrap();
    let collection = store.create_collection(spec("c", dim)).unwrap();
    (folder, store, collection)
}

fn name() -> CollectionName {
    "c".parse().unwrap()
}

fn reopened(folder: &TempDir) -> (Store, Arc<CollectionStore>) {
    let store = Store::open(&folder.path().join("s"), options()).unwrap();
    let collection = store.open_collection(&name()).unwrap();
    (store, collection)
}

fn fields(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn upsert(number: u64, payload: Value, vector: &[f32]) -> Change {
    Change::Upsert(PointWrite {
        id: PointId::Number(number),
        image: None,
        payload: Some(Payload::trusted(fields(payload))),
        vectors: BTreeMap::from([(vector_name("v"), vector.to_vec().into())]),
    })
}

fn write(collection: &CollectionStore, changes: Vec<Change>) -> Written {
    collection.write(changes, &|_| {}).unwrap()
}

fn image(number: u8) -> ImageRecord {
    ImageRecord {
        id: ImageId(Uuid::from_u128(u128::from(number))),
        uri: format!("a/{number}.jpg"),
        root: Some("/pictures".to_owned()),
        format: "jpeg".to_owned(),
        sha256: [number; 32],
        pixel_hash: [number / 2; 32],
        perceptual_hash: u64::MAX - u64::from(number),
        width: 640,
        height: 480,
        bytes: 12_345,
        mpp: Mpp::new(0.25).ok(),
        stored_at: Timestamp(1_700_000_000_123),
    }
}

/// Seeded numbers: the seed is printed by the tests that use them.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn vector(&mut self, dim: usize) -> Vec<f32> {
        (0..dim).map(|_| self.roll(2001) as f32 / 1000.0 - 1.0).collect()
    }

    fn payload(&mut self) -> Value {
        json!({"label": format!("l{}", self.roll(5)), "age": self.roll(90), "x": [self.roll(3)]})
    }
}
