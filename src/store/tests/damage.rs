//! Flipped bytes: a named error, never another answer.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use vitrail_domain::{Cancel, Code, Seq, Slot};

use super::*;
use crate::keys;
use crate::rocks::{Batch, IDS, POINTS, VECTORS};

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        entries.filter(|path| path.to_string_lossy().ends_with(ending)).collect();
    files.sort();
    files
}

fn flip(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

fn database(folder: &TempDir, collection: &CollectionStore) -> PathBuf {
    folder.path().join("s/collections").join(collection.spec().id.to_string()).join("db")
}

#[test]
fn a_changed_record_is_named_by_family_and_key() {
    let (_folder, store, collection) = made(2);
    write(&collection, (0..4).map(|n| upsert(n, json!({"n": n}), &[1.0, 2.0])).collect());
    let (db, key) = (collection.db(), keys::slot(Slot(2)));
    let mut value = crate::codec::seal(crate::codec::Kind::Point, &key, b"not a point");
    value[9] ^= 1;
    let mut batch = Batch::default();
    batch.put(db, POINTS, &key, &value).unwrap();
    batch.delete(db, IDS, keys::id(PointId::Number(0)).as_ref()).unwrap();
    let orphan = keys::vector(0, Slot(77));
    let vector = crate::codec::seal_floats(crate::codec::Kind::Vector, &orphan, &[1.0, 2.0]);
    batch.put(db, VECTORS, &orphan, &vector).unwrap();
    db.write(batch, true).unwrap();

    let error = collection.record_of(Slot(2)).unwrap_err();
    assert_eq!(error.code(), Code::StoreDamaged);
    let words = "collection \"c\", family points, key 00000002 is damaged";
    assert!(error.to_string().contains(words), "{error}");
    assert_eq!(collection.record_of(Slot(1)).unwrap().unwrap().id, PointId::Number(1));
    let findings = store.check(&Cancel::new());
    let told = findings.collections[&name()].problems.told.join("\n");
    for words in ["key 00000002", "id 0 doesn't lead to it", "vector of no point", "they differ"] {
        assert!(told.contains(words), "{words}: {told}");
    }
}

#[test]
fn a_flipped_byte_of_any_table_or_blob_file_is_found() {
    let (folder, store, collection) = made(2_000);
    let mut dice = Dice(7);
    let points = (0..30).map(|n| upsert(n, dice.payload(), &dice.vector(2_000))).collect();
    write(&collection, points);
    collection.put_image(&image(1), Some(&[1; 5000])).unwrap();
    collection.put_embeddings(&[([1; 32], vec![1.0; 20])]).unwrap();
    store.flush().unwrap();
    let path = database(&folder, &collection);
    drop((store, collection));
    let (tables, blobs) = (files(&path, ".sst"), files(&path, ".blob"));
    assert!(tables.len() >= 9 && blobs.len() >= 2, "{tables:?} {blobs:?}");
    for file in tables.iter().chain(&blobs) {
        // In the first block, after a few bytes.
        let at = if blobs.contains(file) { 200 } else { 20 };
        flip(file, at);
        let store = Store::open(&folder.path().join("s"), options()).unwrap();
        let found = store.check(&Cancel::new()).collections.remove(&name()).unwrap();
        assert!(found.problems.count >= 1, "{}", file.display());
        let told = found.problems.told.join("\n");
        assert!(told.contains("collection \"c\"") && told.contains("damaged"), "{told}");
        flip(file, at);
    }
    let (store, _) = reopened(&folder);
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0, "every byte was put back");
}

#[test]
fn a_damaged_log_says_which_acknowledged_writes_are_lost() {
    let (folder, store, collection) = made(2);
    for number in 0..50 {
        write(&collection, vec![upsert(number, json!({"n": number}), &[1.0, 2.0])]);
    }
    let path = database(&folder, &collection);
    // Without a flush at the end, the points are in the log alone.
    drop((store, collection));
    let logs = files(&path, ".log");
    let last = logs.last().unwrap();
    flip(last, fs::metadata(last).unwrap().len() / 2);

    let (store, collection) = reopened(&folder);
    let (first, lost) = collection.lost().expect("the loss is noticed");
    assert!(first > Seq(1) && lost == Seq(50), "{first:?} {lost:?}");
    assert_eq!(collection.len(), first.0 - 1);
    let told = &store.check(&Cancel::new()).collections[&name()].problems.told;
    assert!(told[0].contains(&format!("writes {} to 50 are lost", first.0)), "{told:?}");
    // Whoever derived files from the lost writes must rebuild; later writes count on.
    assert_eq!(collection.slots_changed_since(Seq(50)).unwrap(), None);
    let written = write(&collection, vec![upsert(99, json!({}), &[1.0, 2.0])]);
    assert_eq!(written.seq, Seq(52));
    assert!(collection.slots_changed_since(Seq(51)).unwrap().is_some());
    drop((store, collection));
    assert_eq!(reopened(&folder).1.lost(), None);
}

#[test]
fn one_damaged_collection_does_not_block_the_others() {
    let (folder, store, collection) = made(2);
    let other = store.create_collection(spec("other", 2)).unwrap();
    write(&other, vec![upsert(1, json!({}), &[1.0, 2.0])]);
    let path = database(&folder, &collection);
    drop((store, collection, other));
    vitrail_disk::safe_write(&path.join("CURRENT"), b"nonsense\n").unwrap();

    let store = Store::open(&folder.path().join("s"), options()).unwrap();
    let error = store.open_collection(&name()).err().unwrap();
    assert!(error.to_string().contains("collection \"c\""), "{error}");
    assert_eq!(store.open_collection(&"other".parse().unwrap()).unwrap().len(), 1);
    assert_eq!(store.check(&Cancel::new()).problem_count(), 1);
}

#[test]
fn a_flipped_byte_of_the_format_file_is_named() {
    let (folder, store, collection) = made(2);
    drop((store, collection));
    let path = folder.path().join("s/format.vitrail");
    for at in [3, 10, 30, 60, 70] {
        flip(&path, at);
        let error = Store::open(&folder.path().join("s"), options()).err().unwrap();
        assert_eq!(error.code(), Code::StoreDamaged, "byte {at}");
        assert!(error.to_string().contains("format.vitrail"), "{error}");
        flip(&path, at);
    }
    reopened(&folder);
}
