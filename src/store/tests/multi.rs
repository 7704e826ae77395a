//! Multi-vectors on the disk: as many rows as were written, refused in words, checked.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use vitrail_domain::{Cancel, Change, Code, Comparator, Dim, MultiVector, PointId, PointWrite};
use vitrail_domain::{Slot, Vector};

use super::{name, options, reopened, spec, vector_name};
use crate::{Store, StoreError};

fn rows(count: usize, first: f32) -> MultiVector {
    let rows: Vec<Vec<f32>> = (0..count).map(|row| vec![first + row as f32, 0.5]).collect();
    MultiVector::of_rows(&rows).unwrap()
}

fn put(id: u64, vector: impl Into<Vector>) -> Change {
    let vectors = BTreeMap::from([(vector_name("v"), vector.into())]);
    Change::Upsert(PointWrite { id: PointId::Number(id), image: None, payload: None, vectors })
}

fn made_multi() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("s"), options()).unwrap();
    let mut wanted = spec("c", 2);
    let vector = wanted.vectors.get_mut(&vector_name("v")).unwrap();
    vector.multi = Some(Comparator::MaxSim);
    store.create_collection(wanted).unwrap();
    (folder, store)
}

#[test]
fn rows_come_back_as_written_after_reopening_and_pass_the_check() {
    let (folder, store) = made_multi();
    let collection = store.open_collection(&name()).unwrap();
    let batch = vec![put(0, rows(3, 1.0)), put(1, rows(1, 7.0)), put(2, rows(256, -3.0))];
    collection.write(batch, &|_| {}).unwrap();
    collection.write(vec![put(0, rows(2, 9.0))], &|_| {}).unwrap();
    drop((store, collection));
    let (store, collection) = reopened(&folder);
    let v = vector_name("v");
    assert_eq!(collection.spec().vectors[&v].multi, Some(Comparator::MaxSim));
    assert_eq!(collection.value(Slot(0), &v).unwrap(), Some(Vector::Many(rows(2, 9.0))));
    assert_eq!(collection.value(Slot(2), &v).unwrap(), Some(Vector::Many(rows(256, -3.0))));
    let mut seen = Vec::new();
    let each = |slot: Slot, values: &[f32]| {
        seen.push((slot.0, values.len()));
        ControlFlow::Continue(())
    };
    collection.for_each_vector(&v, each).unwrap();
    assert_eq!(seen, [(0, 4), (1, 2), (2, 512)]);
    let mut buffer = vec![5.0; 9];
    assert!(collection.vector_into(Slot(1), &v, &mut buffer).unwrap());
    assert_eq!(buffer, [7.0, 0.5]);
    assert!(!collection.vector_into(Slot(9), &v, &mut buffer).unwrap() && buffer.is_empty());
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}

#[test]
fn what_is_refused_is_named_by_point_row_and_component() {
    let (_folder, store) = made_multi();
    let collection = store.open_collection(&name()).unwrap();
    let with = |values: Vec<f32>| MultiVector::new(Dim::new(2).unwrap(), values).unwrap();
    let wide = MultiVector::new(Dim::new(3).unwrap(), vec![1.0; 6]).unwrap();
    let cases = [
        (put(7, with(vec![1.0, 2.0, 3.0, f32::NAN])), "row 1, component 1 is NaN"),
        (put(7, with(vec![1.0, 2.0, f32::NEG_INFINITY, 0.0])), "row 1, component 0 is -inf"),
        (put(7, wide), "3 components, not 2"),
        (put(7, vec![1.0, 2.0]), "it takes many"),
    ];
    for (change, words) in cases {
        let error = collection.write(vec![put(1, rows(1, 1.0)), change], &|_| {}).unwrap_err();
        assert_eq!(error.code(), Code::InvalidVector);
        let text = error.to_string();
        assert!(text.starts_with("point 7, vector \"v\": ") && text.contains(words), "{text}");
    }
    assert!(collection.is_empty());
}

#[test]
fn a_name_keeps_how_many_rows_its_points_have() {
    let (_folder, store) = made_multi();
    let mut changed = store.open_collection(&name()).unwrap().spec();
    changed.vectors.get_mut(&vector_name("v")).unwrap().multi = None;
    assert!(matches!(store.update_spec(changed), Err(StoreError::Spec { .. })));
}
