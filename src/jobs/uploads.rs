//! Single pictures that come in by hand: their bytes are kept, and the caller waits for the answer.

use std::sync::Arc;

use crossbeam_channel::bounded;
use serde_json::{Map, Value};
use vitrail_domain::limits::INGEST_BATCH_POINTS;
use vitrail_domain::{CollectionName, ImageId, PointId};
use vitrail_ingest::ReadOptions;
use vitrail_ingest::dicom::is_dicom;

use crate::bind::{Target, bind};
use crate::dicom::{self, Kinds};
use crate::error::JobError;
use crate::identity::image_id;
use crate::ingest::Ingest;
use crate::prepare::{self, Hashed, Source};
use crate::progress::Refused;
use crate::spec::IngestSpec;
use crate::writer::{Ready, Writer};

/// One picture as it was sent.
#[derive(Debug, Clone)]
pub struct Upload {
    /// The name that the sender gave it.
    pub name: String,
    /// Its encoded bytes.
    pub bytes: Arc<[u8]>,
    /// Payload of its point.
    pub fields: Map<String, Value>,
}

/// What became of one picture.
#[derive(Debug, Clone, PartialEq)]
pub enum UploadOutcome {
    /// Durable and visible.
    Stored {
        /// The image.
        image: ImageId,
        /// Its point.
        point: PointId,
    },
    /// The same bytes of the same name were there already, with this vector.
    Skipped {
        /// The image.
        image: ImageId,
        /// Its point.
        point: PointId,
    },
    /// It can't be used.
    Refused(Refused),
}

/// A picture on its way.
enum Step {
    Done(UploadOutcome),
    Ready(Box<Ready>),
}

/// Stores and embeds pictures; each is stored, skipped or refused for itself, in the order given.
/// Answers when all of them are durable and visible.
///
/// # Errors
/// Only what concerns them all: an unknown model, a vector bound to another contract, a store that
/// refuses writes.
pub fn ingest_uploads(
    ingest: &Ingest,
    collection: &CollectionName,
    model: Option<&str>,
    uploads: Vec<Upload>,
) -> Result<Vec<UploadOutcome>, JobError> {
    let mut spec = IngestSpec::new(collection.clone(), Vec::new());
    spec.model = model.map(str::to_owned);
    let columns = columns_of(&uploads);
    let kinds =
        Kinds { pictures: uploads.iter().any(|upload| is_dicom(&upload.bytes)), slides: false };
    let spec = dicom::with_roles(&spec, &columns, kinds);
    let target = bind(ingest, &spec, &columns)?;
    let read = dicom::reading(ingest, &spec);
    let mut outcomes = Vec::with_capacity(uploads.len());
    let mut left = uploads.into_iter().peekable();
    while left.peek().is_some() {
        let batch: Vec<Upload> = left.by_ref().take(INGEST_BATCH_POINTS).collect();
        outcomes.extend(store_batch(ingest, &target, &read, collection, batch)?);
    }
    Ok(outcomes)
}

/// The users' field names, from which roles are guessed as from a table's columns.
fn columns_of(uploads: &[Upload]) -> Vec<String> {
    let mut columns: Vec<String> =
        uploads.iter().flat_map(|upload| upload.fields.keys().cloned()).collect();
    columns.sort();
    columns.dedup();
    columns
}

/// Reads a batch on all threads and writes it as one.
fn store_batch(
    ingest: &Ingest,
    target: &Target,
    options: &ReadOptions,
    collection: &CollectionName,
    batch: Vec<Upload>,
) -> Result<Vec<UploadOutcome>, JobError> {
    let count = batch.len();
    let (work, units) = bounded(count);
    let (done, finished) = bounded(count);
    for unit in batch.into_iter().enumerate() {
        let _ = work.send(unit);
    }
    drop(work);
    std::thread::scope(|scope| {
        for _ in 0..ingest.threads.clamp(1, count) {
            let (units, done) = (units.clone(), done.clone());
            scope.spawn(move || {
                for (index, upload) in units {
                    let step = read(ingest, target, options, collection, upload);
                    let _ = done.send((index, step));
                }
            });
        }
    });
    drop(done);
    let mut steps: Vec<(usize, Step)> = Vec::with_capacity(count);
    for (index, step) in finished {
        steps.push((index, step?));
    }
    steps.sort_by_key(|(index, _)| *index);
    write(target, steps.into_iter().map(|(_, step)| step))
}

fn read(
    ingest: &Ingest,
    target: &Target,
    options: &ReadOptions,
    collection: &CollectionName,
    upload: Upload,
) -> Result<Step, JobError> {
    let Upload { name, bytes, fields } = upload;
    let now = ingest.clock.now();
    let source = Source { collection, uri: &name, root: None, fields, read: options, now };
    let hashed = Hashed::from(bytes.clone());
    let point = prepare::photo_id(&source, &hashed.sha256);
    if target.has(point) {
        let image = image_id(collection, &name, &hashed.sha256);
        return Ok(Step::Done(UploadOutcome::Skipped { image, point }));
    }
    match prepare::photo(hashed, source) {
        Ok(prepared) => {
            // Kept before the point that names it becomes durable.
            ingest.catalog.store().put_blob(prepared.kept.as_deref().unwrap_or(&bytes))?;
            Ok(Step::Ready(Box::new(target.submit(prepared, name))))
        }
        Err(refusal) => {
            let refused = Refused { path: name, code: refusal.code, message: refusal.message };
            Ok(Step::Done(UploadOutcome::Refused(refused)))
        }
    }
}

/// Writes what is ready as one durable batch, and answers in order.
fn write(
    target: &Target,
    steps: impl Iterator<Item = Step>,
) -> Result<Vec<UploadOutcome>, JobError> {
    let mut writer = Writer::new(target);
    let mut outcomes: Vec<UploadOutcome> = Vec::new();
    let mut waiting = Vec::new();
    for step in steps {
        match step {
            Step::Done(outcome) => outcomes.push(outcome),
            Step::Ready(ready) => {
                waiting.push(outcomes.len());
                outcomes.push(UploadOutcome::Stored { image: ready.image, point: ready.id });
                writer.point(*ready);
            }
        }
    }
    let written = writer.flush()?;
    // Those that the model refused come in the order in which they were handed over.
    let mut refused = written.refused.into_iter();
    for index in waiting {
        let Some(outcome) = outcomes.get_mut(index) else { continue };
        let stored = matches!(&*outcome,
            UploadOutcome::Stored { point, .. } if written.ids.contains(point));
        if let Some(refusal) = (!stored).then(|| refused.next()).flatten() {
            *outcome = UploadOutcome::Refused(refusal);
        }
    }
    Ok(outcomes)
}
