//! The write path: changes -> one prepared batch -> one shared sync -> effects, in Seq order.

use std::collections::BTreeMap;
use std::sync::Arc;

use vitrail_domain::limits::{COMPONENT_MAX, WRITE_BYTES_MAX, WRITE_POINTS_MAX};
use vitrail_domain::{
    Change, ImageId, Payload, PointId, PointWrite, Seq, Slot, Vector, VectorName,
};

use crate::codec::{self, Kind, PointOnDisk, SlotOnDisk, StateOnDisk};
use crate::collection::{CollectionStore, STATE_KEY};
use crate::convert::{change_to_disk, id_to_disk, point_from_disk};
use crate::edit;
use crate::error::StoreError;
use crate::keys;
use crate::log::SlotChange;
use crate::queue::{Counters, Known, Prepared, State, Touched};
use crate::rocks::{Batch, CHANGES, IDS, IMAGE_POINTS, MANIFEST, POINTS, VECTORS};
use crate::spec::Catalogued;

/// A durable write.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// Its number.
    pub seq: Seq,
    /// What it did, in the order of its changes; changes that did nothing are left out.
    pub effects: Vec<Effect>,
}

/// What one change did to one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Effect {
    /// The point's slot.
    pub slot: Slot,
    /// The point's id.
    pub id: PointId,
    /// The point was not there before.
    pub new: bool,
    /// The point is gone.
    pub deleted: bool,
    /// The whole payload, where it changed; of a new point always.
    pub payload_changed: Option<Payload>,
    /// The vectors that were written, as given.
    pub vectors: BTreeMap<VectorName, Vector>,
}

impl CollectionStore {
    /// Makes `changes` durable, all or none, under one Seq; then calls `on_durable`. Calls of
    /// concurrent writers share syncs; their `on_durable`s come one at a time, in Seq order, each
    /// in its own caller's thread, and none is left out, so they may be applied to memory as they
    /// come. A writer sees all that was prepared before it. `on_durable` must not write to this
    /// collection (it would wait for itself).
    ///
    /// An upsert keeps what it doesn't name: the payload if it has none, vectors by name, the
    /// image. Payloads of points that are not there can't be merged or shortened, and absent points
    /// not deleted: such changes do nothing.
    ///
    /// # Errors
    /// In words that name the point, before anything is written: an unknown vector name, a wrong
    /// dimension, a component that is not finite or too large, a payload above its bounds, too many
    /// points or bytes. `NoSpace` when the disk is full: nothing of it is stored, and writing goes
    /// on when there is space. Any other failure leaves the outcome open until the collection is
    /// opened again, and refuses all later writes (`Poisoned`).
    pub fn write(
        &self,
        changes: Vec<Change>,
        on_durable: &dyn Fn(&Written),
    ) -> Result<Written, StoreError> {
        let count = changes.len();
        if count > WRITE_POINTS_MAX {
            let (got, max) = (count as u64, WRITE_POINTS_MAX as u64);
            return Err(StoreError::TooLarge { what: "points of one write", got, max });
        }
        let entry = self.entry();
        for change in &changes {
            if let Change::Upsert(point) = change {
                check_vectors(&entry, point)?;
            }
        }
        let commit = |batches: Vec<Batch>, after: Counters| {
            let batch = Batch::joined(batches);
            self.writable(batch.bytes())?;
            self.db().write(batch, true)?;
            self.acknowledged().note(after.seq);
            Ok(())
        };
        let prepare = |state: &State| Draft::new(self, &entry, state).prepare(changes);
        self.queue().write(self.db().name(), prepare, &commit, |written| on_durable(written))
    }
}

fn check_vectors(entry: &Catalogued, point: &PointWrite) -> Result<(), StoreError> {
    for (name, vector) in &point.vectors {
        let Some(spec) = entry.spec.vectors.get(name) else {
            return Err(StoreError::UnknownVector { point: point.id, vector: name.clone() });
        };
        let refuse = |why| Err(StoreError::Vector { point: point.id, vector: name.clone(), why });
        if spec.multi.is_some() != matches!(vector, Vector::Many(_)) {
            let (got, takes) = if spec.multi.is_some() { ("one", "many") } else { ("many", "one") };
            return refuse(format!("{got} row is given as such, and it takes {takes}"));
        }
        let (wide, values) = (spec.dim.get(), vector.values());
        let got = match vector {
            Vector::One(row) => row.len(),
            Vector::Many(rows) => rows.dim().get(),
        };
        if got != wide {
            return refuse(format!("{got} components, not {wide}"));
        }
        // Comparing this way round is false for what is not a number, too.
        let fits = |component: &f32| component.abs() <= COMPONENT_MAX;
        if let Some(at) = values.iter().position(|component| !fits(component)) {
            let got = values.get(at).copied().unwrap_or(f32::NAN);
            let row = match spec.multi {
                Some(_) => format!("row {}, ", at / wide),
                None => String::new(),
            };
            let rule = format!("not a finite number of at most {COMPONENT_MAX:e}");
            return refuse(format!("{row}component {} is {got}, {rule}", at % wide));
        }
    }
    Ok(())
}

/// A write that is being prepared, on top of `state`. It changes nothing until it is whole.
struct Draft<'a> {
    store: &'a CollectionStore,
    entry: &'a Catalogued,
    state: &'a State,
    batch: Batch,
    after: Counters,
    touched: Touched,
    log: Vec<SlotChange>,
    effects: Vec<Effect>,
}

impl<'a> Draft<'a> {
    fn new(store: &'a CollectionStore, entry: &'a Catalogued, state: &'a State) -> Self {
        Self {
            store,
            entry,
            state,
            batch: Batch::default(),
            after: Counters { seq: state.tip.seq + 1, ..state.tip },
            touched: Touched::new(),
            log: Vec::new(),
            effects: Vec::new(),
        }
    }

    fn prepare(mut self, changes: Vec<Change>) -> Result<(Prepared, Written), StoreError> {
        for change in changes {
            self.change(change)?;
            let (got, max) = (self.batch.bytes() as u64, WRITE_BYTES_MAX as u64);
            if got > max {
                return Err(StoreError::TooLarge { what: "bytes of one write", got, max });
            }
        }
        let Self { store, mut batch, after, touched, log, effects, .. } = self;
        let (db, seq) = (store.db(), Seq(after.seq));
        batch.put_record(db, CHANGES, &keys::seq(seq), &change_to_disk(&log))?;
        let Counters { seq: last, next_slot, live } = after;
        batch.put_record(db, MANIFEST, STATE_KEY, &StateOnDisk { seq: last, next_slot, live })?;
        Ok((Prepared { batch, after, touched }, Written { seq, effects }))
    }

    fn change(&mut self, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Upsert(point) => self.upsert(point),
            Change::MergePayload(id, fields) => {
                self.edit(id, |payload| edit::merge(payload, &fields))
            }
            Change::RemovePayload(id, paths) => self.edit(id, |payload| {
                paths.iter().fold(false, |removed, path| edit::remove(payload, path) | removed)
            }),
            Change::Delete(id) => self.delete(id),
        }
    }

    /// The live point of this id, as of the changes before this one.
    fn known(&self, id: PointId) -> Result<Option<Known>, StoreError> {
        if let Some(known) = self.touched.get(&id).or_else(|| self.state.pending(id)) {
            return Ok(known.clone());
        }
        let db = self.store.db();
        let id_key = keys::id(id);
        let Some(SlotOnDisk { slot }) = db.record(IDS, id_key.as_ref())? else { return Ok(None) };
        let key = keys::slot(Slot(slot));
        let stored = db.record::<PointOnDisk>(POINTS, &key)?;
        let Some(stored) = stored else {
            let why = format!("it leads to slot {slot}, which holds no point");
            return Err(db.damaged(IDS, id_key.as_ref(), why));
        };
        let point = point_from_disk(stored).map_err(|why| db.damaged(POINTS, &key, why))?;
        let payload = Arc::new(point.payload);
        Ok(Some(Known { slot: Slot(slot), image: point.image, payload }))
    }

    fn upsert(&mut self, point: PointWrite) -> Result<(), StoreError> {
        let PointWrite { id, image, payload, vectors } = point;
        let before = self.known(id)?;
        let new = before.is_none();
        let slot = match &before {
            Some(known) => known.slot,
            None => self.take_slot(id)?,
        };
        let known_image = before.as_ref().and_then(|known| known.image);
        let image = image.or(known_image);
        if image != known_image {
            self.move_to_image(slot, known_image, image)?;
        }
        let changed = new || payload.is_some() || image != known_image;
        let payload = match (payload, before) {
            (Some(payload), _) => Arc::new(payload),
            (None, Some(known)) => known.payload,
            (None, None) => Arc::default(),
        };
        let known = Known { slot, image, payload };
        if changed {
            self.put_point(id, &known)?;
        }
        for (name, vector) in &vectors {
            let number = self.entry.numbers.get(name).copied().unwrap_or_default();
            let key = keys::vector(number, slot);
            let kind = match vector {
                Vector::One(_) => Kind::Vector,
                Vector::Many(_) => Kind::MultiVector,
            };
            let value = codec::seal_floats(kind, &key, vector.values());
            self.batch.put(self.store.db(), VECTORS, &key, &value)?;
        }
        if !changed && vectors.is_empty() {
            return Ok(());
        }
        let payload_changed = changed.then(|| Payload::clone(&known.payload));
        self.touched.insert(id, Some(known));
        self.note(Effect { slot, id, new, deleted: false, payload_changed, vectors });
        Ok(())
    }

    fn edit(
        &mut self,
        id: PointId,
        change: impl FnOnce(&mut Payload) -> bool,
    ) -> Result<(), StoreError> {
        let Some(mut known) = self.known(id)? else { return Ok(()) };
        let mut payload = Arc::unwrap_or_clone(known.payload);
        if !change(&mut payload) {
            return Ok(());
        }
        known.payload = Arc::new(payload.clone());
        self.put_point(id, &known)?;
        let slot = known.slot;
        self.touched.insert(id, Some(known));
        let (payload_changed, vectors) = (Some(payload), BTreeMap::new());
        self.note(Effect { slot, id, new: false, deleted: false, payload_changed, vectors });
        Ok(())
    }

    fn delete(&mut self, id: PointId) -> Result<(), StoreError> {
        let Some(Known { slot, image, .. }) = self.known(id)? else { return Ok(()) };
        let db = self.store.db();
        self.batch.delete(db, IDS, keys::id(id).as_ref())?;
        self.batch.delete(db, POINTS, &keys::slot(slot))?;
        for number in self.entry.numbers.values() {
            self.batch.delete(db, VECTORS, &keys::vector(*number, slot))?;
        }
        self.move_to_image(slot, image, None)?;
        self.after.live = self.after.live.saturating_sub(1);
        self.touched.insert(id, None);
        let (payload_changed, vectors) = (None, BTreeMap::new());
        self.note(Effect { slot, id, new: false, deleted: true, payload_changed, vectors });
        Ok(())
    }

    fn take_slot(&mut self, id: PointId) -> Result<Slot, StoreError> {
        let slot = Slot(self.after.next_slot);
        let max = u64::from(u32::MAX);
        self.after.next_slot = slot.0.checked_add(1).ok_or(StoreError::TooLarge {
            what: "points ever written to one collection",
            got: max + 1,
            max,
        })?;
        self.after.live += 1;
        let record = SlotOnDisk { slot: slot.0 };
        self.batch.put_record(self.store.db(), IDS, keys::id(id).as_ref(), &record)?;
        Ok(slot)
    }

    fn put_point(&mut self, id: PointId, known: &Known) -> Result<(), StoreError> {
        let payload = edit::checked_bytes(&known.payload)
            .map_err(|why| StoreError::Payload { point: id, why })?;
        let record = PointOnDisk {
            id: id_to_disk(id),
            image: known.image.map(|image| image.0.into_bytes()),
            seq: self.after.seq,
            payload,
        };
        self.batch.put_record(self.store.db(), POINTS, &keys::slot(known.slot), &record)
    }

    fn move_to_image(
        &mut self,
        slot: Slot,
        from: Option<ImageId>,
        to: Option<ImageId>,
    ) -> Result<(), StoreError> {
        let db = self.store.db();
        if let Some(image) = from {
            self.batch.delete(db, IMAGE_POINTS, &keys::image_point(image, slot))?;
        }
        if let Some(image) = to {
            let key = keys::image_point(image, slot);
            self.batch.put(db, IMAGE_POINTS, &key, &codec::seal(Kind::Mark, &key, &[]))?;
        }
        Ok(())
    }

    fn note(&mut self, effect: Effect) {
        self.log.push(SlotChange {
            slot: effect.slot,
            id: effect.id,
            payload: effect.payload_changed.is_some(),
            vectors: !effect.vectors.is_empty(),
            deleted: effect.deleted,
            new: effect.new,
        });
        self.effects.push(effect);
    }
}
