//! Each format as its programs write it, and what can't be known.

use std::path::Path;

use super::{Imported, import};
use crate::manifest::Manifest;

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        vitrail_disk::safe_write(&folder.path().join(name), text.as_bytes()).unwrap();
    }
    folder
}

fn imported(files: &[(&str, &str)]) -> (Imported, Manifest) {
    let folder = folder(files);
    let imported = import(folder.path()).unwrap();
    let manifest = Manifest::parse(&imported.manifest, "imported").unwrap();
    (imported, manifest)
}

/// Rule, sides, kernel, base, mean and std as a manifest writes them.
fn recipe(manifest: &Manifest) -> String {
    let geometry = &manifest.geometry;
    let sides = [geometry.size_px, geometry.resize_px, geometry.crop_px];
    let kernel = manifest.kernel.map_or("none", |kernel| kernel.word());
    let (base, mean) = (manifest.scaling.base.word(), manifest.scaling.mean);
    format!("{} {sides:?} {kernel} {base} {mean:?}", geometry.rule.word())
}

#[test]
fn a_preprocessor_of_clip_and_one_of_siglip() {
    let clip = r#"{"crop_size": {"height": 224, "width": 224}, "do_center_crop": true,
        "do_normalize": true, "do_rescale": true, "do_resize": true,
        "image_mean": [0.48, 0.45, 0.4], "image_std": [0.26, 0.26, 0.27], "resample": 3,
        "rescale_factor": 0.00392156862745098, "size": {"shortest_edge": 256}}"#;
    let (said, manifest) = imported(&[("preprocessor_config.json", clip)]);
    assert_eq!(
        recipe(&manifest),
        "shortest_then_center_crop [0, 256, 224] pil_bicubic u8_255 Some([0.48, 0.45, 0.4])"
    );
    assert_eq!(said.read, ["preprocessor_config.json"]);
    for what in ["outputs.dim", "tensor.input_name", "licence"] {
        assert!(said.unknown.iter().any(|one| one.contains(what)), "{what} in {:?}", said.unknown);
    }
    let siglip = r#"{"size": {"height": 448, "width": 448}, "resample": 2, "do_rescale": true,
        "rescale_factor": 0.00784313725490196, "do_normalize": false}"#;
    let (_, manifest) = imported(&[("preprocessor_config.json", siglip)]);
    assert_eq!(recipe(&manifest), "squash [448, 0, 0] pil_bilinear signed_127_5 None");
    let odd = r#"{"size": {"height": 448, "width": 224}, "rescale_factor": 0.1}"#;
    let (said, _) = imported(&[("preprocessor_config.json", odd)]);
    assert!(said.unknown.iter().any(|one| one.contains("no square")), "{:?}", said.unknown);
    assert!(said.unknown.iter().any(|one| one.contains("rescale_factor")), "{:?}", said.unknown);
}

#[test]
fn a_model_of_open_clip() {
    let config = r#"{"model_cfg": {"embed_dim": 512, "vision_cfg": {"image_size": 224},
        "text_cfg": {"context_length": 256}}, "preprocess_cfg": {"mean": [0.5, 0.5, 0.5],
        "std": [0.5, 0.5, 0.5], "interpolation": "bicubic", "resize_mode": "squash"}}"#;
    let (said, manifest) = imported(&[("open_clip_config.json", config)]);
    assert_eq!(
        recipe(&manifest),
        "squash [224, 0, 0] pil_bicubic u8_255 Some([0.5, 0.5, 0.5])"
    );
    assert_eq!(manifest.outputs[0].dim, 512);
    assert!(said.unknown.iter().any(|one| one.contains("text tower")));
}

#[test]
fn a_model_of_timm_crops_by_its_share() {
    let config = r#"{"architecture": "vit_base_patch14_dinov2", "num_features": 768,
        "global_pool": "token", "pretrained_cfg": {"input_size": [3, 224, 224],
        "interpolation": "bicubic", "crop_pct": 0.9, "crop_mode": "center",
        "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}"#;
    let (_, manifest) = imported(&[("config.json", config)]);
    assert_eq!(manifest.name(), "vit_base_patch14_dinov2");
    let wanted = "shortest_then_center_crop [0, 248, 224] pil_bicubic u8_255";
    assert!(recipe(&manifest).starts_with(wanted), "{}", recipe(&manifest));
    assert_eq!((manifest.outputs[0].dim, manifest.outputs[0].take.word()), (768, "cls"));
    let (said, _) = imported(&[("config.json", r#"{"model_type": "siglip"}"#)]);
    assert!(said.unknown.iter().any(|one| one.contains("not timm's")));
}

#[test]
fn a_configuration_of_triton_and_what_it_leaves_open() {
    let config = r#"
        name: "medsiglip" # a comment
        platform: "onnxruntime_onnx"
        max_batch_size: 32
        input [
          { name: "pixel_values__1" data_type: TYPE_FP32 format: FORMAT_NCHW dims: [ 3, 448, 448 ] },
          { name: "input_ids__0", data_type: TYPE_INT64, dims: [ 64 ] }
        ]
        output { name: "image_embeds__1" data_type: TYPE_FP32 dims: [ 1152 ] }
        output { name: "text_embeds__0" data_type: TYPE_FP32 dims: 1152 }
        instance_group [ { kind: KIND_GPU, count: 1 } ]"#;
    let (said, manifest) = imported(&[("config.pbtxt", config)]);
    assert_eq!(manifest.name(), "medsiglip");
    assert_eq!(manifest.tensor.input_name, "pixel_values__1");
    assert_eq!(manifest.tensor.max_batch, 32);
    assert_eq!((manifest.outputs[0].name.as_str(), manifest.outputs[0].dim), ("image_embeds__1", 1152));
    assert_eq!(manifest.geometry.size_px, 448);
    for what in ["geometry: exact", "input_ids__0", "text_embeds__0", "scaling.base"] {
        assert!(said.unknown.iter().any(|one| one.contains(what)), "{what} in {:?}", said.unknown);
    }
}

#[test]
fn the_graph_beside_a_configuration_says_its_own_names() {
    let config = r#"{"size": {"height": 448, "width": 448}, "resample": 3}"#;
    let folder = folder(&[("preprocessor_config.json", config)]);
    let graph = crate::tests::stand_in::medsiglip_image();
    vitrail_disk::safe_write(&folder.path().join("vision.onnx"), &graph).unwrap();
    let said = import(folder.path()).unwrap();
    let manifest = Manifest::parse(&said.manifest, "imported").unwrap();
    assert_eq!(said.read, ["preprocessor_config.json", "vision.onnx"]);
    assert_eq!(manifest.tensor.input_name, "pixel_values");
    assert_eq!((manifest.outputs[0].name.as_str(), manifest.outputs[0].dim), ("image_embeds", 1152));
}

#[test]
fn damaged_or_absent_configurations_are_refused_in_words() {
    let refused = |files: &[(&str, &str)]| import(folder(files).path()).unwrap_err();
    assert!(refused(&[]).contains("preprocessor_config.json, open_clip_config.json"));
    assert!(refused(&[("preprocessor_config.json", "{")]).contains("preprocessor_config.json: EOF"));
    assert!(refused(&[("config.pbtxt", "input [ {")]).contains("ends"));
    assert!(refused(&[("config.pbtxt", &"a {".repeat(100))]).contains("within each other"));
    assert!(refused(&[("config.pbtxt", &"a [".repeat(100_000))]).contains("within each other"));
    assert!(import(Path::new("/nowhere")).is_err());
}
