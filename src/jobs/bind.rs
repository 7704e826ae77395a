//! Where an ingest writes: a collection, made on first use, whose vector is bound to one contract.

use std::sync::Arc;

use vitrail_collection::{Collection, VectorSpec};
use vitrail_domain::{PointId, VectorName};
use vitrail_embed::{Models, Priority, Serving, cache_key};

use crate::error::JobError;
use crate::ingest::Ingest;
use crate::prepare::Prepared;
use crate::spec::IngestSpec;
use crate::writer::{Ready, Vector};

/// A collection's vector and the model that fills it.
pub struct Target {
    /// The collection.
    pub collection: Arc<Collection>,
    /// The vector that is filled.
    pub vector: VectorName,
    /// The model.
    pub serving: Arc<Serving>,
    /// The model's contract.
    pub contract: String,
}

/// Makes the collection where it is missing, and binds its vector to the model's contract.
///
/// # Errors
/// An unknown model; a vector that is bound to another contract.
pub fn bind(ingest: &Ingest, spec: &IngestSpec, columns: &[String]) -> Result<Target, JobError> {
    let model_name = spec.model.as_deref().unwrap_or(Models::DEFAULT);
    let serving = ingest.models.serving(model_name)?;
    let model = serving.model();
    let vector: VectorName = model_name.parse()?;
    let roles = spec.roles.clone().with_guesses(columns.iter().map(String::as_str));
    let collection = ingest.catalog.get_or_create(&spec.collection, &roles)?;
    let contract = model.contract_hash().to_owned();
    let wanted = VectorSpec {
        dim: model.dim(),
        metric: model.metric(),
        multi: model.comparator(),
        model: Some(model_name.to_owned()),
        contract: Some(contract.clone()),
    };
    let bound = collection.bind_vector(&vector, wanted)?;
    if bound.contract.as_ref() != Some(&contract) {
        let stored = bound.contract.unwrap_or_else(|| "none".to_owned());
        return Err(JobError::Contract { name: vector, stored, now: contract });
    }
    Ok(Target { collection, vector, serving, contract })
}

impl Target {
    /// Whether the point is stored with this vector.
    #[must_use]
    pub fn has(&self, id: PointId) -> bool {
        self.collection.has_vector(id, &self.vector)
    }

    /// Hands a picture to the model, unless its vector is known. Blocks while the queue is full.
    pub fn submit(&self, prepared: Prepared, path: String) -> Ready {
        let key = cache_key(&prepared.pixel_hash, &self.contract);
        let cached = self.collection.store().cached_embedding(&key).ok().flatten();
        let Prepared { id, image, record, payload, pixel_hash, raster, kept: _ } = prepared;
        let vector = match cached {
            Some(vector) => Vector::Known(vector),
            None => match self.serving.submit(Priority::Bulk, raster) {
                Ok(pending) => Vector::Pending(key, pending),
                Err(error) => Vector::Failed(error),
            },
        };
        Ready { id, image, record, payload, pixel_hash, vector, path }
    }
}
