//! Points that wait for their vectors, written in durable batches.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use vitrail_domain::{Change, ImageId, ImageRecord, Payload, PointId, PointWrite, RecordSource};
use vitrail_embed::{EmbedError, Pending};

use crate::bind::Target;
use crate::error::JobError;
use crate::progress::Refused;

/// A point without its vector yet.
pub struct Ready {
    /// The point's id.
    pub id: PointId,
    /// The image that it came from.
    pub image: ImageId,
    /// The image's record, for a photograph.
    pub record: Option<(ImageRecord, Option<Vec<u8>>)>,
    /// The payload of a new point.
    pub payload: Payload,
    /// BLAKE3 of the pixels.
    pub pixel_hash: [u8; 32],
    /// The vector, sooner or later.
    pub vector: Vector,
    /// The path that a refusal names.
    pub path: String,
}

/// A vector, sooner or later.
pub enum Vector {
    /// From the cache.
    Known(Vec<f32>),
    /// With the model; the key is where the cache keeps it.
    Pending([u8; 32], Pending),
    /// The model refused it.
    Failed(EmbedError),
}

/// What one flush did.
#[derive(Default)]
pub struct Written {
    /// Durable and visible points.
    pub ids: Vec<PointId>,
    /// Points whose pixels another image had before.
    pub exact_duplicates: u64,
    /// Pictures that the model refused.
    pub refused: Vec<Refused>,
}

/// Collects points and images for one durable write.
pub struct Writer<'a> {
    target: &'a Target,
    images: Vec<(ImageRecord, Option<Vec<u8>>)>,
    waiting: Vec<Ready>,
}

impl<'a> Writer<'a> {
    /// A writer with nothing waiting.
    pub fn new(target: &'a Target) -> Self {
        Self { target, images: Vec::new(), waiting: Vec::new() }
    }

    /// Adds a point.
    pub fn point(&mut self, ready: Ready) {
        self.waiting.push(ready);
    }

    /// Adds a slide's record, unless it is stored; whether another image has its very bytes.
    ///
    /// # Errors
    /// The store can't be read.
    pub fn image(&mut self, (record, thumbnail): (ImageRecord, Vec<u8>)) -> Result<bool, JobError> {
        let store = self.target.collection.store();
        if store.image(record.id)?.is_some() {
            return Ok(false);
        }
        let equal = store.images_by_sha256(&record.sha256, 2)?;
        let mut others = self.images.iter().map(|(image, _)| image);
        let is_copy = equal.iter().any(|&image| image != record.id)
            || others.any(|image| image.id != record.id && image.sha256 == record.sha256);
        self.images.push((record, Some(thumbnail)));
        Ok(is_copy)
    }

    /// Points that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Waits for the vectors and writes everything; images first, so that no durable point lacks
    /// its image.
    ///
    /// # Errors
    /// The store refuses the write.
    pub fn flush(&mut self) -> Result<Written, JobError> {
        let mut written = Written::default();
        let mut changes = Vec::with_capacity(self.waiting.len());
        let mut embeddings = Vec::new();
        for mut ready in self.waiting.drain(..) {
            let vector = match self.target.settle(&mut ready, &mut embeddings) {
                Ok(vector) => vector,
                Err(refused) => {
                    written.refused.push(refused);
                    continue;
                }
            };
            let mut batch = self.images.iter().map(|(image, _)| image);
            let is_equal = |image: &ImageRecord| {
                image.id != ready.image && image.pixel_hash == ready.pixel_hash
            };
            if ready.record.is_some() && (batch.any(is_equal) || self.target.is_known(&ready)) {
                written.exact_duplicates += 1;
            }
            self.images.extend(ready.record.take());
            written.ids.push(ready.id);
            self.target.changes(ready, vector, &mut changes);
        }
        let collection = &self.target.collection;
        collection.put_images(&std::mem::take(&mut self.images))?;
        collection.store().put_embeddings(&embeddings)?;
        if !changes.is_empty() {
            collection.apply(changes)?;
        }
        Ok(written)
    }
}

impl Target {
    /// Waits for a point's numbers: its one row, or its many.
    fn settle(
        &self,
        ready: &mut Ready,
        embeddings: &mut Vec<([u8; 32], Vec<f32>)>,
    ) -> Result<vitrail_domain::Vector, Refused> {
        let unused = Vector::Known(Vec::new());
        let result = match std::mem::replace(&mut ready.vector, unused) {
            Vector::Known(values) => Ok(values),
            Vector::Pending(key, pending) => pending.wait().inspect(|values| {
                embeddings.push((key, values.clone()));
            }),
            Vector::Failed(error) => Err(error),
        };
        let result = result.and_then(|values| self.serving.model().vector(values));
        result.map_err(|error| Refused {
            path: ready.path.clone(),
            code: error.code(),
            message: error.to_string(),
        })
    }

    /// Whether another image has exactly these pixels.
    fn is_known(&self, ready: &Ready) -> bool {
        let images = self.collection.store().images_by_pixel_hash(&ready.pixel_hash, 2);
        images.is_ok_and(|images| images.iter().any(|&image| image != ready.image))
    }

    /// A new point with its payload; or, where the point is there without this vector, the vector
    /// and its contract beside what the point already says.
    fn changes(
        &self,
        ready: Ready,
        vector: vitrail_domain::Vector,
        changes: &mut Vec<Change>,
    ) {
        let vectors = BTreeMap::from([(self.vector.clone(), vector)]);
        let stored = self.collection.store().slot(ready.id);
        let record = stored.and_then(|slot| self.collection.store().record(slot));
        let (payload, merged) = match record {
            None => {
                let mut payload = ready.payload;
                self.sign(payload.fields_mut());
                (Some(payload), None)
            }
            Some(record) => {
                let mut fields = record.payload.into_fields();
                self.sign(&mut fields);
                let server = fields.remove(Payload::RESERVED).unwrap_or_default();
                (None, Some(Map::from_iter([(Payload::RESERVED.to_owned(), server)])))
            }
        };
        changes.push(Change::Upsert(PointWrite {
            id: ready.id,
            image: Some(ready.image),
            payload,
            vectors,
        }));
        changes.extend(merged.map(|fields| Change::MergePayload(ready.id, fields)));
    }

    /// Writes the contract beside the vector's name: `vitrail.models.<vector>`.
    fn sign(&self, fields: &mut Map<String, Value>) {
        let server = fields.entry(Payload::RESERVED).or_insert_with(|| json!({}));
        if let Some(server) = server.as_object_mut() {
            let models = server.entry("models").or_insert_with(|| json!({}));
            if let Some(models) = models.as_object_mut() {
                models.insert(self.vector.to_string(), json!(self.contract));
            }
        }
    }
}
