//! One queue a model: whoever is free takes single queries first, then bulk work. A batch leaves
//! as soon as a worker is free, so an idle server adds no wait; what came meanwhile is shared among
//! the workers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, TrySendError, bounded, select_biased};
use vitrail_domain::Raster;
use vitrail_domain::limits::EMBED_QUEUE_MAX;

use crate::error::EmbedError;
use crate::model::{Embedder, Model};

/// Who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Priority {
    /// A person: goes first, refused at once when the queue is full.
    Query,
    /// A job: fills the gaps, waits while the queue is full.
    Bulk,
}

/// A vector that is on its way.
pub struct Pending {
    model: String,
    answer: Receiver<Result<Vec<f32>, EmbedError>>,
}

impl Pending {
    /// Waits for the vector.
    ///
    /// # Errors
    /// The picture or the graph failed, or the model was closed.
    pub fn wait(self) -> Result<Vec<f32>, EmbedError> {
        self.answer.recv().unwrap_or(Err(EmbedError::Closed { model: self.model }))
    }
}

struct Request {
    picture: Raster,
    answer: Sender<Result<Vec<f32>, EmbedError>>,
}

/// A model with its queue and workers. Dropping it answers what waits, then stops.
pub struct Serving {
    model: Arc<Model>,
    queue: Queue,
}

/// The queue and its workers over any embedder.
pub(crate) struct Queue {
    name: String,
    queries: Option<Sender<Request>>,
    bulk: Option<Sender<Request>>,
    workers: Vec<JoinHandle<()>>,
}

/// Pictures of one bulk call: enough to spread the call's cost, few enough that a query that comes
/// now waits some tens of milliseconds at most.
const BULK_BATCH: usize = 4;

impl Serving {
    /// Starts `threads` workers over a model.
    ///
    /// # Errors
    /// The system gives no thread.
    pub fn start(model: Arc<Model>, threads: usize) -> Result<Self, EmbedError> {
        let queue = Queue::start(model.clone(), threads)?;
        Ok(Self { model, queue })
    }

    /// The model.
    #[must_use]
    pub fn model(&self) -> &Arc<Model> {
        &self.model
    }

    /// Queues a picture.
    ///
    /// # Errors
    /// A full queue, for a query.
    pub fn submit(&self, priority: Priority, picture: Raster) -> Result<Pending, EmbedError> {
        self.queue.submit(priority, picture)
    }

    /// One vector a text, at once on this thread.
    ///
    /// # Errors
    /// A model without a text tower, a text that its tokenizer refuses, or a graph that fails.
    pub fn embed_texts(&self, texts: &[&str]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let run = AssertUnwindSafe(|| self.model.embed_texts(texts));
        catch_unwind(run).unwrap_or_else(|_| {
            let reason = "the engine panicked".to_owned();
            Err(EmbedError::Run { model: self.model.name().to_owned(), reason })
        })
    }

    /// Embeds one picture and waits for it.
    ///
    /// # Errors
    /// A full queue, a picture that the recipe does not take, or a graph that fails.
    pub fn embed(&self, priority: Priority, picture: Raster) -> Result<Vec<f32>, EmbedError> {
        self.submit(priority, picture)?.wait()
    }
}

impl Queue {
    pub(crate) fn start(embedder: Arc<dyn Embedder>, threads: usize) -> Result<Self, EmbedError> {
        let (queries, query_side) = bounded(EMBED_QUEUE_MAX);
        let (bulk, bulk_side) = bounded(EMBED_QUEUE_MAX.min(4 * threads.max(1) * BULK_BATCH));
        let name = embedder.name().to_owned();
        let mut workers = Vec::new();
        for _ in 0..threads.max(1) {
            let (embedder, query_side) = (embedder.clone(), query_side.clone());
            let bulk_side = bulk_side.clone();
            let worker = std::thread::Builder::new()
                .name(format!("embed-{name}"))
                .spawn(move || work(embedder.as_ref(), threads.max(1), &query_side, &bulk_side))
                .map_err(|error| EmbedError::Run {
                    model: name.clone(),
                    reason: error.to_string(),
                })?;
            workers.push(worker);
        }
        Ok(Self { name, queries: Some(queries), bulk: Some(bulk), workers })
    }

    pub(crate) fn submit(
        &self,
        priority: Priority,
        picture: Raster,
    ) -> Result<Pending, EmbedError> {
        let closed = || EmbedError::Closed { model: self.name.clone() };
        let (answer, waiting) = bounded(1);
        let request = Request { picture, answer };
        let side = match priority {
            Priority::Query => &self.queries,
            Priority::Bulk => &self.bulk,
        };
        let side = side.as_ref().ok_or_else(closed)?;
        match priority {
            Priority::Bulk => side.send(request).map_err(|_| closed())?,
            Priority::Query => side.try_send(request).map_err(|error| match error {
                TrySendError::Full(_) => {
                    EmbedError::Busy { model: self.name.clone(), waiting: EMBED_QUEUE_MAX }
                }
                TrySendError::Disconnected(_) => closed(),
            })?,
        }
        Ok(Pending { model: self.name.clone(), answer: waiting })
    }
}

#[cfg(test)]
impl Queue {
    /// Pictures that no worker has taken yet.
    pub(crate) fn waiting(&self) -> usize {
        let len = |side: &Option<Sender<Request>>| side.as_ref().map_or(0, Sender::len);
        len(&self.queries) + len(&self.bulk)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        self.queries.take();
        self.bulk.take();
        for worker in self.workers.drain(..) {
            let _ = worker.join();
        }
    }
}

/// Where a picture's vector is kept: BLAKE3 over its pixels' hash and the contract.
#[must_use]
pub fn cache_key(pixel_hash: &[u8; 32], contract: &str) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(pixel_hash);
    hasher.update(contract.as_bytes());
    *hasher.finalize().as_bytes()
}

fn work(
    embedder: &dyn Embedder,
    workers: usize,
    queries: &Receiver<Request>,
    bulk: &Receiver<Request>,
) {
    let most = embedder.max_batch();
    loop {
        let batch = select_biased! {
            recv(queries) -> request => match request {
                Ok(request) => gather(request, queries, workers, most),
                Err(_) => break,
            },
            recv(bulk) -> request => match request {
                Ok(request) => gather(request, bulk, workers, BULK_BATCH.min(most)),
                Err(_) => break,
            },
        };
        answer(embedder, batch);
    }
    for request in queries.iter().chain(bulk.iter()) {
        answer(embedder, vec![request]);
    }
}

/// The first request and this worker's share of those that wait behind it.
fn gather(first: Request, side: &Receiver<Request>, workers: usize, most: usize) -> Vec<Request> {
    let share = (side.len() + 1).div_ceil(workers).clamp(1, most.max(1));
    let mut batch = vec![first];
    batch.extend(side.try_iter().take(share - 1));
    batch
}

/// Answers a batch. Where it fails as a whole each picture is tried alone, so that one bad picture
/// does not fail its neighbours.
fn answer(embedder: &dyn Embedder, batch: Vec<Request>) {
    let (pictures, answers): (Vec<_>, Vec<_>) =
        batch.into_iter().map(|request| (request.picture, request.answer)).unzip();
    match embed(embedder, &pictures) {
        Ok(vectors) => {
            for (answer, vector) in answers.iter().zip(vectors) {
                let _ = answer.send(Ok(vector));
            }
        }
        Err(error) if pictures.len() == 1 => {
            answers.iter().for_each(|answer| {
                let _ = answer.send(Err(error.clone()));
            });
        }
        Err(_) => {
            for (answer, picture) in answers.iter().zip(pictures) {
                let alone = embed(embedder, std::slice::from_ref(&picture));
                let alone = alone.map(|mut vectors| vectors.pop().unwrap_or_default());
                let _ = answer.send(alone);
            }
        }
    }
}

/// One call. A panic in an engine is an error of that call: the worker lives on.
fn embed(embedder: &dyn Embedder, pictures: &[Raster]) -> Result<Vec<Vec<f32>>, EmbedError> {
    let failed = |reason: String| EmbedError::Run { model: embedder.name().to_owned(), reason };
    let vectors = catch_unwind(AssertUnwindSafe(|| embedder.embed(pictures)))
        .map_err(|_| failed("the engine panicked".to_owned()))??;
    if vectors.len() == pictures.len() {
        return Ok(vectors);
    }
    Err(failed(format!("{} vectors for {} pictures", vectors.len(), pictures.len())))
}
