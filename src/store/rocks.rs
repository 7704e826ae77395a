//! The one file that names RocksDB: a database with a fixed list of column families.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::{MappedRwLockReadGuard, Mutex, RwLock, RwLockReadGuard};
use vitrail_disk::{FileLock, create_dir_synced};

use rocksdb::{
    BlockBasedOptions, Cache, ColumnFamily, ColumnFamilyDescriptor, DB, DBCompressionType,
    DBRawIterator, DBRecoveryMode, ErrorKind, LogLevel, Options, Range, ReadOptions, WriteBatch,
    WriteBufferManager, WriteOptions,
};

use crate::codec::{self, Kind, Record};
use crate::error::StoreError;
use crate::options::StoreOptions;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// Bytes of a batch before its first record: a sequence number and a count (RocksDB's
/// `write_batch.cc`; the same bytes stand in its log, so they don't change).
const BATCH_HEAD_BYTES: usize = 12;

/// A column family: its name on the disk and what its values are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Family {
    pub name: &'static str,
    shape: Shape,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// Small values that compress.
    Records,
    /// Large values that don't: from 4 KiB on they lie in blob files, so that compaction doesn't
    /// copy them.
    Incompressible,
    /// Values that don't compress and don't last: no blob files, whose space comes back late.
    Passing,
}

macro_rules! families {
    ($list:ident: $($const:ident $name:literal $shape:ident,)*) => {
        $(pub(crate) const $const: Family = Family { name: $name, shape: Shape::$shape };)*
        pub(crate) const $list: &[Family] = &[$($const,)*];
    };
}

families! { COLLECTION_FAMILIES:
    POINTS "points" Records,
    IDS "ids" Records,
    VECTORS "vectors" Incompressible,
    CHANGES "changes" Records,
    IMAGES "images" Records,
    THUMBNAILS "thumbnails" Incompressible,
    IMAGE_POINTS "image_points" Records,
    HASHES "hashes" Records,
    EMBEDDINGS "embeddings" Passing,
    REPORTS "reports" Records,
    MANIFEST "manifest" Records,
}

families! { META_FAMILIES:
    SETTINGS "settings" Records,
    CATALOG "catalog" Records,
    JOBS "jobs" Records,
    REFUSALS "refusals" Records,
    MODELS "models" Records,
}

/// Takes a key and its value, and says whether to go on.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>, StoreError>;

/// What all databases of a store share: memory, and the lock, which the last of them lets go.
pub(crate) struct Shared {
    cache: Cache,
    buffers: WriteBufferManager,
    options: StoreOptions,
    lock: Mutex<FileLock>,
}

impl Shared {
    pub fn new(options: StoreOptions, lock: FileLock) -> Self {
        let cache = Cache::new_lru_cache(options.cache_bytes);
        // Not stalling: a collection that rests would hold the buffers that another waits for.
        let buffers = WriteBufferManager::new_write_buffer_manager_with_cache(
            options.write_buffer_bytes,
            false,
            cache.clone(),
        );
        Self { cache, buffers, options, lock: Mutex::new(lock) }
    }

    pub fn options(&self) -> &StoreOptions {
        &self.options
    }

    pub fn lock(&self) -> &Mutex<FileLock> {
        &self.lock
    }

    /// Whether what opening a database writes finds room: what a full disk says of its free bytes
    /// may not be the whole truth (quotas, reserves, other writers).
    fn has_room(&self, path: &Path) -> Result<(), StoreError> {
        let (disk, probe) = (&self.options.disk, path.with_file_name("room.tmp"));
        if disk.free_bytes(path)? < self.options.free_bytes_min {
            let (place, why) = (path.display().to_string(), "too little is free".to_owned());
            return Err(StoreError::NoSpace { place, why });
        }
        let written = disk.write(&probe, &vec![0; ROOM_BYTES]);
        disk.remove(&probe)?;
        Ok(written?)
    }

    fn database(&self) -> Options {
        // Without it each database claims 35 MB for its log, and 4 MB for its manifest, while
        // empty.
        let claiming = Options::default().get_options_from_string("allow_fallocate=false");
        let mut options = claiming.unwrap_or_default();
        options.create_if_missing(true);
        options.create_missing_column_families(true);
        options.set_write_buffer_manager(&self.buffers);
        // Keep what comes before the first hole: after a power cut the rest was never synced.
        options.set_wal_recovery_mode(DBRecoveryMode::PointInTime);
        options.set_track_and_verify_wals_in_manifest(true);
        // A family that rests would keep old logs alive, to be replayed at the next opening.
        options.set_max_total_wal_size(self.options.write_buffer_bytes as u64);
        options.set_max_background_jobs(
            i32::try_from(self.options.background_threads.max(1)).unwrap_or(i32::MAX),
        );
        options.set_max_open_files(512);
        options.set_bytes_per_sync(MIB as u64);
        options.set_log_level(LogLevel::Warn);
        options.set_max_log_file_size(MIB);
        options.set_keep_log_file_num(2);
        options.set_stats_dump_period_sec(0);
        options.set_stats_persist_period_sec(0);
        options
    }

    fn family(&self, shape: Shape) -> Options {
        let mut blocks = BlockBasedOptions::default();
        blocks.set_block_cache(&self.cache);
        blocks.set_block_size(16 * KIB);
        blocks.set_bloom_filter(10.0, false);
        blocks.set_cache_index_and_filter_blocks(true);
        blocks.set_pin_l0_filter_and_index_blocks_in_cache(true);
        let mut options = Options::default();
        options.set_block_based_table_factory(&blocks);
        options.set_write_buffer_size(16 * MIB);
        options.set_level_compaction_dynamic_level_bytes(true);
        match shape {
            Shape::Records => {
                options.set_compression_type(DBCompressionType::Lz4);
                options.set_bottommost_compression_type(DBCompressionType::Zstd);
            }
            Shape::Incompressible => {
                options.set_compression_type(DBCompressionType::None);
                options.set_write_buffer_size(32 * MIB);
                options.set_enable_blob_files(true);
                options.set_min_blob_size(4 * KIB as u64);
                options.set_enable_blob_gc(true);
            }
            Shape::Passing => options.set_compression_type(DBCompressionType::None),
        }
        options
    }
}

/// A write to a database that a full disk stopped first sees this much written: then there is room
/// for the files that opening makes.
const ROOM_BYTES: usize = MIB;

/// Whoever walks the database holds up its reopening; a write doesn't wait for longer.
const REOPEN_WAIT: Duration = Duration::from_secs(5);

/// An opened database. All methods may be called from any thread.
pub(crate) struct Db {
    /// None while it can't be opened again after a full disk.
    db: RwLock<Option<DB>>,
    families: &'static [Family],
    shared: Arc<Shared>,
    /// How errors name it: `collection "skin"`.
    name: String,
    path: PathBuf,
}

/// Changes that become visible, and with a sync durable, all at once.
#[derive(Default)]
pub(crate) struct Batch(WriteBatch);

impl Db {
    /// Opens or makes the database of `families` in the folder `path`.
    pub fn open(
        path: &Path,
        name: String,
        families: &'static [Family],
        shared: &Arc<Shared>,
    ) -> Result<Self, StoreError> {
        let newer = Self::unknown_families(path, families);
        if let Some(why) = newer {
            return Err(StoreError::Failed { doing: "open", place: name, why });
        }
        // RocksDB makes the folder itself, but doesn't sync its name: a power cut would take it
        // away with all that was acknowledged.
        create_dir_synced(path)?;
        let db = RwLock::new(Some(open_at(path, &name, families, shared)?));
        Ok(Self { db, families, shared: Arc::clone(shared), name, path: path.to_path_buf() })
    }

    /// The database. A walk may read on the way, so a thread may hold it more than once.
    fn opened(&self) -> Result<MappedRwLockReadGuard<'_, DB>, StoreError> {
        RwLockReadGuard::try_map(self.db.read_recursive(), Option::as_ref).map_err(|_| {
            let why = "it could not be opened again after the disk was full".to_owned();
            StoreError::NoSpace { place: self.name.clone(), why }
        })
    }

    fn unknown_families(path: &Path, families: &[Family]) -> Option<String> {
        // A database that is yet to be made has no list.
        let there = DB::list_cf(&Options::default(), path).ok()?;
        let known = |name: &String| {
            name == "default" || families.iter().any(|family| family.name == name.as_str())
        };
        let unknown: Vec<String> = there.into_iter().filter(|name| !known(name)).collect();
        let words = format!("it has families that this program doesn't know: {unknown:?}");
        (!unknown.is_empty()).then_some(words)
    }

    /// How errors name this database.
    pub fn name(&self) -> &str {
        &self.name
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    fn handle<'a>(&self, db: &'a DB, family: Family) -> Result<&'a ColumnFamily, StoreError> {
        db.cf_handle(family.name).ok_or_else(|| StoreError::Failed {
            doing: "read",
            place: format!("{}, family {}", self.name, family.name),
            why: "the family was not opened".to_owned(),
        })
    }

    fn fail(&self, doing: &'static str, family: Family, error: &rocksdb::Error) -> StoreError {
        told(doing, &format!("{}, family {}", self.name, family.name), error)
    }

    /// The error of a value that is not what was written.
    pub fn damaged(&self, family: Family, key: &[u8], why: String) -> StoreError {
        StoreError::Damaged { place: self.place(family, key), why }
    }

    fn place(&self, family: Family, key: &[u8]) -> String {
        let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        format!("{}, family {}, key {hex}", self.name, family.name)
    }

    /// Hands the value of `key` to `read`, without a copy.
    fn read<T>(
        &self,
        family: Family,
        key: &[u8],
        read: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Option<T>, StoreError> {
        let db = self.opened()?;
        let found = db.get_pinned_cf(self.handle(&db, family)?, key);
        let Some(value) = found.map_err(|error| self.fail("read", family, &error))? else {
            return Ok(None);
        };
        read(&value).map(Some).map_err(|why| self.damaged(family, key, why))
    }

    /// Whether there is a value under `key`, whatever it is.
    pub fn has(&self, family: Family, key: &[u8]) -> Result<bool, StoreError> {
        self.read(family, key, |_| Ok(())).map(|found| found.is_some())
    }

    /// The record under `key`.
    pub fn record<T: Record>(&self, family: Family, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.read(family, key, |value| codec::decode(key, value))
    }

    /// The raw body under `key`.
    pub fn raw(
        &self,
        family: Family,
        kind: Kind,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StoreError> {
        self.read(family, key, |value| codec::unseal(kind, key, value).map(<[u8]>::to_vec))
    }

    /// Reads the components under `key` into `components`, which is emptied first; whether there
    /// are any.
    pub fn floats(
        &self,
        family: Family,
        kind: Kind,
        key: &[u8],
        components: &mut Vec<f32>,
    ) -> Result<bool, StoreError> {
        let found = self.read(family, key, |value| {
            codec::floats_into(codec::unseal(kind, key, value)?, components)
        });
        found.map(|found| found.is_some())
    }

    /// The records under `keys`, in their order: one call, sorted reads.
    pub fn records<T: Record, K: AsRef<[u8]>>(
        &self,
        family: Family,
        keys: &[K],
    ) -> Result<Vec<Option<T>>, StoreError> {
        let db = self.opened()?;
        let handle = self.handle(&db, family)?;
        let found = db.batched_multi_get_cf(handle, keys.iter(), false);
        let decoded = keys.iter().zip(found).map(|(key, value)| {
            let Some(value) = value.map_err(|error| self.fail("read", family, &error))? else {
                return Ok(None);
            };
            let key = key.as_ref();
            codec::decode(key, &value).map(Some).map_err(|why| self.damaged(family, key, why))
        });
        decoded.collect()
    }

    /// Walks keys from `from` up to, not including, `to`, over the state at the time of the call.
    /// Nothing but the current block is held in memory.
    pub fn walk(
        &self,
        family: Family,
        from: &[u8],
        to: Option<&[u8]>,
        each: Visit<'_>,
    ) -> Result<(), StoreError> {
        let mut reading = ReadOptions::default();
        reading.fill_cache(false);
        reading.set_readahead_size(2 * MIB);
        if let Some(to) = to {
            reading.set_iterate_upper_bound(to);
        }
        let db = self.opened()?;
        let mut at: DBRawIterator<'_> = db.raw_iterator_cf_opt(self.handle(&db, family)?, reading);
        at.seek(from);
        while let Some((key, value)) = at.item() {
            if each(key, value)?.is_break() {
                return Ok(());
            }
            at.next();
        }
        at.status().map_err(|error| self.fail("walk", family, &error))
    }

    /// The last key of a family.
    pub fn last_key(&self, family: Family) -> Result<Option<Vec<u8>>, StoreError> {
        let db = self.opened()?;
        let mut at = db.raw_iterator_cf(self.handle(&db, family)?);
        at.seek_to_last();
        let last = at.key().map(<[u8]>::to_vec);
        at.status().map_err(|error| self.fail("read", family, &error))?;
        Ok(last)
    }

    /// About how many bytes the files hold between `from` and `to`; what is in memory is left out.
    pub fn bytes_about(&self, family: Family, from: &[u8], to: &[u8]) -> Result<u64, StoreError> {
        let db = self.opened()?;
        let sizes = db.get_approximate_sizes_cf(self.handle(&db, family)?, &[Range::new(from, to)]);
        Ok(sizes.iter().sum())
    }

    /// Writes a batch; with `sync` it is on the disk when this returns.
    ///
    /// RocksDB resumes by itself after most errors of a full disk, five seconds later; but not
    /// where a new log could not be made, and then never. So a refused write looks whether there is
    /// room, opens the database again if there is, and is tried once more. Nothing of it can be in
    /// the log already: a record that found no room is torn, and passed over when it is replayed.
    pub fn write(&self, batch: Batch, sync: bool) -> Result<(), StoreError> {
        let again = || Batch(WriteBatch::from_data(batch.0.data()));
        let refused = match self.write_once(again(), sync) {
            Err(error) if error.is_no_space() => error,
            done => return done,
        };
        if self.shared.has_room(&self.path).is_err() {
            return Err(refused);
        }
        self.reopen()?;
        self.write_once(batch, sync)
    }

    fn write_once(&self, batch: Batch, sync: bool) -> Result<(), StoreError> {
        let mut writing = WriteOptions::default();
        writing.set_sync(sync);
        let db = self.opened()?;
        db.write_opt(batch.0, &writing).map_err(|error| told("write to", &self.name, &error))
    }

    fn reopen(&self) -> Result<(), StoreError> {
        let Some(mut held) = self.db.try_write_for(REOPEN_WAIT) else {
            let why = "it is being read, and can't be opened again".to_owned();
            return Err(StoreError::NoSpace { place: self.name.clone(), why });
        };
        tracing::warn!(database = %self.name, "opened again, since the disk was full");
        // Two can't have it open, in one process either.
        drop(held.take());
        *held = Some(open_at(&self.path, &self.name, self.families, &self.shared)?);
        Ok(())
    }

    /// Syncs what was written without a sync.
    pub fn sync(&self) -> Result<(), StoreError> {
        self.opened()?.flush_wal(true).map_err(|error| told("sync", &self.name, &error))
    }

    /// Writes the buffers of all `families` to files, so that the next opening replays nothing.
    pub fn flush(&self, families: &[Family]) -> Result<(), StoreError> {
        let db = self.opened()?;
        for family in families {
            let flushed = db.flush_cf(self.handle(&db, *family)?);
            flushed.map_err(|error| self.fail("flush", *family, &error))?;
        }
        Ok(())
    }
}

fn open_at(
    path: &Path,
    name: &str,
    families: &[Family],
    shared: &Shared,
) -> Result<DB, StoreError> {
    let described = families
        .iter()
        .map(|family| ColumnFamilyDescriptor::new(family.name, shared.family(family.shape)));
    let opened = DB::open_cf_descriptors(&shared.database(), path, described);
    opened.map_err(|error| told("open", name, &error))
}

impl Batch {
    pub fn put(
        &mut self,
        db: &Db,
        family: Family,
        key: &[u8],
        value: &[u8],
    ) -> Result<(), StoreError> {
        self.0.put_cf(db.handle(&*db.opened()?, family)?, key, value);
        Ok(())
    }

    /// Encodes `record` and puts it.
    pub fn put_record<T: Record>(
        &mut self,
        db: &Db,
        family: Family,
        key: &[u8],
        record: &T,
    ) -> Result<(), StoreError> {
        let value = codec::encode(key, record).map_err(|why| StoreError::Failed {
            doing: "encode",
            place: db.place(family, key),
            why,
        })?;
        self.put(db, family, key, &value)
    }

    pub fn delete(&mut self, db: &Db, family: Family, key: &[u8]) -> Result<(), StoreError> {
        self.0.delete_cf(db.handle(&*db.opened()?, family)?, key);
        Ok(())
    }

    /// Deletes keys from `from` up to, not including, `to`.
    pub fn delete_range(
        &mut self,
        db: &Db,
        family: Family,
        from: &[u8],
        to: &[u8],
    ) -> Result<(), StoreError> {
        self.0.delete_range_cf(db.handle(&*db.opened()?, family)?, from, to);
        Ok(())
    }

    /// Bytes of the batch in the log.
    pub fn bytes(&self) -> usize {
        self.0.size_in_bytes()
    }

    /// One batch that does what `batches` do, in their order: their records behind one head with
    /// the sum of their counts.
    pub fn joined(mut batches: Vec<Self>) -> Self {
        if batches.len() == 1 {
            return batches.pop().unwrap_or_default();
        }
        let bytes: usize = batches.iter().map(Self::bytes).sum();
        let count: usize = batches.iter().map(|batch| batch.0.len()).sum();
        let mut data = Vec::with_capacity(bytes + BATCH_HEAD_BYTES);
        data.extend_from_slice(&[0; 8]);
        data.extend_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
        for batch in &batches {
            data.extend_from_slice(batch.0.data().get(BATCH_HEAD_BYTES..).unwrap_or(&[]));
        }
        Self(WriteBatch::from_data(&data))
    }
}

/// RocksDB's error in our words.
fn told(doing: &'static str, place: &str, error: &rocksdb::Error) -> StoreError {
    let (place, why) = (place.to_owned(), error.to_string());
    // A failed sync is never taken for a full disk: its outcome is open. ("While fdatasync", and
    // not a folder of the path that is called so.)
    let synced = why.contains("While fsync") || why.contains("While fdatasync");
    let full = why.contains("No space left on device") && !synced;
    match error.kind() {
        _ if full => StoreError::NoSpace { place, why },
        ErrorKind::Corruption => StoreError::Damaged { place, why },
        _ => StoreError::Failed { doing, place, why },
    }
}
