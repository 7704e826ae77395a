//! Models behind HTTP against a peer that answers as Google's containers do.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use vitrail_domain::limits::VERTEX_REQUEST_BYTES_MAX;
use vitrail_domain::{Cancel, Code};

use super::peer::{Asked, Peer, Reply};
use crate::vertex::{Container, Shape, VertexModel, VertexOptions};
use crate::{Credentials, Secret, SourceError};

/// The number that a picture's vectors hold: its first byte.
fn first(base64: &Value) -> Option<f64> {
    STANDARD.decode(base64.as_str()?).ok()?.first().map(|byte| f64::from(*byte))
}

/// One prediction, as each container makes it; pictures that begin with 255 are refused.
fn predict(container: Container, instance: &Value) -> Option<Value> {
    let fields: Vec<&str> = instance.as_object()?.keys().map(String::as_str).collect();
    let rows = |count: usize, dim: usize, number: f64| json!(vec![vec![number; dim]; count]);
    let refused = |code: &str| json!({"error": {"code": code, "description": "can't decode it"}});
    match container {
        Container::Path => {
            assert_eq!(fields, ["raw_image_bytes", "patch_coordinates"]);
            let patch = json!({"x_origin": 0, "y_origin": 0, "width": 224, "height": 224});
            assert_eq!(instance["patch_coordinates"], json!([patch]));
            let number = first(&instance["raw_image_bytes"])?;
            if number == 255.0 {
                return Some(refused("IMAGE_ERROR"));
            }
            Some(json!({"result": {"patch_embeddings": [
                {"patch_coordinate": patch, "embedding_vector": vec![number; 384]},
            ]}}))
        }
        Container::Derm => {
            assert_eq!(fields, ["input_bytes"]);
            let number = first(&instance["input_bytes"])?;
            if number == 255.0 {
                return Some(json!({"error": {"description": "can't decode it"}}));
            }
            Some(json!({"embedding": vec![number; 6_144]}))
        }
        Container::Cxr | Container::CxrGeneral => {
            if let Some(text) = instance["prompt_query"].as_str() {
                return Some(json!({"contrastive_txt_emb": vec![text.len(); 128]}));
            }
            assert_eq!(fields, ["input_bytes"]);
            let number = first(&instance["input_bytes"])?;
            if number == 255.0 {
                return Some(json!({"error": {"description": "can't decode it"}}));
            }
            Some(json!({
                "general_img_emb": rows(32, 768, number),
                "contrastive_img_emb": rows(32, 128, number),
            }))
        }
        Container::MedSigLip => {
            if let Some(text) = instance["text"].as_str() {
                return Some(json!({"embedding": vec![text.len(); 1_152], "input_type": "text"}));
            }
            assert_eq!(fields, ["image"]);
            let number = first(&instance["image"]["input_bytes"])?;
            if number == 255.0 {
                return Some(refused("UNHANDLED_GENERIC_BYTES"));
            }
            Some(json!({"embedding": vec![number; 1_152], "input_type": "image"}))
        }
    }
}

fn answer(container: Container, asked: &Asked) -> Reply {
    assert!(asked.method == "POST" && asked.body.len() <= VERTEX_REQUEST_BYTES_MAX);
    let Ok(body) = serde_json::from_slice::<Value>(&asked.body) else {
        return Reply::status(400);
    };
    let instances = body["instances"].as_array().expect("instances");
    assert!(instances.len() <= 100);
    let predictions: Vec<Value> =
        instances.iter().map(|one| predict(container, one).expect("a picture")).collect();
    let body = json!({ "predictions": predictions });
    Reply::new(200, "application/json", body.to_string())
}

fn model(peer: &Peer, container: Container) -> VertexModel {
    let mut options = VertexOptions::new(peer.url("/v1/endpoints/1:predict"), container);
    options.pause = Duration::from_millis(10);
    options.silence = Duration::from_secs(10);
    VertexModel::connect(options).unwrap()
}

fn embed(
    model: &VertexModel,
    pictures: &[Vec<u8>],
) -> Result<Vec<Result<vitrail_domain::MultiVector, SourceError>>, SourceError> {
    let pictures: Vec<&[u8]> = pictures.iter().map(Vec::as_slice).collect();
    model.embed(&pictures, &Credentials::Anonymous, &Cancel::new())
}

#[test]
fn each_container_is_asked_in_its_own_way_and_probed() {
    for (container, rows, dim) in [
        (Container::Path, 1, 384),
        (Container::Derm, 1, 6_144),
        (Container::Cxr, 32, 128),
        (Container::CxrGeneral, 32, 768),
        (Container::MedSigLip, 1, 1_152),
    ] {
        let peer = Peer::start(move |asked| answer(container, asked));
        let model = model(&peer, container);
        let shape = model.probe(&[9; 100], &Credentials::Anonymous, &Cancel::new()).unwrap();
        assert_eq!(shape, Shape { rows, dim });
        let outcomes = embed(&model, &[vec![7; 10], vec![255; 10], vec![8; 10]]).unwrap();
        let numbers: Vec<Option<f32>> =
            outcomes.iter().map(|outcome| Some(outcome.as_ref().ok()?.values()[0])).collect();
        assert_eq!(numbers, [Some(7.0), None, Some(8.0)], "one bad picture is one refusal");
        let refused = outcomes[1].as_ref().unwrap_err();
        assert_eq!(refused.code(), Code::ModelFailed);
        assert!(refused.to_string().contains("can't decode it"), "{refused}");
    }
}

#[test]
fn texts_are_embedded_where_the_container_takes_them() {
    for (container, dim) in [(Container::Cxr, 128), (Container::MedSigLip, 1_152)] {
        let peer = Peer::start(move |asked| answer(container, asked));
        let model = model(&peer, container);
        let texts = ["a", "\"quoted\" \u{1}", "ü"];
        let outcomes = model.embed_texts(&texts, &Credentials::Anonymous, &Cancel::new()).unwrap();
        for (text, outcome) in texts.iter().zip(outcomes) {
            let vector = outcome.unwrap();
            assert_eq!((vector.len(), vector.dim().get()), (1, dim));
            assert_eq!(vector.values()[0], text.len() as f32);
        }
    }
    let peer = Peer::start(|asked| answer(Container::Path, asked));
    let model = model(&peer, Container::Path);
    let refused = model.embed_texts(&["a"], &Credentials::Anonymous, &Cancel::new()).unwrap_err();
    assert_eq!(refused.code(), Code::InvalidRequest);
    assert_eq!(peer.asked().len(), 0);
}

#[test]
fn requests_stay_within_their_bounds_and_answers_in_order() {
    let peer = Peer::start(|asked| answer(Container::Path, asked));
    let model = model(&peer, Container::Path);
    let small: Vec<Vec<u8>> = (0..250_u32).map(|number| vec![(number % 251) as u8; 40]).collect();
    let large: Vec<Vec<u8>> = (0..9).map(|number| vec![number; 400_000]).collect();
    let outcomes = embed(&model, &[small.clone(), large.clone()].concat()).unwrap();
    let pictures = small.iter().chain(&large);
    for (picture, outcome) in pictures.zip(&outcomes) {
        assert_eq!(outcome.as_ref().unwrap().values()[0], f32::from(picture[0]));
    }
    // 100 + 100 + 50 and two of the large ones, then two and two and two, one.
    assert_eq!(peer.asked().len(), 3 + 4);
    let outcomes = embed(&model, &[vec![1; 10], vec![2; 1_000_000], vec![3; 10]]).unwrap();
    let codes: Vec<Option<Code>> =
        outcomes.iter().map(|outcome| Some(outcome.as_ref().err()?.code())).collect();
    assert_eq!(codes, [None, Some(Code::ImageTooLarge), None]);
    assert_eq!(embed(&model, &[]).unwrap().len(), 0);
}

#[test]
fn failures_of_the_whole_are_told_by_our_codes() {
    let bodies = [
        ("{\"error\":\"TOO_MANY_PATCHES_ERROR\"}", Code::ModelFailed, "TOO_MANY_PATCHES_ERROR"),
        ("{\"error\":{\"code\":3,\"message\":\"no\"}}", Code::ModelFailed, "3: no"),
        ("{\"predictions\":[]}", Code::SourceFailed, "0 predictions for 1 instances"),
        ("{}", Code::SourceFailed, "no predictions"),
        ("<html>", Code::SourceFailed, "no JSON"),
    ];
    for (body, code, why) in bodies {
        let peer = Peer::start(move |_| Reply::new(200, "application/json", body));
        let error = embed(&model(&peer, Container::Derm), &[vec![1]]).unwrap_err();
        assert!(error.code() == code && error.to_string().contains(why), "{error}");
    }
    let one_by_one =
        ["{}", "{\"embedding\":[]}", "{\"embedding\":[\"a\"]}", "{\"embedding\":[1e99]}"];
    for prediction in one_by_one {
        let body = format!("{{\"predictions\":[{prediction}]}}");
        let peer = Peer::start(move |_| Reply::new(200, "application/json", body.clone()));
        let outcomes = embed(&model(&peer, Container::Derm), &[vec![1]]).unwrap();
        assert_eq!(outcomes[0].as_ref().unwrap_err().code(), Code::SourceFailed, "{prediction}");
    }
    for (status, code) in [
        (401, Code::SourceUnauthorized),
        (404, Code::SourceMissing),
        (400, Code::SourceFailed),
        (500, Code::SourceFailed),
        (302, Code::SourceFailed),
    ] {
        let peer = Peer::start(move |_| Reply::status(status).with("location", "/elsewhere"));
        let error = embed(&model(&peer, Container::Derm), &[vec![1]]).unwrap_err();
        assert_eq!(error.code(), code, "{error}");
        let attempts = if status == 500 { 5 } else { 1 };
        assert_eq!(peer.asked().len(), attempts, "{status}");
    }
}

#[test]
fn it_tries_again_with_the_token_of_the_request() {
    let count = AtomicU32::new(0);
    let peer = Peer::start(move |asked| match count.fetch_add(1, Ordering::SeqCst) {
        0 => Reply::status(503),
        1 => Reply::status(429).with("retry-after", "0"),
        _ => answer(Container::MedSigLip, asked),
    });
    let model = model(&peer, Container::MedSigLip);
    let token = Credentials::Bearer(Secret::new("of the request"));
    let outcomes = model.embed(&[&[5; 5]], &token, &Cancel::new()).unwrap();
    assert_eq!(outcomes[0].as_ref().unwrap().values()[0], 5.0);
    let asked = peer.asked();
    assert_eq!(asked.len(), 3);
    let bearer = |asked: &Asked| asked.header("authorization") == Some("Bearer of the request");
    assert!(asked.iter().all(bearer));
    assert!(!format!("{model:?}").contains("of the request"));
    let mut options = VertexOptions::new("s3://bucket/model", Container::Path);
    assert!(VertexModel::connect(options.clone()).is_err());
    options.url = peer.url("/");
    options.request_bytes_max = 10;
    assert!(VertexModel::connect(options).is_err());
}
