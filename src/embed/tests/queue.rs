//! The queue over made embedders: order, bounds, failures, closing.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender, bounded, unbounded};
use parking_lot::Mutex;
use vitrail_domain::limits::EMBED_QUEUE_MAX;
use vitrail_domain::{Code, Raster};

use crate::EmbedError;
use crate::model::Embedder;
use crate::serving::{Priority, Queue};

fn shade(width: u32, shade: u8) -> Raster {
    Raster::filled(width, 2, [shade; 3]).unwrap()
}

/// The mean of each picture; refuses pictures of width 1, panics at width 3.
struct Means;

impl Embedder for Means {
    fn name(&self) -> &str {
        "means"
    }

    fn max_batch(&self) -> usize {
        8
    }

    fn embed(&self, pictures: &[Raster]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let mean = |picture: &Raster| {
            assert!(picture.width() != 3, "a made panic");
            if picture.width() == 1 {
                let reason = "too narrow".to_owned();
                return Err(EmbedError::Picture { model: "means".to_owned(), reason });
            }
            let sum: u64 = picture.pixels().iter().map(|&byte| u64::from(byte)).sum();
            Ok(vec![sum as f32 / picture.pixels().len() as f32])
        };
        pictures.iter().map(mean).collect()
    }
}

#[test]
fn each_picture_gets_its_own_vector_and_a_bad_one_fails_alone() {
    let queue = Queue::start(Arc::new(Means), 2).unwrap();
    let width = |n: u32| match n % 17 {
        3 => 1,
        9 => 3,
        _ => 2,
    };
    let pending: Vec<_> = (0..200_u32)
        .map(|n| (n, queue.submit(Priority::Bulk, shade(width(n), n as u8)).unwrap()))
        .collect();
    for (n, pending) in pending {
        match pending.wait() {
            Ok(vector) => assert_eq!((width(n), vector), (2, vec![n as f32])),
            Err(error) if width(n) == 1 => assert_eq!(error.code(), Code::ImageUnsupported),
            Err(error) => assert_eq!((width(n), error.code()), (3, Code::ModelFailed)),
        }
    }
}

/// Waits at a gate before each call, and writes down the shades that it was given.
struct Gated {
    gate: Receiver<()>,
    seen: Mutex<Vec<Vec<u8>>>,
}

impl Embedder for Gated {
    fn name(&self) -> &str {
        "gated"
    }

    fn max_batch(&self) -> usize {
        16
    }

    fn embed(&self, pictures: &[Raster]) -> Result<Vec<Vec<f32>>, EmbedError> {
        let _ = self.gate.recv();
        self.seen.lock().push(pictures.iter().map(|picture| picture.pixels()[0]).collect());
        Ok(pictures.iter().map(|_| vec![0.0]).collect())
    }
}

fn gated(threads: usize) -> (Sender<()>, Arc<Gated>, Queue) {
    let (open, gate) = unbounded();
    let embedder = Arc::new(Gated { gate, seen: Mutex::new(Vec::new()) });
    let queue = Queue::start(embedder.clone(), threads).unwrap();
    (open, embedder, queue)
}

/// Waits until the worker stands at the gate with the first picture.
fn until_taken(queue: &Queue) {
    let begun = Instant::now();
    while queue.waiting() > 0 && begun.elapsed() < Duration::from_secs(10) {
        std::thread::yield_now();
    }
}

#[test]
fn queries_overtake_bulk_work() {
    let (open, embedder, queue) = gated(1);
    let mut pending = vec![queue.submit(Priority::Bulk, shade(2, 1)).unwrap()];
    until_taken(&queue);
    for n in 2..8 {
        pending.push(queue.submit(Priority::Bulk, shade(2, n)).unwrap());
    }
    pending.push(queue.submit(Priority::Query, shade(2, 100)).unwrap());
    drop(open);
    pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
    let seen = embedder.seen.lock().clone();
    assert_eq!(seen, [vec![1], vec![100], vec![2, 3, 4, 5], vec![6, 7]]);
}

#[test]
fn workers_share_what_waits() {
    let (open, embedder, queue) = gated(2);
    let first: Vec<_> =
        (0..2).map(|n| queue.submit(Priority::Query, shade(2, n)).unwrap()).collect();
    until_taken(&queue);
    let rest: Vec<_> =
        (2..12).map(|n| queue.submit(Priority::Query, shade(2, n)).unwrap()).collect();
    drop(open);
    first.into_iter().chain(rest).for_each(|one| drop(one.wait().unwrap()));
    let most = embedder.seen.lock().iter().map(Vec::len).max();
    assert!(most <= Some(5), "one worker took {most:?} of 10");
}

#[test]
fn a_full_queue_refuses_queries_and_holds_bulk_back() {
    let (open, _, queue) = gated(1);
    let mut pending = vec![queue.submit(Priority::Query, shade(2, 0)).unwrap()];
    until_taken(&queue);
    for _ in 0..EMBED_QUEUE_MAX {
        pending.push(queue.submit(Priority::Query, shade(2, 0)).unwrap());
    }
    let error = queue.submit(Priority::Query, shade(2, 0)).err().unwrap();
    assert_eq!(error.code(), Code::TooManyRequests);
    let (done, finished) = bounded(1);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let bulk: Vec<_> =
                (0..100).map(|_| queue.submit(Priority::Bulk, shade(2, 1)).unwrap()).collect();
            done.send(bulk.len()).unwrap();
        });
        assert!(finished.recv_timeout(Duration::from_millis(100)).is_err(), "bulk did not wait");
        drop(open);
        assert_eq!(finished.recv_timeout(Duration::from_secs(30)), Ok(100));
    });
    pending.into_iter().for_each(|one| drop(one.wait().unwrap()));
}

#[test]
fn closing_answers_what_waits() {
    let (open, _, queue) = gated(2);
    let pending: Vec<_> =
        (0..20).map(|n| queue.submit(Priority::Query, shade(2, n)).unwrap()).collect();
    drop(open);
    drop(queue);
    assert!(pending.into_iter().all(|one| one.wait().is_ok()));
}
