//! One collection: its database, and how its points are read.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::{Mutex, RwLock};
use vitrail_domain::{
    MultiVector, MultiVectorError, Payload, PayloadSource, PointId, PointRecord, RecordSource, Seq,
    Slot, SlotSet, Vector, VectorName,
};

use crate::acknowledged::Acknowledged;
use crate::cache::EmbeddingCache;
use crate::codec::{self, PointOnDisk, SlotOnDisk, StateOnDisk, TrimOnDisk};
use crate::convert::point_from_disk;
use crate::error::StoreError;
use crate::keys;
use crate::log::TRIMMED_KEY;
use crate::queue::{Counters, Queue};
use crate::rocks::{Batch, COLLECTION_FAMILIES, Db, IDS, MANIFEST, POINTS, Shared, VECTORS};
use crate::spec::{Catalogued, CollectionSpec, VectorSpec};

pub(crate) const STATE_KEY: &[u8] = b"state";

/// An opened collection. Reads never wait for writes; both may come from any thread.
pub struct CollectionStore {
    db: Db,
    folder: PathBuf,
    entry: RwLock<Arc<Catalogued>>,
    queue: Queue,
    shared: Arc<Shared>,
    acknowledged: Acknowledged,
    lost: Option<(Seq, Seq)>,
    dropped: AtomicBool,
    /// Guards changes to image records; the number of images, once counted.
    images: Mutex<Option<u64>>,
    embeddings: Mutex<EmbeddingCache>,
}

impl CollectionStore {
    /// Opens or makes the collection in `folder`. O(1) in points, but for what RocksDB replays from
    /// its log: at most `write_buffer_bytes`.
    pub(crate) fn open(
        folder: PathBuf,
        entry: Catalogued,
        shared: Arc<Shared>,
    ) -> Result<Self, StoreError> {
        let name = format!("collection \"{}\"", entry.spec.name);
        let db = Db::open(&folder.join("db"), name, COLLECTION_FAMILIES, &shared)?;
        let stored = db.record::<StateOnDisk>(MANIFEST, STATE_KEY)?;
        let mut counters = stored.map_or(Counters { seq: 0, next_slot: 0, live: 0 }, |stored| {
            Counters { seq: stored.seq, next_slot: stored.next_slot, live: stored.live }
        });
        let acknowledged = Acknowledged::open(&folder)?;
        let lost = acknowledged.beyond(counters.seq);
        if let Some((first, last)) = lost {
            tracing::error!(
                collection = %entry.spec.name, first = first.0, last = last.0,
                "acknowledged writes are lost: the database's log is damaged"
            );
            counters.seq = go_on_after(&db, last, counters)?;
        }
        let embeddings = EmbeddingCache::of(&db, shared.options().embedding_cache_bytes)?;
        Ok(Self {
            db,
            folder,
            entry: RwLock::new(Arc::new(entry)),
            queue: Queue::new(counters),
            shared,
            acknowledged,
            lost,
            dropped: AtomicBool::new(false),
            images: Mutex::new(None),
            embeddings: Mutex::new(embeddings),
        })
    }

    /// What the collection is.
    #[must_use]
    pub fn spec(&self) -> CollectionSpec {
        self.entry().spec.clone()
    }

    /// The folder for the field index's derived files; made by whoever writes there.
    #[must_use]
    pub fn fields_folder(&self) -> PathBuf {
        self.folder.join("fields")
    }

    /// The folder for the vector index's derived files; made by whoever writes there.
    #[must_use]
    pub fn segments_folder(&self) -> PathBuf {
        self.folder.join("segments")
    }

    /// Live points.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.queue.durable().live
    }

    /// Whether there is no point.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The last durable Seq; 0 before the first write.
    #[must_use]
    pub fn last_seq(&self) -> Seq {
        Seq(self.queue.durable().seq)
    }

    /// Acknowledged writes, first and last, that were found lost when this was opened (a damaged
    /// log); every derived index rebuilds then.
    #[must_use]
    pub fn lost(&self) -> Option<(Seq, Seq)> {
        self.lost
    }

    /// Why writes are refused until the collection is opened again, if they are.
    #[must_use]
    pub fn poisoned(&self) -> Option<String> {
        self.queue.poison()
    }

    /// The slot of a live point.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn slot_of(&self, id: PointId) -> Result<Option<Slot>, StoreError> {
        let found = self.db.record::<SlotOnDisk>(IDS, keys::id(id).as_ref())?;
        Ok(found.map(|found| Slot(found.slot)))
    }

    /// The point in a slot, without its vectors; `None` when it is gone.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn record_of(&self, slot: Slot) -> Result<Option<PointRecord>, StoreError> {
        let key = keys::slot(slot);
        let found = self.db.record::<PointOnDisk>(POINTS, &key)?;
        self.point(&key, found)
    }

    /// The points in `slots`, in their order: one sorted read of the database.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn records_of(&self, slots: &[Slot]) -> Result<Vec<Option<PointRecord>>, StoreError> {
        let keys: Vec<_> = slots.iter().map(|slot| keys::slot(*slot)).collect();
        let found = self.db.records::<PointOnDisk, _>(POINTS, &keys)?;
        keys.iter().zip(found).map(|(key, found)| self.point(key, found)).collect()
    }

    fn point(
        &self,
        key: &[u8],
        found: Option<PointOnDisk>,
    ) -> Result<Option<PointRecord>, StoreError> {
        let point = found.map(point_from_disk).transpose();
        point.map_err(|why| self.db.damaged(POINTS, key, why))
    }

    /// The components of one stored vector, as written (a multi-vector's rows one after another);
    /// `None` when the point, or this vector of it, is not there.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn vector(&self, slot: Slot, name: &VectorName) -> Result<Option<Vec<f32>>, StoreError> {
        let mut values = Vec::new();
        Ok(self.vector_into(slot, name, &mut values)?.then_some(values))
    }

    /// [`Self::vector`] into a buffer, which is emptied first; whether there is one.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn vector_into(
        &self,
        slot: Slot,
        name: &VectorName,
        values: &mut Vec<f32>,
    ) -> Result<bool, StoreError> {
        values.clear();
        let entry = self.entry();
        let Some(number) = entry.numbers.get(name) else { return Ok(false) };
        self.db.floats(VECTORS, entry.kind_of(name), &keys::vector(*number, slot), values)
    }

    /// One stored vector as its name's schema has it: one row, or many.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn value(&self, slot: Slot, name: &VectorName) -> Result<Option<Vector>, StoreError> {
        let Some(values) = self.vector(slot, name)? else { return Ok(None) };
        match self.entry().spec.vectors.get(name) {
            Some(VectorSpec { dim, multi: Some(_), .. }) => {
                let rows = MultiVector::new(*dim, values);
                let damaged = |why: MultiVectorError| StoreError::Damaged {
                    place: format!("vector \"{name}\" of slot {}", slot.0),
                    why: why.to_string(),
                };
                Ok(Some(Vector::Many(rows.map_err(damaged)?)))
            }
            _ => Ok(Some(Vector::One(values))),
        }
    }

    /// Walks live points from slot `from` upwards until `each` breaks, over the state at the time
    /// of the call. One record is in memory at a time.
    ///
    /// # Errors
    /// The first damaged record, by its key, or a failing disk.
    pub fn for_each_record(
        &self,
        from: Slot,
        mut each: impl FnMut(Slot, PointRecord) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        self.db.walk(POINTS, &keys::slot(from), None, &mut |key, value| {
            let damaged = |why| self.db.damaged(POINTS, key, why);
            let slot = keys::parse_slot(key).ok_or_else(|| damaged("it is no slot".into()))?;
            let point = codec::decode::<PointOnDisk>(key, value).map_err(damaged)?;
            Ok(each(slot, point_from_disk(point).map_err(damaged)?))
        })
    }

    /// Walks the vectors of one name in slot order until `each` breaks, over the state at the time
    /// of the call; the slice (as of [`Self::vector`]) is only lent. One vector is in memory.
    ///
    /// # Errors
    /// The first damaged record, by its key, or a failing disk.
    pub fn for_each_vector(
        &self,
        name: &VectorName,
        mut each: impl FnMut(Slot, &[f32]) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let entry = self.entry();
        let Some(number) = entry.numbers.get(name) else { return Ok(()) };
        let (end, kind) = (keys::after_prefix(&number.to_be_bytes()), entry.kind_of(name));
        let mut components = Vec::new();
        self.db.walk(VECTORS, &number.to_be_bytes(), end.as_deref(), &mut |key, value| {
            let damaged = |why| self.db.damaged(VECTORS, key, why);
            let (_, slot) =
                keys::parse_vector(key).ok_or_else(|| damaged("it is no vector's".into()))?;
            let body = codec::unseal(kind, key, value).map_err(damaged)?;
            codec::floats_into(body, &mut components).map_err(damaged)?;
            Ok(each(slot, &components))
        })
    }

    /// The live slots. Walks the ids: about 0.6 s a million points.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn slots(&self) -> Result<SlotSet, StoreError> {
        let mut slots = SlotSet::new();
        self.db.walk(IDS, &[], None, &mut |key, value| {
            let found = codec::decode::<SlotOnDisk>(key, value)
                .map_err(|why| self.db.damaged(IDS, key, why))?;
            slots.insert(Slot(found.slot));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(slots)
    }

    /// Writes RocksDB's buffers to files, so that the next opening replays nothing. For an orderly
    /// end; nothing is lost without it.
    ///
    /// # Errors
    /// No space, or a failing disk.
    pub fn flush(&self) -> Result<(), StoreError> {
        self.db.flush(COLLECTION_FAMILIES)
    }

    /// Refuses changes to a collection that was dropped or whose disk is full.
    pub(crate) fn writable(&self, bytes: usize) -> Result<(), StoreError> {
        if self.dropped.load(Ordering::Acquire) {
            return Err(StoreError::UnknownCollection(self.entry().spec.name.clone()));
        }
        let options = self.shared.options();
        let free = options.disk.free_bytes(self.db.path())?;
        let kept = options.free_bytes_min;
        // A batch goes to the log, then once more to a table file.
        if free < kept.saturating_add(2 * bytes as u64) {
            let why = format!("{free} bytes are free, and {kept} are kept so");
            return Err(StoreError::NoSpace { place: self.db.name().to_owned(), why });
        }
        Ok(())
    }

    pub(crate) fn drop_soon(&self) {
        self.dropped.store(true, Ordering::Release);
    }

    pub(crate) fn set_entry(&self, entry: Catalogued) {
        *self.entry.write() = Arc::new(entry);
    }

    pub(crate) fn entry(&self) -> Arc<Catalogued> {
        Arc::clone(&self.entry.read())
    }

    pub(crate) fn db(&self) -> &Db {
        &self.db
    }

    pub(crate) fn queue(&self) -> &Queue {
        &self.queue
    }

    pub(crate) fn acknowledged(&self) -> &Acknowledged {
        &self.acknowledged
    }

    pub(crate) fn embeddings(&self) -> &Mutex<EmbeddingCache> {
        &self.embeddings
    }

    pub(crate) fn images_lock(&self) -> &Mutex<Option<u64>> {
        &self.images
    }
}

/// Numbers the next write after the lost ones, and cuts the change log there, so that every derived
/// index rebuilds: it may hold what is lost. The last lost Seq counts as written and empty.
fn go_on_after(db: &Db, last: Seq, counters: Counters) -> Result<u64, StoreError> {
    let Counters { next_slot, live, .. } = counters;
    let seq = last.0.saturating_add(1);
    let mut batch = Batch::default();
    batch.put_record(db, MANIFEST, STATE_KEY, &StateOnDisk { seq, next_slot, live })?;
    batch.put_record(db, MANIFEST, TRIMMED_KEY, &TrimOnDisk { seq })?;
    db.write(batch, true)?;
    Ok(seq)
}

impl PayloadSource for CollectionStore {
    fn payload(&self, slot: Slot) -> Option<Payload> {
        RecordSource::record(self, slot).map(|record| record.payload)
    }
}

/// A record that can't be read counts as gone here, and is told in the log.
impl RecordSource for CollectionStore {
    fn record(&self, slot: Slot) -> Option<PointRecord> {
        self.record_of(slot).unwrap_or_else(|error| {
            tracing::error!(%error, slot = slot.0, "a point can't be read");
            None
        })
    }

    fn slot(&self, id: PointId) -> Option<Slot> {
        self.slot_of(id).unwrap_or_else(|error| {
            tracing::error!(%error, %id, "a point's slot can't be read");
            None
        })
    }
}
