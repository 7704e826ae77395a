//! The catalog: which collections there are, kept in `meta` and in memory.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use uuid::Uuid;
use vitrail_domain::CollectionName;

use crate::codec::{self, CatalogOnDisk};
use crate::collection::CollectionStore;
use crate::convert::{Stage, catalog_from_disk, catalog_to_disk};
use crate::error::StoreError;
use crate::keys;
use crate::rocks::{Batch, CATALOG, Db};
use crate::spec::Catalogued;

/// A collection of the catalog, and its database once it was opened.
pub(crate) struct Entry {
    pub catalogued: Catalogued,
    pub opened: Option<Arc<CollectionStore>>,
}

/// Entries by name.
pub(crate) type Catalog = BTreeMap<CollectionName, Entry>;

/// Reads the catalog: what is ready, and the ids that a crash left half made or half dropped.
pub(crate) fn read(meta: &Db) -> Result<(Catalog, Vec<Uuid>), StoreError> {
    let (mut ready, mut left) = (Catalog::new(), Vec::new());
    meta.walk(CATALOG, &[], None, &mut |key, value| {
        let damaged = |why| meta.damaged(CATALOG, key, why);
        let id = keys::parse_uuid(key).ok_or_else(|| damaged("the key is no id".into()))?;
        let stored = codec::decode::<CatalogOnDisk>(key, value).map_err(damaged)?;
        let (catalogued, is_ready) = catalog_from_disk(id, stored).map_err(damaged)?;
        if is_ready {
            ready.insert(catalogued.spec.name.clone(), Entry { catalogued, opened: None });
        } else {
            left.push(id);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok((ready, left))
}

/// Writes one entry, synced.
pub(crate) fn put(meta: &Db, entry: &Catalogued, stage: Stage) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    let key = entry.spec.id.into_bytes();
    batch.put_record(meta, CATALOG, &key, &catalog_to_disk(entry, stage))?;
    meta.write(batch, true)
}

/// Removes one entry, synced.
pub(crate) fn delete(meta: &Db, id: Uuid) -> Result<(), StoreError> {
    let mut batch = Batch::default();
    batch.delete(meta, CATALOG, id.as_bytes())?;
    meta.write(batch, true)
}
