//! Images, hashes, thumbnails, the cache.

use std::ops::ControlFlow;

use vitrail_domain::limits::THUMBNAIL_BYTES_MAX;
use vitrail_domain::{Cancel, Code, Slot};

use super::*;

#[test]
fn images_are_found_by_id_and_by_either_hash() {
    let (folder, store, collection) = made(2);
    for number in [5, 4, 9] {
        collection.put_image(&image(number), Some(&[number; 300])).unwrap();
    }
    assert_eq!(collection.images_len().unwrap(), 3);
    let same_pixels = collection.images_by_pixel_hash(&[2; 32], 9).unwrap();
    assert_eq!(same_pixels, [image(4).id, image(5).id]);
    assert_eq!(collection.images_by_pixel_hash(&[2; 32], 1).unwrap(), [image(4).id]);
    // A record that is replaced is not found by its old hash.
    let changed = ImageRecord { sha256: [77; 32], ..image(9) };
    collection.put_image(&changed, None).unwrap();
    assert_eq!(collection.images_by_sha256(&[9; 32], 9).unwrap(), []);
    assert_eq!(collection.images_by_sha256(&[77; 32], 9).unwrap(), [changed.id]);
    collection.sync().unwrap();
    drop((store, collection));

    let (store, collection) = reopened(&folder);
    assert_eq!(collection.image(changed.id).unwrap(), Some(changed.clone()));
    assert_eq!(collection.thumbnail(changed.id).unwrap(), Some(vec![9; 300]));
    let mut seen = Vec::new();
    let walk = |image: ImageRecord, seen: &mut Vec<ImageRecord>| {
        seen.push(image);
        if seen.len() == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    collection.for_each_image(None, |image| walk(image, &mut seen)).unwrap();
    collection.for_each_image(Some(image(5).id), |image| walk(image, &mut seen)).unwrap();
    assert_eq!(seen, [image(4), image(5), changed]);
    assert_eq!(collection.images_len().unwrap(), 3);
    assert!(collection.remove_image(image(4).id).unwrap());
    assert!(!collection.remove_image(image(4).id).unwrap());
    assert_eq!(collection.images_len().unwrap(), 2);
    assert_eq!(collection.thumbnail(image(4).id).unwrap(), None);
    assert_eq!(collection.images_by_pixel_hash(&[2; 32], 9).unwrap(), [image(5).id]);
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}

#[test]
fn points_of_an_image_follow_their_points() {
    let (_folder, _store, collection) = made(2);
    let of = |number: u64, of: u8| {
        Change::Upsert(PointWrite {
            id: PointId::Number(number),
            image: Some(image(of).id),
            payload: None,
            vectors: BTreeMap::new(),
        })
    };
    let points = |of: u8, from: u32, max: usize| {
        collection.points_of_image(image(of).id, Slot(from), max).unwrap()
    };
    write(&collection, vec![of(1, 1), of(2, 1), of(3, 1), of(4, 2)]);
    assert_eq!(points(1, 0, 9), [Slot(0), Slot(1), Slot(2)]);
    assert_eq!(points(1, 1, 1), [Slot(1)]);
    write(&collection, vec![of(1, 2), Change::Delete(PointId::Number(2))]);
    assert_eq!(points(1, 0, 9), [Slot(2)]);
    assert_eq!(points(2, 0, 9), [Slot(0), Slot(3)]);
    let kept = collection.records_of(&[Slot(0), Slot(1), Slot(3)]).unwrap();
    let images: Vec<_> = kept.iter().map(|point| point.as_ref().map(|p| p.image)).collect();
    assert_eq!(images, [Some(Some(image(2).id)), None, Some(Some(image(2).id))]);
}

#[test]
fn the_cache_drops_its_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let options = StoreOptions { embedding_cache_bytes: 10_000, ..options() };
    let store = Store::open(folder.path(), options.clone()).unwrap();
    let collection = store.create_collection(spec("c", 2)).unwrap();
    let hash = |number: u32| {
        let mut hash = [0; 32];
        hash[..4].copy_from_slice(&number.to_le_bytes());
        hash
    };
    for number in 0..100 {
        collection.put_embeddings(&[(hash(number), vec![number as f32; 100])]).unwrap();
    }
    let kept = |collection: &CollectionStore| {
        let found = |number| collection.cached_embedding(&hash(number)).unwrap();
        Vec::from_iter((0..100).filter(|number| found(*number).is_some()))
    };
    let before = kept(&collection);
    assert!(before.len() >= 10 && before.len() <= 22, "{before:?}");
    assert_eq!(before.last(), Some(&99));
    assert_eq!(before.len() as u32, 100 - before[0], "the youngest are kept, without gaps");
    drop((store, collection));
    let store = Store::open(folder.path(), options).unwrap();
    assert_eq!(kept(&store.open_collection(&name()).unwrap()), before);
}

#[test]
fn embeddings_are_kept_with_their_bits() {
    let (_folder, _store, collection) = made(2);
    let kept: Vec<_> = (0..3u8).map(|n| ([n; 32], vec![f32::from(n), f32::MIN_POSITIVE])).collect();
    collection.put_embeddings(&kept).unwrap();
    for (key, embedding) in kept {
        assert_eq!(collection.cached_embedding(&key).unwrap(), Some(embedding));
    }
    assert_eq!(collection.cached_embedding(&[9; 32]).unwrap(), None);
    let thumbnail = vec![0; THUMBNAIL_BYTES_MAX + 1];
    let refused = collection.put_image(&image(1), Some(&thumbnail)).unwrap_err();
    assert_eq!(refused.code(), Code::TooLarge);
    assert_eq!(collection.image(image(1).id).unwrap(), None);
}
