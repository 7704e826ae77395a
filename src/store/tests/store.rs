//! The store's folder: lock, versions, catalog, jobs, uploads, refused writes.

use std::fs;

use vitrail_disk::FileHeader;
use vitrail_domain::limits::{PAYLOAD_BYTES_MAX, WRITE_POINTS_MAX};
use vitrail_domain::{Cancel, Code, Seq, Slot};

use super::*;
use crate::{JobProgress, JobRecord, JobRefusal, JobState, StoreError};

#[test]
fn a_store_in_use_names_the_address() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), options()).unwrap();
    let unserved = Store::open(folder.path(), options()).err().unwrap();
    assert!(unserved.to_string().contains("serves no address"), "{unserved}");
    store.announce("http://127.0.0.1:6333").unwrap();
    let served = Store::open(folder.path(), options()).err().unwrap();
    assert_eq!(served.code(), Code::StoreInUse);
    let words = served.to_string();
    assert!(words.contains("--url http://127.0.0.1:6333"), "{words}");
    assert!(words.contains(&std::process::id().to_string()), "{words}");
    let collection = store.create_collection(spec("c", 2)).unwrap();
    drop(store);
    let held = Store::open(folder.path(), options()).err().unwrap();
    assert_eq!(held.code(), Code::StoreInUse, "a collection that is open holds the lock");
    drop(collection);
    Store::open(folder.path(), options()).unwrap();
}

#[test]
fn a_newer_format_is_refused_in_words() {
    let (folder, store, collection) = made(2);
    drop((store, collection));
    let newer = FileHeader { kind: 1, version: 2 }.file(&[0; 16]);
    vitrail_disk::safe_write(&folder.path().join("s/format.vitrail"), &newer).unwrap();
    let error = Store::open(&folder.path().join("s"), options()).err().unwrap();
    assert_eq!(error.code(), Code::StoreVersion);
    assert!(error.to_string().contains("version 2"), "{error}");
}

#[test]
fn a_folder_of_other_things_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    vitrail_disk::safe_write(&folder.path().join("thesis.tex"), b"x").unwrap();
    let error = Store::open(folder.path(), options()).err().unwrap();
    assert!(matches!(error, StoreError::NotAStore { .. }), "{error}");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_missing_catalog_is_not_taken_for_an_empty_one() {
    let (folder, store, collection) = made(2);
    drop((store, collection));
    fs::remove_dir_all(folder.path().join("s/meta")).unwrap();
    let error = Store::open(&folder.path().join("s"), options()).err().unwrap();
    assert_eq!(error.code(), Code::StoreDamaged);
    assert!(error.to_string().contains("meta"), "{error}");
}

#[test]
fn the_catalog_is_kept_changed_and_dropped_from() {
    let (folder, store, collection) = made(2);
    let (mut wanted, key) = (collection.spec(), *store.key());
    assert!(matches!(store.create_collection(spec("c", 3)), Err(StoreError::CollectionExists(_))));
    let second = VectorSpec { metric: Metric::Euclid, ..wanted.vectors[&vector_name("v")].clone() };
    wanted.vectors.insert(vector_name("a"), second);
    wanted.name = "renamed".parse().unwrap();
    store.update_spec(wanted.clone()).unwrap();
    // A name that sorts first must not take the number of the first vector.
    write(&collection, vec![upsert(1, json!({}), &[1.0, 2.0])]);
    assert_eq!(collection.spec(), wanted);
    let mut narrowed = wanted.clone();
    narrowed.vectors.remove(&vector_name("v"));
    assert!(matches!(store.update_spec(narrowed), Err(StoreError::Spec { .. })));
    drop((store, collection));

    let store = Store::open(&folder.path().join("s"), options()).unwrap();
    assert_eq!((store.collections(), *store.key()), (vec![wanted.clone()], key));
    let collection = store.open_collection(&wanted.name).unwrap();
    let vector = collection.vector(Slot(0), &vector_name("v")).unwrap();
    assert_eq!(vector, Some(vec![1.0, 2.0]));
    store.drop_collection(&wanted.name).unwrap();
    assert!(store.collections().is_empty());
    let refused = collection.write(vec![upsert(2, json!({}), &[1.0, 2.0])], &|_| {});
    assert_eq!(refused.unwrap_err().code(), Code::UnknownCollection);
    assert_eq!(fs::read_dir(folder.path().join("s/collections")).unwrap().count(), 0);
    assert!(matches!(store.open_collection(&wanted.name), Err(StoreError::UnknownCollection(_))));
}

#[test]
fn half_made_and_half_dropped_collections_are_swept() {
    use crate::catalog;
    use crate::convert::Stage;
    use crate::spec::Catalogued;

    let (folder, store, collection) = made(2);
    for stage in [Stage::BeingMade, Stage::BeingDropped] {
        let entry = Catalogued::new(spec("half", 2)).unwrap();
        catalog::put(store.meta(), &entry, stage).unwrap();
        let left = folder.path().join("s/collections").join(entry.spec.id.to_string()).join("db");
        vitrail_disk::create_dir_synced(&left).unwrap();
    }
    drop((store, collection));
    let (store, _) = reopened(&folder);
    assert_eq!(store.collections().len(), 1);
    assert_eq!(fs::read_dir(folder.path().join("s/collections")).unwrap().count(), 1);
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}

#[test]
fn a_refused_write_names_the_point_and_stores_nothing() {
    let (_folder, _store, collection) = made(2);
    let good = || upsert(1, json!({}), &[1.0, 2.0]);
    let mut unknown = good();
    if let Change::Upsert(point) = &mut unknown {
        point.vectors.insert(vector_name("w"), vec![1.0].into());
    }
    let large = json!({"text": "x".repeat(PAYLOAD_BYTES_MAX)});
    let deep = (0..40).fold(json!(1), |inner, _| json!([inner]));
    let cases = [
        (unknown, Code::UnknownVector, "\"w\""),
        (
            upsert(7, json!({}), &[1.0]),
            Code::InvalidVector,
            "point 7, vector \"v\": 1 components, not 2",
        ),
        (upsert(7, json!({}), &[1.0, f32::NAN]), Code::InvalidVector, "component 1 is NaN"),
        (upsert(7, json!({}), &[f32::INFINITY, 0.0]), Code::InvalidVector, "component 0 is inf"),
        (upsert(7, json!({}), &[1e30, 0.0]), Code::InvalidVector, "component 0"),
        (upsert(7, large.clone(), &[1.0, 2.0]), Code::InvalidPayload, "point 7: the payload has"),
        (upsert(7, json!({"d": deep}), &[1.0, 2.0]), Code::InvalidPayload, "\"d\" is nested"),
        (Change::MergePayload(PointId::Number(1), fields(large)), Code::InvalidPayload, "point 1"),
    ];
    for (bad, code, words) in cases {
        let refused = collection.write(vec![good(), bad], &|_| panic!()).unwrap_err();
        assert_eq!(refused.code(), code, "{refused}");
        assert!(refused.to_string().contains(words), "{refused}");
    }
    let many = vec![good(); WRITE_POINTS_MAX + 1];
    assert_eq!(collection.write(many, &|_| {}).unwrap_err().code(), Code::TooLarge);
    assert_eq!((collection.last_seq(), collection.len()), (Seq(0), 0));
    assert_eq!(write(&collection, vec![good()]).effects[0].slot, Slot(0));
}

fn job(number: u128, refusals: usize) -> JobRecord {
    let refusal = |at: usize| JobRefusal {
        path: format!("p{at}"),
        code: "image_damaged".to_owned(),
        message: "no".to_owned(),
    };
    JobRecord {
        id: Uuid::from_u128(number),
        kind: "ingest".to_owned(),
        collection: Some(name()),
        state: JobState::Running,
        created_at: Timestamp(number as u64),
        updated_at: Timestamp(9),
        spec: b"{\"paths\":[]}".to_vec(),
        progress: JobProgress { total: Some(9), done: 3, refused: 1, ..JobProgress::default() },
        refusals: (0..refusals).map(refusal).collect(),
        message: Some("half way".to_owned()),
    }
}

#[test]
fn jobs_are_kept_with_their_refusals() {
    let (folder, store, collection) = made(2);
    for refusals in [0, 3, 300, 2] {
        store.put_job(&job(1, refusals)).unwrap();
        assert_eq!(store.job(Uuid::from_u128(1)).unwrap(), Some(job(1, refusals)));
    }
    store.put_job(&job(2, 1)).unwrap();
    drop((store, collection));
    let (store, _) = reopened(&folder);
    let listed: Vec<_> = store.jobs().unwrap();
    assert_eq!(listed, [job(2, 0), job(1, 0)]);
    assert!(store.delete_job(Uuid::from_u128(1)).unwrap());
    assert!(!store.delete_job(Uuid::from_u128(1)).unwrap());
    assert_eq!(store.job(Uuid::from_u128(1)).unwrap(), None);
    assert_eq!(store.job(Uuid::from_u128(2)).unwrap(), Some(job(2, 1)));
    store.put_model("lite0", b"{\"state\":\"verified\"}").unwrap();
    assert_eq!(store.model("lite0").unwrap().unwrap(), b"{\"state\":\"verified\"}");
    assert_eq!(store.model("other").unwrap(), None);
}

#[test]
fn uploads_are_kept_once_and_checked() {
    let (_folder, store, _collection) = made(2);
    let hash = store.put_blob(b"picture").unwrap();
    assert_eq!(store.put_blob(b"picture").unwrap(), hash);
    assert_eq!(store.blob(&hash).unwrap().unwrap(), b"picture");
    assert_eq!(store.blob(&[0; 32]).unwrap(), None);
    vitrail_disk::safe_write(&store.blob_path(&hash), b"pictura").unwrap();
    assert_eq!(store.blob(&hash).unwrap_err().code(), Code::StoreDamaged);
    let findings = store.check(&Cancel::new());
    assert_eq!((findings.blobs, findings.problems.count), (1, 1));
    assert_eq!(store.put_blob(b"picture").unwrap(), hash);
    assert_eq!(store.blob(&hash).unwrap().unwrap(), b"picture", "it was mended");
    store.remove_blob(&hash).unwrap();
    assert_eq!(store.blob(&hash).unwrap(), None);
}
