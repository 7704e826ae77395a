//! Random operations against a map, with reopenings and trims.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use vitrail_domain::{Cancel, ImageId, Path, Seq, Slot, SlotSet};

use super::*;
use crate::Effect;

#[derive(Debug, Clone, PartialEq)]
struct ModelPoint {
    slot: Slot,
    image: Option<ImageId>,
    payload: Map<String, Value>,
    vector: Option<Vec<f32>>,
}

#[derive(Default)]
struct Model {
    points: BTreeMap<PointId, ModelPoint>,
    next_slot: u32,
    seq: u64,
    /// Slots by the Seq that last changed them.
    changed: Vec<(u64, Slot)>,
}

impl Model {
    fn apply(&mut self, change: &Change) {
        let seq = self.seq;
        let mut touch = |slot: Slot| self.changed.push((seq, slot));
        match change {
            Change::Upsert(write) => {
                let next = &mut self.next_slot;
                let point = self.points.entry(write.id).or_insert_with(|| {
                    *next += 1;
                    let slot = Slot(*next - 1);
                    touch(slot);
                    ModelPoint { slot, image: None, payload: Map::new(), vector: None }
                });
                if write.payload.is_some() || !write.vectors.is_empty() {
                    touch(point.slot);
                }
                if write.image.is_some() && write.image != point.image {
                    touch(point.slot);
                    point.image = write.image;
                }
                if let Some(payload) = &write.payload {
                    point.payload = payload.fields().clone();
                }
                if let Some(vector) = write.vectors.get(&vector_name("v")) {
                    point.vector = Some(vector.values().to_vec());
                }
            }
            Change::MergePayload(id, fields) => {
                if let Some(point) = self.points.get_mut(id) {
                    let before = point.payload.clone();
                    point.payload.extend(fields.clone());
                    if point.payload != before {
                        touch(point.slot);
                    }
                }
            }
            Change::RemovePayload(id, paths) => {
                if let Some(point) = self.points.get_mut(id) {
                    for path in paths {
                        // The dice name top-level keys alone.
                        if point.payload.shift_remove(&path.to_string()).is_some() {
                            touch(point.slot);
                        }
                    }
                }
            }
            Change::Delete(id) => {
                if let Some(point) = self.points.remove(id) {
                    touch(point.slot);
                }
            }
        }
    }

    fn live(&self) -> SlotSet {
        self.points.values().map(|point| point.slot).collect()
    }
}

fn random_change(dice: &mut Dice) -> Change {
    let id = match dice.roll(2) {
        0 => PointId::Number(dice.roll(40)),
        _ => PointId::Uuid(Uuid::from_u128(u128::from(dice.roll(20)))),
    };
    match dice.roll(10) {
        0..5 => Change::Upsert(PointWrite {
            id,
            image: (dice.roll(3) == 0).then(|| image(dice.roll(4) as u8).id),
            payload: (dice.roll(3) > 0).then(|| Payload::trusted(fields(dice.payload()))),
            vectors: match dice.roll(3) {
                0 => BTreeMap::new(),
                _ => BTreeMap::from([(vector_name("v"), dice.vector(3).into())]),
            },
        }),
        5..7 => Change::MergePayload(id, fields(json!({"age": dice.roll(3), "new": null}))),
        7 => Change::RemovePayload(id, vec![Path::key("age"), Path::key("none")]),
        _ => Change::Delete(id),
    }
}

/// Applies effects to a second copy: they alone must carry all that memory needs.
fn follow(mirror: &mut BTreeMap<Slot, (PointId, Payload, Vec<f32>)>, effects: &[Effect]) {
    for effect in effects {
        if effect.deleted {
            assert!(mirror.remove(&effect.slot).is_some());
            continue;
        }
        if effect.new {
            let fresh = (effect.id, Payload::default(), Vec::new());
            assert_eq!(mirror.insert(effect.slot, fresh), None, "a slot is given once");
        }
        let point = mirror.get_mut(&effect.slot).unwrap();
        assert_eq!(point.0, effect.id);
        if let Some(payload) = &effect.payload_changed {
            point.1 = payload.clone();
        }
        if let Some(vector) = effect.vectors.get(&vector_name("v")) {
            point.2 = vector.values().to_vec();
        }
    }
}

fn compare(model: &Model, collection: &CollectionStore) {
    assert_eq!(collection.len(), model.points.len() as u64);
    assert_eq!(collection.last_seq(), Seq(model.seq));
    assert_eq!(collection.slots().unwrap(), model.live());
    let mut walked = BTreeMap::new();
    collection
        .for_each_record(Slot(0), |slot, record| {
            walked.insert(record.id, (slot, record.image, record.payload));
            ControlFlow::Continue(())
        })
        .unwrap();
    let mut vectors = BTreeMap::new();
    collection
        .for_each_vector(&vector_name("v"), |slot, vector| {
            vectors.insert(slot, vector.to_vec());
            ControlFlow::Continue(())
        })
        .unwrap();
    assert_eq!(walked.len(), model.points.len());
    for (id, point) in &model.points {
        let payload = Payload::trusted(point.payload.clone());
        assert_eq!(walked.get(id), Some(&(point.slot, point.image, payload.clone())));
        assert_eq!(vectors.get(&point.slot), point.vector.as_ref());
        assert_eq!(collection.slot_of(*id).unwrap(), Some(point.slot));
        assert_eq!(collection.vector(point.slot, &vector_name("v")).unwrap(), point.vector);
        assert_eq!(collection.record_of(point.slot).unwrap().unwrap().payload, payload);
    }
    for number in 0..4 {
        let image = image(number).id;
        let of_image = model.points.values().filter(|point| point.image == Some(image));
        let expected: BTreeSet<Slot> = of_image.map(|point| point.slot).collect();
        let found = collection.points_of_image(image, Slot(0), usize::MAX).unwrap();
        assert_eq!(found, Vec::from_iter(expected));
    }
}

fn compare_log(model: &Model, collection: &CollectionStore, since: u64, trimmed: u64) {
    let changed = collection.slots_changed_since(Seq(since)).unwrap();
    if since < trimmed {
        assert_eq!(changed, None);
        return;
    }
    let expected = model.changed.iter().filter(|(seq, _)| *seq > since);
    assert_eq!(changed, Some(expected.map(|(_, slot)| *slot).collect()));
}

fn run(seed: u64, steps: u64) {
    println!("seed {seed}");
    let mut dice = Dice(seed);
    let (folder, mut store, mut collection) = made(3);
    let (mut model, mut mirror, mut trimmed) = (Model::default(), BTreeMap::new(), 0);
    for _ in 0..steps {
        match dice.roll(20) {
            0 => {
                if dice.roll(2) == 0 {
                    store.flush().unwrap();
                }
                drop((store, collection));
                (store, collection) = reopened(&folder);
                compare(&model, &collection);
            }
            1 => {
                let up_to = dice.roll(model.seq + 1);
                collection.trim_changes(Seq(up_to)).unwrap();
                trimmed = trimmed.max(up_to);
            }
            2 => compare_log(&model, &collection, dice.roll(model.seq + 1), trimmed),
            _ => {
                let changes: Vec<_> = (0..dice.roll(8)).map(|_| random_change(&mut dice)).collect();
                model.seq += 1;
                changes.iter().for_each(|change| model.apply(change));
                let written = write(&collection, changes);
                assert_eq!(written.seq, Seq(model.seq));
                follow(&mut mirror, &written.effects);
            }
        }
    }
    compare(&model, &collection);
    let records = mirror.into_iter().map(|(slot, (id, payload, vector))| {
        let point = &model.points[&id];
        assert_eq!(payload.into_fields(), point.payload);
        assert_eq!(vector, point.vector.clone().unwrap_or_default());
        (slot, id)
    });
    assert_eq!(records.count(), model.points.len());
    assert_eq!(store.check(&Cancel::new()).problem_count(), 0);
}

#[test]
fn the_store_is_a_map_that_survives_reopening() {
    // VITRAIL_SEED repeats one run.
    match std::env::var("VITRAIL_SEED") {
        Ok(seed) => run(seed.parse().unwrap(), 400),
        Err(_) => (1..=4).for_each(|seed| run(seed, 300)),
    }
}
