//! Collections by name. One damaged collection does not block the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::RwLock;
use uuid::Uuid;
use vitrail_domain::{Clock, CollectionName, Roles, VectorName};
use vitrail_store::{CollectionSpec, Store, VectorSpec};

use crate::collection::Collection;
use crate::error::CollectionError;

/// A collection that could not be opened, and why.
#[derive(Debug, Clone)]
pub struct Damaged {
    /// Its name.
    pub name: CollectionName,
    /// What was found.
    pub why: String,
}

/// Every collection of a store.
pub struct Catalog {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    state: RwLock<State>,
}

#[derive(Default)]
struct State {
    open: BTreeMap<CollectionName, Arc<Collection>>,
    damaged: BTreeMap<CollectionName, String>,
}

impl Catalog {
    /// Opens every collection of the store. Those that can't be opened are named in
    /// [`Self::damaged`]; the others serve.
    ///
    /// # Errors
    /// The list of collections can't be read.
    pub fn open(store: Arc<Store>, clock: Arc<dyn Clock>) -> Result<Self, CollectionError> {
        let mut state = State::default();
        for spec in store.collections() {
            let name = spec.name.clone();
            match Collection::open(&store, spec) {
                Ok(collection) => {
                    state.open.insert(name, Arc::new(collection));
                }
                Err(error) => {
                    tracing::error!(collection = %name, %error, "collection can't be opened");
                    state.damaged.insert(name, error.to_string());
                }
            }
        }
        Ok(Self { store, clock, state: RwLock::new(state) })
    }

    /// The store beneath.
    #[must_use]
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// Open collections by name.
    #[must_use]
    pub fn list(&self) -> Vec<Arc<Collection>> {
        self.state.read().open.values().cloned().collect()
    }

    /// Collections that could not be opened.
    #[must_use]
    pub fn damaged(&self) -> Vec<Damaged> {
        let state = self.state.read();
        let damaged = state.damaged.iter();
        damaged.map(|(name, why)| Damaged { name: name.clone(), why: why.clone() }).collect()
    }

    /// The collection of this name.
    ///
    /// # Errors
    /// No such collection, or one that could not be opened.
    pub fn get(&self, name: &CollectionName) -> Result<Arc<Collection>, CollectionError> {
        let state = self.state.read();
        if let Some(why) = state.damaged.get(name) {
            return Err(CollectionError::Damaged { name: name.clone(), why: why.clone() });
        }
        state.open.get(name).cloned().ok_or_else(|| CollectionError::Unknown(name.clone()))
    }

    /// Makes a collection.
    ///
    /// # Errors
    /// The name is taken, or the store refuses.
    pub fn create(
        &self,
        name: &CollectionName,
        vectors: BTreeMap<VectorName, VectorSpec>,
        roles: Roles,
    ) -> Result<Arc<Collection>, CollectionError> {
        let mut state = self.state.write();
        if state.open.contains_key(name) || state.damaged.contains_key(name) {
            return Err(CollectionError::Exists(name.clone()));
        }
        let spec = CollectionSpec {
            id: Uuid::new_v4(),
            name: name.clone(),
            vectors,
            roles,
            created_at: self.clock.now(),
        };
        self.store.create_collection(spec.clone())?;
        let collection = Arc::new(Collection::open(&self.store, spec)?);
        state.open.insert(name.clone(), collection.clone());
        Ok(collection)
    }

    /// The collection of this name, made with these roles where it is missing; roles that an
    /// existing collection does not map yet are added.
    ///
    /// # Errors
    /// The collection is damaged, or the store refuses.
    pub fn get_or_create(
        &self,
        name: &CollectionName,
        roles: &Roles,
    ) -> Result<Arc<Collection>, CollectionError> {
        match self.get(name) {
            Ok(collection) => {
                collection.add_roles(roles)?;
                Ok(collection)
            }
            Err(CollectionError::Unknown(_)) => self.create(name, BTreeMap::new(), roles.clone()),
            Err(error) => Err(error),
        }
    }

    /// Drops a collection and its folder. Work that still holds it ends by itself.
    ///
    /// # Errors
    /// No such collection, or the store refuses.
    pub fn drop_collection(&self, name: &CollectionName) -> Result<(), CollectionError> {
        let mut state = self.state.write();
        let known = state.open.remove(name).is_some() | state.damaged.remove(name).is_some();
        if !known {
            return Err(CollectionError::Unknown(name.clone()));
        }
        Ok(self.store.drop_collection(name)?)
    }

    /// Notes what every vector holds and commits every field index, so that the next start has
    /// nothing to replay.
    pub fn close(&self) {
        for collection in self.list() {
            if let Err(error) = collection.checkpoint() {
                tracing::warn!(collection = %collection.name(), %error, "checkpoint at close");
            }
            if let Err(error) = collection.commit_fields() {
                tracing::warn!(collection = %collection.name(), %error, "field commit at close");
            }
        }
    }
}
