//! A store: its folder, its lock, what belongs to no single collection, and its collections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use uuid::Uuid;
use vitrail_disk::{FileHeader, FileLock, LockError, create_dir_synced, remove_tree};
use vitrail_domain::CollectionName;
use vitrail_domain::limits::COLLECTIONS_MAX;

use crate::catalog::{self, Catalog, Entry};
use crate::codec::{self, Kind};
use crate::collection::CollectionStore;
use crate::convert::Stage;
use crate::error::StoreError;
use crate::job::{self, JobRecord};
use crate::options::StoreOptions;
use crate::rocks::{Batch, Db, META_FAMILIES, MODELS, SETTINGS, Shared};
use crate::spec::{Catalogued, CollectionSpec};

/// The version of `schemas/formats/store.md` that this program writes.
pub const FORMAT_VERSION: u16 = 1;

const FORMAT_FILE: &str = "format.vitrail";
const FORMAT_KIND: u16 = 1;
const FORMAT_BYTES_MAX: u64 = 4096;
const LOCK_FILE: &str = "lock";
const SECRET_KEY: &[u8] = b"key";

/// An opened store. One process owns it until this, and every collection of it, is dropped.
pub struct Store {
    dir: PathBuf,
    catalog: Mutex<Catalog>,
    meta: Db,
    secret: [u8; 32],
    shared: Arc<Shared>,
}

impl Store {
    /// Whether `dir` holds a store.
    #[must_use]
    pub fn exists(dir: &Path) -> bool {
        dir.join(FORMAT_FILE).is_file()
    }

    /// Opens the store in `dir`, or makes one there if the folder is empty or not there.
    /// Collections are opened when they are asked for.
    ///
    /// # Errors
    /// In use by another process, of a newer format, a folder of other things, damaged, or a
    /// failing disk.
    pub fn open(dir: &Path, options: StoreOptions) -> Result<Self, StoreError> {
        let is_new = !Self::exists(dir);
        if is_new {
            refuse_other_things(dir, &options)?;
        }
        create_dir_synced(dir)?;
        let lock = take_lock(dir, options.address.as_deref())?;
        check_format(dir, &options)?;
        refuse_lost_meta(dir)?;
        create_dir_synced(&dir.join("collections"))?;
        create_dir_synced(&dir.join("blobs"))?;
        let shared = Arc::new(Shared::new(options, lock));
        let meta = Db::open(&dir.join("meta"), "the store's meta".into(), META_FAMILIES, &shared)?;
        let secret = secret(&meta)?;
        let (catalog, left) = catalog::read(&meta)?;
        for id in left {
            tracing::warn!(%id, "removing a collection that a crash left half made or dropped");
            remove_tree(&collection_folder(dir, id))?;
            catalog::delete(&meta, id)?;
        }
        let catalog = Mutex::new(catalog);
        Ok(Self { dir: dir.to_path_buf(), catalog, meta, secret, shared })
    }

    /// The store's folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// 32 random bytes, made with the store: pseudonyms are hashed with them.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        &self.secret
    }

    pub(crate) fn options(&self) -> &StoreOptions {
        self.shared.options()
    }

    /// Tells those who find the store locked which address this process serves.
    ///
    /// # Errors
    /// A failing disk.
    pub fn announce(&self, address: &str) -> Result<(), StoreError> {
        Ok(self.shared.lock().lock().say(&lock_words(Some(address)))?)
    }

    /// All collections by name.
    #[must_use]
    pub fn collections(&self) -> Vec<CollectionSpec> {
        let catalog = self.catalog.lock();
        catalog.values().map(|entry| entry.catalogued.spec.clone()).collect()
    }

    /// Makes a collection. Durable when this returns.
    ///
    /// # Errors
    /// The name, or the id, is taken; a specification above its bounds; no space; a failing disk.
    pub fn create_collection(
        &self,
        spec: CollectionSpec,
    ) -> Result<Arc<CollectionStore>, StoreError> {
        let mut catalog = self.catalog.lock();
        let name = spec.name.clone();
        if catalog.contains_key(&name) {
            return Err(StoreError::CollectionExists(name));
        }
        if catalog.values().any(|entry| entry.catalogued.spec.id == spec.id) {
            let why = format!("the id {} is another collection's", spec.id);
            return Err(StoreError::Spec { collection: name, why });
        }
        if catalog.len() >= COLLECTIONS_MAX {
            let (got, max) = (catalog.len() as u64 + 1, COLLECTIONS_MAX as u64);
            return Err(StoreError::TooLarge { what: "collections of a store", got, max });
        }
        let catalogued = Catalogued::new(spec)?;
        catalog::put(&self.meta, &catalogued, Stage::BeingMade)?;
        let opened = Arc::new(self.open_entry(&catalogued)?);
        catalog::put(&self.meta, &catalogued, Stage::Ready)?;
        catalog.insert(name, Entry { catalogued, opened: Some(Arc::clone(&opened)) });
        Ok(opened)
    }

    /// Opens a collection; one that is open already is shared.
    ///
    /// # Errors
    /// Unknown, damaged, or a failing disk.
    pub fn open_collection(
        &self,
        name: &CollectionName,
    ) -> Result<Arc<CollectionStore>, StoreError> {
        let mut catalog = self.catalog.lock();
        let unknown = || StoreError::UnknownCollection(name.clone());
        let entry = catalog.get_mut(name).ok_or_else(unknown)?;
        if let Some(opened) = &entry.opened {
            return Ok(Arc::clone(opened));
        }
        let opened = Arc::new(self.open_entry(&entry.catalogued)?);
        entry.opened = Some(Arc::clone(&opened));
        Ok(opened)
    }

    /// Changes a collection's name, roles, models, or adds vectors; the collection is known by its
    /// id. Durable when this returns.
    ///
    /// # Errors
    /// Unknown; a name that is taken; a vector that is taken away or means something else.
    pub fn update_spec(&self, spec: CollectionSpec) -> Result<(), StoreError> {
        let mut catalog = self.catalog.lock();
        let mut entries = catalog.iter();
        let of_id = entries.find(|(_, entry)| entry.catalogued.spec.id == spec.id);
        let Some((old_name, entry)) = of_id else {
            return Err(StoreError::UnknownCollection(spec.name));
        };
        let (old_name, new_name) = (old_name.clone(), spec.name.clone());
        if new_name != old_name && catalog.contains_key(&new_name) {
            return Err(StoreError::CollectionExists(new_name));
        }
        let catalogued = entry
            .catalogued
            .changed_to(spec)
            .map_err(|why| StoreError::Spec { collection: new_name.clone(), why })?;
        catalog::put(&self.meta, &catalogued, Stage::Ready)?;
        let opened = catalog.remove(&old_name).and_then(|entry| entry.opened);
        if let Some(opened) = &opened {
            opened.set_entry(catalogued.clone());
        }
        catalog.insert(new_name, Entry { catalogued, opened });
        Ok(())
    }

    /// Drops a collection with all that is in it. Those who have it open may read on until they let
    /// it go; their writes are refused.
    ///
    /// # Errors
    /// Unknown, or a failing disk; what is left over then goes at the next opening.
    pub fn drop_collection(&self, name: &CollectionName) -> Result<(), StoreError> {
        let mut catalog = self.catalog.lock();
        let unknown = || StoreError::UnknownCollection(name.clone());
        let entry = catalog.get(name).ok_or_else(unknown)?;
        catalog::put(&self.meta, &entry.catalogued, Stage::BeingDropped)?;
        let id = entry.catalogued.spec.id;
        if let Some(Entry { opened: Some(opened), .. }) = catalog.remove(name) {
            opened.drop_soon();
        }
        remove_tree(&collection_folder(&self.dir, id))?;
        catalog::delete(&self.meta, id)
    }

    fn open_entry(&self, entry: &Catalogued) -> Result<CollectionStore, StoreError> {
        let folder = collection_folder(&self.dir, entry.spec.id);
        create_dir_synced(&folder)?;
        CollectionStore::open(folder, entry.clone(), Arc::clone(&self.shared))
    }

    /// Writes a job's state: its head, and the refusals that are not stored yet. Durable when this
    /// returns. Of ended jobs the oldest are forgotten above `JOBS_KEPT_MAX`.
    ///
    /// # Errors
    /// Parameters or refusals above their bounds, no space, or a failing disk.
    pub fn put_job(&self, job: &JobRecord) -> Result<(), StoreError> {
        job::put(&self.meta, job)
    }

    /// One job with its refusals.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn job(&self, id: Uuid) -> Result<Option<JobRecord>, StoreError> {
        job::get(&self.meta, id)
    }

    /// All jobs, the latest first, each without its refusals.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn jobs(&self) -> Result<Vec<JobRecord>, StoreError> {
        job::list(&self.meta)
    }

    /// Forgets a job; whether there was one.
    ///
    /// # Errors
    /// A failing disk.
    pub fn delete_job(&self, id: Uuid) -> Result<bool, StoreError> {
        job::delete(&self.meta, id)
    }

    /// Keeps how a model's verification came out, as JSON that only `embed`'s callers read. Durable
    /// when this returns.
    ///
    /// # Errors
    /// No space, or a failing disk.
    pub fn put_model(&self, name: &str, verification: &[u8]) -> Result<(), StoreError> {
        let mut batch = Batch::default();
        let value = codec::seal(Kind::Model, name.as_bytes(), verification);
        batch.put(&self.meta, MODELS, name.as_bytes(), &value)?;
        self.meta.write(batch, true)
    }

    /// What [`Self::put_model`] kept.
    ///
    /// # Errors
    /// A damaged record, or a failing disk.
    pub fn model(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        self.meta.raw(MODELS, Kind::Model, name.as_bytes())
    }

    /// Writes all buffers to files, so that the next opening replays nothing. For an orderly end;
    /// nothing is lost without it.
    ///
    /// # Errors
    /// No space, or a failing disk; the other collections are flushed all the same.
    pub fn flush(&self) -> Result<(), StoreError> {
        let opened: Vec<_> = {
            let catalog = self.catalog.lock();
            catalog.values().filter_map(|entry| entry.opened.clone()).collect()
        };
        let mut outcome = self.meta.flush(META_FAMILIES);
        for collection in opened {
            outcome = outcome.and(collection.flush());
        }
        outcome
    }

    pub(crate) fn meta(&self) -> &Db {
        &self.meta
    }
}

fn collection_folder(dir: &Path, id: Uuid) -> PathBuf {
    dir.join("collections").join(id.to_string())
}

/// A folder that is neither empty nor a store is somebody else's.
fn refuse_other_things(dir: &Path, options: &StoreOptions) -> Result<(), StoreError> {
    match options.disk.list(dir) {
        // A crash while a store was made leaves its lock alone.
        Ok(entries) if entries.iter().all(|entry| entry.name == LOCK_FILE) => Ok(()),
        Ok(_) => Err(StoreError::NotAStore { dir: dir.to_path_buf() }),
        Err(error) if error.is_missing() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn lock_words(address: Option<&str>) -> String {
    format!("{}\n{}\n", std::process::id(), address.unwrap_or_default())
}

fn take_lock(dir: &Path, address: Option<&str>) -> Result<FileLock, StoreError> {
    FileLock::take(&dir.join(LOCK_FILE), &lock_words(address)).map_err(|error| match error {
        LockError::Held { words, .. } => {
            let mut lines = words.lines().map(str::to_owned);
            let pid = lines.next().filter(|pid| !pid.is_empty());
            StoreError::InUse {
                dir: dir.to_path_buf(),
                pid: pid.unwrap_or_else(|| "unknown".to_owned()),
                address: lines.next().filter(|address| !address.is_empty()),
            }
        }
        LockError::Disk(error) => error.into(),
    })
}

/// Reads the format's version, or writes it for a new store.
fn check_format(dir: &Path, options: &StoreOptions) -> Result<(), StoreError> {
    let path = dir.join(FORMAT_FILE);
    if !Store::exists(dir) {
        let header = FileHeader { kind: FORMAT_KIND, version: FORMAT_VERSION };
        return Ok(options.disk.write(&path, &header.file(Uuid::new_v4().as_bytes()))?);
    }
    let file = options.disk.read(&path, FORMAT_BYTES_MAX)?;
    let (found, _) = FileHeader::checked(FORMAT_KIND, &file).map_err(|error| {
        StoreError::Damaged { place: path.display().to_string(), why: error.to_string() }
    })?;
    if found > FORMAT_VERSION {
        let (dir, known) = (dir.to_path_buf(), FORMAT_VERSION);
        return Err(StoreError::NewerFormat { dir, found, known });
    }
    Ok(())
}

/// A new `meta` beside old collections would be an empty catalog: rather say what is missing.
fn refuse_lost_meta(dir: &Path) -> Result<(), StoreError> {
    let meta = dir.join("meta");
    let has_meta = meta.join("CURRENT").is_file();
    let collections = vitrail_disk::list(&dir.join("collections")).unwrap_or_default();
    if has_meta || collections.is_empty() {
        return Ok(());
    }
    let why = format!("it is missing, though there are {} collections", collections.len());
    Err(StoreError::Damaged { place: meta.display().to_string(), why })
}

/// The store's own key; made once.
fn secret(meta: &Db) -> Result<[u8; 32], StoreError> {
    if let Some(bytes) = meta.raw(SETTINGS, Kind::Setting, SECRET_KEY)? {
        let got = bytes.len();
        let short = |_| meta.damaged(SETTINGS, SECRET_KEY, format!("{got} bytes, not 32"));
        return bytes.try_into().map_err(short);
    }
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(|error| StoreError::Failed {
        doing: "draw random bytes for",
        place: meta.name().to_owned(),
        why: error.to_string(),
    })?;
    let mut batch = Batch::default();
    let value = codec::seal(Kind::Setting, SECRET_KEY, &secret);
    batch.put(meta, SETTINGS, SECRET_KEY, &value)?;
    meta.write(batch, true)?;
    Ok(secret)
}
