//! Concurrent writers.

use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;
use vitrail_domain::{Cancel, Seq};

use super::*;

const WRITERS: u64 = 8;
const ROUNDS: u64 = 40;

/// Each writer writes its own points and adds to one that all share.
#[test]
fn eight_writers_each_see_their_own_writes_in_one_order() {
    let (folder, store, collection) = made(4);
    let seen = Mutex::new(Vec::new());
    let shared = PointId::Number(999_999);
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (collection, seen) = (&collection, &seen);
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let number = writer * ROUNDS + round;
                    let own = upsert(number, json!({"w": writer}), &[1.0, 2.0, 3.0, number as f32]);
                    let mark = fields(json!({format!("k{number}"): round}));
                    let keep = Change::Upsert(PointWrite {
                        id: shared,
                        image: None,
                        payload: None,
                        vectors: BTreeMap::new(),
                    });
                    let changes = vec![own, keep, Change::MergePayload(shared, mark)];
                    let written = collection
                        .write(changes, &|written| seen.lock().push(written.seq))
                        .unwrap();
                    let slot = collection.slot_of(PointId::Number(number)).unwrap().unwrap();
                    assert_eq!(written.effects[0].slot, slot);
                    let stored = collection.vector(slot, &vector_name("v")).unwrap().unwrap();
                    assert_eq!(stored[3], number as f32);
                }
            });
        }
    });
    let total = WRITERS * ROUNDS;
    let in_order: Vec<_> = (1..=total).map(Seq).collect();
    assert_eq!(*seen.lock(), in_order, "applied one by one, in Seq order, none left out");
    assert_eq!(collection.len(), total + 1);
    drop((store, collection));
    let (store, collection) = reopened(&folder);
    let slot = collection.slot_of(shared).unwrap().unwrap();
    let merged = collection.record_of(slot).unwrap().unwrap().payload;
    assert_eq!(merged.fields().len(), total as usize, "no merge was lost to another");
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}

#[test]
fn a_reader_never_waits_and_never_sees_half_a_write() {
    let (_folder, _store, collection) = made(2);
    let done = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..200u64 {
                let pair = [1, 2].map(|id| upsert(id, json!({"r": round}), &[round as f32, 0.0]));
                write(&collection, pair.to_vec());
            }
            done.store(1, Ordering::SeqCst);
        });
        while done.load(Ordering::SeqCst) == 0 {
            let mut rounds = Vec::new();
            let walked = collection.for_each_record(vitrail_domain::Slot(0), |_, record| {
                rounds.push(record.payload.fields()["r"].clone());
                std::ops::ControlFlow::Continue(())
            });
            walked.unwrap();
            assert!(rounds.is_empty() || rounds == [rounds[0].clone(), rounds[0].clone()]);
        }
    });
}
