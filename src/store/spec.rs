//! What a collection is: its name, its vectors, its roles.

use std::collections::BTreeMap;

use uuid::Uuid;
use vitrail_domain::limits::VECTOR_NAMES_MAX;
use vitrail_domain::{CollectionName, Comparator, Dim, Metric, Roles, Timestamp, VectorName};

use crate::codec::Kind;
use crate::error::StoreError;

/// A collection as its users see it.
#[derive(Debug, Clone, PartialEq)]
pub struct CollectionSpec {
    /// The collection's own id: the name of its folder, never given twice.
    pub id: Uuid,
    /// Its name, single in the store.
    pub name: CollectionName,
    /// Its vectors by name.
    pub vectors: BTreeMap<VectorName, VectorSpec>,
    /// Which payload paths say whose, what and from where a point is.
    pub roles: Roles,
    /// When it was made.
    pub created_at: Timestamp,
}

/// One named vector of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorSpec {
    /// Its length.
    pub dim: Dim,
    /// How two rows are compared.
    pub metric: Metric,
    /// How lists of rows are compared; `None` where a point has one row.
    pub multi: Option<Comparator>,
    /// The model that makes it, if one does.
    pub model: Option<String>,
    /// The hash of that model's contract.
    pub contract: Option<String>,
}

/// A specification and the numbers that its vectors have on the disk.
#[derive(Debug, Clone)]
pub(crate) struct Catalogued {
    pub spec: CollectionSpec,
    pub numbers: BTreeMap<VectorName, u16>,
    pub next_number: u16,
}

impl Catalogued {
    /// What a stored vector of this name is.
    pub fn kind_of(&self, name: &VectorName) -> Kind {
        match self.spec.vectors.get(name) {
            Some(VectorSpec { multi: Some(_), .. }) => Kind::MultiVector,
            _ => Kind::Vector,
        }
    }

    pub fn new(spec: CollectionSpec) -> Result<Self, StoreError> {
        let name = spec.name.clone();
        let empty = CollectionSpec { vectors: BTreeMap::new(), ..spec.clone() };
        let fresh = Self { spec: empty, numbers: BTreeMap::new(), next_number: 0 };
        fresh.changed_to(spec).map_err(|why| StoreError::Spec { collection: name, why })
    }

    /// This entry with a new specification: vectors may be added, roles and names changed; what
    /// stored vectors mean may not change.
    pub fn changed_to(&self, spec: CollectionSpec) -> Result<Self, String> {
        if spec.vectors.len() > VECTOR_NAMES_MAX {
            let count = spec.vectors.len();
            return Err(format!("{count} vectors are more than the limit of {VECTOR_NAMES_MAX}"));
        }
        for (name, old) in &self.spec.vectors {
            match spec.vectors.get(name) {
                None => return Err(format!("its vector \"{name}\" can't be taken away")),
                Some(new)
                    if (new.dim, new.metric, new.multi) != (old.dim, old.metric, old.multi) =>
                {
                    let keeps = "keeps its dimension, its metric and how many rows a point has";
                    return Err(format!("its vector \"{name}\" {keeps}"));
                }
                Some(_) => {}
            }
        }
        let mut changed = Self { spec, ..self.clone() };
        for name in changed.spec.vectors.keys() {
            if !changed.numbers.contains_key(name) {
                changed.numbers.insert(name.clone(), changed.next_number);
                changed.next_number = changed
                    .next_number
                    .checked_add(1)
                    .ok_or_else(|| "all vector numbers are used up".to_owned())?;
            }
        }
        Ok(changed)
    }
}
