//! One collection: changes go in durably and in order, questions are answered from the view of the
//! moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::{Mutex, RwLock};
use vitrail_domain::{
    Answer, Change, Filter, ImageRecord, Path, PointId, PointRecord, Question, RecordSource, Roles,
    RowsSource, Seq, Slot, SlotSet, Vector, VectorName,
};
use vitrail_field_index::FieldIndex;
use vitrail_query::{Facets, View};
use vitrail_store::{CollectionSpec, CollectionStore, Store, VectorSpec, Written};
use vitrail_vector_index::VectorIndex;

use crate::error::CollectionError;
use crate::fit::fit;
use crate::recover;

/// What one batch of changes did; durable and visible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Applied {
    /// The batch's number in the change log.
    pub seq: Seq,
    /// Points that were written, changed or deleted.
    pub points: usize,
}

/// Images looked at with the same pixels: more copies say nothing new.
const IMAGES_OF_PIXELS: usize = 64;

/// Points looked at of one image with known pixels: a photograph has one.
const POINTS_OF_IMAGE: usize = 16;

/// One collection, open.
pub struct Collection {
    root: Arc<Store>,
    store: Arc<CollectionStore>,
    spec: RwLock<CollectionSpec>,
    pub(crate) fields: FieldIndex,
    derived: Mutex<Derived>,
    view: ArcSwap<View>,
}

/// What writers change: one at a time, in the order of Seq.
///
/// Locks are taken in one order: spec, then the store's own, then this. A durable batch comes in
/// under the store's lock, so it may take this one and never the spec's.
pub(crate) struct Derived {
    pub vectors: BTreeMap<VectorName, Arc<VectorIndex>>,
    /// Of multi-vectors.
    pub rows: BTreeMap<VectorName, Arc<dyn RowsSource>>,
    pub live: SlotSet,
    pub roles: Roles,
}

impl Collection {
    /// Opens the collection and rebuilds what is derived from the truth.
    pub(crate) fn open(root: &Arc<Store>, spec: CollectionSpec) -> Result<Self, CollectionError> {
        let store = root.open_collection(&spec.name)?;
        let recovered = recover::from_truth(&store, &spec)?;
        let view = view_of(&store, &recovered.derived, &recovered.fields);
        Ok(Self {
            root: root.clone(),
            store,
            spec: RwLock::new(spec),
            fields: recovered.fields,
            derived: Mutex::new(recovered.derived),
            view: ArcSwap::from_pointee(view),
        })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> vitrail_domain::CollectionName {
        self.spec.read().name.clone()
    }

    /// Its schema as of now.
    #[must_use]
    pub fn spec(&self) -> CollectionSpec {
        self.spec.read().clone()
    }

    /// The truth beneath, for reading records, images and thumbnails.
    #[must_use]
    pub fn store(&self) -> &Arc<CollectionStore> {
        &self.store
    }

    /// Points that exist.
    #[must_use]
    pub fn len(&self) -> usize {
        self.view().live.len()
    }

    /// Whether no point exists.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The view of this moment; never changes, and holds up nobody.
    #[must_use]
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Applies changes as one batch: durable as a whole, then visible, then acknowledged.
    ///
    /// # Errors
    /// A change that the schema does not allow (the whole batch is refused, nothing is written), or
    /// a store that can't write.
    pub fn apply(&self, mut changes: Vec<Change>) -> Result<Applied, CollectionError> {
        fit(&self.spec.read(), &mut changes)?;
        self.wait_for_freezes(&changes);
        let written = self.store.write(changes, &|written| self.absorb(written))?;
        Ok(Applied { seq: written.seq, points: written.effects.len() })
    }

    /// Answers a question from the view of this moment.
    ///
    /// # Errors
    /// See `QueryError`.
    pub fn answer(&self, question: &Question) -> Result<Answer, CollectionError> {
        loop {
            let view = self.view();
            let answer = vitrail_query::answer(&view, question)?;
            // What was read on the way may have turned out to be damaged: then the answer is not
            // to be trusted, and is taken again from the truth. Each round has fewer segments.
            let damaged = view.vectors.get(&question.vector).map(|vectors| vectors.damage());
            if damaged.is_none_or(|damage| damage.is_empty()) || !self.mend()? {
                return Ok(answer);
            }
        }
    }

    /// Counts values among the points that pass a filter.
    ///
    /// # Errors
    /// See `QueryError`.
    pub fn facets(
        &self,
        filter: &Filter,
        paths: &[Path],
        limit: usize,
    ) -> Result<Facets, CollectionError> {
        Ok(vitrail_query::facets(&self.view(), filter, paths, limit)?)
    }

    /// The store's key, which pseudonyms are hashed with.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        self.root.key()
    }

    /// Where an upload's bytes lie.
    #[must_use]
    pub fn blob_path(&self, sha256: &[u8; 32]) -> std::path::PathBuf {
        self.root.blob_path(sha256)
    }

    /// A point's vector as it was written; `None` where it has none of this name.
    ///
    /// # Errors
    /// A damaged record.
    pub fn vector(&self, slot: Slot, name: &VectorName) -> Result<Option<Vector>, CollectionError> {
        Ok(self.store.value(slot, name)?)
    }

    /// Whether the point is there with this vector.
    #[must_use]
    pub fn has_vector(&self, id: PointId, name: &VectorName) -> bool {
        let view = self.view();
        let slot = self.store.slot(id);
        slot.is_some_and(|slot| view.vectors.get(name).is_some_and(|vectors| vectors.has(slot)))
    }

    /// Points of every image with exactly these pixels.
    ///
    /// # Errors
    /// A damaged record.
    pub fn points_with_pixels(
        &self,
        pixel_hash: &[u8; 32],
    ) -> Result<Vec<PointRecord>, CollectionError> {
        let mut records = Vec::new();
        for image in self.store.images_by_pixel_hash(pixel_hash, IMAGES_OF_PIXELS)? {
            let slots = self.store.points_of_image(image, Slot(0), POINTS_OF_IMAGE)?;
            records.extend(slots.into_iter().filter_map(|slot| self.store.record(slot)));
        }
        Ok(records)
    }

    /// Writes image records with their thumbnails. They become durable with the next batch of
    /// changes, which is what makes them matter.
    ///
    /// # Errors
    /// The store can't write.
    pub fn put_images(
        &self,
        images: &[(ImageRecord, Option<Vec<u8>>)],
    ) -> Result<(), CollectionError> {
        for (record, thumbnail) in images {
            self.store.put_image(record, thumbnail.as_deref())?;
        }
        Ok(())
    }

    /// Binds a vector's name to a dimension, metric and contract, once; answers what it is bound
    /// to.
    ///
    /// # Errors
    /// The store can't write, or holds as many vector names as it may.
    pub fn bind_vector(
        &self,
        name: &VectorName,
        wanted: VectorSpec,
    ) -> Result<VectorSpec, CollectionError> {
        let mut spec = self.spec.write();
        if let Some(bound) = spec.vectors.get(name) {
            return Ok(bound.clone());
        }
        let mut changed = spec.clone();
        changed.vectors.insert(name.clone(), wanted.clone());
        self.root.update_spec(changed.clone())?;
        let mut derived = self.derived.lock();
        let index = recover::open_vector(&self.store, name, &wanted)?;
        derived.vectors.insert(name.clone(), Arc::new(index));
        let rows = recover::rows_of(&self.store, name, &wanted);
        derived.rows.extend(rows.map(|source| (name.clone(), source)));
        *spec = changed;
        self.publish(&derived);
        Ok(wanted)
    }

    /// Adds roles that are not mapped yet.
    ///
    /// # Errors
    /// The store can't write.
    pub fn add_roles(&self, roles: &Roles) -> Result<(), CollectionError> {
        let mut spec = self.spec.write();
        let mut changed = spec.clone();
        for (role, path) in &roles.0 {
            changed.roles.0.entry(*role).or_insert_with(|| path.clone());
        }
        if changed.roles == spec.roles {
            return Ok(());
        }
        self.root.update_spec(changed.clone())?;
        *spec = changed;
        let mut derived = self.derived.lock();
        derived.roles = spec.roles.clone();
        self.publish(&derived);
        Ok(())
    }

    /// A load at full speed waits for freezes, so that what searches scan has a bound. Other
    /// changes wait for nothing.
    fn wait_for_freezes(&self, changes: &[Change]) {
        let writes = |change: &Change, name: &VectorName| match change {
            Change::Upsert(write) => write.vectors.contains_key(name),
            _ => false,
        };
        for (name, index) in self.indexes() {
            if changes.iter().any(|change| writes(change, &name)) {
                index.wait_for_freeze();
            }
        }
    }

    pub(crate) fn indexes(&self) -> Vec<(VectorName, Arc<VectorIndex>)> {
        let derived = self.derived.lock();
        derived.vectors.iter().map(|(name, index)| (name.clone(), index.clone())).collect()
    }

    /// Reads the damaged segments of one vector again from the truth, while writers wait: no view
    /// lacks the vectors meanwhile.
    pub(crate) fn mend_one(
        &self,
        name: &VectorName,
        index: &VectorIndex,
    ) -> Result<(), CollectionError> {
        let derived = self.derived.lock();
        recover::mend(&self.store, name, index)?;
        self.publish(&derived);
        Ok(())
    }

    /// Publishes what background work changed.
    pub(crate) fn republish(&self) {
        self.publish(&self.derived.lock());
    }

    /// Takes a durable batch in: called by the store in the order of Seq, before anybody is
    /// acknowledged.
    fn absorb(&self, written: &Written) {
        let mut derived = self.derived.lock();
        recover::absorb(&mut derived, &self.fields, written);
        self.publish(&derived);
    }

    fn publish(&self, derived: &Derived) {
        self.view.store(Arc::new(view_of(&self.store, derived, &self.fields)));
    }
}

fn view_of(store: &Arc<CollectionStore>, derived: &Derived, fields: &FieldIndex) -> View {
    let vectors = derived.vectors.iter();
    View {
        vectors: vectors.map(|(name, index)| (name.clone(), index.view())).collect(),
        rows: derived.rows.clone(),
        fields: fields.view(),
        records: store.clone() as Arc<dyn RecordSource>,
        live: Arc::new(derived.live.clone()),
        roles: derived.roles.clone(),
    }
}

impl std::fmt::Debug for Collection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collection").field("name", &self.name()).finish_non_exhaustive()
    }
}

/// The id and slot that a caller may want together.
impl Collection {
    /// The record of a point.
    #[must_use]
    pub fn point(&self, id: PointId) -> Option<(Slot, PointRecord)> {
        let slot = self.store.slot(id)?;
        self.store.record(slot).map(|record| (slot, record))
    }
}
