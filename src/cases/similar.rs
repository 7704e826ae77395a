//! The similar-case search: from a picture, a stored point or a vector to an explained answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use serde_json::{Map, Value};
use vitrail_collection::{Collection, CollectionSpec, VectorSpec};
use vitrail_domain::{
    Answer, Ef, Filter, GroupBy, Identity, Payload, PointId, Question, RecordSource, Role, TopK,
    Vector, VectorName,
};
use vitrail_embed::{Models, Priority, Serving};
use vitrail_ingest::{Picture, ReadOptions, read_picture_guarded_with};

use crate::cuts::Cuts;
use crate::error::CaseError;
use crate::identity::Known;
use crate::named::Named;

/// What similar cases are looked for.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A stored point.
    Id(PointId),
    /// A vector made elsewhere: one row, or many of a multi-vector.
    Vector(Vector),
    /// An encoded picture.
    Picture(Arc<[u8]>),
    /// Words, for a model that puts them into the pictures' space.
    Text(String),
}

/// One similar-case search.
#[derive(Debug, Clone)]
pub struct SimilarRequest {
    /// What similar cases are looked for.
    pub subject: Subject,
    /// Which vector is compared; may be left out where there is one.
    pub using: Option<VectorName>,
    /// How many hits, or groups.
    pub k: TopK,
    /// Candidates of a graph walk.
    pub ef: Option<Ef>,
    /// Whether an exact scan is demanded.
    pub exact: bool,
    /// What hits must pass.
    pub filter: Filter,
    /// Roles whose value the hits must not share with the query.
    pub exclude_same: Vec<Role>,
    /// Who the query is, where the store can't know.
    pub same: BTreeMap<Role, String>,
    /// Answers in groups.
    pub group_by: Option<GroupBy>,
    /// Whether to rank each hit against a sample.
    pub percentiles: bool,
}

/// The answer with all that a receipt needs.
#[derive(Debug)]
pub struct Similar {
    /// Hits and the engine's receipt.
    pub answer: Answer,
    /// The vector compared.
    pub vector: VectorName,
    /// How that vector is made and compared.
    pub spec: VectorSpec,
    /// Identities left out.
    pub excluded: Vec<Identity>,
    /// Stored points with exactly the query's pixels.
    pub known: Vec<PointId>,
    /// Microseconds to decode the query picture.
    pub decode_us: Option<u64>,
    /// Microseconds to preprocess and embed it.
    pub embed_us: Option<u64>,
}

/// Answers cases from collections and models.
#[derive(Clone)]
pub struct Cases {
    models: Arc<Models>,
    pub(crate) cuts: Arc<Cuts>,
    pub(crate) named: Arc<Named>,
}

/// The query as a vector, with what is known of it.
struct Resolved {
    query: Vector,
    known: Vec<PointId>,
    payloads: Vec<Payload>,
    decode_us: Option<u64>,
    embed_us: Option<u64>,
}

impl Cases {
    /// Cases that embed pictures by these models.
    #[must_use]
    pub fn new(models: Arc<Models>) -> Self {
        Self { models, cuts: Arc::new(Cuts::new()), named: Arc::default() }
    }

    /// The models.
    #[must_use]
    pub fn models(&self) -> &Arc<Models> {
        &self.models
    }

    /// Finds the stored points most like the subject.
    ///
    /// With `exclude_same`, the query's own stored points are left out as well: nobody is a
    /// similar case of himself.
    ///
    /// # Errors
    /// An unknown point, vector or role; a refused picture; a role whose value is not known; a
    /// model that has changed since the collection was filled.
    pub fn similar(
        &self,
        collection: &Collection,
        request: &SimilarRequest,
    ) -> Result<Similar, CaseError> {
        let spec = collection.spec();
        let (vector, vector_spec) = which_vector(&spec, request.using.as_ref())?;
        let resolved = self.resolve(collection, &request.subject, &vector, &vector_spec)?;
        let known = Known { payloads: &resolved.payloads, same: &request.same };
        let excluded = known.leave_out(&request.exclude_same, &spec.roles)?;
        let itself = if request.exclude_same.is_empty() { &[][..] } else { &resolved.known };
        let answer = collection.answer(&Question {
            vector: vector.clone(),
            query: resolved.query,
            k: request.k,
            ef: request.ef,
            exact: request.exact,
            filter: request.filter.clone(),
            exclude_same: excluded.clone(),
            own: known.own(&spec.roles),
            exclude_ids: itself.to_vec(),
            group_by: request.group_by.clone(),
            percentiles: request.percentiles,
        })?;
        Ok(Similar {
            answer,
            vector,
            spec: vector_spec,
            excluded,
            known: resolved.known,
            decode_us: resolved.decode_us,
            embed_us: resolved.embed_us,
        })
    }

    fn resolve(
        &self,
        collection: &Collection,
        subject: &Subject,
        name: &VectorName,
        spec: &VectorSpec,
    ) -> Result<Resolved, CaseError> {
        match subject {
            Subject::Vector(query) => Ok(Resolved {
                query: query.clone(),
                known: Vec::new(),
                payloads: Vec::new(),
                decode_us: None,
                embed_us: None,
            }),
            Subject::Id(id) => resolve_point(collection, *id, name),
            Subject::Picture(bytes) => self.resolve_picture(collection, bytes, name, spec),
            Subject::Text(text) => self.resolve_text(text, name, spec),
        }
    }

    /// The model that fills a vector, if it is still what it was then.
    fn model_of(&self, name: &VectorName, spec: &VectorSpec) -> Result<Arc<Serving>, CaseError> {
        let model = spec.model.as_ref().ok_or_else(|| CaseError::NoModel(name.clone()))?;
        let serving = self.models.serving(model)?;
        let now = serving.model().contract_hash();
        if let Some(stored) = spec.contract.as_ref().filter(|stored| stored.as_str() != now) {
            let (name, stored, now) = (name.clone(), stored.clone(), now.to_owned());
            return Err(CaseError::Contract { name, stored, now });
        }
        Ok(serving)
    }

    /// A text has one vector; a point's many rows are compared with it by their best.
    fn resolve_text(
        &self,
        text: &str,
        name: &VectorName,
        spec: &VectorSpec,
    ) -> Result<Resolved, CaseError> {
        let serving = self.model_of(name, spec)?;
        let started = Instant::now();
        let query = serving.embed_texts(&[text])?.pop().unwrap_or_default();
        Ok(Resolved {
            query: query.into(),
            known: Vec::new(),
            payloads: Vec::new(),
            decode_us: None,
            embed_us: Some(micros(started)),
        })
    }

    fn resolve_picture(
        &self,
        collection: &Collection,
        bytes: &Arc<[u8]>,
        name: &VectorName,
        spec: &VectorSpec,
    ) -> Result<Resolved, CaseError> {
        let started = Instant::now();
        let options = ReadOptions { key: Some(*collection.key()), ..ReadOptions::default() };
        let mut picture = read_picture_guarded_with(bytes.clone(), options)?;
        let words = picture.dicom.take();
        let decode_us = micros(started);
        let serving = self.model_of(name, spec)?;
        let (known, mut payloads) = points_with_pixels(collection, &picture)?;
        // A DICOM file says whose it is, under the pseudonym that its stored points have too.
        payloads.extend(words.map(|words| {
            let server = Value::from_iter([("dicom", words)]);
            Payload::trusted(Map::from_iter([(Payload::RESERVED.to_owned(), server)]))
        }));
        let started = Instant::now();
        let values = serving.embed(Priority::Query, picture.raster)?;
        let query = serving.model().vector(values)?;
        let embed_us = Some(micros(started));
        Ok(Resolved { query, known, payloads, decode_us: Some(decode_us), embed_us })
    }
}

fn resolve_point(
    collection: &Collection,
    id: PointId,
    name: &VectorName,
) -> Result<Resolved, CaseError> {
    let store = collection.store();
    let slot = store.slot(id).ok_or(CaseError::UnknownPoint(id))?;
    let record = store.record(slot).ok_or(CaseError::UnknownPoint(id))?;
    let query = collection
        .vector(slot, name)?
        .ok_or_else(|| CaseError::NoVector { id, name: name.clone() })?;
    Ok(Resolved {
        query,
        known: vec![id],
        payloads: vec![record.payload],
        decode_us: None,
        embed_us: None,
    })
}

fn points_with_pixels(
    collection: &Collection,
    picture: &Picture,
) -> Result<(Vec<PointId>, Vec<Payload>), CaseError> {
    let records = collection.points_with_pixels(&picture.pixel_hash)?;
    Ok(records.into_iter().map(|record| (record.id, record.payload)).unzip())
}

pub(crate) fn which_vector(
    spec: &CollectionSpec,
    using: Option<&VectorName>,
) -> Result<(VectorName, VectorSpec), CaseError> {
    let names = || spec.vectors.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let found = match using {
        Some(name) => spec.vectors.get_key_value(name),
        None if spec.vectors.len() == 1 => spec.vectors.iter().next(),
        None => None,
    };
    let (name, spec) = found.ok_or_else(|| CaseError::Which(names()))?;
    Ok((name.clone(), spec.clone()))
}

fn micros(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_micros()).unwrap_or(u64::MAX)
}
