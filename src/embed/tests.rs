//! The small real model of `tests/fixtures/models`, end to end, and the queue over a made embedder.

use std::path::PathBuf;
use std::sync::Arc;

use vitrail_domain::Raster;

use crate::error::EmbedError;
use crate::model::Embedder;
use crate::serving::{Priority, Queue};
use crate::{Models, ModelsOptions, Places, RuntimeChoice};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/models")
}

fn models(runtime: RuntimeChoice) -> Models {
    let options =
        ModelsOptions { folders: vec![fixtures()], runtime, places: Places::default(), threads: 2 };
    Models::discover(&options).expect("models")
}

#[test]
fn the_small_model_passes_its_verification_and_embeds() {
    let models = models(RuntimeChoice::Tract);
    let serving = models.serving("efficientnet-lite0-cut").expect("verified");
    let picture = Raster::filled(300, 260, [200, 120, 90]).expect("a picture");
    let one = serving.embed(Priority::Query, picture.clone()).expect("a vector");
    let two = serving.embed(Priority::Bulk, picture).expect("a vector");
    assert_eq!(one.len(), 40);
    assert_eq!(one, two);
}

#[test]
fn an_unknown_model_names_those_there_are() {
    let error = models(RuntimeChoice::Tract).serving("uni").err().expect("refused");
    assert!(error.to_string().contains("efficientnet-lite0-cut"), "{error}");
}

/// The mean of each picture; refuses pictures of width 1.
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
            let sum: u64 = picture.pixels().iter().map(|&byte| u64::from(byte)).sum();
            if picture.width() == 1 {
                let reason = "too narrow".to_owned();
                return Err(EmbedError::Picture { model: "means".to_owned(), reason });
            }
            Ok(vec![sum as f32 / picture.pixels().len() as f32])
        };
        pictures.iter().map(mean).collect()
    }
}

#[test]
fn each_picture_gets_its_own_vector_and_a_bad_one_fails_alone() {
    let queue = Queue::start(Arc::new(Means), 2).expect("workers");
    let pending: Vec<_> = (0..200_u32)
        .map(|n| {
            let width = if n % 17 == 3 { 1 } else { 2 };
            let shade = (n % 256) as u8;
            let picture = Raster::filled(width, 2, [shade; 3]).expect("a picture");
            (n, queue.submit(Priority::Bulk, picture).expect("queued"))
        })
        .collect();
    for (n, pending) in pending {
        match pending.wait() {
            Ok(vector) => assert_eq!(vector, [(n % 256) as f32]),
            Err(error) => assert!(n % 17 == 3, "{error}"),
        }
    }
}
