//! Manifests: the closed vocabulary, the contract, and the schema that editors read.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::contract::ContractHash;
use crate::manifest::Manifest;
use crate::presets::Preset;

const SCHEMA: &str = include_str!("../../../schemas/model-manifest.schema.json");
const CUT: &str = include_str!("../../../tests/fixtures/models/efficientnet-lite0-cut/model.toml");

fn parse(text: &str) -> Result<Manifest, String> {
    Manifest::parse(text, "test").map_err(|error| error.to_string())
}

fn base() -> &'static str {
    Preset::ALL[0].text
}

/// The default manifest with one line changed.
fn changed(from: &str, to: &str) -> Result<Manifest, String> {
    assert!(base().contains(from), "{from}");
    parse(&base().replacen(from, to, 1))
}

#[test]
fn unknown_keys_and_values_list_the_known_ones() {
    let cases = [
        ("[tensor]\n", "[tensor]\nmax_bach = 3\n", &["max_bach", "`max_batch`"][..]),
        ("\"pil_bicubic\"", "\"cv_area\"", &["cv_area", "`pil_lanczos`", "`pil_bicubic`"]),
        ("\"onnx\"", "\"http_vertex\"", &["http_vertex", "`onnx`"]),
        ("\"nchw\"", "\"chw\"", &["chw", "`nhwc`"]),
        ("[post]", "[posts]", &["posts", "`post`", "`geometry`"]),
    ];
    for (from, to, words) in cases {
        let error = changed(from, to).unwrap_err();
        for word in words {
            assert!(error.contains(word), "{word} in: {error}");
        }
    }
}

#[test]
fn contradictions_are_refused_in_words() {
    let cases = [
        ("crop_px = 224", "crop_px = 257", "resize_px and a crop_px that is not larger"),
        ("crop_px = 224", "crop_px = 224\nsize_px = 3", "resize_px and a crop_px"),
        ("kernel = \"pil_bicubic\"", "", "kernel is missing: one of pil_bilinear"),
        ("\"efficientnet-lite0\"", "\"../x\"", "identity.name"),
        ("\"efficientnet-lite0.onnx\"", "\"../../secret\"", "leaves the model's folder"),
        ("\"efficientnet-lite0.onnx\"", "\"/etc/passwd\"", "leaves the model's folder"),
        ("sha256 = \"9e", "sha256 = \"XX", "64 lower-case hex digits"),
        ("std = [128.0", "std = [0.0", "std not zero"),
        ("default_mpp = 1.0", "default_mpp = -1.0", "tiling"),
        ("max_batch = 16", "max_batch = 0", "batches are of 1 to"),
        ("dim = 1280", "dim = 99999", "dimension"),
        ("verified = \"golden\"", "verified = \"structure\"", "go together"),
        ("tolerance = 0.0005", "tolerance = 0.5", "tolerance above 0"),
        ("norm = 13.42081", "norm = inf", "norm above 0"),
    ];
    for (from, to, words) in cases {
        let error = changed(from, to).unwrap_err();
        assert!(error.contains(words), "{from} -> {to}: {error}");
    }
}

#[test]
fn the_contract_follows_numbers_and_nothing_else() {
    let hash = |manifest: Result<Manifest, String>| ContractHash::of(&manifest.unwrap());
    let contract = hash(parse(base()));
    let same = [
        ("gated = false", "gated = true"),
        ("max_batch = 16", "max_batch = 8"),
        ("default_mpp = 1.0", "default_mpp = 0.5"),
        ("revision = \"", "revision = \"again "),
    ];
    for (from, to) in same {
        assert_eq!(hash(changed(from, to)), contract, "{to}");
    }
    let other = [
        ("resize_px = 256", "resize_px = 255"),
        ("pil_bicubic", "pil_bilinear"),
        ("mean = [127.0", "mean = [127.5"),
        ("std = [128.0", "std = [128.00001"),
        ("sha256 = \"9", "sha256 = \"8"),
        ("name = \"embedding\"", "name = \"other\""),
        ("nonnegative = true", "l2_normalize = true"),
    ];
    for (from, to) in other {
        assert_ne!(hash(changed(from, to)), contract, "{to}");
    }
    // A contract is stored with every vector: a change of this line orphans them all.
    let pinned = "9e20ba36292f2cd057d94b9906594f0492e963a020d547e523edcdedb4c0bf0b";
    assert_eq!(contract.to_string(), pinned);
}

fn schema() -> Value {
    serde_json::from_str(SCHEMA).unwrap()
}

/// Keys of `properties`, or of the items' where the schema is a list.
fn properties(schema: &Value) -> BTreeSet<String> {
    let object = if schema["type"] == "array" { &schema["items"] } else { schema };
    assert_eq!(object["additionalProperties"], Value::Bool(false));
    object["properties"].as_object().unwrap().keys().cloned().collect()
}

/// The names in backticks that an error of serde lists after "expected".
fn expected(error: &str) -> BTreeSet<String> {
    let list = error.split("expected").nth(1).unwrap_or_else(|| panic!("{error}"));
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn schema_and_reader_know_the_same_keys() {
    let schema = schema();
    let error = parse(&format!("zzz = 1\n{CUT}")).unwrap_err();
    assert_eq!(expected(&error), properties(&schema));
    for (header, place) in [
        ("[identity]", "identity"),
        ("[[files]]", "files"),
        ("[licence]", "licence"),
        ("[domain]", "domain"),
        ("[tiling]", "tiling"),
        ("[geometry]", "geometry"),
        ("[scaling]", "scaling"),
        ("[tensor]", "tensor"),
        ("[[outputs]]", "outputs"),
        ("[post]", "post"),
        ("[search]", "search"),
        ("[verification]", "verification"),
    ] {
        let error = parse(&CUT.replacen(header, &format!("{header}\nzzz = 1"), 1)).unwrap_err();
        assert_eq!(expected(&error), properties(&schema["properties"][place]), "{place}");
    }
    let header = "[[verification.golden]]";
    let error = parse(&CUT.replacen(header, &format!("{header}\nzzz = 1"), 1)).unwrap_err();
    let golden = &schema["properties"]["verification"]["properties"]["golden"];
    assert_eq!(expected(&error), properties(golden));
}

#[test]
fn schema_and_reader_know_the_same_values() {
    let schema = schema();
    let part = |path: &[&str]| {
        path.iter().fold(&schema, |at, key| {
            let at = if at["type"] == "array" { &at["items"] } else { at };
            &at["properties"][*key]
        })
    };
    for (line, path) in [
        ("kind = \"onnx\"", &["kind"][..]),
        ("kernel = \"pil_bicubic\"", &["kernel"]),
        ("precision = \"fp32\"", &["identity", "precision"]),
        ("rule = \"shortest_then_center_crop\"", &["geometry", "rule"]),
        ("base = \"none\"", &["scaling", "base"]),
        ("layout = \"nchw\"", &["tensor", "layout"]),
        ("dtype = \"f32\"", &["tensor", "dtype"]),
        ("role = \"image\"", &["outputs", "role"]),
        ("take = \"vector\"", &["outputs", "take"]),
        ("metric = \"cosine\"", &["search", "metric"]),
        ("verified = \"golden\"", &["verification", "verified"]),
        ("input = \"tensor_7919\"", &["verification", "golden", "input"]),
    ] {
        let key = line.split('"').next().unwrap_or_default();
        let error = parse(&CUT.replacen(line, &format!("{key}\"zzz\""), 1)).unwrap_err();
        let known = part(path)["enum"].as_array().unwrap();
        let known = known.iter().map(|word| word.as_str().unwrap().to_owned()).collect();
        assert_eq!(expected(&error), known, "{line}");
    }
}
